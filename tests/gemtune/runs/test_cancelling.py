import json
from typing import Any

import pytest

from gemtune.labels import label_value
from gemtune.runs.cancelling import cancel_batch_jobs, cancel_run, cancel_tuning_jobs
from gemtune.runs.notification import tell
from gemtune.vertex import Rest
from tests.gemtune.conftest import articles

RUN = "Gemini-tuning-20261121"
PARAMETERS = {
    "base_model": "gemini-3.1-flash-lite",
    "tuning_location": "europe-west4",
    "location": "us-central1",
    "catalog_overrides": {},
}


def start(emulator: Any, tuning: Any, run: str, location: str = "europe-west4") -> str:
    """Create a tuning job that goes on for long, labelled with a run."""
    emulator.progress("tuningJobs", seconds=1e6)
    body = {
        "baseModel": "gemini-3.1-flash-lite",
        "supervisedTuningSpec": {"trainingDatasetUri": tuning.dataset(0, 20)},
        "labels": {"gemtune-run": label_value(run)},
    }
    return str(Rest(emulator.project, location).post("tuningJobs", body)["name"])


def state(emulator: Any, name: str) -> str:
    return str(Rest(emulator.project, "").get(name)["state"])


def test_only_unfinished_jobs_of_the_run_are_cancelled(emulator: Any, tuning: Any) -> None:
    ours, another = start(emulator, tuning, RUN), start(emulator, tuning, "another-run")
    ended = start(emulator, tuning, RUN)
    tuning.set_job(ended, state="JOB_STATE_FAILED")
    assert cancel_tuning_jobs(RUN, project=emulator.project, parameters=PARAMETERS) == [ours]
    assert state(emulator, ours) in ("JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED")
    assert state(emulator, another) in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING")
    assert state(emulator, ended) == "JOB_STATE_FAILED"
    assert cancel_tuning_jobs(RUN, project=emulator.project, parameters=PARAMETERS) == []


def test_the_job_that_tunes_a_model_further_is_found_where_that_model_is(emulator: Any, tuning: Any) -> None:
    ours = start(emulator, tuning, RUN)
    model = f"projects/{emulator.project}/locations/europe-west4/models/5@1"
    parameters = {**PARAMETERS, "tuning_location": "", "pre_tuned_model": model}
    assert cancel_tuning_jobs(RUN, project=emulator.project, parameters=parameters) == [ours]


def test_a_run_that_has_ended_is_looked_through_as_well(emulator: Any, tuning: Any) -> None:
    name = f"projects/{emulator.state.number}/locations/us-central1/pipelineJobs/{RUN}"
    parameters = {"project": emulator.project, "bucket": emulator.bucket, **PARAMETERS}
    job = {
        "name": name,
        "state": "PIPELINE_STATE_FAILED",
        "pipelineSpec": {"root": {"inputDefinitions": {"parameters": {}}}},
        "runtimeConfig": {"parameterValues": json.loads(json.dumps(parameters))},
    }
    emulator.state.put("pipelineJobs", name, job)
    ours = start(emulator, tuning, RUN)
    assert cancel_run(name, project=emulator.project) == ("PIPELINE_STATE_FAILED", [ours])
    assert emulator.requests("pipelineJobs.cancel") == []


class Killed(BaseException):
    """What ends a step in the middle."""


def leave_batch(emulator: Any, bench: Any, run: str) -> str:
    """Kill a step of a run while its batch job goes on; return the job's name."""

    def kill(seconds: float) -> None:
        raise Killed

    emulator.progress("batchPredictionJobs", reads=10_000)
    with pytest.raises(Killed):
        bench.run(bench.write(articles(3)), mode="batch", job_id=run, sleep=kill)
    found = Rest(emulator.project, "global").pages("batchPredictionJobs", "batchPredictionJobs")
    return str(next(iter(found))["name"])


def test_the_batch_job_of_a_run_is_cancelled_with_it(emulator: Any, bench: Any) -> None:
    ours = leave_batch(emulator, bench, RUN)
    assert cancel_batch_jobs(RUN, project=emulator.project, parameters=PARAMETERS) == [ours]
    assert state(emulator, ours) in ("JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED")
    assert cancel_batch_jobs(RUN, project=emulator.project, parameters=PARAMETERS) == []


def test_a_batch_job_that_was_taken_over_is_left_to_the_run_that_created_it(emulator: Any, bench: Any) -> None:
    ours = leave_batch(emulator, bench, RUN)
    assert leave_batch(emulator, bench, "another-run") == ours
    assert cancel_batch_jobs("another-run", project=emulator.project, parameters=PARAMETERS) == []
    assert state(emulator, ours) == "JOB_STATE_RUNNING"


def test_a_batch_job_whose_creation_got_no_answer_is_cancelled_too(emulator: Any, bench: Any) -> None:
    emulator.fail("batchPredictionJobs.create", code=503, performed=True)
    ours = leave_batch(emulator, bench, RUN)
    assert cancel_batch_jobs(RUN, project=emulator.project, parameters=PARAMETERS) == [ours]


def test_a_run_without_tuning_is_cancelled_with_its_batch_job(emulator: Any, bench: Any) -> None:
    ours = leave_batch(emulator, bench, RUN)
    name = f"projects/{emulator.state.number}/locations/us-central1/pipelineJobs/{RUN}"
    parameters = {
        "project": emulator.project,
        "bucket": emulator.bucket,
        "base_model": "gemini-3.1-flash-lite",
        "location": "us-central1",
        "catalog_overrides": {},
    }
    job = {
        "name": name,
        "state": "PIPELINE_STATE_CANCELLED",
        "pipelineSpec": {"root": {"inputDefinitions": {"parameters": {}}}},
        "runtimeConfig": {"parameterValues": parameters},
    }
    emulator.state.put("pipelineJobs", name, job)
    assert cancel_run(name, project=emulator.project) == ("PIPELINE_STATE_CANCELLED", [ours])


def test_the_exit_step_cancels_batch_jobs_even_where_tuning_jobs_cannot_be_listed(
    emulator: Any, bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = leave_batch(emulator, bench, RUN)
    tell(
        name="summaries",
        job=f"projects/{emulator.state.number}/locations/us-central1/pipelineJobs/{RUN}",
        state="FAILED",
        project=emulator.project,
        bucket=emulator.bucket,
        parameters={**PARAMETERS, "tuning_location": "global"},
        webhook_secret="",
    )
    assert f"cancelled: {ours}" in capsys.readouterr().out
    assert state(emulator, ours) in ("JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED")
