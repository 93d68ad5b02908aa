import json
from pathlib import Path

import pytest
from google.genai.errors import ClientError

from emulator import storage_buckets, tuning_runs
from emulator.progress import Progress
from emulator.state import State
from emulator.storage import write_object
from tests.conftest import Emulator
from tests.emulator.tuning import (
    BASE_MODEL,
    TRAIN,
    call,
    client,
    create,
    example,
    hyper,
    put_datasets,
    read,
    read_to_the_end,
    spec,
    tune,
)


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


def test_the_beta_version_tells_what_a_job_is_doing(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", reads=3)
    first, second = (create(emulator, "v1beta1", **hyper(epochCount=3)) for _ in range(2))
    assert "tuningJobState" not in first
    assert second["tuningJobState"] == "TUNING_JOB_STATE_WAITING_FOR_QUOTA"
    assert read(emulator, first["name"], "v1beta1")["tuningJobState"] in (
        "TUNING_JOB_STATE_PROCESSING_DATASET",
        "TUNING_JOB_STATE_TUNING",
        "TUNING_JOB_STATE_POST_PROCESSING",
    )
    assert read(emulator, second["name"], "v1beta1")["tuningJobState"] == "TUNING_JOB_STATE_WAITING_FOR_QUOTA"
    job = read_to_the_end(emulator, first["name"], "v1beta1")
    assert job["tuningJobMetadata"] == {"completedEpochCount": "3", "completedStepCount": "6"}
    assert not {"tuningJobState", "tuningJobMetadata"} & set(read(emulator, first["name"]))


def test_one_job_runs_at_a_time(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", reads=3)
    first, second = (create(emulator)["name"] for _ in range(2))
    assert (read(emulator, first)["state"], read(emulator, second)["state"]) == (
        "JOB_STATE_RUNNING",
        "JOB_STATE_PENDING",
    )
    assert "startTime" not in read(emulator, second)
    assert read_to_the_end(emulator, first)["state"] == "JOB_STATE_SUCCEEDED"
    assert read(emulator, second)["state"] == "JOB_STATE_RUNNING"
    assert read_to_the_end(emulator, second)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_waiting_job_starts_even_if_nobody_reads_the_running_one(emulator: Emulator) -> None:
    create(emulator)
    assert read_to_the_end(emulator, create(emulator)["name"])["state"] == "JOB_STATE_SUCCEEDED"


def test_a_job_ends_after_the_seconds_that_were_set(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", seconds=3600)
    name = create(emulator)["name"]
    assert [read(emulator, name)["state"] for _ in range(3)] == ["JOB_STATE_RUNNING"] * 3
    emulator.advance(3600)
    assert read(emulator, name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_job_can_end_before_the_first_read(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", immediate=True)
    assert read(emulator, create(emulator)["name"])["state"] == "JOB_STATE_SUCCEEDED"


def test_the_service_account_and_the_experiment_appear_later(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", reads=2)
    name = create(emulator, serviceAccount="tuner@x.iam.gserviceaccount.com")["name"]
    assert not {"serviceAccount", "experiment", "tunedModel"} & set(read(emulator, name))
    assert read(emulator, name)["serviceAccount"] == "tuner@x.iam.gserviceaccount.com"
    assert "/metadataStores/default/contexts/tuning-experiment-" in read(emulator, name)["experiment"]


def test_a_running_job_is_cancelled_after_a_while(emulator: Emulator) -> None:
    job = tune(emulator)
    client_ = client(emulator)
    emulator.advance(2)
    client_.tunings.cancel(name=job.name)
    states = [read(emulator, job.name) for _ in range(2)]
    assert [each["state"] for each in states] == ["JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED"]
    assert states[1]["error"] == {"code": 1, "message": "CANCELED"}
    assert "endTime" in states[1] and "tunedModel" not in states[1]
    with pytest.raises(ClientError) as error:
        client_.tunings.cancel(name=job.name)
    assert (error.value.code, error.value.status) == (400, "FAILED_PRECONDITION")
    assert error.value.message == (
        f'The TuningJob "{job.name}" is in state JOB_STATE_CANCELLED and cannot be canceled.'
    )


def test_a_cancelled_job_takes_a_minute_of_the_clock_at_most(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", seconds=3600)
    name = create(emulator)["name"]
    emulator.advance(2)
    before = read(emulator, name)["updateTime"]
    call(emulator, "POST", f"{name}:cancel")
    assert read(emulator, name)["updateTime"] == before, "on record: cancelling does not touch it"
    assert call(emulator, "POST", f"{name}:cancel").json() == {}, "it is being cancelled already"
    emulator.advance(59)
    assert read(emulator, name)["state"] == "JOB_STATE_CANCELLING"
    emulator.advance(1)
    assert read(emulator, name)["state"] == "JOB_STATE_CANCELLED"


def test_a_job_cancelled_within_a_second_has_never_started(emulator: Emulator) -> None:
    name = create(emulator)["name"]
    call(emulator, "POST", f"{name}:cancel")
    job = read(emulator, name)
    assert (job["state"], job["error"]) == ("JOB_STATE_CANCELLED", {"code": 1, "message": "CANCELED"})
    assert "startTime" not in job and "experiment" not in job and "endTime" in job
    assert read_to_the_end(emulator, create(emulator)["name"])["state"] == "JOB_STATE_SUCCEEDED"


def test_the_statistics_of_the_dataset_are_there_before_the_job_has_ended(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", seconds=3600)
    name = create(emulator)["name"]
    assert "tuningDataStats" not in read(emulator, name)
    tuning_runs.trainer_of(emulator.state).threads[name].join(20)
    job = read(emulator, name)
    assert job["state"] == "JOB_STATE_RUNNING"
    assert job["tuningDataStats"]["supervisedTuningDataStats"]["tuningStepCount"] == "8"
    emulator.advance(3600)
    assert read(emulator, name)["tuningDataStats"] == job["tuningDataStats"]


def test_a_waiting_job_is_cancelled_at_once(emulator: Emulator) -> None:
    create(emulator)
    name = create(emulator)["name"]
    assert call(emulator, "POST", f"{name}:cancel").json() == {}
    job = read(emulator, name)
    assert (job["state"], "startTime" in job, "endTime" in job) == ("JOB_STATE_CANCELLED", False, True)


def test_a_cancelled_job_makes_room_for_the_next(emulator: Emulator) -> None:
    first, second = (create(emulator)["name"] for _ in range(2))
    emulator.advance(2)
    call(emulator, "POST", f"{first}:cancel")
    assert read(emulator, second)["state"] == "JOB_STATE_PENDING"
    assert read_to_the_end(emulator, second)["state"] == "JOB_STATE_SUCCEEDED"
    assert read(emulator, first)["state"] == "JOB_STATE_CANCELLED"


def test_a_job_cut_off_by_a_stop_is_trained_after_the_restart(tmp_path: Path) -> None:
    name = "projects/123456789012/locations/us-central1/tuningJobs/1"
    stopped = State(tmp_path)
    storage_buckets.create_default_bucket(stopped)
    write_object(stopped, TRAIN, "\n".join(json.dumps(example(number)) for number in range(16)).encode())
    tuning_runs.trainer_of(stopped).stopping.set()
    job = {"name": name, "state": "JOB_STATE_PENDING", "createTime": stopped.clock.timestamp()}
    tuning_runs.submit(stopped, {**job, **spec()}, {"baseModel": BASE_MODEL})
    stopped.close()
    restarted = State(tmp_path)
    assert not (restarted.get(tuning_runs.RESULTS, name) or {}).get("finished")
    restarted.progress["tuningJobs"] = Progress(reads=0)
    for _ in range(2):
        tuning_runs.settle(restarted)
        tuning_runs.wait_for_training(restarted)
    assert (restarted.get(tuning_runs.JOBS, name) or {})["state"] == "JOB_STATE_SUCCEEDED"
    restarted.close()


def test_an_error_of_the_emulator_is_an_internal_one(emulator: Emulator, capfd: pytest.CaptureFixture[str]) -> None:
    (emulator.state.folder / "weights").write_text("in the way")
    job = read_to_the_end(emulator, create(emulator)["name"])
    assert job["error"] == {"code": 13, "message": "Internal error occurred. Contact Vertex AI."}
    assert "NotADirectoryError" in capfd.readouterr().err
