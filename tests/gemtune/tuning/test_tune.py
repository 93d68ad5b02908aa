import json
from dataclasses import replace
from typing import Any

import pytest

from gemtune import catalog as catalogs
from gemtune.errors import DataError, ServiceError, SpecError, TuningJobError
from gemtune.labels import label_value
from gemtune.tuning.jobs import pauses
from gemtune.tuning.record import gcp_resources_of, model_uri_of
from gemtune.tuning.request import TuningRequest, fingerprint, location_for

BASE = "gemini-3.1-flash-lite"
CATALOG = catalogs.load()
REGION = "us-central1"
DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64


def request(**changes: Any) -> TuningRequest:
    return replace(TuningRequest(base_model=BASE, train_uri=f"gs://b/{DIGEST}.jsonl"), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"train_uri": f"gs://another-bucket/x/{DIGEST}.jsonl"},
        {"base_model": f"publishers/google/models/{BASE}"},
        {"tuned_model_display_name": "other", "labels": {"a": "b"}, "service_account": "x@y"},
    ],
)
def test_names_and_places_do_not_change_the_fingerprint(changes: dict[str, Any]) -> None:
    assert fingerprint(request(**changes), REGION) == fingerprint(request(), REGION)
    assert len(fingerprint(request(), REGION)) == 40


def test_whatever_changes_the_tuned_model_changes_the_fingerprint() -> None:
    model = "projects/1/locations/us-central1/models/5"
    variants = [
        request(),
        request(train_uri=f"gs://b/{OTHER_DIGEST}.jsonl"),
        request(validation_uri=f"gs://b/{DIGEST}.jsonl"),
        request(base_model="gemini-3.5-flash"),
        request(pre_tuned_model=f"{model}@1"),
        request(pre_tuned_model=f"{model}@2"),
        request(pre_tuned_model=f"{model}@1", pre_tuned_checkpoint_id="2"),
        request(epoch_count=1),
        request(adapter_size=1),
        request(learning_rate_multiplier=1.0),
        request(export_last_checkpoint_only=True),
        request(kms_key_name="k"),
    ]
    assert len({fingerprint(one, REGION) for one in variants} | {fingerprint(request(), "europe-west4")}) == 13


def test_project_id_and_number_are_the_same_project() -> None:
    ours, theirs = (request(pre_tuned_model=f"projects/{name}/locations/l/models/5@1") for name in ("p", "1"))
    assert fingerprint(ours, REGION) == fingerprint(theirs, REGION)


def test_a_dataset_that_is_not_named_by_its_content_is_refused() -> None:
    with pytest.raises(DataError, match=r"gs://b/train\.jsonl: name is no digest"):
        fingerprint(request(train_uri="gs://b/train.jsonl"), REGION)


def test_a_job_is_created_and_waited_for(tuning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tuning.emulator.progress("tuningJobs", reads=3)
    job = tuning.tune()
    (created,) = tuning.created()
    assert created["path"] == f"/v1beta1/projects/gemtune-local/locations/{REGION}/tuningJobs"
    assert created["body"]["baseModel"] == BASE
    spec = created["body"]["supervisedTuningSpec"]
    assert spec["trainingDatasetUri"] == tuning.request.train_uri
    assert int(spec["hyperParameters"]["epochCount"]) == 2
    assert spec["hyperParameters"]["adapterSize"] == "ADAPTER_SIZE_FOUR"
    assert created["body"]["labels"] == {
        "gemtune-spec": "t",
        "gemtune-run": "run-1",
        "gemtune-fingerprint": job["fingerprint"],
    }
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["reused"] is False
    assert job["base_model"] == BASE
    assert (job["epoch_count"], job["adapter_size"], job["example_count"]) == (2, 4, 20)
    assert job["billable_tokens"] > 0
    assert job["step_count"] > 0
    tokens = job["token_distributions"]
    assert 0 < tokens["output"]["min"] <= tokens["output"]["median"] < tokens["input"]["median"]
    assert [point["epoch"] for point in job["checkpoints"]] == [1, 2]
    assert "/locations/us/endpoints/" in job["endpoint"]
    assert job["endpoint"] == job["checkpoints"][-1]["endpoint"]
    assert job["model"].endswith("@1")
    assert job["create_time"] <= job["start_time"] <= job["end_time"]
    assert tuning.slept[:2] == [1.0, 1.5]
    assert tuning.lock()["tuning_job"] == job["tuning_job"]
    assert "JOB_STATE_SUCCEEDED" in capsys.readouterr().err


def test_the_service_account_is_sent(tuning: Any) -> None:
    tuning.tune(replace(tuning.request, service_account="tuner@p.iam.gserviceaccount.com"))
    assert tuning.created()[0]["body"]["serviceAccount"] == "tuner@p.iam.gserviceaccount.com"


def test_unset_values_are_left_to_the_service(tuning: Any) -> None:
    tuning.tune(TuningRequest(base_model=BASE, train_uri=tuning.request.train_uri))
    body = tuning.created()[0]["body"]
    assert "hyperParameters" not in body["supervisedTuningSpec"]
    assert "exportLastCheckpointOnly" not in body["supervisedTuningSpec"]
    assert "tunedModelDisplayName" not in body
    assert "serviceAccount" not in body


def test_a_tuned_model_can_be_tuned_further_by_the_name_of_its_job(tuning: Any) -> None:
    first = tuning.tune()
    second = tuning.tune(replace(tuning.request, pre_tuned_model=first["tuning_job"]), job_id="run-2")
    body = tuning.created()[1]["body"]
    # google-genai writes the keys of this object in snake case, which the service takes as well.
    assert body["preTunedModel"] == {"tuned_model_name": first["model"]}
    assert "baseModel" not in body
    assert second["tuning_job"] != first["tuning_job"]


def test_what_the_catalogue_says_of_the_base_model_holds_for_a_tuned_one_too(tuning: Any) -> None:
    first = tuning.tune()
    tuned = TuningRequest(train_uri=tuning.request.train_uri, pre_tuned_model=first["model"])
    with pytest.raises(SpecError, match=f"kms_key_name: given, expected none for {BASE}"):
        tuning.tune(replace(tuned, kms_key_name="projects/p/locations/l/keyRings/r/cryptoKeys/k"))
    with pytest.raises(SpecError, match="adapter_size: 32, expected one of"):
        tuning.tune(replace(tuned, adapter_size=32))
    with pytest.raises(ServiceError, match="models/9@1: 404"):
        tuning.tune(replace(tuned, pre_tuned_model=f"projects/{tuning.emulator.project}/locations/{REGION}/models/9@1"))
    assert len(tuning.created()) == 1


def test_a_tuned_model_is_tuned_further_where_it_is() -> None:
    given: dict[str, Any] = {"base_model": BASE, "location": REGION, "catalog": CATALOG}
    model = "projects/p/locations/europe-west4/models/9@1"
    assert location_for(pre_tuned_model=model, tuning_location="", **given) == "europe-west4"
    assert location_for(pre_tuned_model=model, tuning_location=REGION, **given) == REGION
    assert location_for(pre_tuned_model="", tuning_location="", **given) == REGION


def test_a_failed_job_is_explained(tuning: Any) -> None:
    tuning.emulator.progress("tuningJobs", reads=1_000)

    def fail_it(seconds: float) -> None:
        (name,) = [job["name"] for job in tuning.emulator.state.list("tuningJobs")]
        error = {"code": 13, "message": "Internal error occurred. Contact Vertex AI."}
        tuning.set_job(name, state="JOB_STATE_FAILED", error=error)

    with pytest.raises(TuningJobError, match=r"tuningJobs/\d+: JOB_STATE_FAILED, code 13: Internal error") as error:
        tuning.tune(sleep=fail_it)
    assert "tuning_service_account" in error.value.next


def test_polling_survives_a_service_that_is_out_of_order(tuning: Any) -> None:
    tuning.emulator.progress("tuningJobs", reads=2)
    tuning.emulator.fail("tuningJobs.get", times=4, code=503)
    tuning.emulator.fail("tuningJobs.list", times=1, code=500)
    assert tuning.tune()["state"] == "JOB_STATE_SUCCEEDED"
    assert tuning.emulator.faults_hit() == 5


def test_the_deadline_says_what_happens_to_the_job(tuning: Any) -> None:
    tuning.emulator.progress("tuningJobs", reads=1_000)
    with pytest.raises(TuningJobError, match=r"was still JOB_STATE_\w+ when the deadline came") as error:
        tuning.tune(deadline_hours=0.01)
    assert "tuning_deadline_hours" in error.value.next


def test_waits_grow_to_half_a_minute_and_end() -> None:
    slept: list[float] = []
    assert list(pauses(slept.append, 200))[-1] == sum(slept) >= 200
    assert slept[0] == 1
    assert max(slept) == 30


@pytest.mark.parametrize(
    ("changes", "location", "message"),
    [
        ({}, "asia-east1", "tuning_location: asia-east1, expected one of us-central1, europe-west4"),
        ({"adapter_size": 32}, REGION, "adapter_size: 32, expected one of 1, 2, 4, 8, 16"),
        ({"kms_key_name": "k"}, REGION, "kms_key_name: given, expected none"),
    ],
)
def test_what_the_model_does_not_support_is_refused(
    tuning: Any, changes: dict[str, Any], location: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        tuning.tune(replace(tuning.request, **changes), location=location)
    assert tuning.emulator.requests("tuningJobs.create") == []


def test_a_retired_model_is_passed_on_with_a_warning(tuning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TuningJobError):
        tuning.tune(replace(tuning.request, base_model="gemini-2.5-flash"))
    assert "retired on 2026-10-20" in capsys.readouterr().err
    assert len(tuning.created()) == 1


def test_the_console_is_told_which_job_a_task_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_VERTEX_BASE_URL", raising=False)
    parent = "projects/1/locations/us-central1"
    job = {"tuning_job": f"{parent}/tuningJobs/2", "model": f"{parent}/models/3@1"}
    host = "https://us-central1-aiplatform.googleapis.com/v1"
    assert json.loads(gcp_resources_of(job)) == {
        "resources": [{"resourceType": "TuningJob", "resourceUri": f"{host}/{parent}/tuningJobs/2"}]
    }
    assert model_uri_of(job) == f"{host}/{parent}/models/3@1"


def test_a_long_job_id_keeps_the_end_that_tells_it_from_others() -> None:
    assert label_value("x" * 80 + "-20261121083000").endswith("x-20261121083000")
    assert len(label_value("x" * 80)) == 63
