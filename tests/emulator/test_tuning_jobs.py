import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from google.genai.errors import APIError, ClientError

from emulator import storage_buckets, tuning_runs
from emulator.progress import Progress
from emulator.state import State
from emulator.storage import write_object
from tests.conftest import Emulator
from tests.emulator.tuning import (
    BASE_MODEL,
    TRAIN,
    VALIDATION,
    article,
    at,
    call,
    client,
    example,
    finished,
    put_datasets,
    put_lines,
    summary,
    tune,
)

MINIMUM: dict[str, Any] = {"baseModel": BASE_MODEL, "supervisedTuningSpec": {"trainingDatasetUri": TRAIN}}
NAME = r"projects/123456789012/locations/us-central1/tuningJobs/\d{19}"


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


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


def test_a_new_job_is_shown_as_the_service_shows_it(emulator: Emulator) -> None:
    job = create(
        emulator,
        tunedModelDisplayName="my-model",
        labels={"team": "docs"},
        serviceAccount="tuner@x.iam.gserviceaccount.com",
        **spec(hyperParameters={"epochCount": 1}, exportLastCheckpointOnly=False),
    )
    assert re.fullmatch(NAME, job.pop("name"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", job["createTime"])
    assert job.pop("createTime") == job.pop("updateTime")
    assert job == {
        "tunedModelDisplayName": "my-model",
        "baseModel": BASE_MODEL,
        "supervisedTuningSpec": {"trainingDatasetUri": TRAIN, "hyperParameters": {"epochCount": "1"}},
        "state": "JOB_STATE_PENDING",
        "labels": {"team": "docs"},
    }


def test_a_job_runs_at_once_and_ends_after_one_read(emulator: Emulator) -> None:
    name = create(emulator)["name"]
    states = [read(emulator, name)["state"] for _ in range(3)]
    assert states == ["JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED", "JOB_STATE_SUCCEEDED"]


def test_a_finished_job_has_its_model_its_statistics_and_the_defaults_it_used(emulator: Emulator) -> None:
    job = read_to_the_end(emulator, create(emulator, **spec(validationDatasetUri=VALIDATION))["name"])
    assert job["supervisedTuningSpec"]["hyperParameters"] == {
        "epochCount": "4",
        "learningRateMultiplier": 1,
        "adapterSize": "ADAPTER_SIZE_FOUR",
    }
    assert job["startTime"] <= job["endTime"] == job["updateTime"]
    stats = job["tuningDataStats"]["supervisedTuningDataStats"]
    sums = [int(stats[f"user{side}TokenDistribution"]["sum"]) for side in ("Input", "Output")]
    assert (stats["tuningDatasetExampleCount"], stats["tuningStepCount"]) == ("32", "8")
    assert int(stats["totalBillableTokenCount"]) == sum(sums)
    assert stats["userMessagePerExampleDistribution"]["mean"] == 2
    assert sum(bucket["count"] for bucket in stats["userInputTokenDistribution"]["buckets"]) == 32
    assert [turn["role"] for turn in stats["userDatasetExamples"]] == ["user", "model"] * 3
    checkpoints = job["tunedModel"]["checkpoints"]
    assert [(each["checkpointId"], each["epoch"], each["step"]) for each in checkpoints] == [
        ("1", "1", "2"),
        ("2", "2", "4"),
        ("3", "3", "6"),
        ("4", "4", "8"),
    ]
    assert job["tunedModel"]["endpoint"] == checkpoints[-1]["endpoint"]
    assert re.fullmatch(r"projects/123456789012/locations/us-central1/models/\d{19}@1", job["tunedModel"]["model"])


def test_the_sdk_tunes_and_the_tuned_model_does_what_it_was_shown(emulator: Emulator) -> None:
    job = finished(emulator, tune(emulator, epoch_count=8, tuned_model_display_name="washer"))
    assert job.state == types.JobState.JOB_STATE_SUCCEEDED
    vertex = client(emulator, "us", "v1")
    answer = vertex.models.generate_content(model=job.tuned_model.endpoint, contents=article(999))
    assert answer.text == summary(999)
    assert answer.model_version == "gemini-3.1-flash-lite-emulator"
    counted = vertex.models.count_tokens(model=job.tuned_model.endpoint, contents=article(999))
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count


@pytest.mark.parametrize(
    ("region", "base_model", "today", "serving"),
    [
        ("us-central1", BASE_MODEL, datetime(2026, 11, 21), "us"),
        ("europe-west4", "gemini-3.5-flash", datetime(2026, 11, 21), "eu"),
        ("europe-west4", "gemini-2.5-flash", datetime(2026, 9, 1), "europe-west4"),
    ],
)
def test_a_tuned_model_is_served_at_one_location_only(
    emulator: Emulator, region: str, base_model: str, today: datetime, serving: str
) -> None:
    emulator.today(today)
    created = call(emulator, "POST", f"{at(emulator, region)}/tuningJobs", {**MINIMUM, "baseModel": base_model}).json()
    endpoint = read_to_the_end(emulator, created["name"])["tunedModel"]["endpoint"]
    assert endpoint.startswith(f"projects/123456789012/locations/{serving}/endpoints/")
    body = {"contents": [{"role": "user", "parts": [{"text": "Text."}]}]}
    assert call(emulator, "POST", f"{endpoint}:generateContent", body).status_code == 200
    elsewhere = endpoint.replace(f"locations/{serving}/", "locations/global/")
    assert call(emulator, "POST", f"{elsewhere}:generateContent", body).status_code == 404


def test_labels_reach_the_model_and_its_endpoints(emulator: Emulator) -> None:
    job = finished(emulator, tune(emulator, labels={"gemtune-run": "r1"}, tuned_model_display_name="washer"))
    vertex = client(emulator)
    model = vertex.models.get(model=job.tuned_model.model)
    assert model.labels == {"gemtune-run": "r1", "google-vertex-llm-tuning-base-model-id": BASE_MODEL}
    assert (model.display_name, model.version, model.tuned_model_info.base_model) == ("washer", "1", BASE_MODEL)
    assert [each.name for each in model.endpoints] == [each.endpoint for each in job.tuned_model.checkpoints]
    endpoint = read(emulator, job.tuned_model.endpoint)
    assert (endpoint["labels"], endpoint["displayName"]) == (model.labels, "washer")
    deployed = endpoint["deployedModels"][0]
    assert f"{deployed['model']}@{deployed['modelVersionId']}" == job.tuned_model.model
    assert len(call(emulator, "GET", f"{at(emulator, 'us')}/endpoints").json()["endpoints"]) == 2


def test_another_default_checkpoint_changes_the_endpoint_of_the_tuned_model(emulator: Emulator) -> None:
    job = finished(emulator, tune(emulator))
    vertex = client(emulator)
    vertex.models.update(model=job.tuned_model.model, config=types.UpdateModelConfig(default_checkpoint_id="1"))
    assert vertex.models.get(model=job.tuned_model.model).default_checkpoint_id == "1"
    assert vertex.tunings.get(name=job.name).tuned_model.endpoint == job.tuned_model.checkpoints[0].endpoint
    masked = f"{job.tuned_model.model}?updateMask=defaultCheckpointId"
    assert call(emulator, "PATCH", masked, {"defaultCheckpointId": "2"}).json()["defaultCheckpointId"] == "2"
    assert call(emulator, "PATCH", masked, {"defaultCheckpointId": "9"}).status_code == 400
    listed = call(emulator, "GET", f"{job.tuned_model.model}:listCheckpoints").json()["checkpoints"]
    assert listed == [
        {"checkpointId": "1", "epoch": "1", "step": "2"},
        {"checkpointId": "2", "epoch": "2", "step": "4"},
    ]


def test_only_the_last_checkpoint_on_request(emulator: Emulator) -> None:
    job = finished(emulator, tune(emulator, epoch_count=3, export_last_checkpoint_only=True))
    assert [(each.checkpoint_id, each.epoch, each.step) for each in job.tuned_model.checkpoints] == [("1", 3, 6)]


def test_a_tuned_model_is_tuned_further_from_the_chosen_checkpoint(emulator: Emulator) -> None:
    first = finished(emulator, tune(emulator, epoch_count=4))
    again = tune(emulator, base_model=first.tuned_model.model, epoch_count=1, pre_tuned_model_checkpoint_id="2")
    assert (again.pre_tuned_model.base_model, again.pre_tuned_model.checkpoint_id) == (BASE_MODEL, "2")
    model, version = finished(emulator, again).tuned_model.model.split("@")
    assert (model, version) == (first.tuned_model.model.removesuffix("@1"), "2")
    assert [each["versionId"] for each in read(emulator, f"{model}:listVersions")["models"]] == ["2", "1"]
    assert read(emulator, model)["versionId"] == "2"
    curves = {each["experiment"]: each["series"]["/train_total_loss"] for each in emulator.state.list("curves")}
    starts = [series[0][1] for series in curves.values()]
    assert starts[0] < 0.8 * starts[1]


def test_another_display_name_makes_another_model(emulator: Emulator) -> None:
    first = finished(emulator, tune(emulator, tuned_model_display_name="one"))
    second = finished(emulator, tune(emulator, base_model=first.tuned_model.model, tuned_model_display_name="two"))
    assert second.tuned_model.model.endswith("@1")
    assert second.tuned_model.model != first.tuned_model.model
    assert len(call(emulator, "GET", f"{at(emulator)}/models").json()["models"]) == 2


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


def test_jobs_are_listed_newest_first_and_page_by_page(emulator: Emulator) -> None:
    assert call(emulator, "GET", f"{at(emulator)}/tuningJobs").json() == {}
    names = [create(emulator)["name"] for _ in range(3)]
    vertex = client(emulator)
    assert [job.name for job in vertex.tunings.list(config={"page_size": 2})] == names[::-1]
    assert call(emulator, "GET", f"{at(emulator, 'europe-west4')}/tuningJobs").json() == {}


def test_a_running_job_is_cancelled_after_a_while(emulator: Emulator) -> None:
    job = tune(emulator)
    client_ = client(emulator)
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


def test_a_waiting_job_is_cancelled_at_once(emulator: Emulator) -> None:
    create(emulator)
    name = create(emulator)["name"]
    assert call(emulator, "POST", f"{name}:cancel").json() == {}
    job = read(emulator, name)
    assert (job["state"], "startTime" in job, "endTime" in job) == ("JOB_STATE_CANCELLED", False, True)


def test_a_cancelled_job_makes_room_for_the_next(emulator: Emulator) -> None:
    first, second = (create(emulator)["name"] for _ in range(2))
    call(emulator, "POST", f"{first}:cancel")
    assert read(emulator, second)["state"] == "JOB_STATE_PENDING"
    assert read_to_the_end(emulator, second)["state"] == "JOB_STATE_SUCCEEDED"
    assert read(emulator, first)["state"] == "JOB_STATE_CANCELLED"


def test_a_job_cannot_be_deleted(emulator: Emulator) -> None:
    answer = call(emulator, "DELETE", create(emulator)["name"])
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Method not found.")


def test_an_unknown_job_is_not_found(emulator: Emulator) -> None:
    vertex = client(emulator)
    for method in (vertex.tunings.get, vertex.tunings.cancel):
        with pytest.raises(APIError) as error:
            method(name=f"{at(emulator)}/tuningJobs/404")
        assert (error.value.code, error.value.status) == (404, "NOT_FOUND")


@pytest.mark.parametrize("uri", ["gs://gemtune-local/none.jsonl", "gs://gemtune-local/train.csv", "train.jsonl"])
def test_a_dataset_that_is_no_jsonl_object_is_refused(emulator: Emulator, uri: str) -> None:
    write_object(emulator.state, "gs://gemtune-local/train.csv", b"a,b", "text/csv")
    vertex = client(emulator)
    with pytest.raises(ClientError) as error:
        vertex.tunings.tune(base_model=BASE_MODEL, training_dataset=types.TuningDataset(gcs_uri=uri))
    description = "training_dataset_uri should be a GCS object of type JSONL."
    field = "tuning_job.supervised_tuning_spec.training_dataset_uri"
    assert error.value.message == f"List of found errors:\t1.Field: {field}; Message: {description}\t"
    assert error.value.details["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": description}],
        }
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (hyper(adapterSize="ADAPTER_SIZE_THIRTY_TWO"), "The adapter size is not supported for this base model."),
        (
            hyper(adapterSize="ADAPTER_SIZE_3"),
            "Invalid value at 'supervised_tuning_spec.hyper_parameters.adapter_size'",
        ),
        (
            hyper(epochCount="many"),
            "Invalid value at 'supervised_tuning_spec.hyper_parameters.epoch_count' (TYPE_INT64)",
        ),
        (hyper(epochCount=-1), "epoch_count must be positive."),
        (hyper(learningRateMultiplier=-0.5), "learning_rate_multiplier must be positive."),
        (hyper(epochs=3), "Unknown name \"epochs\" at 'supervised_tuning_spec.hyper_parameters': Cannot find field."),
        ({"supervisedTuningSpec": {}}, "training_dataset_uri is required."),
        ({"baseModel": "gemini-3.8-flash"}, "Base model gemini-3.8-flash is not supported."),
        ({"labels": {"Team": "docs"}}, "Label Team=docs is invalid"),
        ({"labels": {"team": "x" * 65}}, "at most 64"),
        ({"tunedModelDisplayName": "x" * 129}, "It must have at most 128 characters."),
        ({"encryptionSpec": {"kms_key_name": "k"}}, "CMEK is not supported for this base model."),
        ({"preTunedModel": {"tunedModelName": "m"}}, "oneof field 'source_model' is already set."),
        (spec(validationDatasetUri="gs://gemtune-local/no.jsonl"), "validation_dataset_uri should be a GCS object"),
    ],
)
def test_a_wrong_request_is_refused(emulator: Emulator, fields: dict[str, Any], message: str) -> None:
    code, status, found = refusal(emulator, **fields)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message in found
    assert call(emulator, "GET", f"{at(emulator)}/tuningJobs").json() == {}


@pytest.mark.parametrize("location", ["global", "us", "asia-east1"])
def test_tuning_is_refused_where_it_is_not_offered(emulator: Emulator, location: str) -> None:
    assert refusal(emulator, location)[:2] == (400, "FAILED_PRECONDITION")


def test_a_retired_base_model_is_gone(emulator: Emulator) -> None:
    emulator.today(datetime(2026, 11, 21))
    code, status, message = refusal(emulator, baseModel="gemini-2.5-flash")
    assert (code, status) == (404, "NOT_FOUND")
    assert "publishers/google/models/gemini-2.5-flash" in message


@pytest.mark.parametrize("fields", [{"preferenceOptimizationSpec": {}}, spec(evaluationConfig={"metrics": []})])
def test_what_is_not_served_is_said_to_be_so(emulator: Emulator, fields: dict[str, Any]) -> None:
    assert refusal(emulator, **fields)[:2] == (501, "UNIMPLEMENTED")


def test_a_request_may_be_in_snake_case_and_the_model_a_full_name(emulator: Emulator) -> None:
    body = {
        "base_model": f"publishers/google/models/{BASE_MODEL}@default",
        "supervised_tuning_spec": {"training_dataset_uri": TRAIN, "hyper_parameters": {"epoch_count": "1"}},
    }
    job = call(emulator, "POST", f"{at(emulator)}/tuningJobs", body).json()
    assert job["supervisedTuningSpec"] == {"trainingDatasetUri": TRAIN, "hyperParameters": {"epochCount": "1"}}
    assert read_to_the_end(emulator, job["name"])["state"] == "JOB_STATE_SUCCEEDED"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Dataset example 2 of 3 is not valid JSON"),
        (
            {"messages": []},
            'Dataset example 2 of 3 is not a valid example: Invalid JSON payload received. Unknown name "messa',
        ),
        ({"contents": []}, "Dataset example 2 of 3 has turns of []"),
        ({"contents": example(1)["contents"][:1]}, 'ending with "model"'),
        ({"contents": example(1)["contents"] * 2 + example(1)["contents"][1:]}, "expected alternating"),
        ({"contents": [*example(1)["contents"][:1], {"role": "model", "parts": []}]}, 'has a turn without "parts"'),
        (
            {"contents": [*example(1)["contents"][:1], {"role": "model", "parts": [{"text": ""}]}]},
            'has an empty "text"',
        ),
    ],
)
def test_a_broken_example_fails_the_job(emulator: Emulator, line: Any, message: str) -> None:
    put_lines(emulator, TRAIN, example(1), line, example(2))
    job = read_to_the_end(emulator, create(emulator)["name"])
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", 3)
    assert message in job["error"]["message"]
    assert "endTime" in job and "tunedModel" not in job


def test_examples_of_every_kind_that_the_service_documents_are_taken(emulator: Emulator) -> None:
    user, model = example(1)["contents"]
    call_turn = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]}
    answer_turn = {"parts": [{"functionResponse": {"name": "f", "response": {"output": "True"}}}]}
    put_lines(
        emulator,
        TRAIN,
        {"systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]}, "contents": [user, model]},
        {"system_instruction": {"parts": [{"text": "Be brief."}]}, "contents": [user, model, user, model]},
        {"contents": [user, call_turn], "tools": [{"functionDeclarations": []}]},
        {"contents": [user, call_turn, answer_turn, model]},
    )
    assert read_to_the_end(emulator, create(emulator)["name"])["state"] == "JOB_STATE_SUCCEEDED"


def test_too_long_examples_are_dropped_and_counted(emulator: Emulator) -> None:
    long = example(1)
    long["contents"][0]["parts"][0]["text"] = "word " * 140_000
    put_lines(emulator, TRAIN, example(1), long, example(2))
    stats = read_to_the_end(emulator, create(emulator)["name"])["tuningDataStats"]["supervisedTuningDataStats"]
    assert stats["totalTruncatedExampleCount"] == "1"
    assert stats["truncatedExampleIndices"] == ["2"]
    assert len(stats["droppedExampleReasons"]) == 1


def test_a_validation_dataset_may_not_be_too_large(emulator: Emulator) -> None:
    put_lines(emulator, VALIDATION, *([example(1)] * 1001))
    job = read_to_the_end(emulator, create(emulator, **spec(validationDatasetUri=VALIDATION))["name"])
    assert job["error"]["message"] == "The validation dataset has 1001 examples, at most 1000 allowed."


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
    assert restarted.get(tuning_runs.RESULTS, name) is None
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
