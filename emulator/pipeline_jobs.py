"""projects.locations.pipelineJobs: create, get, list, cancel, delete.

Faithful: the received spec is executed; names, states, taskDetails (absent from lists), required fields, parameters
checked against the spec, integer enums in requests, filters and read masks of lists, newest first.
Not modelled: templates elsewhere than in the emulator's registry, queueing, quota, service accounts, networks,
encryption, metadata store; the wording of errors is not verified live. How a job is executed, and what that leaves
out: pipeline_worker.py, pipeline_runs.py, pipeline_tasks.py.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import already_exists, failed_precondition, not_found
from emulator.operations import done_operation
from emulator.pipeline_details import CANCELLING, ENDED_JOB, PENDING
from emulator.pipeline_filter import masked, matches
from emulator.pipeline_requests import checked_runtime, checked_spec, found_error
from emulator.pipeline_runs import COLLECTION, runs
from emulator.registry_store import template
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State

JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
KEPT = (
    "displayName",
    "labels",
    "serviceAccount",
    "network",
    "reservedIpRanges",
    "encryptionSpec",
    "templateUri",
    "scheduleName",
)


async def create(request: Request) -> JSONResponse:
    """Create a job and start it."""
    job_id = request.query_params.get("pipelineJobId", "")
    job = await body(request)
    job.pop("scheduleName", None)
    return respond(create_pipeline_job(state(request), parent(request), job, job_id))


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
    given, version = spec_of(state, job)
    spec = checked_spec(given)
    runtime = checked_runtime(spec, job.get("runtimeConfig", {}))
    name = f"{parent}/pipelineJobs/{job_id or new_job_id(state, spec)}"
    if state.get(COLLECTION, name):
        raise already_exists(f"PipelineJob {name} already exists.")
    now = state.clock.timestamp()
    document = {
        "name": name,
        **{key: job[key] for key in KEPT if key in job},
        **({"templateMetadata": {"version": version}} if version else {}),
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


def spec_of(state: State, job: dict[str, Any]) -> tuple[Any, str]:
    """Return a job's pipelineSpec, and the version of the template that was read for it.

    Raises:
        ApiError: 400, it has no spec and its templateUri names no template.
    """
    if job.get("pipelineSpec") or not job.get("templateUri"):
        return job.get("pipelineSpec"), ""
    return template(state, str(job["templateUri"]))


def new_job_id(state: State, spec: dict[str, Any]) -> str:
    """Return an id that starts with the pipeline's name."""
    name = re.sub(r"[^-a-z0-9]", "-", spec["pipelineInfo"]["name"].lower())
    return f"{name[:90].lstrip('-0123456789') or 'pipeline'}-{state.new_id()}"


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
