"""projects.locations.tuningJobs: create, get, list, cancel.

Faithful: names, states and their order, fields and when they appear, defaults that are left out, int64 as strings,
errors and their wording where it is on record; v1beta1 adds tuningJobState and tuningJobMetadata.
Not modelled: IAM, filters of a list, rebaseTunedModel, evaluationConfig, all but supervised tuning, the time it takes.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/reference/rest/v1/projects.locations.tuningJobs.
"""

from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import models, tuning_results, tuning_runs
from emulator.endpoints import SERVED
from emulator.errors import failed_precondition, invalid_argument, not_found, unimplemented
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State
from emulator.storage import object_exists
from emulator.tuning_phases import beta_fields
from emulator.tuning_requests import base_model_id, check_base_model, found_errors, not_jsonl, read_request

HIDDEN_AT_FIRST = ("serviceAccount", "experiment", "tuningDataStats")
"""Fields that the service shows some time after a job has started."""
NEVER_STARTED_SECONDS = 1.0
"""A job cancelled so soon after its creation has not started, as on record of 2026-10-01."""


async def create(request: Request) -> JSONResponse:
    """Create a tuning job; it starts at once if no other one is running."""
    found, location = state(request), parent(request)
    asked = read_request(await body(request))
    run = source_of(found, asked, location)
    parameters = asked["supervisedTuningSpec"].get("hyperParameters", {})
    check_base_model(
        run["baseModel"],
        location.split("/")[3],
        parameters.get("adapterSize", ""),
        "encryptionSpec" in asked,
        found.clock,
    )
    check_datasets(found, asked["supervisedTuningSpec"])
    if "preTunedModel" in asked:
        asked["preTunedModel"]["baseModel"] = run["baseModel"]
    now = found.clock.timestamp()
    job = {
        "name": f"{location}/tuningJobs/{found.new_id()}",
        **asked,
        "state": "JOB_STATE_PENDING",
        "createTime": now,
        "updateTime": now,
    }
    started = tuning_runs.submit(found, job, run)
    answer = view(found, job, {"reads": 0}, request)
    if started:
        answer.pop("tuningJobState", None)
    return respond(answer)


def source_of(state: State, asked: dict[str, Any], location: str) -> dict[str, Any]:
    """Return what a job starts from: the base model's id, and the weights of a pre-tuned model.

    Raises:
        ApiError: 400 or 404, the pre-tuned model or its checkpoint is not there.
    """
    if "baseModel" in asked:
        return {"baseModel": base_model_id(asked["baseModel"])}
    named = asked["preTunedModel"]
    name = named["tunedModelName"].replace(f"projects/{state.project}/", f"projects/{state.number}/")
    if not name.startswith(f"{location}/models/"):
        raise invalid_argument(f"Pre-tuned model {name} is not in {location}.", "tuning_job.pre_tuned_model")
    model, job = models.find(state, name), tuning_results.job_of_model(state, name)
    wanted = named.get("checkpointId") or model["defaultCheckpointId"]
    checkpoints = job["tunedModel"].get("checkpoints", []) if job else []
    for checkpoint in checkpoints:
        if checkpoint["checkpointId"] == wanted:
            serves = state.get(SERVED, checkpoint["endpoint"]) or {}
            return {"baseModel": serves["baseModel"], "start": serves["weights"]}
    raise invalid_argument(f"Checkpoint {wanted} of {name} does not exist.", "tuning_job.pre_tuned_model")


def check_datasets(state: State, spec: dict[str, Any]) -> None:
    """Refuse datasets that are not JSONL objects; what is in them is read later, and may fail the job."""
    if spec["trainingDatasetUri"].startswith("projects/"):
        raise unimplemented("the emulator does not serve tuningJobs.create with a multimodal dataset")
    uris = {"training_dataset_uri": spec["trainingDatasetUri"]}
    if "validationDatasetUri" in spec:
        uris["validation_dataset_uri"] = spec["validationDatasetUri"]
    missing = [field for field, uri in uris.items() if not (uri.endswith(".jsonl") and object_exists(state, uri))]
    if missing:
        raise found_errors([not_jsonl(field) for field in missing])


def named(request: Request) -> dict[str, Any]:
    """Return the job in the path."""
    name = f"{parent(request)}/tuningJobs/{request.path_params['job']}"
    job = state(request).get(tuning_runs.JOBS, name)
    if job is None:
        raise not_found(f"The TuningJob does not exist: {name}")
    return job


def get(request: Request) -> JSONResponse:
    """Return a job. Each read lets time pass for the jobs at work."""
    found = state(request)
    named(request)
    tuning_runs.wait_for_training(found)
    tuning_runs.settle(found)
    job = named(request)
    answer = view(found, job, found.get(tuning_runs.RUNS, job["name"]) or {}, request)
    tuning_runs.tick(found)
    return respond(answer)


def list_all(request: Request) -> JSONResponse:
    """List the jobs of a location, newest first."""
    found = state(request)
    if request.query_params.get("filter"):
        raise unimplemented("the emulator does not serve tuningJobs.list with a filter")
    tuning_runs.settle(found)
    jobs = found.list(tuning_runs.JOBS, f"{parent(request)}/tuningJobs/")
    views = [view(found, job, found.get(tuning_runs.RUNS, job["name"]) or {}, request) for job in jobs]
    return respond(page(views, "tuningJobs", request))


async def cancel(request: Request) -> JSONResponse:
    """Cancel a job: at once if it has hardly begun, after a while if it runs, not at all if it has ended."""
    return await run_in_threadpool(_cancel, request)


def _cancel(request: Request) -> JSONResponse:
    found = state(request)
    with found.transaction():
        tuning_runs.settle(found)
        job = named(request)
        run = found.get(tuning_runs.RUNS, job["name"]) or {}
        age = found.clock.now() - datetime.fromisoformat(job["createTime"])
        is_new = job["state"] == "JOB_STATE_RUNNING" and age.total_seconds() < NEVER_STARTED_SECONDS
        if job["state"] == "JOB_STATE_PENDING" or is_new:
            job.pop("startTime", None)
            tuning_runs.end(found, job, "JOB_STATE_CANCELLED", error={"code": 1, "message": "CANCELED"})
        elif job["state"] == "JOB_STATE_RUNNING":
            found.put(tuning_runs.JOBS, job["name"], {**job, "state": "JOB_STATE_CANCELLING"})
            found.put(tuning_runs.RUNS, job["name"], {**run, "reads": 0, "cancelled": found.clock.timestamp()})
        elif job["state"] != "JOB_STATE_CANCELLING":
            quoted = f'The TuningJob "{job["name"]}" is in state {job["state"]}'
            raise failed_precondition(f"{quoted} and cannot be canceled.")
    return respond({})


async def delete(request: Request) -> JSONResponse:
    """Refuse: the service has no such method, a tuning job stays for ever."""
    raise not_found("Method not found.")


def view(state: State, job: dict[str, Any], run: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return a job as the asked version of the API shows it at this moment."""
    result = state.get(tuning_runs.RESULTS, job["name"]) or {}
    shown = dict(job)
    for field, key in (("experiment", "experiment"), ("tuningDataStats", "stats")):
        if key in result and "startTime" in job:
            shown.setdefault(field, result[key])
    if job["state"] in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING") and run["reads"] == 0:
        shown = {field: value for field, value in shown.items() if field not in HIDDEN_AT_FIRST}
    if "endpoint" in job.get("tunedModel", {}):
        shown["tunedModel"] = {
            **job["tunedModel"],
            "endpoint": tuning_results.default_endpoint(state, job["tunedModel"]),
        }
    if request.path_params["version"] == "v1beta1":
        shown |= beta_fields(state, job, result)
    return shown


JOB = LOCATION + "/tuningJobs/{job}"

routes = [
    Route(JOB + ":cancel", cancel, methods=["POST"], name="tuningJobs.cancel"),
    Route(LOCATION + "/tuningJobs", create, methods=["POST"], name="tuningJobs.create"),
    Route(LOCATION + "/tuningJobs", list_all, name="tuningJobs.list"),
    Route(JOB, get, name="tuningJobs.get"),
    Route(JOB, delete, methods=["DELETE"], name="tuningJobs.delete"),
]
