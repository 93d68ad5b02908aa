"""projects.locations.endpoints: where tuned models answer; generateContent, countTokens, get, list, undeploy, delete.

Faithful: one endpoint a checkpoint, tuned Gemini 3 models only under `us` and `eu`, the wording of a 404; undeploying
takes time, and an endpoint with a deployed model is not deleted.
Not modelled: create, deploy, traffic splits, streaming, dedicated endpoints.
Assumed: the wording around the known part of the refusals.
Sources: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/undeployModel,
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/delete.
"""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import models
from emulator.errors import failed_precondition, not_found
from emulator.generation import ServedModel, count, generate
from emulator.json_fields import read_fields
from emulator.operations import WORK, done_operation, slow_operation
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State

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
    found, name = state(request), named(request)
    if not (found.get(COLLECTION, name) or {}).get("deployedModels"):
        raise failed_precondition(f"Endpoint `{name}` has no deployed model.")
    serves = found.get(SERVED, name) or {}
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


async def undeploy(request: Request) -> JSONResponse:
    """Take a model off an endpoint: an operation, done some time later."""
    found, name = state(request), named(request)
    sent = read_fields(await body(request), {"deployedModelId": "string", "trafficSplit": "map"})
    deployed = (found.get(COLLECTION, name) or {}).get("deployedModels", [])
    if sent.get("deployedModelId") not in [each["id"] for each in deployed]:
        raise not_found(f"DeployedModel `{sent.get('deployedModelId', '')}` not found in Endpoint `{name}`.")
    response = "google.cloud.aiplatform.v1.UndeployModelResponse"
    arguments = {"endpoint": name, "id": sent["deployedModelId"]}
    return respond(slow_operation(found, name, response, "endpoints.undeployModel", arguments))


def finish_undeploying(state: State, arguments: dict[str, Any]) -> None:
    """Take a deployed model off its endpoint, and the endpoint off its model."""
    name, identity = arguments["endpoint"], arguments["id"]
    document = state.get(COLLECTION, name) or {}
    gone = [each for each in document.get("deployedModels", []) if each["id"] == identity]
    left = [each for each in document.get("deployedModels", []) if each["id"] != identity]
    kept = {field: value for field, value in document.items() if field != "deployedModels"}
    state.put(COLLECTION, name, kept | ({"deployedModels": left} if left else {}))
    for each in gone:
        models.forget_deployment(state, f"{each['model']}@{each['modelVersionId']}", identity)


WORK["endpoints.undeployModel"] = finish_undeploying


async def delete(request: Request) -> JSONResponse:
    """Delete an endpoint on which no model is deployed."""
    found, name = state(request), named(request)
    deployed = [each["id"] for each in (found.get(COLLECTION, name) or {}).get("deployedModels", [])]
    if deployed:
        ids = ", ".join(deployed)
        raise failed_precondition(
            f"Endpoint {name} has deployed or being-deployed DeployedModel(s) with ID(s): {ids}. Undeploy them first."
        )
    found.delete(COLLECTION, name)
    return respond(done_operation(found, parent(request), "google.protobuf.Empty"))


ENDPOINT = LOCATION + "/endpoints/{endpoint}"

routes = [
    Route(ENDPOINT + ":generateContent", generate_content, methods=["POST"], name="endpoints.generateContent"),
    Route(ENDPOINT + ":countTokens", count_tokens, methods=["POST"], name="endpoints.countTokens"),
    Route(ENDPOINT + ":undeployModel", undeploy, methods=["POST"], name="endpoints.undeployModel"),
    Route(ENDPOINT, get, name="endpoints.get"),
    Route(ENDPOINT, delete, methods=["DELETE"], name="endpoints.delete"),
    Route(LOCATION + "/endpoints", list_all, name="endpoints.list"),
]
