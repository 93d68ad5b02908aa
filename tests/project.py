"""A project of the emulator as another of its users sees it, and what that user has in it."""

import json
import time
from typing import Any

import httpx

from tests.emulator.scheduling import asked
from tests.terminal import SAMPLES, Terminal

REGION = "projects/123456789012/locations/us-central1"
LISTS = (
    f"{REGION}/schedules",
    f"{REGION}/models",
    f"{REGION}/metadataStores/default/contexts",
    "projects/123456789012/locations/us/endpoints",
    "projects/123456789012/locations/global/batchPredictionJobs",
    f"{REGION}/batchPredictionJobs",
)
"""Everything that could be cleaned."""


class Project:
    """A terminal, and the service behind it as another user of the project sees it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.url = f"http://127.0.0.1:{terminal.port}"
        token = httpx.get(
            f"{self.url}/computeMetadata/v1/instance/service-accounts/default/token",
            headers={"Metadata-Flavor": "Google"},
        ).json()["access_token"]
        self.http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return dict(json.loads(self.answer(method, path, body)))

    def answer(self, method: str, path: str, body: Any = None) -> bytes:
        answer = self.http.request(method, f"{self.url}/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.content

    def names(self) -> set[str]:
        """Return every resource that could be cleaned."""
        return {each["name"] for path in LISTS for each in self.call("GET", path).get(path.rpartition("/")[2], [])}

    def objects(self, folder: str = "") -> set[str]:
        """Return the objects below gemtune/ in the bucket, or below a folder there."""
        answer = self.http.get(f"{self.url}/storage/v1/b/gemtune-local/o", params={"prefix": f"gemtune/{folder}"})
        return {each["name"] for each in answer.json().get("items", [])}


def place_stranger(project: Project, *, schedule: str) -> set[str]:
    """Let somebody else tune a model and keep a schedule; return the names of endpoint, model, curves and schedule.

    Args:
        project: Where; the data is in a bucket of its own.
        schedule: Name of the schedule, which starts nothing for years.
    """
    lines = (SAMPLES / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    roles = {"user": "user", "assistant": "model"}
    examples = [
        {"contents": [{"role": roles[turn["role"]], "parts": [{"text": turn["content"]}]} for turn in messages]}
        for messages in (json.loads(line)["messages"] for line in lines)
    ]
    data = "".join(json.dumps(example) + "\n" for example in examples)
    made = project.http.post(f"{project.url}/storage/v1/b?project=gemtune-local", json={"name": "theirs"})
    assert made.status_code == 200, made.text
    sent = {
        "baseModel": "gemini-3.1-flash-lite",
        "supervisedTuningSpec": {
            "trainingDatasetUri": project.terminal.upload("train.jsonl", data.encode(), bucket="theirs"),
            "hyperParameters": {"epochCount": "1"},
        },
    }
    job = project.call("POST", f"{REGION}/tuningJobs", sent)
    while (job := project.call("GET", job["name"]))["state"] != "JOB_STATE_SUCCEEDED":
        assert job["state"] in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"), job
        time.sleep(0.2)
    project.call("POST", f"{REGION}/schedules", asked(displayName=schedule, startTime="2099-01-01T00:00:00Z"))
    return project.names()
