"""Checks a request to create a tuning job, as tuningJobs.create does before it creates anything.

Faithful: fields and their types, tuning regions, adapter sizes, the wording of the errors that are on record.
Not modelled: what is not supervised tuning of Gemini, and evaluationConfig; both are answered with 501.
Assumptions, since the real wording is not known: a base model that cannot be tuned, an unsupported region, CMEK.
"""

import re
from typing import Any

from emulator import publisher_models
from emulator.clock import Clock
from emulator.errors import ApiError, failed_precondition, invalid_argument, unimplemented
from emulator.json_fields import Schema, read_fields

ADAPTER_SIZES = {
    f"ADAPTER_SIZE_{word}": size
    for size, word in ((1, "ONE"), (2, "TWO"), (4, "FOUR"), (8, "EIGHT"), (16, "SIXTEEN"), (32, "THIRTY_TWO"))
}
TUNING_REGIONS = ("us-central1", "europe-west4")
TUNABLE = {
    "gemini-2.5-pro": 8,
    "gemini-2.5-flash": 16,
    "gemini-2.5-flash-lite": 16,
    "gemini-3.1-flash-lite": 16,
    "gemini-3.5-flash": 16,
    "gemini-3.5-flash-lite": 16,
}
"""Largest adapter size by base model.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning."""

JOB: dict[str, Schema] = {
    "baseModel": "string",
    "preTunedModel": {"tunedModelName": "string", "checkpointId": "string", "baseModel": "string"},
    "tunedModelDisplayName": "string",
    "description": "string",
    "labels": "map",
    "serviceAccount": "string",
    "encryptionSpec": {"kmsKeyName": "string"},
    "supervisedTuningSpec": {
        "trainingDatasetUri": "string",
        "validationDatasetUri": "string",
        "exportLastCheckpointOnly": "bool",
        "hyperParameters": {
            "epochCount": "int64",
            "learningRateMultiplier": "double",
            "adapterSize": ("ADAPTER_SIZE_UNSPECIFIED", *ADAPTER_SIZES),
            "learningRate": "double",
            "batchSize": "int64",
        },
        "tuningMode": ("TUNING_MODE_UNSPECIFIED", "TUNING_MODE_FULL", "TUNING_MODE_PEFT_ADAPTER"),
        "evaluationConfig": "any",
    },
    **dict.fromkeys(
        (
            "customBaseModel",
            "outputUri",
            "preferenceOptimizationSpec",
            "distillationSpec",
            "partnerModelTuningSpec",
            "reinforcementTuningSpec",
            "veoTuningSpec",
            "veoLoraTuningSpec",
        ),
        "any",
    ),
}
"""Source: google.cloud.aiplatform.v1beta1.TuningJob."""

_OTHER_TUNING = set(JOB) - {
    "baseModel",
    "preTunedModel",
    "tunedModelDisplayName",
    "description",
    "labels",
    "serviceAccount",
    "encryptionSpec",
    "supervisedTuningSpec",
}
_LABEL = re.compile(r"[\w-]{0,64}")
_SPEC = "tuning_job.supervised_tuning_spec"


def read_request(body: dict[str, Any]) -> dict[str, Any]:
    """Return the tuning job that is asked for, in camelCase and without defaults.

    Raises:
        ApiError: 400, a field is unknown or wrong; 501, it is one that the emulator does not serve.
    """
    job: dict[str, Any] = read_fields(body, JOB)
    spec = job.get("supervisedTuningSpec", {})
    parameters = spec.get("hyperParameters", {})
    for name in sorted(_OTHER_TUNING & set(job)) + sorted({"tuningMode", "evaluationConfig"} & set(spec)):
        raise unimplemented(f"the emulator does not serve tuningJobs.create with {name}")
    for name in sorted({"learningRate", "batchSize"} & set(parameters)):
        raise unimplemented(f"the emulator does not serve tuningJobs.create with {name}")
    _check_required(job)
    _check_labels(job)
    _check_parameters(parameters)
    return {name: value for name, value in _without_defaults(job).items() if value is not None}


def _check_required(job: dict[str, Any]) -> None:
    if "baseModel" in job and "preTunedModel" in job:
        message = "Invalid value (oneof), oneof field 'source_model' is already set. Cannot set 'preTunedModel'"
        raise invalid_argument(message, "tuning_job")
    violations = []
    if not job.get("baseModel") and not job.get("preTunedModel", {}).get("tunedModelName"):
        violations.append(("tuning_job.base_model", "base_model is required."))
    if not job.get("supervisedTuningSpec", {}).get("trainingDatasetUri"):
        violations.append((f"{_SPEC}.training_dataset_uri", "training_dataset_uri is required."))
    if len(job.get("tunedModelDisplayName", "")) > 128:
        violations.append(("tuning_job.tuned_model_display_name", "It must have at most 128 characters."))
    if violations:
        raise found_errors(violations)


def _check_labels(job: dict[str, Any]) -> None:
    for key, value in job.get("labels", {}).items():
        valid = key and isinstance(value, str) and _LABEL.fullmatch(key) and _LABEL.fullmatch(value)
        if not valid or f"{key}{value}" != f"{key}{value}".lower():
            rule = "at most 64 lowercase letters, digits, underscores and dashes"
            raise found_errors([("tuning_job.labels", f"Label {key}={value} is invalid, expected {rule}.")])


def _check_parameters(parameters: dict[str, Any]) -> None:
    where = f"{_SPEC}.hyper_parameters"
    if int(parameters.get("epochCount", 0)) < 0:
        raise found_errors([(f"{where}.epoch_count", "epoch_count must be positive.")])
    if parameters.get("learningRateMultiplier", 0) < 0:
        raise found_errors([(f"{where}.learning_rate_multiplier", "learning_rate_multiplier must be positive.")])


def _without_defaults(value: Any) -> Any:
    """Leave out what protobuf leaves out: false, zero, "", UNSPECIFIED and messages that were not sent."""
    if isinstance(value, dict):
        return {name: _without_defaults(each) for name, each in value.items() if not _is_default(each)}
    return value


def _is_default(value: Any) -> bool:
    return value in (False, 0, "", "0", "ADAPTER_SIZE_UNSPECIFIED")


def check_base_model(base_model: str, location: str, adapter_size: str, encrypted: bool, clock: Clock) -> None:
    """Refuse a job that this base model cannot be tuned by.

    Args:
        base_model: Its id.
        location: Where the job was sent to.
        adapter_size: As an enum value, or "" for the default.
        encrypted: Whether the job names a key.
        clock: Tells whether the model is retired.

    Raises:
        ApiError: 400 or 404.
    """
    if location not in TUNING_REGIONS:
        regions = ", ".join(TUNING_REGIONS)
        raise failed_precondition(f"Tuning of {base_model} is not supported in {location}, expected one of {regions}.")
    known = publisher_models.BASE_MODELS.get(base_model)
    if known and clock.now().date() >= known.retired:
        raise publisher_models.missing(f"publishers/google/models/{base_model}")
    if base_model not in TUNABLE:
        raise invalid_argument(f"Base model {base_model} is not supported.", "tuning_job.base_model")
    if ADAPTER_SIZES.get(adapter_size, 1) > TUNABLE[base_model]:
        raise invalid_argument("The adapter size is not supported for this base model.")
    if encrypted and base_model.startswith("gemini-3"):
        raise invalid_argument("CMEK is not supported for this base model.", "tuning_job.encryption_spec")


def base_model_id(name: str) -> str:
    """Return the id in a base model's name, which may have a publisher and a version.

    >>> base_model_id("publishers/google/models/gemini-3.5-flash@default")
    'gemini-3.5-flash'
    """
    return name.rpartition("/")[2].partition("@")[0]


def not_jsonl(field: str) -> tuple[str, str]:
    """Return the violation of a dataset's URI that is not that of a JSONL object."""
    return f"{_SPEC}.{field}", f"{field} should be a GCS object of type JSONL."


def found_errors(violations: list[tuple[str, str]]) -> ApiError:
    """Return the 400 with which the tuning service lists what is wrong."""
    listed = "".join(f"\t{at}.Field: {field}; Message: {text}" for at, (field, text) in enumerate(violations, 1))
    details = [{"field": field, "description": text} for field, text in violations]
    bad_request = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": details}
    return ApiError(400, f"List of found errors:{listed}\t", details=[bad_request])
