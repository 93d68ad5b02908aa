"""What a request for a pipeline job must hold, whether a client sends it or a schedule.

Faithful: required fields, parameters checked against the spec, integer enums, all errors of a kind in one answer.
Not modelled: limits on size; the wording of errors is not verified live.
"""

import re
from typing import Any

from emulator.errors import ApiError
from emulator.pipeline_tasks import new_task

FAILURE_POLICIES = [
    "PIPELINE_FAILURE_POLICY_UNSPECIFIED",
    "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
    "PIPELINE_FAILURE_POLICY_FAIL_FAST",
]
"""By number. Source: google.cloud.aiplatform.v1.PipelineFailurePolicy."""

PARAMETER_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


def checked_spec(spec: Any) -> dict[str, Any]:
    """Return a pipelineSpec that can be read.

    Raises:
        ApiError: 400, it is missing, of another schema, or refers to what it does not contain.
    """
    field = "pipeline_job.pipeline_spec"
    if not isinstance(spec, dict) or not spec:
        raise found_error(field, "Required field is not set.")
    if not str(spec.get("schemaVersion", "")).startswith("2."):
        raise found_error(f"{field}.schema_version", f"{spec.get('schemaVersion')!r} is not supported, expected 2.x.")
    try:
        has_tasks = bool(spec["root"]["dag"]["tasks"] and new_task(spec, "").children)
        named = bool(re.fullmatch(r"[\w. -]+", spec["pipelineInfo"]["name"]))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise found_error(field, f"The spec is malformed: {error!r}.") from error
    if not has_tasks or not named:
        raise found_error(field, "The spec is malformed: expected pipelineInfo.name, and tasks in root.dag.")
    return spec


def checked_runtime(spec: dict[str, Any], runtime: dict[str, Any]) -> dict[str, Any]:
    """Return the runtimeConfig with its failure policy spelled out.

    Raises:
        ApiError: 400, the output directory, the policy or a parameter is wrong.
    """
    field = "pipeline_job.runtime_config"
    if not re.match(r"gs://[^/]+", str(runtime.get("gcsOutputDirectory", ""))):
        raise found_error(f"{field}.gcs_output_directory", "Required field is not a Cloud Storage path gs://BUCKET/….")
    policy = runtime.get("failurePolicy", 0)
    policy = FAILURE_POLICIES.index(policy) if policy in FAILURE_POLICIES else policy
    if policy not in (0, 1, 2):
        raise found_error(f"{field}.failure_policy", f"{policy!r} is not a PipelineFailurePolicy.")
    if errors := parameter_errors(spec, runtime.get("parameterValues", {})):
        raise found_error(f"{field}.parameter_values", *errors)
    # Running as much as possible is the service's default.
    return {**runtime, "failurePolicy": FAILURE_POLICIES[policy or 1]}


def parameter_errors(spec: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Return what is wrong with a job's parameters: missing, unknown, or of another type."""
    inputs = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    required = {name for name, one in inputs.items() if "defaultValue" not in one and not one.get("isOptional")}
    errors = [f"Required parameter {name!r} is missing." for name in sorted(required - set(values))]
    errors += [f"Parameter {name!r} is not defined in the pipeline." for name in sorted(set(values) - set(inputs))]
    for name in sorted(set(values) & set(inputs)):
        expected = inputs[name].get("parameterType", "")
        if not is_of_type(values[name], expected):
            errors.append(f"Parameter {name!r} is {values[name]!r}, expected {expected}.")
    return errors


def is_of_type(value: Any, expected: str) -> bool:
    """Return whether a parameter has its declared type; a whole number is an integer, however it is written."""
    if isinstance(value, bool) or expected not in PARAMETER_TYPES:
        return expected == "BOOLEAN" or expected not in PARAMETER_TYPES
    whole = expected != "NUMBER_INTEGER" or not isinstance(value, float) or value.is_integer()
    return isinstance(value, PARAMETER_TYPES[expected]) and whole


def found_error(field: str, *messages: str) -> ApiError:
    """Return a 400 in the words of the service, which lists all it found."""
    found = "".join(
        f"{number}.Field: {field}; Message: {message}\t" for number, message in enumerate(messages, start=1)
    )
    violations = [{"field": field, "description": message} for message in messages]
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
    return ApiError(400, f"List of found errors:\t{found}", details=details)
