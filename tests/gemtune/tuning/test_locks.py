from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.storage import Blob, Client

from gemtune.errors import TuningJobError

REGION = "us-central1"


def test_the_same_request_again_reuses_the_job(tuning: Any) -> None:
    first = tuning.tune()
    again = tuning.tune(job_id="run-2")
    assert len(tuning.created()) == 1
    assert again["reused"] is True
    assert again["tuning_job"] == first["tuning_job"]


def test_a_retry_of_the_same_run_is_no_reuse(tuning: Any) -> None:
    tuning.tune()
    assert tuning.tune()["reused"] is False
    assert len(tuning.created()) == 1


def test_a_lost_lock_is_no_reason_to_pay_twice(tuning: Any) -> None:
    first = tuning.tune()
    client = Client(project=tuning.emulator.project)
    Blob.from_uri(tuning.lock_uri, client=client).delete()
    assert tuning.tune(job_id="run-2")["tuning_job"] == first["tuning_job"]
    assert len(tuning.created()) == 1


def test_changed_data_is_a_new_job(tuning: Any) -> None:
    tuning.tune()
    tuning.tune(replace(tuning.request, train_uri=tuning.dataset(1, 21)))
    assert len(tuning.created()) == 2


def test_force_retune_creates_one_new_job_per_run(tuning: Any) -> None:
    first = tuning.tune()
    forced = tuning.tune(job_id="run-2", force_retune=True)
    retried = tuning.tune(job_id="run-2", force_retune=True)
    assert len(tuning.created()) == 2
    assert first["tuning_job"] != forced["tuning_job"] == retried["tuning_job"]


def test_a_job_under_way_is_waited_for(tuning: Any) -> None:
    tuning.emulator.progress("tuningJobs", reads=1_000)
    with pytest.raises(TuningJobError):
        tuning.tune(deadline_hours=0.001)
    tuning.emulator.progress("tuningJobs", immediate=True)
    assert tuning.tune(job_id="run-2")["reused"] is True
    assert len(tuning.created()) == 1


def test_a_job_whose_endpoint_is_gone_is_not_reused(tuning: Any) -> None:
    first = tuning.tune()
    tuning.emulator.state.delete("endpoints", first["endpoint"])
    assert tuning.tune(job_id="run-2")["tuning_job"] != first["tuning_job"]
    assert len(tuning.created()) == 2


@pytest.mark.parametrize("state", ["JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_CANCELLING"])
def test_a_job_that_came_to_nothing_is_not_reused(tuning: Any, state: str) -> None:
    first = tuning.tune()
    tuning.set_job(first["tuning_job"], state=state)
    assert tuning.tune(job_id="run-2")["tuning_job"] != first["tuning_job"]


def test_an_answer_lost_after_the_job_was_created_does_not_create_another(tuning: Any) -> None:
    tuning.emulator.fail("tuningJobs.create", times=1, code=503, performed=True)
    job = tuning.tune()
    assert tuning.emulator.faults_hit() == 1
    assert len(tuning.created()) == 1
    assert job["reused"] is False


def test_a_request_that_met_the_quota_is_repeated(tuning: Any) -> None:
    tuning.emulator.fail("tuningJobs.create", times=2, code=429)
    tuning.tune()
    assert len(tuning.created()) == 3


def test_a_lock_of_a_run_that_creates_is_respected(tuning: Any) -> None:
    tuning.hold("projects/p/locations/us-central1/pipelineJobs/run-2")

    def sleep(seconds: float) -> None:
        tuning.slept.append(seconds)
        if len(tuning.slept) == 3:
            assert tuning.created() == []
            tuning.now += timedelta(minutes=16)

    tuning.tune(sleep=sleep)
    assert len(tuning.created()) == 1
    assert tuning.lock()["run"].endswith("/pipelineJobs/run-1")


@pytest.mark.parametrize("run", ["", "projects/gemtune-local/locations/us-central1/pipelineJobs/run-1"])
def test_a_released_lock_and_one_of_an_earlier_attempt_are_taken_at_once(tuning: Any, run: str) -> None:
    tuning.hold(run)
    tuning.tune()
    assert len(tuning.created()) == 1


def test_a_lock_of_a_run_that_is_over_is_taken_at_once(tuning: Any) -> None:
    name = f"projects/{tuning.emulator.state.number}/locations/{REGION}/pipelineJobs/run-2"
    tuning.emulator.state.put("pipelineJobs", name, {"name": name, "state": "PIPELINE_STATE_FAILED"})
    tuning.hold(name)
    tuning.tune()
    assert tuning.lock()["run"].endswith("/run-1")


def test_waiting_for_a_lock_ends_at_the_deadline(tuning: Any) -> None:
    tuning.hold("projects/p/locations/us-central1/pipelineJobs/run-2")
    with pytest.raises(TuningJobError, match=r"locks/.*still held by run-2 when the deadline came"):
        tuning.tune(deadline_hours=0.01)
    assert tuning.created() == []


def test_a_refused_request_is_explained_and_frees_the_lock(tuning: Any) -> None:
    message = "Permission 'aiplatform.tuningJobs.create' denied on resource."
    tuning.emulator.fail("tuningJobs.create", times=1, code=403, message=message)
    with pytest.raises(TuningJobError, match=r"tuningJobs: 403 PERMISSION_DENIED: Permission") as error:
        tuning.tune()
    assert "roles/aiplatform.user" in error.value.next
    assert tuning.lock()["run"] == ""
    tuning.tune(job_id="run-2")
    assert len(tuning.created()) == 2
    assert tuning.slept == [1.0]  # for the job, none for the lock
