"""projects.locations.metadataStores.contexts: experiments and their runs; the usual verbs and addContextChildren.

Faithful: ids (4 to 128 of a-z, 0-9 and -), etags, parents, the filters that the SDK google-cloud-aiplatform sends, and
what it reads beside contexts: the default store, and executions and artifacts, of which there are none.
Not modelled: other filters, descriptions, contexts of pipeline runs, writing executions and artifacts, `force` of
delete: contexts below one that is deleted stay.
Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.metadataStores.contexts.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import ApiError, already_exists, invalid_argument, not_found, unimplemented
from emulator.json_fields import Schema, camel_case, read_fields
from emulator.operations import done_operation
from emulator.routing import LOCATION, body, page, parent, respond, state
from emulator.state import State

COLLECTION = "contexts"

FIELDS: dict[str, Schema] = {
    "name": "string",
    "displayName": "string",
    "etag": "string",
    "labels": "map",
    "createTime": "string",
    "updateTime": "string",
    "parentContexts": ["string"],
    "schemaTitle": "string",
    "schemaVersion": "string",
    "metadata": "map",
    "description": "string",
}
SENT = ("displayName", "labels", "schemaTitle", "schemaVersion", "metadata", "description")
"""What a client decides; the rest is output only."""

ID = re.compile(r"[a-z0-9-]{4,128}")
TITLE, PARENT = r'schema_title="([^"]*)"', r'parent_contexts:"([^"]*)"'
KNOWN_FILTER = re.compile(rf"{TITLE}|{PARENT}|AND|OR|[()\s]")


def put(state: State, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Create a context, or replace it, and return it."""
    now = state.clock.timestamp()
    created = (state.get(COLLECTION, name) or {}).get("createTime", now)
    document = {"name": name, **fields, "createTime": created, "updateTime": now, "etag": state.new_id()}
    state.put(COLLECTION, name, document)
    return document


def store_of(request: Request) -> str:
    """Return the full name of the store in the path; there is the default one."""
    name = f"{parent(request)}/metadataStores/{request.path_params['store']}"
    if request.path_params["store"] != "default":
        raise not_found(f"MetadataStore {name} is not found.")
    return name


def context_of(request: Request) -> dict[str, Any]:
    """Return the context in the path."""
    return find(request, f"{store_of(request)}/contexts/{request.path_params['context']}")


def find(request: Request, name: str) -> dict[str, Any]:
    """Return a context by its full name, which may have the project's id."""
    known = state(request)
    found = known.get(COLLECTION, name.replace(f"projects/{known.project}/", f"projects/{known.number}/", 1))
    if found is None:
        raise not_found(f"Context {name} is not found.")
    return found


async def get_store(request: Request) -> JSONResponse:
    """Return the default store."""
    return respond({"name": store_of(request)})


async def create(request: Request) -> JSONResponse:
    """Create a context."""
    identity = request.query_params.get("contextId", "") or state(request).new_id()
    if not ID.fullmatch(identity):
        raise invalid_argument(f"Context ID {identity} must be 4-128 characters of [a-z][0-9]-.", "context_id")
    sent = read_fields(await body(request), FIELDS)
    if "schemaTitle" not in sent:
        raise invalid_argument("Context.schema_title is required.", "context.schema_title")
    name = f"{store_of(request)}/contexts/{identity}"
    if state(request).get(COLLECTION, name) is not None:
        raise already_exists(f"Context {name} already exists.")
    fields = {key: sent[key] for key in SENT if key in sent}
    return respond(put(state(request), name, {"schemaVersion": "0.0.1", **fields}))


async def get(request: Request) -> JSONResponse:
    """Return a context."""
    return respond(context_of(request))


async def patch(request: Request) -> JSONResponse:
    """Change a context; without updateMask, as the SDK sends it, every field of the body is meant."""
    document, sent = context_of(request), read_fields(await body(request), FIELDS)
    if sent.get("etag", document["etag"]) != document["etag"]:
        message = f"Specified Context `etag`: `{sent['etag']}` does not match server `etag`: `{document['etag']}`"
        raise ApiError(409, message, status="ABORTED")
    mask = [camel_case(path) for path in request.query_params.get("updateMask", "").split(",") if path]
    changes = {key: sent[key] for key in mask or SENT if key in sent and key in SENT}
    return respond(put(state(request), document["name"], {**document, **changes}))


async def delete(request: Request) -> JSONResponse:
    """Delete a context."""
    name = context_of(request)["name"]
    state(request).delete(COLLECTION, name)
    return respond(done_operation(state(request), parent(request), "google.protobuf.Empty"))


async def list_all(request: Request) -> JSONResponse:
    """List contexts by the filter that the SDK sends: any of several schema titles, and a parent."""
    wanted = request.query_params.get("filter", "")
    if KNOWN_FILTER.sub("", wanted):
        raise unimplemented(f"the emulator does not serve contexts.list with the filter {wanted}")
    titles, parents = re.findall(TITLE, wanted), re.findall(PARENT, wanted)
    above = {find(request, name)["name"] for name in parents}
    contexts = state(request).list(COLLECTION, f"{store_of(request)}/contexts/")
    if titles:
        contexts = [each for each in contexts if each["schemaTitle"] in titles]
    contexts = [each for each in contexts if above <= set(each.get("parentContexts", []))]
    return respond(page(contexts, "contexts", request))


async def add_children(request: Request) -> JSONResponse:
    """Put contexts below this one; those that are already there are skipped."""
    document = context_of(request)
    sent = read_fields(await body(request), {"childContexts": ["string"]})
    children = [find(request, name) for name in sent.get("childContexts", [])]
    for child in children:
        parents = child.get("parentContexts", [])
        if document["name"] not in parents:
            # The etag stays: the SDK goes on writing to a run that it has put below its experiment.
            state(request).put(COLLECTION, child["name"], {**child, "parentContexts": [*parents, document["name"]]})
    return respond({})


async def list_executions(request: Request) -> JSONResponse:
    """List executions: none is ever written."""
    store_of(request)
    return respond({})


async def get_artifact(request: Request) -> JSONResponse:
    """Return an artifact: none is ever written."""
    raise not_found(f"Artifact {store_of(request)}/artifacts/{request.path_params['artifact']} is not found.")


STORE = LOCATION + "/metadataStores/{store}"

routes = [
    Route(STORE + "/contexts", list_all, name="contexts.list"),
    Route(STORE + "/contexts", create, methods=["POST"], name="contexts.create"),
    Route(
        STORE + "/contexts/{context}:addContextChildren", add_children, methods=["POST"], name="contexts.addChildren"
    ),
    Route(STORE + "/contexts/{context}", get, name="contexts.get"),
    Route(STORE + "/contexts/{context}", delete, methods=["DELETE"], name="contexts.delete"),
    Route(STORE + "/contexts/{context}", patch, methods=["PATCH"], name="contexts.patch"),
    Route(STORE + "/executions", list_executions, name="executions.list"),
    Route(STORE + "/artifacts/{artifact}", get_artifact, name="artifacts.get"),
    Route(STORE, get_store, name="metadataStores.get"),
]
