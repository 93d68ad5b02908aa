from datetime import datetime
from typing import Any

import pytest

from tests.conftest import Emulator
from tests.emulator.tuning import (
    BASE_MODEL,
    TRAIN,
    at,
    call,
    hyper,
    put_datasets,
    read_to_the_end,
    refusal,
    spec,
)


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


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
