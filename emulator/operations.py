"""Long-running operations: the receipts of methods that are finished when they answer, or take their time.

Faithful: names, the done flag, the types of response and metadata, as far as they are on record for Vertex AI.
Not modelled: cancelling, errors of an operation. Assumed: work that takes time is done when its operation is first
read; other services have the metadata of Vertex AI.
"""

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import not_found
from emulator.routing import LOCATION, parent, respond, state
from emulator.state import State

COLLECTION, PENDING = "operations", "pendingOperations"
_VERTEX = "google.cloud.aiplatform.v1"
METADATA = {
    "google.protobuf.Empty": f"{_VERTEX}.DeleteOperationMetadata",
    f"{_VERTEX}.UndeployModelResponse": f"{_VERTEX}.UndeployModelOperationMetadata",
}
"""Type of the response → type of the metadata; recorded for deletions, and else that of the method's proto."""

WORK: dict[str, Callable[[State, dict[str, Any]], None]] = {}
"""Method → what it does to the state with its arguments; filled in by the files of the methods that take time."""


def done_operation(
    state: State, name_prefix: str, response_type: str, response: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a finished operation, which can be read again under its name.

    Args:
        state: Where it is remembered.
        name_prefix: What it belongs to, a resource name or `projects/NUMBER/locations/LOCATION`.
        response_type: Full name of the response's message, e.g. "google.protobuf.Empty".
        response: The response's fields.
    """
    now = state.clock.timestamp()
    operation = {
        "name": f"{name_prefix}/operations/{state.new_id()}",
        "metadata": {
            "@type": f"type.googleapis.com/{METADATA.get(response_type, f'{_VERTEX}.GenericOperationMetadata')}",
            "genericMetadata": {"createTime": now, "updateTime": now},
        },
        "done": True,
        "response": {"@type": f"type.googleapis.com/{response_type}", **(response or {})},
    }
    state.put(COLLECTION, str(operation["name"]), operation)
    return operation


def slow_operation(
    state: State, name_prefix: str, response_type: str, method: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Return an operation that is not done yet; see `done_operation`.

    Args:
        state: Where it is remembered.
        name_prefix: What it belongs to.
        response_type: Full name of the response's message.
        method: Its key in `WORK`.
        arguments: What the work is told.
    """
    operation = done_operation(state, name_prefix, response_type)
    state.put(PENDING, operation["name"], {"method": method, "arguments": arguments})
    return {field: operation[field] for field in ("name", "metadata")}


def do_pending(state: State, name: str) -> None:
    """Do the work of an operation, once."""
    with state.transaction():
        if pending := state.get(PENDING, name):
            WORK[pending["method"]](state, pending["arguments"])
            state.delete(PENDING, name)


async def get(request: Request) -> JSONResponse:
    """Return an operation, of the location or of any resource in it."""
    owner = request.path_params.get("owner", "")
    name = "/".join(filter(None, [parent(request), owner, "operations", request.path_params["operation"]]))
    operation = state(request).get(COLLECTION, name)
    if operation is None:
        raise not_found(f"Operation not found: {name}.")
    await run_in_threadpool(do_pending, state(request), name)
    return respond(operation)


routes = [
    Route(LOCATION + "/operations/{operation}", get, name="operations.get"),
    Route(LOCATION + "/{owner:path}/operations/{operation}", get, name="operations.get"),
]
