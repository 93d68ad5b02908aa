import re
from datetime import datetime

import pytest
from google.genai import types
from google.genai.errors import APIError

from tests.conftest import Emulator
from tests.emulator.tuning import (
    BASE_MODEL,
    MINIMUM,
    TRAIN,
    VALIDATION,
    article,
    at,
    call,
    client,
    create,
    finished,
    put_datasets,
    read,
    read_to_the_end,
    spec,
    summary,
    tune,
)

NAME = r"projects/123456789012/locations/us-central1/tuningJobs/\d{19}"


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


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


def test_jobs_are_listed_newest_first_and_page_by_page(emulator: Emulator) -> None:
    assert call(emulator, "GET", f"{at(emulator)}/tuningJobs").json() == {}
    names = [create(emulator)["name"] for _ in range(3)]
    vertex = client(emulator)
    assert [job.name for job in vertex.tunings.list(config={"page_size": 2})] == names[::-1]
    assert call(emulator, "GET", f"{at(emulator, 'europe-west4')}/tuningJobs").json() == {}


def test_a_job_cannot_be_deleted(emulator: Emulator) -> None:
    answer = call(emulator, "DELETE", create(emulator)["name"])
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Method not found.")


def test_an_unknown_job_is_not_found(emulator: Emulator) -> None:
    vertex = client(emulator)
    for method in (vertex.tunings.get, vertex.tunings.cancel):
        with pytest.raises(APIError) as error:
            method(name=f"{at(emulator)}/tuningJobs/404")
        assert (error.value.code, error.value.status) == (404, "NOT_FOUND")
