"""The emulator's own routes under /emulator: what it is, its clock, its faults, its progress, its log.

Not part of any Google API. They need no token, so they never tell it.
"""

from datetime import datetime
from importlib.metadata import version

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import invalid_argument
from emulator.progress import Progress
from emulator.routing import body, respond, state
from emulator.state import State

AT_WORK = {"PIPELINE_STATE_PENDING", "PIPELINE_STATE_RUNNING", "PIPELINE_STATE_CANCELLING"}


async def describe(request: Request) -> JSONResponse:
    """Say what answers here, so that a client can tell the emulator from another server on the port."""
    found = state(request)
    return respond(
        {
            "service": "gemtune emulator",
            "version": version("gemtune"),
            "project": found.project,
            "bucket": found.bucket,
            "running": [job["name"] for job in found.list("pipelineJobs") if job.get("state") in AT_WORK],
            "environment": environment(found),
        }
    )


def environment(state: State) -> dict[str, str]:
    """Return the variables that send Google's SDKs here.

    GOOGLE_APPLICATION_CREDENTIALS must be unset as well, or a developer's real key is used.
    """
    host = state.url.removeprefix("http://")
    configuration = state.folder / "gcloud"
    configuration.mkdir(exist_ok=True)
    return {
        "GOOGLE_VERTEX_BASE_URL": state.url,
        "STORAGE_EMULATOR_HOST": state.url,
        "GCE_METADATA_HOST": host,
        "GCE_METADATA_IP": host,
        "GOOGLE_CLOUD_PROJECT": state.project,
        "CLOUDSDK_CONFIG": str(configuration.resolve()),
    }


async def get_clock(request: Request) -> JSONResponse:
    """Tell the emulator's time."""
    return respond({"now": state(request).clock.timestamp()})


async def set_clock(request: Request) -> JSONResponse:
    """Make it the time of {"now": ISO 8601}."""
    now = (await body(request)).get("now")
    try:
        await run_in_threadpool(state(request).clock.set, datetime.fromisoformat(str(now)))
    except ValueError as error:
        raise invalid_argument(f"now is {now!r}, expected an ISO 8601 time", "now") from error
    return await get_clock(request)


async def advance_clock(request: Request) -> JSONResponse:
    """Move the clock by {"seconds"}; schedules start what falls due on the way, each run at its time."""
    seconds = (await body(request)).get("seconds")
    if not isinstance(seconds, int | float):
        raise invalid_argument(f"seconds is {seconds!r}, expected a number", "seconds")
    await run_in_threadpool(state(request).clock.advance, seconds)
    return await get_clock(request)


async def add_fault(request: Request) -> JSONResponse:
    """Order a fault: {"method", "times", "code", …}, the fields of `emulator.faults.Fault`."""
    return respond(state(request).faults.add(await body(request)))


async def list_faults(request: Request) -> JSONResponse:
    """List the faults with the number of calls that each one hit."""
    return JSONResponse(state(request).faults.list())


async def clear_faults(request: Request) -> JSONResponse:
    """Forget all faults."""
    state(request).faults.clear()
    return respond({})


async def set_progress(request: Request) -> JSONResponse:
    """Set when jobs end: {"method": "tuningJobs"} with "reads", "seconds" or "immediate"."""
    order = await body(request)
    method = str(order.pop("method", ""))
    if order.pop("immediate", False):
        order = {"reads": 0}
    try:
        state(request).progress[method] = Progress(**{"reads": 0, **order})
    except TypeError as error:
        raise invalid_argument(f"progress: {error}") from error
    return respond({"method": method, **order})


async def list_requests(request: Request) -> JSONResponse:
    """List what clients sent, of one ?method or all, oldest first."""
    return JSONResponse(state(request).requests.list(request.query_params.get("method", "")))


routes = [
    Route("/emulator", describe),
    Route("/emulator/clock", get_clock),
    Route("/emulator/clock", set_clock, methods=["POST"]),
    Route("/emulator/clock/advance", advance_clock, methods=["POST"]),
    Route("/emulator/faults", add_fault, methods=["POST"]),
    Route("/emulator/faults", list_faults),
    Route("/emulator/faults", clear_faults, methods=["DELETE"]),
    Route("/emulator/progress", set_progress, methods=["POST"]),
    Route("/emulator/requests", list_requests),
]
