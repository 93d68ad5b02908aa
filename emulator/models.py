"""projects.locations.models: tuned models in the Model Registry; get, list, patch, mergeVersionAliases, delete.

Faithful: versions and aliases after "@", an alias that moves to another version, exactly one default version, the
default checkpoint, labels of a version, the label that names the base model; a model goes with all its versions, a
version never as the last one, neither while it is deployed.
Not modelled: upload, labels of a model as a whole (all are those of a version).
Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models; that an alias moves, as
"default" is said to (https://cloud.google.com/vertex-ai/docs/model-registry/model-alias), is not verified live.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import failed_precondition, invalid_argument, not_found
from emulator.json_fields import camel_case, read_fields
from emulator.operations import done_operation
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State

COLLECTION = "models"
"""Documents by `projects/…/models/ID@VERSION`; a document's own name has no version, as in the real answers."""

PATCHABLE = {"defaultCheckpointId": "string", "displayName": "string", "description": "string", "labels": "map"}
ALIAS = re.compile("-?[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")


def versions(state: State, name: str) -> list[dict[str, Any]]:
    """Return all versions of `projects/…/models/ID`, newest first."""
    return state.list(COLLECTION, f"{name}@")


def find(state: State, name: str) -> dict[str, Any]:
    """Return a model by its name, with or without "@VERSION".

    Raises:
        ApiError: 404, there is none.
    """
    model, _, version = name.partition("@")
    for document in versions(state, model):
        if (version or "default") in (document["versionId"], *document.get("versionAliases", [])):
            return document
    raise not_found(f"The Model does not exist: {name}.")


def named(request: Request) -> str:
    """Return the name in the path."""
    return f"{parent(request)}/models/{request.path_params['model']}"


async def get(request: Request) -> JSONResponse:
    """Return a version of a model, by default the newest."""
    return respond(find(state(request), named(request)))


async def list_all(request: Request) -> JSONResponse:
    """List the models of a location in their newest version."""
    documents = state(request).list(COLLECTION, f"{parent(request)}/models/")
    newest = {document["name"]: document for document in reversed(documents)}
    return respond(page(list(reversed(newest.values())), "models", request))


async def list_versions(request: Request) -> JSONResponse:
    """List the versions of a model, newest first."""
    model = find(state(request), named(request))
    return respond(page(versions(state(request), model["name"]), "models", request))


async def list_checkpoints(request: Request) -> JSONResponse:
    """List the checkpoints of a version."""
    return respond(page(find(state(request), named(request)).get("checkpoints", []), "checkpoints", request))


async def patch(request: Request) -> JSONResponse:
    """Change a version; without updateMask, as google-genai sends it, every field of the body is meant.

    A tuned model's endpoint is that of its default checkpoint, so its tuning job shows another one from now on.
    """
    document = find(state(request), named(request))
    sent = await body(request)
    changes = read_fields({name: value for name, value in sent.items() if name != "name"}, PATCHABLE)
    mask = [camel_case(path) for path in request.query_params.get("updateMask", "").split(",") if path]
    changes = {name: changes.get(name, "") for name in mask or changes}
    default = changes.get("defaultCheckpointId", document.get("defaultCheckpointId"))
    if default not in [checkpoint["checkpointId"] for checkpoint in document.get("checkpoints", [])]:
        raise invalid_argument(f"Checkpoint {default} does not exist in model {document['name']}.", "model")
    now = state(request).clock.timestamp()
    document |= {**changes, "updateTime": now, "versionUpdateTime": now, "etag": state(request).new_id()}
    state(request).put(COLLECTION, f"{document['name']}@{document['versionId']}", document)
    return respond(document)


async def merge_version_aliases(request: Request) -> JSONResponse:
    """Give a version aliases, and take from it those with a "-" before them."""
    name = named(request)
    if "@" not in name:
        raise invalid_argument(f"Model name {name} has no version ID.", "name")
    document, known = find(state(request), name), state(request)
    wanted = read_fields(await body(request), {"versionAliases": ["string"]}).get("versionAliases", [])
    if not wanted or not all(ALIAS.fullmatch(alias) for alias in wanted):
        raise invalid_argument(f"Version aliases {wanted} are invalid.", "version_aliases")
    if "-default" in wanted:
        raise invalid_argument("There must be exactly one default version alias for a model.", "version_aliases")
    added = {alias for alias in wanted if alias[0] != "-"}
    removed = {alias[1:] for alias in wanted if alias[0] == "-"}
    for each in versions(known, document["name"]):
        is_meant = each["versionId"] == document["versionId"]
        aliases = set(each.get("versionAliases", [])) - (removed if is_meant else added)
        each["versionAliases"] = sorted(aliases | (added if is_meant else set()))
        known.put(COLLECTION, f"{each['name']}@{each['versionId']}", each)
    return respond(find(known, f"{document['name']}@{document['versionId']}"))


def forget_deployment(state: State, name: str, deployed_model_id: str) -> None:
    """Take a deployment out of a model version, if that is still there."""
    if document := state.get(COLLECTION, name):
        left = [each for each in document.get("deployedModels", []) if each["deployedModelId"] != deployed_model_id]
        state.put(COLLECTION, name, {**document, "deployedModels": left})


def require_undeployed(name: str, documents: list[dict[str, Any]]) -> None:
    """Refuse to delete what is deployed somewhere."""
    endpoints = [each["endpoint"] for document in documents for each in document.get("deployedModels", [])]
    if endpoints:
        where = ", ".join(sorted(set(endpoints)))
        raise failed_precondition(
            f'The Model "{name}" is deployed or being deployed at the following Endpoint(s): {where}.'
        )


async def delete(request: Request) -> JSONResponse:
    """Delete a model with all its versions; the name has none.

    Source: https://cloud.google.com/vertex-ai/docs/model-registry/delete-model.
    """
    found, name = state(request), named(request)
    if "@" in name:
        raise invalid_argument(f"Model {name} names a version, expected none: use deleteVersion.", "name")
    documents = versions(found, find(found, name)["name"])
    require_undeployed(name, documents)
    for document in documents:
        found.delete(COLLECTION, f"{name}@{document['versionId']}")
    return respond(done_operation(found, name, "google.protobuf.Empty"))


async def delete_version(request: Request) -> JSONResponse:
    """Delete one version of several. That the default one is refused is an assumption.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models/deleteVersion.
    """
    found, name = state(request), named(request)
    if "@" not in name:
        raise invalid_argument(f"Model {name} names no version, expected one.", "name")
    document = find(found, name)
    if len(versions(found, document["name"])) == 1:
        raise failed_precondition(f"{name} is the only version of its Model: delete the Model instead.")
    if "default" in document.get("versionAliases", []):
        raise failed_precondition(f"{name} is the default version of its Model.")
    require_undeployed(name, [document])
    found.delete(COLLECTION, f"{document['name']}@{document['versionId']}")
    return respond(done_operation(found, document["name"], "google.protobuf.Empty"))


MODEL = LOCATION + "/models/{model}"

routes = [
    Route(MODEL + ":listVersions", list_versions, name="models.listVersions"),
    Route(MODEL + ":listCheckpoints", list_checkpoints, name="models.listCheckpoints"),
    Route(MODEL + ":mergeVersionAliases", merge_version_aliases, methods=["POST"], name="models.mergeVersionAliases"),
    Route(MODEL + ":deleteVersion", delete_version, methods=["DELETE"], name="models.deleteVersion"),
    Route(MODEL, get, name="models.get"),
    Route(MODEL, delete, methods=["DELETE"], name="models.delete"),
    Route(MODEL, patch, methods=["PATCH"], name="models.patch"),
    Route(LOCATION + "/models", list_all, name="models.list"),
]
