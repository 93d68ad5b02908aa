"""Cloud Storage, JSON API: buckets and objects.

Faithful: generations, preconditions, listing, resumable uploads, ranges, copying and composing, errors and their text.
Not modelled: enforced access control, versioning, encryption keys, batches, partial responses, pages of buckets,
304 for an unchanged object (it is a 412), the XML API.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulator import storage_buckets, storage_objects, storage_uploads
from emulator.errors import StorageApiError
from emulator.routing import body, respond, state
from emulator.state import State
from emulator.storage_downloads import download
from emulator.storage_listing import list_page
from emulator.storage_objects import (
    Object,
    check,
    collection_of,
    content_of,
    new_file,
    require,
    require_bucket,
    with_links,
)

COMPONENTS = 32
"""Objects that one compose takes. Source: https://cloud.google.com/storage/quotas."""


def read_object(state: State, uri: str) -> bytes | None:
    """Return the bytes of gs://BUCKET/NAME; None if there is no such object."""
    found = find_object(state, uri)
    return None if found is None else content_of(state, found).read_bytes()


def write_object(state: State, uri: str, data: bytes, content_type: str = "application/octet-stream") -> None:
    """Write gs://BUCKET/NAME, whatever was there.

    Raises:
        StorageApiError: 404, there is no such bucket.
    """
    bucket, name = split_uri(uri)
    content = new_file(state)
    content.write_bytes(data)
    storage_objects.insert(state, bucket, name, content, {"contentType": content_type}, {})


def object_exists(state: State, uri: str) -> bool:
    """Return whether there is an object gs://BUCKET/NAME."""
    return find_object(state, uri) is not None


def find_object(state: State, uri: str) -> Object | None:
    """Return the resource of gs://BUCKET/NAME, or None."""
    bucket, name = split_uri(uri)
    return state.get(collection_of(bucket), name)


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and object name of a gs:// URI; a URI of another kind names no object.

    >>> split_uri("gs://bucket/a/b.jsonl")
    ('bucket', 'a/b.jsonl')
    """
    scheme, _, path = uri.partition("://")
    bucket, _, name = path.partition("/")
    return (bucket, name) if scheme == "gs" else ("", "")


def list_objects(request: Request) -> JSONResponse:
    """Return one page of a bucket's objects and prefixes."""
    bucket = request.path_params["bucket"]
    require_bucket(state(request), bucket)
    page = list_page(state(request), bucket, request.query_params)
    if "items" in page:
        page["items"] = [with_links(found, str(request.base_url)) for found in page["items"]]
    return respond({"kind": "storage#objects", **page})


def live_object(request: Request) -> Object:
    """Return the object that the path names, if the preconditions hold."""
    query = request.query_params
    found = require(
        state(request), request.path_params["bucket"], request.path_params["object"], query.get("generation", "")
    )
    check(query, found)
    return found


def get_object(request: Request) -> Response:
    """Return an object: its resource, or with alt=media its bytes."""
    if request.query_params.get("alt") != "media":
        return answer(request, live_object(request))
    try:
        return download(request, live_object(request))
    except StorageApiError as error:
        return PlainTextResponse(error.message, status_code=error.code)


async def patch_object(request: Request) -> JSONResponse:
    """Change metadata of an object."""
    changes = await body(request)
    with state(request).transaction():
        return answer(request, storage_objects.patch(state(request), live_object(request), changes))


def delete_object(request: Request) -> Response:
    """Delete an object."""
    with state(request).transaction():
        storage_objects.delete(state(request), live_object(request))
    return Response(status_code=204)


async def copy_object(request: Request) -> JSONResponse:
    """Copy an object."""
    return answer(request, await run_in_threadpool(copied, request, await body(request)))


async def rewrite_object(request: Request) -> JSONResponse:
    """Copy an object in one call: `done` is true at once, so there is never a token to go on with."""
    made = await run_in_threadpool(copied, request, await body(request))
    size = {"totalBytesRewritten": made["size"], "objectSize": made["size"]}
    resource = with_links(made, str(request.base_url))
    return respond({"kind": "storage#rewriteResponse", "done": True, **size, "resource": resource})


def copied(request: Request, sent: dict[str, Any]) -> Object:
    """Copy source to destination; metadata comes from the request if it has any, else from the source."""
    path, query, found = request.path_params, request.query_params, state(request)
    source = require(found, path["bucket"], path["object"], query.get("sourceGeneration", ""))
    check(query, source, "ifSource")
    metadata = storage_objects.writable(sent) or storage_objects.writable(source)
    content = new_file(found)
    os.link(content_of(found, source), content)
    return storage_objects.insert(found, path["to_bucket"], path["to_object"], content, metadata, query)


async def compose_object(request: Request) -> JSONResponse:
    """Make an object of other objects of the bucket, one after another."""
    return answer(request, await run_in_threadpool(composed, request, await body(request)))


def composed(request: Request, sent: dict[str, Any]) -> Object:
    """Concatenate the sources; a composite object has no MD5 hash."""
    found, bucket = state(request), request.path_params["bucket"]
    sources = [source_object(found, bucket, source) for source in sent.get("sourceObjects", [])]
    if not 0 < len(sources) <= COMPONENTS:
        message = f"The number of source components provided ({len(sources)}) is not between 1 and {COMPONENTS}."
        raise StorageApiError(400, message)
    content = new_file(found)
    concatenate([content_of(found, source) for source in sources], content)
    metadata = {"contentType": sources[0]["contentType"], **storage_objects.writable(sent.get("destination", {}))}
    with found.transaction():
        made = storage_objects.insert(
            found, bucket, request.path_params["object"], content, metadata, request.query_params
        )
        del made["md5Hash"]
        made["componentCount"] = sum(source.get("componentCount", 1) for source in sources)
        storage_objects.put(found, made, metageneration=1)
        for source in sources if sent.get("deleteSourceObjects") else []:
            storage_objects.delete(found, source)
    return made


def source_object(state: State, bucket: str, source: dict[str, Any]) -> Object:
    """Return a source of compose, if its own precondition holds."""
    found = require(state, bucket, str(source.get("name", "")), str(source.get("generation") or ""))
    conditions = source.get("objectPreconditions", {})
    check({field: str(value) for field, value in conditions.items()}, found)
    return found


def concatenate(sources: list[Path], target: Path) -> None:
    """Write the bytes of all sources to `target`."""
    with target.open("wb") as writer:
        for source in sources:
            with source.open("rb") as reader:
                shutil.copyfileobj(reader, writer)


def answer(request: Request, found: Object) -> JSONResponse:
    """Answer with an object's resource."""
    return respond(with_links(found, str(request.base_url)))


OBJECTS = "/storage/v1/b/{bucket}/o"
OBJECT = "/storage/v1/b/{bucket}/o/{object:path}"
TO = "/b/{to_bucket}/o/{to_object:path}"
routes = [
    *storage_buckets.routes,
    Route(OBJECTS, list_objects, name="storage.objects.list"),
    Route(OBJECT + "/copyTo" + TO, copy_object, methods=["POST"], name="storage.objects.copy"),
    Route(OBJECT + "/rewriteTo" + TO, rewrite_object, methods=["POST"], name="storage.objects.rewrite"),
    Route(OBJECT + "/compose", compose_object, methods=["POST"], name="storage.objects.compose"),
    Route(OBJECT, get_object, name="storage.objects.get"),
    Route("/download" + OBJECT, get_object, name="storage.objects.get"),
    Route(OBJECT, patch_object, methods=["PATCH"], name="storage.objects.patch"),
    Route(OBJECT, delete_object, methods=["DELETE"], name="storage.objects.delete"),
    *storage_uploads.routes,
]
