"""projects.locations.endpoints: where tuned models answer; generateContent, countTokens, get, list.

Faithful: one endpoint a checkpoint, tuned Gemini 3 models only under `us` and `eu`, the wording of a 404.
Not modelled: create, deploy, undeploy, delete, streaming, dedicated endpoints.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import not_found
from emulator.generation import ServedModel, count, generate
from emulator.routing import LOCATION, body, page, parent, respond, state

COLLECTION = "endpoints"
SERVED = "servedCheckpoints"
"""What an endpoint serves, for the emulator alone: {"baseModel", "weights"}, a path below the state's folder."""


def named(request: Request) -> str:
    """Return the full name of the endpoint in the path."""
    name = f"{parent(request)}/endpoints/{request.path_params['endpoint']}"
    if state(request).get(COLLECTION, name) is None:
        raise not_found(f"Endpoint `{name}` not found.")
    return name


async def generate_content(request: Request) -> JSONResponse:
    """Answer a prompt with the checkpoint that is deployed on the endpoint."""
    found = state(request)
    serves = found.get(SERVED, named(request)) or {}
    model = ServedModel(serves["baseModel"], Path(found.folder) / serves["weights"])
    return respond(generate(await body(request), model, found.clock, found.new_id()))


async def count_tokens(request: Request) -> JSONResponse:
    """Count a prompt's tokens."""
    named(request)
    return respond(count(await body(request)))


async def get(request: Request) -> JSONResponse:
    """Return an endpoint."""
    return respond(state(request).get(COLLECTION, named(request)) or {})


async def list_all(request: Request) -> JSONResponse:
    """List the endpoints of a location, newest first."""
    return respond(page(state(request).list(COLLECTION, f"{parent(request)}/endpoints/"), "endpoints", request))


ENDPOINT = LOCATION + "/endpoints/{endpoint}"

routes = [
    Route(ENDPOINT + ":generateContent", generate_content, methods=["POST"], name="endpoints.generateContent"),
    Route(ENDPOINT + ":countTokens", count_tokens, methods=["POST"], name="endpoints.countTokens"),
    Route(ENDPOINT, get, name="endpoints.get"),
    Route(LOCATION + "/endpoints", list_all, name="endpoints.list"),
]
