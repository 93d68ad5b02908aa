"""projects.locations.schedules: create, get, list, patch, pause, resume, delete.

Faithful: fields and states, counts as strings; a schedule's runs are pipeline jobs with its name, its request's service
account, network, key and labels; a patch starts over from now, and drops what waits. Which runs start when, and what
that leaves out: schedule_runs.py; what a request must hold: schedule_requests.py; cron: cron.py.
Not modelled: orderBy of a list (always newest first), schedules of notebooks, quota.
Assumed: only an active schedule can be paused and only a paused one resumed; a paused one shows no nextRunTime.
"""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import failed_precondition, not_found
from emulator.json_fields import read_fields
from emulator.operations import done_operation
from emulator.pipeline_filter import matches
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.schedule_requests import changed, checked, read_request
from emulator.schedule_runs import ACTIVE, COLLECTION, PAUSED, schedules, view


def find(request: Request) -> dict[str, Any]:
    """Return the schedule in the path.

    Raises:
        ApiError: 404, there is none.
    """
    name = f"{parent(request)}/schedules/{request.path_params['schedule']}"
    document = state(request).get(COLLECTION, name)
    if document is None:
        raise not_found(f"Schedule {name} not found.")
    return document


def answer(request: Request, name: str) -> JSONResponse:
    """Answer with a schedule as it is now."""
    return respond(view(state(request), state(request).get(COLLECTION, name) or {}))


async def create(request: Request) -> JSONResponse:
    """Create a schedule, which is active at once."""
    found, location = state(request), parent(request)
    fields = checked(found, read_request(await body(request)), location)
    now = found.clock.timestamp()
    name = f"{location}/schedules/{found.new_id()}"
    schedules(found).put({"name": name, **fields, "state": ACTIVE, "createTime": now, "updateTime": now})
    return answer(request, name)


async def get(request: Request) -> JSONResponse:
    """Return a schedule."""
    return respond(view(state(request), find(request)))


async def list_all(request: Request) -> JSONResponse:
    """List the schedules of a location."""
    found = state(request)
    documents = [view(found, one) for one in found.list(COLLECTION, f"{parent(request)}/schedules/")]
    chosen = [one for one in documents if matches(one, request.query_params.get("filter", ""))]
    return respond(page(chosen, "schedules", request))


async def patch(request: Request) -> JSONResponse:
    """Change the fields that updateMask names."""
    found, sent = state(request), read_request(await body(request))
    with found.transaction():
        document = find(request)
        require_state(document, "updated", ACTIVE, PAUSED)
        updated = changed(document, sent, request.query_params.get("updateMask", ""))
        fields = checked(found, updated, parent(request)) | {"updateTime": found.clock.timestamp(), "catchUp": False}
        schedules(found).put(fields)
    return answer(request, document["name"])


def pause(request: Request) -> JSONResponse:
    """Pause an active schedule."""
    with state(request).transaction():
        document = find(request)
        require_state(document, "paused", ACTIVE)
        schedules(state(request)).pause(document)
    return respond({})


async def resume(request: Request) -> JSONResponse:
    """Resume a paused schedule; {"catchUp": true} makes up for the runs that it missed."""
    sent = read_fields(await body(request), {"name": "string", "catchUp": "bool"})
    await run_in_threadpool(resume_schedule, request, sent.get("catchUp", False))
    return respond({})


def resume_schedule(request: Request, catch_up: bool) -> None:
    """Resume the schedule in the path."""
    with state(request).transaction():
        document = find(request)
        require_state(document, "resumed", PAUSED)
        schedules(state(request)).resume(document, catch_up=catch_up)


def require_state(document: dict[str, Any], action: str, *states: str) -> None:
    """Refuse what cannot be done with a schedule in its state."""
    if document["state"] not in states:
        raise failed_precondition(f'Schedule "{document["name"]}" is {document["state"]} and cannot be {action}.')


def delete(request: Request) -> JSONResponse:
    """Delete a schedule."""
    schedules(state(request)).delete(find(request)["name"])
    return respond(done_operation(state(request), parent(request), "google.protobuf.Empty"))


SCHEDULE = LOCATION + "/schedules/{schedule}"
routes = [
    Route(LOCATION + "/schedules", create, methods=["POST"], name="schedules.create"),
    Route(LOCATION + "/schedules", list_all, name="schedules.list"),
    Route(SCHEDULE + ":pause", pause, methods=["POST"], name="schedules.pause"),
    Route(SCHEDULE + ":resume", resume, methods=["POST"], name="schedules.resume"),
    Route(SCHEDULE, get, name="schedules.get"),
    Route(SCHEDULE, patch, methods=["PATCH"], name="schedules.patch"),
    Route(SCHEDULE, delete, methods=["DELETE"], name="schedules.delete"),
]
