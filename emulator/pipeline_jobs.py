"""projects.locations.pipelineJobs: create, get, list, cancel, delete.

Faithful: the received spec is executed; names, states, taskDetails (absent from lists), required fields, parameters
checked against the spec, integer enums in requests, filters and read masks of lists, newest first.
Not modelled: templates that only a URI names, queueing, quota, service accounts, networks, encryption, metadata store;
the wording of errors is not verified live. How a job is executed, and what that leaves out: pipeline_worker.py,
pipeline_runs.py, pipeline_tasks.py.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import ApiError, already_exists, failed_precondition, not_found
from emulator.operations import done_operation
from emulator.pipeline_details import CANCELLING, ENDED_JOB, PENDING
from emulator.pipeline_filter import masked, matches
from emulator.pipeline_runs import COLLECTION, runs
from emulator.pipeline_tasks import new_task
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State

JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
KEPT = ("displayName", "labels", "serviceAccount", "network", "encryptionSpec", "templateUri", "scheduleName")
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


async def create(request: Request) -> JSONResponse:
    """Create a job and start it."""
    job_id = request.query_params.get("pipelineJobId", "")
    return respond(create_pipeline_job(state(request), parent(request), await body(request), job_id))


def create_pipeline_job(
    state: State, parent: str, job: dict[str, Any], job_id: str = "", schedule_time: str = ""
) -> dict[str, Any]:
    """Create a pipeline job and start it, for a client or for a schedule.

    Args:
        state: Where it lives.
        parent: `projects/NUMBER/locations/LOCATION`.
        job: A PipelineJob as a client sends it; a schedule adds `scheduleName`.
        job_id: Last part of its name; "" lets the service make one.
        schedule_time: The time a schedule meant; "" is the time of creation.

    Raises:
        ApiError: 400, the spec or its parameters are wrong; 409, there is a job of that name.
    """
    if job_id and not JOB_ID.fullmatch(job_id):
        raise found_error("pipeline_job_id", f"{job_id!r} does not match {JOB_ID.pattern}.")
    spec = checked_spec(job.get("pipelineSpec"))
    runtime = checked_runtime(spec, job.get("runtimeConfig", {}))
    name = f"{parent}/pipelineJobs/{job_id or new_job_id(state, spec)}"
    if state.get(COLLECTION, name):
        raise already_exists(f"PipelineJob {name} already exists.")
    now = state.clock.timestamp()
    document = {
        "name": name,
        **{key: job[key] for key in KEPT if key in job},
        "pipelineSpec": spec,
        "runtimeConfig": runtime,
        "state": PENDING,
        "createTime": now,
        "updateTime": now,
        "jobDetail": {"taskDetails": []},
    }
    document.setdefault("serviceAccount", f"{state.number}-compute@developer.gserviceaccount.com")
    runs(state).start(document, schedule_time)
    return document


def new_job_id(state: State, spec: dict[str, Any]) -> str:
    """Return an id that starts with the pipeline's name."""
    name = re.sub(r"[^-a-z0-9]", "-", spec["pipelineInfo"]["name"].lower())
    return f"{name[:90].lstrip('-0123456789') or 'pipeline'}-{state.new_id()}"


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


def find(request: Request) -> dict[str, Any]:
    """Return the job that a request names, as it is now.

    Raises:
        ApiError: 404, there is none.
    """
    name = f"{parent(request)}/pipelineJobs/{request.path_params['job']}"
    document = state(request).get(COLLECTION, name)
    if document is None:
        raise not_found(f"PipelineJob {name} not found.")
    return runs(state(request)).current(document)


async def get(request: Request) -> JSONResponse:
    """Return a job with its tasks."""
    return respond(find(request))


async def list_jobs(request: Request) -> JSONResponse:
    """List jobs, newest first, without their tasks."""
    known = state(request)
    found = [runs(known).current(one) for one in known.list(COLLECTION, f"{parent(request)}/pipelineJobs/")]
    chosen = [one for one in found if matches(one, request.query_params.get("filter", ""))]
    for document in chosen:
        del document["jobDetail"]
    answer = page(chosen, "pipelineJobs", request)
    if "pipelineJobs" in answer:
        mask = request.query_params.get("readMask", "")
        answer["pipelineJobs"] = [masked(one, mask) for one in answer["pipelineJobs"]]
    return respond(answer)


async def cancel(request: Request) -> JSONResponse:
    """Stop a job; its last state follows once its processes are gone."""
    known = state(request)
    with known.transaction():
        document = find(request)
        name = document["name"]
        if document["state"] in ENDED_JOB:
            raise failed_precondition(
                f'The PipelineJob "{name}" is in state {document["state"]} and cannot be canceled.'
            )
        known.put(COLLECTION, name, document | {"state": CANCELLING})
        runs(known).cancel(name)
    return respond({})


async def delete(request: Request) -> JSONResponse:
    """Forget a job; what it stored in Cloud Storage stays."""
    document = find(request)
    name = document["name"]
    if document["state"] not in ENDED_JOB:
        raise failed_precondition(
            f'The PipelineJob "{name}" is in state {document["state"]} and cannot be deleted: cancel it first.'
        )
    state(request).delete(COLLECTION, name)
    return respond(done_operation(state(request), parent(request), "google.protobuf.Empty"))


routes = [
    Route(LOCATION + "/pipelineJobs", create, methods=["POST"], name="pipelineJobs.create"),
    Route(LOCATION + "/pipelineJobs", list_jobs, name="pipelineJobs.list"),
    Route(LOCATION + "/pipelineJobs/{job}:cancel", cancel, methods=["POST"], name="pipelineJobs.cancel"),
    Route(LOCATION + "/pipelineJobs/{job}", get, name="pipelineJobs.get"),
    Route(LOCATION + "/pipelineJobs/{job}", delete, methods=["DELETE"], name="pipelineJobs.delete"),
]
