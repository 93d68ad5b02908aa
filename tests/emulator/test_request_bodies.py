"""What google-genai sends and what the emulator answers, held against Google's published protos.

The protos are those of google-cloud-aiplatform, whose import takes seconds: no other test file needs it.
"""

from typing import Any

import pytest
from google.cloud import aiplatform_v1beta1 as vertex_api
from google.genai import types
from google.protobuf import json_format

from emulator.operations import done_operation
from tests.conftest import Emulator
from tests.emulator.protos import compare
from tests.emulator.tuning import BASE_MODEL, TRAIN, VALIDATION, at, call, client, finished, put_datasets, tune

USER = types.Content(role="user", parts=[types.Part.from_text(text="Wash the cup. Dry the cup.")])


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


def test_the_comparison_finds_unknown_fields_and_wrong_types() -> None:
    spec = {"trainingDatasetUri": "gs://b/t.jsonl", "hyper_parameters": {"epochs": 3, "epochCount": "3"}}
    body = {"supervisedTuningSpec": spec, "labels": {"any": "key"}, "spec": 1}
    assert compare(body, vertex_api.TuningJob) == {"supervisedTuningSpec.hyper_parameters.epochs", "spec"}
    with pytest.raises(json_format.ParseError):
        compare({"supervisedTuningSpec": {"hyperParameters": {"epochCount": "three"}}}, vertex_api.TuningJob)


def test_a_tuning_job_with_every_field_is_one_of_the_service(emulator: Emulator) -> None:
    emulator.fail("tuningJobs.create", code=400)
    with pytest.raises(Exception, match="400"):
        tune(
            emulator,
            validation_dataset=types.TuningValidationDataset(gcs_uri=VALIDATION),
            tuned_model_display_name="washer",
            description="run 42",
            labels={"gemtune-run": "r1"},
            epoch_count=3,
            adapter_size=types.AdapterSize.ADAPTER_SIZE_FOUR,
            learning_rate_multiplier=0.5,
            export_last_checkpoint_only=True,
            encryption_spec=types.EncryptionSpec(kms_key_name="projects/p/locations/l/keyRings/r/cryptoKeys/k"),
            http_options=types.HttpOptions(extra_body={"serviceAccount": "tuner@x.iam.gserviceaccount.com"}),
        )
    (request,) = emulator.requests("tuningJobs.create")
    assert compare(request["body"], vertex_api.TuningJob) == set()
    spec = request["body"]["supervisedTuningSpec"]
    assert (spec["trainingDatasetUri"], spec["validationDatasetUri"]) == (TRAIN, VALIDATION)
    assert spec["hyperParameters"] == {
        "epochCount": 3,
        "learningRateMultiplier": 0.5,
        "adapterSize": "ADAPTER_SIZE_FOUR",
    }
    assert spec["exportLastCheckpointOnly"] is True
    assert request["body"]["serviceAccount"] == "tuner@x.iam.gserviceaccount.com"
    assert request["body"]["encryptionSpec"] == {"kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}


def test_tuning_a_tuned_model_further_is_a_request_of_the_service(emulator: Emulator) -> None:
    first = finished(emulator, tune(emulator)).tuned_model
    assert first and first.model
    tune(emulator, base_model=first.model, pre_tuned_model_checkpoint_id="1")
    body = emulator.requests("tuningJobs.create")[-1]["body"]
    assert compare(body, vertex_api.TuningJob) == set()
    assert body["preTunedModel"] == {"tuned_model_name": first.model, "checkpoint_id": "1"}


def test_generation_with_every_setting_is_a_request_of_the_service(emulator: Emulator) -> None:
    vertex = client(emulator, "global", "v1")
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        temperature=0.1,
        top_p=0.9,
        top_k=40,
        max_output_tokens=64,
        stop_sequences=["END"],
        seed=7,
        candidate_count=1,
        safety_settings=[
            types.SafetySetting(
                category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                threshold=types.HarmBlockThreshold.BLOCK_ONLY_HIGH,
            )
        ],
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL),
        labels={"gemtune-run": "r1"},
    )
    vertex.models.generate_content(model=BASE_MODEL, contents=[USER], config=config)
    (request,) = emulator.requests("publishers.models.generateContent")
    # The published proto is older than thinking levels, which the REST reference has.
    assert compare(request["body"], vertex_api.GenerateContentRequest) == {
        "generationConfig.thinkingConfig.thinking_level"
    }
    settings = request["body"]["generationConfig"]
    assert (settings["maxOutputTokens"], settings["topK"], settings["stopSequences"]) == (64, 40.0, ["END"])


def test_a_thinking_budget_is_known_to_the_service(emulator: Emulator) -> None:
    vertex = client(emulator, "global", "v1")
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(thinking_budget=0))
    vertex.models.generate_content(model=BASE_MODEL, contents=[USER], config=config)
    body = emulator.requests("publishers.models.generateContent")[0]["body"]
    assert compare(body, vertex_api.GenerateContentRequest) == set()


def test_counting_tokens_is_a_request_of_the_service(emulator: Emulator) -> None:
    vertex = client(emulator, "global", "v1")
    config = types.CountTokensConfig(system_instruction="Be brief.")
    vertex.models.count_tokens(model=BASE_MODEL, contents=[USER], config=config)
    (request,) = emulator.requests("publishers.models.countTokens")
    assert compare(request["body"], vertex_api.CountTokensRequest) == set()


def test_another_default_checkpoint_is_a_request_of_the_service(emulator: Emulator) -> None:
    vertex = client(emulator)
    tuned = finished(emulator, tune(emulator)).tuned_model
    assert tuned and tuned.model
    vertex.models.update(model=tuned.model, config=types.UpdateModelConfig(default_checkpoint_id="1"))
    assert compare(emulator.requests("models.patch")[0]["body"], vertex_api.Model) == set()


def test_the_emulator_answers_in_messages_of_the_service(emulator: Emulator) -> None:
    created = tune(emulator, validation_dataset=types.TuningValidationDataset(gcs_uri=VALIDATION))
    tuned = finished(emulator, created).tuned_model
    assert created.name and tuned and tuned.model and tuned.endpoint
    job = call(emulator, "GET", f"v1beta1/{created.name}").json()
    # Sub-states are newer than the published proto.
    assert compare(job, vertex_api.TuningJob) == {"tuningJobMetadata"}
    assert compare(call(emulator, "GET", tuned.model).json(), vertex_api.Model) == set()
    assert compare(call(emulator, "GET", tuned.endpoint).json(), vertex_api.Endpoint) == set()
    context = call(emulator, "GET", job["experiment"]).json()
    assert compare(context, vertex_api.Context) == set()
    series = f"{context['metadata']['backing_tensorboard_resource']}/experiments/{context['displayName']}"
    read = call(emulator, "GET", f"{series}/runs/tuning-run/timeSeries/1:read").json()
    assert compare(read, vertex_api.ReadTensorboardTimeSeriesDataResponse) == set()
    listed = call(emulator, "GET", f"{series}/runs/tuning-run/timeSeries").json()
    assert compare(listed, vertex_api.ListTensorboardTimeSeriesResponse) == set()


def test_the_emulator_generates_in_messages_of_the_service(emulator: Emulator) -> None:
    model = f"{at(emulator, 'global')}/publishers/google/models/{BASE_MODEL}"
    for text in ("Wash the cup.", "[[blocked]]"):
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        answer = call(emulator, "POST", f"{model}:generateContent", body).json()
        # The REST reference has the traffic type, the published proto not yet.
        assert compare(answer, vertex_api.GenerateContentResponse) == {"usageMetadata.trafficType"}
    counted = call(emulator, "POST", f"{model}:countTokens", body).json()
    assert compare(counted, vertex_api.CountTokensResponse) == set()
    described = call(emulator, "GET", f"v1/publishers/google/models/{BASE_MODEL}").json()
    assert compare(described, vertex_api.PublisherModel) == set()


@pytest.mark.parametrize(
    ("response", "metadata"),
    [
        ("google.protobuf.Empty", vertex_api.DeleteOperationMetadata),
        ("google.cloud.aiplatform.v1.UndeployModelResponse", vertex_api.UndeployModelOperationMetadata),
    ],
)
def test_an_operation_has_the_metadata_of_its_method(emulator: Emulator, response: str, metadata: Any) -> None:
    made = done_operation(emulator.state, at(emulator, "us"), response)["metadata"]
    assert made.pop("@type") == f"type.googleapis.com/google.cloud.aiplatform.v1.{metadata.__name__}"
    assert compare(made, metadata) == set() and "createTime" in made["genericMetadata"]
