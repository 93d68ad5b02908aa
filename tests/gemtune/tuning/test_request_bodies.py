"""What a tuning request sends, field by field against the exchanges on record (recorded on 2026-10-01, and documented).

google-genai writes some keys in snake case, and int64 as a number; the service takes both, so both sides are brought to
the form that its own answers have.
"""

import re
from dataclasses import replace
from typing import Any

import pytest

from gemtune.tuning.request import TuningRequest

SPEC: dict[str, Any] = {"trainingDatasetUri": "TRAIN"}
RECORDED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "minimum": (
        {"base_model": "gemini-3.5-flash-lite"},
        {"baseModel": "gemini-3.5-flash-lite", "supervisedTuningSpec": SPEC},
    ),
    "full": (
        {
            "base_model": "gemini-3.5-flash-lite",
            "tuned_model_display_name": "wikilingua-sft-20261121",
            "description": "run 42",
            "labels": {"pipeline": "gemini-sft", "run-id": "r42"},
            "service_account": "tuner@my-proj.iam.gserviceaccount.com",
            "validation_uri": "VALIDATION",
            "epoch_count": 3,
            "learning_rate_multiplier": 1.0,
            "adapter_size": 4,
        },
        {
            "baseModel": "gemini-3.5-flash-lite",
            "tunedModelDisplayName": "wikilingua-sft-20261121",
            "description": "run 42",
            "labels": {"pipeline": "gemini-sft", "run-id": "r42"},
            "serviceAccount": "tuner@my-proj.iam.gserviceaccount.com",
            "supervisedTuningSpec": {
                **SPEC,
                "validationDatasetUri": "VALIDATION",
                "hyperParameters": {
                    "epochCount": "3",
                    "learningRateMultiplier": 1.0,
                    "adapterSize": "ADAPTER_SIZE_FOUR",
                },
            },
        },
    ),
    "recorded 2026-10-01": (
        {
            "base_model": "gemini-2.5-flash-lite",
            "tuned_model_display_name": "c7n-test-tuning-job-default-7dbe-filters",
            "epoch_count": 1,
            "export_last_checkpoint_only": True,
            "labels": {"owner": "c7n-test", "dataset-id": "c7n-addition", "data-classification": "confidential"},
        },
        {
            "tunedModelDisplayName": "c7n-test-tuning-job-default-7dbe-filters",
            "baseModel": "gemini-2.5-flash-lite",
            "supervisedTuningSpec": {
                **SPEC,
                "hyperParameters": {"epochCount": "1"},
                "exportLastCheckpointOnly": True,
            },
            "labels": {"owner": "c7n-test", "dataset-id": "c7n-addition", "data-classification": "confidential"},
        },
    ),
    "continuous tuning": (
        {
            "pre_tuned_model": "projects/123456789012/locations/us-central1/models/456@1",
            "pre_tuned_checkpoint_id": "2",
        },
        {
            "preTunedModel": {
                "tunedModelName": "projects/123456789012/locations/us-central1/models/456@1",
                "checkpointId": "2",
            },
            "supervisedTuningSpec": SPEC,
        },
    ),
    "with a key": (
        {"base_model": "gemini-2.5-flash", "kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k"},
        {
            "baseModel": "gemini-2.5-flash",
            "supervisedTuningSpec": SPEC,
            "encryptionSpec": {"kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"},
        },
    ),
}


def as_answered(value: Any, key: str = "") -> Any:
    """Return a request in the spelling of the service's answers."""
    if isinstance(value, dict):
        keep = key == "labels"
        return {name if keep else camel(name): as_answered(each, camel(name)) for name, each in value.items()}
    return str(value) if key == "epochCount" else value


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


@pytest.mark.parametrize("exchange", RECORDED)
def test_a_request_is_the_recorded_one_field_by_field(tuning: Any, exchange: str) -> None:
    asked, recorded = RECORDED[exchange]
    uris = {"TRAIN": tuning.request.train_uri, "VALIDATION": tuning.dataset(20, 24)}
    request = replace(
        TuningRequest(train_uri=uris["TRAIN"]), **{name: uris.get(str(value), value) for name, value in asked.items()}
    )
    model = "projects/123456789012/locations/us-central1/models/456"
    tuning.emulator.state.put("models", f"{model}@1", {"name": model, "versionId": "1"})
    tuning.emulator.fail("tuningJobs.create", code=400)
    with pytest.raises(Exception, match="400"):
        tuning.tune(request)
    (created,) = tuning.created()
    body = as_answered(created["body"])
    labels = body.pop("labels")
    assert {name for name in labels if name.startswith("gemtune-")} == {"gemtune-run", "gemtune-fingerprint"}
    ours = {name: value for name, value in labels.items() if not name.startswith("gemtune-")}
    expected = {key: value for key, value in recorded.items() if key != "labels"}
    spec = {key: uris.get(str(value), value) for key, value in recorded["supervisedTuningSpec"].items()}
    assert body == {**expected, "supervisedTuningSpec": spec}
    assert ours == recorded.get("labels", {})
