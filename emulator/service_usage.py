"""Service Usage: which of Google's APIs a project has enabled.

Faithful: names, states, enabling what is enabled is no error, operations.
Not modelled: enforcement (a disabled API still answers), dependencies between services, quotas, terms of service.
Assumed: every service exists and is enabled from the start, unless it was disabled.
Source: https://cloud.google.com/service-usage/docs/reference/rest/v1/services.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import invalid_argument
from emulator.operations import done_operation
from emulator.projects import PROJECT, known
from emulator.routing import body, respond
from emulator.state import State

DISABLED = "disabledServices"


def document_of(state: State, service: str) -> dict[str, Any]:
    """Return a service as the project sees it."""
    return {
        "name": f"projects/{state.number}/services/{service}",
        "config": {"name": service},
        "state": "DISABLED" if state.get(DISABLED, service) else "ENABLED",
        "parent": f"projects/{state.number}",
    }


def finished(state: State, response: str, documents: dict[str, Any]) -> JSONResponse:
    """Answer with a finished operation."""
    kind = f"google.api.serviceusage.v1.{response}"
    return respond(done_operation(state, f"projects/{state.number}", kind, documents))


async def get(request: Request) -> JSONResponse:
    """Return a service."""
    return respond(document_of(known(request), request.path_params["service"]))


async def batch_get(request: Request) -> JSONResponse:
    """Return the services whose full names are asked for, in that order."""
    found, names = known(request), request.query_params.getlist("names")
    if not 0 < len(names) <= 30:
        raise invalid_argument("names: expected 1 to 30 services.", "names")
    return respond({"services": [document_of(found, name.rpartition("/")[2]) for name in names]})


async def enable(request: Request) -> JSONResponse:
    """Enable a service."""
    found, service = known(request), request.path_params["service"]
    found.delete(DISABLED, service)
    return finished(found, "EnableServiceResponse", {"service": document_of(found, service)})


async def disable(request: Request) -> JSONResponse:
    """Disable a service."""
    found, service = known(request), request.path_params["service"]
    found.put(DISABLED, service, {"name": service})
    return finished(found, "DisableServiceResponse", {"service": document_of(found, service)})


async def batch_enable(request: Request) -> JSONResponse:
    """Enable up to twenty services."""
    found, services = known(request), (await body(request)).get("serviceIds", [])
    if not 0 < len(services) <= 20:
        raise invalid_argument("serviceIds: expected 1 to 20 services.", "service_ids")
    for service in services:
        found.delete(DISABLED, service)
    documents = [document_of(found, service) for service in services]
    return finished(found, "BatchEnableServicesResponse", {"services": documents})


SERVICES = PROJECT + "/services"
routes = [
    Route(SERVICES + ":batchEnable", batch_enable, methods=["POST"], name="services.batchEnable"),
    Route(SERVICES + ":batchGet", batch_get, name="services.batchGet"),
    Route(SERVICES + "/{service}:enable", enable, methods=["POST"], name="services.enable"),
    Route(SERVICES + "/{service}:disable", disable, methods=["POST"], name="services.disable"),
    Route(SERVICES + "/{service}", get, name="services.get"),
]
