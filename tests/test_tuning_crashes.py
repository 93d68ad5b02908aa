"""The tuning step dies at every point where it can hurt, and is run again: one tuning job, every time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from emulator import tuning_runs
from emulator.faults import Fault
from gemtune import catalog as catalogs
from gemtune.storage import Storage
from gemtune.tuning.request import TuningRequest
from gemtune.tuning.tune import tune
from tests.conftest import Emulator
from tests.emulator.tuning import example

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parents[1]


class Step:
    """The tuning step of a run, as a process, and what kills it."""

    def __init__(self, emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.emulator, self.folder, self.monkeypatch = emulator, folder, monkeypatch
        self.process: subprocess.Popen[str] | None = None
        self.killed = False
        path = folder / "train.jsonl"
        path.write_text("".join(json.dumps(example(number)) + "\n" for number in range(24)))
        self.train_uri = Storage(emulator.project).upload_by_content(path, f"gs://{emulator.bucket}/data", ".jsonl")

    def start(self, job_id: str = "run-1", name: str = "outputs") -> "subprocess.Popen[str]":
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        arguments = {
            "project": self.emulator.project,
            "bucket": self.emulator.bucket,
            "name": "crash",
            "location": "us-central1",
            "tuning_location": "",
            "train_uri": self.train_uri,
            "validation_uri": "",
            "base_model": "gemini-3.1-flash-lite",
            "pre_tuned_model": "",
            "pre_tuned_checkpoint_id": "",
            "epoch_count": 2,
            "adapter_size": 4,
            "learning_rate_multiplier": 0.0,
            "export_last_checkpoint_only": False,
            "tuned_model_display_name": "",
            "kms_key_name": "",
            "tuning_service_account": "",
            "force_retune": False,
            "tuning_deadline_hours": 1,
            "catalog_overrides": {},
            "job_id": job_id,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tuning_step", str(folder), json.dumps(arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self.process

    def kill(self) -> None:
        assert self.process
        self.killed = True
        os.kill(self.process.pid, signal.SIGKILL)

    def on_call(self, method: str, *, at: int = 1, when: Callable[[], bool] = lambda: True) -> None:
        """Kill the process when it makes its `at`-th call of a method; the call is not performed."""
        faults, seen = self.emulator.state.faults, [0]
        take = faults.take

        def hook(called: str) -> Fault | None:
            if called != method or self.killed or not when():
                return take(called)
            seen[0] += 1
            if seen[0] < at:
                return take(called)
            self.kill()
            return Fault(method=method, code=503)

        self.monkeypatch.setattr(faults, "take", hook)

    def after_creating(self) -> None:
        """Kill the process when its tuning job is there, before it has the answer."""
        submit = tuning_runs.submit

        def hook(*arguments: Any) -> bool:
            started = submit(*arguments)
            if not self.killed:
                self.kill()
            return started

        self.monkeypatch.setattr(tuning_runs, "submit", hook)

    def jobs(self) -> list[dict[str, Any]]:
        return self.emulator.state.list("tuningJobs")


@pytest.fixture
def step(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    emulator.progress("tuningJobs", reads=2)
    return Step(emulator, tmp_path, monkeypatch)


def before_create(step: Step) -> None:
    step.on_call("tuningJobs.create")


def after_create_before_the_answer(step: Step) -> None:
    step.after_creating()


def before_the_job_is_written_into_the_lock(step: Step) -> None:
    step.on_call("storage.objects.insert", when=lambda: bool(step.jobs()))


def while_polling(step: Step) -> None:
    step.on_call("tuningJobs.get", at=2)


def after_success_before_the_outputs(step: Step) -> None:
    step.on_call("contexts.get")


POINTS = {
    before_create: 0,
    after_create_before_the_answer: 1,
    before_the_job_is_written_into_the_lock: 1,
    while_polling: 1,
    after_success_before_the_outputs: 1,
}
"""Point of the crash → tuning jobs that are there when the process is dead."""


@pytest.mark.parametrize("again", ["the step is retried", "another run follows"])
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_a_crash_at_any_point_leaves_exactly_one_job_in_the_end(step: Step, point: Any, again: str) -> None:
    point(step)
    first = step.start()
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
    assert len(step.jobs()) == POINTS[point]
    assert not (step.folder / "outputs/values.json").exists()
    number = step.emulator.state.number
    run = f"projects/{number}/locations/us-central1/pipelineJobs/run-1"
    step.emulator.state.put("pipelineJobs", run, {"name": run, "state": "PIPELINE_STATE_FAILED"})

    second = step.start("run-1" if again == "the step is retried" else "run-2")
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    (job,) = step.jobs()
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert json.loads((step.folder / "outputs/tuning_job").read_text())["tuning_job"] == job["name"]
    assert json.loads((step.folder / "outputs/values.json").read_text())[0] == job["tunedModel"]["model"]
    assert len(step.emulator.requests("tuningJobs.create")) == (2 if point is before_create else 1)


def test_two_steps_of_two_runs_at_the_same_moment_share_one_job(step: Step) -> None:
    processes = [step.start(f"run-{number}", f"outputs-{number}") for number in (1, 2)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    (job,) = step.jobs()
    outputs = [json.loads((step.folder / f"outputs-{number}/tuning_job").read_text()) for number in (1, 2)]
    assert {output["tuning_job"] for output in outputs} == {job["name"]}
    assert sorted(output["reused"] for output in outputs) == [False, True]


def test_eight_runs_that_start_together_share_one_job(step: Step) -> None:
    barrier, found = Barrier(8), []
    request = TuningRequest(base_model="gemini-3.1-flash-lite", train_uri=step.train_uri, epoch_count=1)

    def run(number: int) -> None:
        barrier.wait()
        job = tune(
            request,
            project=step.emulator.project,
            location="us-central1",
            bucket=step.emulator.bucket,
            job_id=f"run-{number}",
            deadline_hours=1,
            force_retune=False,
            storage=Storage(step.emulator.project),
            catalog=catalogs.load(),
            sleep=lambda seconds: time.sleep(0.05),
        )
        found.append(job)

    threads = [Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert len(step.jobs()) == len(step.emulator.requests("tuningJobs.create")) == 1
    assert sum(not job["reused"] for job in found) == 1
