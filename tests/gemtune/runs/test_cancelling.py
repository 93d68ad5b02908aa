import json
from typing import Any

from gemtune.labels import label_value
from gemtune.runs.cancelling import cancel_run, cancel_tuning_jobs
from gemtune.vertex import Rest

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
    parameters = {"project": emulator.project, **PARAMETERS}
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
