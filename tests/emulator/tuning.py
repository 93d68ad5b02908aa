"""Datasets and calls for the tests of tuning and generation.

A client of google-genai closes when nothing refers to it any more, even in the middle of a call.
"""

import json
from typing import Any

import httpx
from google import genai
from google.genai import types

from emulator.storage import write_object
from tests.conftest import Emulator

BASE_MODEL = "gemini-3.1-flash-lite"
TRAIN, VALIDATION = "gs://gemtune-local/train.jsonl", "gs://gemtune-local/validation.jsonl"
MINIMUM: dict[str, Any] = {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": TRAIN}}
THINGS = ("cup", "lamp", "chair", "bike", "drum", "boot", "kite", "sail")


def article(number: int) -> str:
    thing = THINGS[number % len(THINGS)]
    return (
        f"Many people own a {thing} and never think about it. The {number} shops in town sell one. "
        f"It was invented long ago. Wash the {thing} in warm water, because dust dulls it. "
        f"Dry the {thing} with a soft cloth, or it will stain. Nobody likes a dirty {thing}."
    )


def summary(number: int) -> str:
    thing = THINGS[number % len(THINGS)]
    return f"Wash the {thing} in warm water. Dry the {thing} with a soft cloth."


def example(number: int) -> dict[str, Any]:
    return {
        "contents": [
            {"role": "user", "parts": [{"text": article(number)}]},
            {"role": "model", "parts": [{"text": summary(number)}]},
        ]
    }


def put_lines(emulator: Emulator, uri: str, *lines: Any) -> None:
    data = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    write_object(emulator.state, uri, data.encode(), "application/json")


def put_datasets(emulator: Emulator, examples: int = 32) -> None:
    put_lines(emulator, TRAIN, *map(example, range(examples)))
    put_lines(emulator, VALIDATION, *map(example, range(100, 106)))


def client(emulator: Emulator, location: str = "us-central1", version: str = "v1beta1") -> genai.Client:
    return genai.Client(
        vertexai=True,
        project=emulator.project,
        location=location,
        http_options=types.HttpOptions(api_version=version),
    )


def tune(emulator: Emulator, *, base_model: str = BASE_MODEL, **config: Any) -> types.TuningJob:
    vertex = client(emulator)
    return vertex.tunings.tune(
        base_model=base_model,
        training_dataset=types.TuningDataset(gcs_uri=TRAIN),
        config=types.CreateTuningJobConfig(**{"epoch_count": 2, **config}),
    )


def finished(emulator: Emulator, job: types.TuningJob) -> types.TuningJob:
    """Read a job until it has ended; the emulator lets no client wait for more than its training."""
    vertex = client(emulator)
    for _ in range(20):
        job = vertex.tunings.get(name=job.name or "")
        if job.has_ended:
            return job
    raise AssertionError(f"{job.name} is still {job.state} after 20 reads")


def call(emulator: Emulator, method: str, path: str, body: Any = None) -> httpx.Response:
    """Send what no SDK would send; `path` starts with the version, or is a resource name."""
    url = f"{emulator.url}/{path if path.startswith('v1') else f'v1/{path}'}"
    headers = {"Authorization": f"Bearer {emulator.state.token}"}
    return httpx.request(method, url, content=json.dumps(body) if body is not None else None, headers=headers)


def at(emulator: Emulator, location: str = "us-central1") -> str:
    return f"projects/{emulator.project}/locations/{location}"


def create(emulator: Emulator, version: str = "v1", **fields: Any) -> dict[str, Any]:
    answer = call(emulator, "POST", f"{version}/{at(emulator)}/tuningJobs", {**MINIMUM, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def read(emulator: Emulator, name: str, version: str = "v1") -> dict[str, Any]:
    return dict(call(emulator, "GET", f"{version}/{name}").json())


def read_to_the_end(emulator: Emulator, name: str, version: str = "v1") -> dict[str, Any]:
    for _ in range(20):
        job = read(emulator, name, version)
        if job["state"] not in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_CANCELLING"):
            return job
    raise AssertionError(f"{name} is still {job['state']}")


def refusal(emulator: Emulator, location: str = "us-central1", **fields: Any) -> tuple[int, str, str]:
    answer = call(emulator, "POST", f"{at(emulator, location)}/tuningJobs", {**MINIMUM, **fields})
    error = answer.json()["error"]
    return answer.status_code, error["status"], error["message"]


def spec(**fields: Any) -> dict[str, Any]:
    return {"supervisedTuningSpec": {"trainingDatasetUri": TRAIN, **fields}}


def hyper(**parameters: Any) -> dict[str, Any]:
    return spec(hyperParameters=parameters)
