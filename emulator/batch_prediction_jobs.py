"""projects.locations.batchPredictionJobs: create, get, list, cancel, delete; every row is really answered.

Faithful: names, states and their order, counts as strings, the folder of the output, fields of a line handed on to the
output, an order of lines that is not the input's, a status in the place of a response for a row that fails.
Not modelled: BigQuery, the limit of 200,000 rows, the queue, partial output of a cancelled job. That a job
whose input is missing fails, instead of being refused at once, is an assumption, as is the status of a failed row.
Source: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import models, publisher_models, tuning_results
from emulator.endpoints import SERVED
from emulator.errors import ApiError, failed_precondition, invalid_argument, not_found
from emulator.generation import ServedModel, generate
from emulator.json_fields import Schema, read_fields
from emulator.operations import done_operation
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State
from emulator.storage import read_object, write_object

COLLECTION, READS = "batchPredictionJobs", "batchPredictionJobReads"
ANSWER = "batchPredictionJobs.answer"
"""Name under which a fault meets one row."""

REQUEST: Schema = {
    "displayName": "string",
    "model": "string",
    "inputConfig": {"instancesFormat": "string", "gcsSource": {"uris": ["string"]}},
    "outputConfig": {"predictionsFormat": "string", "gcsDestination": {"outputUriPrefix": "string"}},
    "modelParameters": "any",
    "labels": "map",
    "encryptionSpec": "any",
    "serviceAccount": "string",
}
LIVE = ("JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_CANCELLING")


async def create(request: Request) -> JSONResponse:
    """Create a job."""
    found, location = state(request), parent(request)
    asked = read_fields(await body(request), REQUEST)
    for name in ("displayName", "model", "inputConfig", "outputConfig"):
        if not asked.get(name):
            raise invalid_argument(f"Required field {name} is not set.", f"batch_prediction_job.{name}")
    model_of(found, asked["model"], location)
    now = found.clock.timestamp()
    job = {
        "name": f"{location}/batchPredictionJobs/{found.new_id()}",
        **asked,
        "state": "JOB_STATE_PENDING",
        "createTime": now,
        "updateTime": now,
        "modelVersionId": "1",
    }
    found.put(COLLECTION, job["name"], job)
    return respond(job)


def model_of(state: State, name: str, location: str) -> ServedModel:
    """Return what answers: a base model that is served at the location, or a tuned model's default checkpoint.

    Raises:
        ApiError: 400 or 404, there is no such model here.
    """
    base = name.rpartition("publishers/google/models/")[2]
    if base != name:
        if not publisher_models.is_served(base.partition("@")[0], location.split("/")[3], state.clock):
            raise publisher_models.missing(f"{location}/publishers/google/models/{base}")
        return ServedModel(base.partition("@")[0])
    name = name.replace(f"projects/{state.project}/", f"projects/{state.number}/")
    if not name.startswith(f"{location}/models/"):
        raise invalid_argument(f"Model {name} is not a model in {location}.", "batch_prediction_job.model")
    job = tuning_results.job_of_model(state, models.find(state, name)["name"] + "@" + version_of(state, name))
    if job is None:
        raise not_found(f"The Model does not exist: {name}.")
    serves = state.get(SERVED, tuning_results.default_endpoint(state, job["tunedModel"])) or {}
    return ServedModel(serves["baseModel"], state.folder / serves["weights"])


def version_of(state: State, name: str) -> str:
    """Return the version that a name, with or without one, stands for."""
    return str(models.find(state, name)["versionId"])


def advance(state: State, name: str) -> dict[str, Any]:
    """Count one read of a job, and do what is due: start it, answer its rows, end its cancelling."""
    with state.transaction():
        job = require(state, name)
        reads = (state.get(READS, name) or {"reads": 0})["reads"]
        state.put(READS, name, {"reads": reads + 1})
        if job["state"] not in LIVE:
            return job
        now = state.clock.timestamp()
        job = {**job, "startTime": job.get("startTime", now), "updateTime": now}
        if job["state"] == "JOB_STATE_PENDING":
            job["state"] = "JOB_STATE_RUNNING"
        started = datetime.fromisoformat(job["startTime"])
        if state.progress["batchPredictionJobs"].has_passed(reads, started, state.clock.now()):
            job |= end_of(state, job)
        state.put(COLLECTION, name, job)
    return job


def end_of(state: State, job: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a job that it ends with."""
    ended = {"endTime": state.clock.timestamp()}
    if job["state"] == "JOB_STATE_CANCELLING":
        return {**ended, "state": "JOB_STATE_CANCELLED", "error": {"code": 1, "message": "CANCELED"}}
    try:
        lines = list(answers(state, job))
    except ApiError as error:
        return {**ended, "state": "JOB_STATE_FAILED", "error": {"code": 3, "message": error.message}}
    # The service does not keep the order either.
    random.Random(len(lines)).shuffle(lines)
    prefix = job["outputConfig"]["gcsDestination"]["outputUriPrefix"].rstrip("/")
    folder = f"{prefix}/prediction-model-{state.clock.timestamp()}"
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_object(state, f"{folder}/predictions.jsonl", text.encode(), "application/jsonl")
    failed = sum(bool(line["status"]) for line in lines)
    stats = {"successfulCount": str(len(lines) - failed), "failedCount": str(failed), "incompleteCount": "0"}
    return {
        **ended,
        "state": "JOB_STATE_SUCCEEDED",
        "outputInfo": {"gcsOutputDirectory": folder},
        "completionStats": {name: count for name, count in stats.items() if count != "0"},
    }


def answers(state: State, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a line of output for each line of input.

    Raises:
        ApiError: 400, the input is not there or is no JSONL.
    """
    model = model_of(state, job["model"], job["name"].partition("/batchPredictionJobs/")[0])
    for uri in job["inputConfig"].get("gcsSource", {}).get("uris", []):
        data = read_object(state, uri)
        if data is None:
            raise invalid_argument(f"Failed to read {uri}: no such object.")
        for line in data.decode().splitlines():
            try:
                row = json.loads(line)
                request = dict(row["request"])
            except (ValueError, KeyError, TypeError) as error:
                raise invalid_argument(f"{uri} is not JSONL with a `request` in each line.") from error
            yield {**row, **answer(state, model, request), "processed_time": state.clock.timestamp()}


def answer(state: State, model: ServedModel, request: dict[str, Any]) -> dict[str, Any]:
    """Return status and response of one row."""
    try:
        if fault := state.faults.take(ANSWER):
            raise fault.error()
        return {"status": "", "response": generate(request, model, state.clock, state.new_id())}
    except ApiError as error:
        told = {"error": {"code": error.code, "message": error.message, "status": error.status}}
        return {"status": f"Error: {json.dumps(told)}", "response": {}}


def require(state: State, name: str) -> dict[str, Any]:
    """Return a job, or raise the 404."""
    job = state.get(COLLECTION, name)
    if job is None:
        raise not_found(f"The BatchPredictionJob does not exist: {name}.")
    return job


def named(request: Request) -> str:
    """Return the name in the path."""
    return f"{parent(request)}/batchPredictionJobs/{request.path_params['job']}"


async def get(request: Request) -> JSONResponse:
    """Return a job."""
    return respond(await run_in_threadpool(advance, state(request), named(request)))


async def list_all(request: Request) -> JSONResponse:
    """List the jobs of a location, newest first."""
    jobs = state(request).list(COLLECTION, f"{parent(request)}/batchPredictionJobs/")
    return respond(page(jobs, "batchPredictionJobs", request))


async def cancel(request: Request) -> JSONResponse:
    """Cancel a job; it is CANCELLING until it has been read again."""
    found = state(request)
    with found.transaction():
        job = require(found, named(request))
        if job["state"] not in LIVE:
            raise failed_precondition(f"The BatchPredictionJob is in state {job['state']} and cannot be cancelled.")
        found.put(COLLECTION, job["name"], {**job, "state": "JOB_STATE_CANCELLING"})
        found.put(READS, job["name"], {"reads": 0})
    return respond({})


async def delete(request: Request) -> JSONResponse:
    """Delete a job that has ended; its output stays.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs/delete.
    """
    found = state(request)
    with found.transaction():
        job = require(found, named(request))
        if job["state"] in LIVE:
            raise failed_precondition(f"The BatchPredictionJob is in state {job['state']} and cannot be deleted.")
        found.delete(COLLECTION, job["name"])
    return respond(done_operation(found, parent(request), "google.protobuf.Empty"))


JOB = LOCATION + "/batchPredictionJobs/{job}"
routes = [
    Route(LOCATION + "/batchPredictionJobs", create, methods=["POST"], name="batchPredictionJobs.create"),
    Route(LOCATION + "/batchPredictionJobs", list_all, name="batchPredictionJobs.list"),
    Route(JOB + ":cancel", cancel, methods=["POST"], name="batchPredictionJobs.cancel"),
    Route(JOB, get, name="batchPredictionJobs.get"),
    Route(JOB, delete, methods=["DELETE"], name="batchPredictionJobs.delete"),
]
