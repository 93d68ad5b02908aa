"""Benches for the calls that cost money on the real service: prompts with `generate`, a dataset with `tune`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gemtune import catalog as catalogs
from gemtune.generation.generate import generate
from gemtune.generation.settings import GenerationSettings
from gemtune.serving import ServedModel
from gemtune.storage import Storage
from gemtune.tuning.request import TuningRequest, fingerprint
from gemtune.tuning.tune import tune

CATALOG = catalogs.load()
BASE = "gemini-3.1-flash-lite"
REGION = "us-central1"
ARTICLE = "Rain fell on the town all week. The river rose by two metres. Number {} of the bridges was closed."


def prompt(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def articles(count: int) -> list[dict[str, Any]]:
    return [prompt(ARTICLE.format(i)) for i in range(count)]


class GenerationBench:
    """A prompt file in the emulator's bucket, and `generate` on it."""

    def __init__(self, emulator: Any, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.storage = Storage(emulator.project)
        self.slept: list[float] = []
        self.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def write(self, prompts: list[dict[str, Any]]) -> str:
        uri = f"gs://{self.emulator.bucket}/test.jsonl"
        lines = (json.dumps({"id": f"id-{i}", "prompt": one, "reference": "x"}) for i, one in enumerate(prompts))
        self.storage.write_text(uri, "".join(f"{line}\n" for line in lines))
        return uri

    def run(self, uri: str, **changes: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "project": self.emulator.project,
            "bucket": self.emulator.bucket,
            "prompts_uri": uri,
            "served": ServedModel(BASE, "global", BASE),
            "settings": GenerationSettings(),
            "max_in_flight": 4,
            "max_age_days": 30,
            "output": self.folder / "predictions.jsonl",
            "storage": self.storage,
            "catalog": CATALOG,
            "sleep": self.sleep,
            "clock": lambda: self.seconds,
            "now": lambda: self.now,
        }
        return generate(**{**arguments, **changes})

    def predictions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "predictions.jsonl").read_text().splitlines()]

    def sent(self) -> int:
        return len(self.emulator.requests("publishers.models.generateContent"))


def example(number: int) -> str:
    article = f"Rain fell on town {number} all week. The river rose by two metres. A bridge was closed on Friday."
    turns = [("user", article), ("model", f"The river rose in town {number}.")]
    return json.dumps({"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]})


class TuningBench:
    """Datasets in the emulator's bucket, and `tune` on them."""

    def __init__(self, emulator: Any, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.storage = Storage(emulator.project)
        self.now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
        self.slept: list[float] = []
        self.request = TuningRequest(
            base_model=BASE, train_uri=self.dataset(0, 20), epoch_count=2, adapter_size=4, labels={"gemtune-spec": "T"}
        )

    def dataset(self, first: int, last: int) -> str:
        path = self.folder / "train.jsonl"
        path.write_text("".join(example(number) + "\n" for number in range(first, last)))
        return self.storage.upload_by_content(path, f"gs://{self.emulator.bucket}/data", ".jsonl")

    def tune(self, request: TuningRequest | None = None, **changes: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "project": self.emulator.project,
            "location": REGION,
            "bucket": self.emulator.bucket,
            "job_id": "run-1",
            "deadline_hours": 24,
            "force_retune": False,
            "storage": self.storage,
            "catalog": CATALOG,
            "sleep": self.slept.append,
            "now": lambda: self.now,
        }
        return tune(request or self.request, **{**arguments, **changes})

    def created(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.emulator.requests("tuningJobs.create")
        return found

    @property
    def lock_uri(self) -> str:
        return f"gs://{self.emulator.bucket}/gemtune/locks/{fingerprint(self.request, REGION)}.json"

    def lock(self) -> Any:
        return json.loads(self.storage.read_text(self.lock_uri))

    def hold(self, run: str, tuning_job: str = "") -> None:
        holder = {"run": run, "since": self.now.isoformat(), "tuning_job": tuning_job, "token": "other"}
        self.storage.write_text(self.lock_uri, json.dumps(holder))

    def set_job(self, name: str, **changes: Any) -> None:
        job = self.emulator.state.get("tuningJobs", name)
        self.emulator.state.put("tuningJobs", name, {**job, **changes})


@pytest.fixture
def bench(emulator: Any, tmp_path: Path) -> GenerationBench:
    """Prompts, and `generate` on them."""
    return GenerationBench(emulator, tmp_path)


@pytest.fixture
def tuning(emulator: Any, tmp_path: Path) -> TuningBench:
    """A dataset, and `tune` on it; jobs end with the first read."""
    emulator.progress("tuningJobs", immediate=True)
    return TuningBench(emulator, tmp_path)
