"""Cloud Storage buckets: insert, get, list.

Faithful: who owns a bucket that exists, errors and their text. Not modelled: pages, patch, delete, access control.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.errors import StorageApiError
from emulator.routing import body, respond, state
from emulator.state import State
from emulator.storage_objects import BUCKETS, require_bucket, timestamp

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def create_bucket(state: State, name: str, location: str = "US") -> dict[str, Any]:
    """Create a bucket and return its resource.

    Raises:
        StorageApiError: 400, the name is not one; 409, the bucket exists.
    """
    if not BUCKET_NAME.fullmatch(name):
        raise StorageApiError(400, f"Invalid bucket name: '{name}'")
    now = timestamp(state)
    bucket = {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "projectNumber": state.number,
        "metageneration": "1",
        "location": location.upper(),
        "locationType": "multi-region" if location.upper() in ("US", "EU", "ASIA") else "region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": now,
        "updated": now,
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
    }
    with state.transaction():
        if state.get(BUCKETS, name):
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise StorageApiError(409, message)
        state.put(BUCKETS, name, bucket)
    return bucket


def create_default_bucket(state: State) -> None:
    """Create the bucket that every emulator starts with."""
    if state.get(BUCKETS, state.bucket) is None:
        create_bucket(state, state.bucket, "us-central1")


def require_project(request: Request) -> None:
    """Refuse a request for another project than the emulator's."""
    project, known = request.query_params.get("project"), state(request)
    if not project:
        raise StorageApiError(400, "Required parameter: project")
    if project not in (known.project, known.number):
        raise StorageApiError(400, f"Unknown project id: {project}")


async def insert_bucket(request: Request) -> JSONResponse:
    """Create a bucket in the project."""
    require_project(request)
    sent = await body(request)
    return respond(create_bucket(state(request), str(sent.get("name", "")), str(sent.get("location", "US"))))


def get_bucket(request: Request) -> JSONResponse:
    """Return a bucket."""
    return respond(require_bucket(state(request), request.path_params["bucket"]))


def list_buckets(request: Request) -> JSONResponse:
    """Return the buckets of the project, ordered by name."""
    require_project(request)
    buckets = sorted(state(request).list(BUCKETS, request.query_params.get("prefix", "")), key=lambda b: str(b["name"]))
    return respond({"kind": "storage#buckets", "items": buckets})


B = "/storage/v1/b"
routes = [
    Route(B, insert_bucket, methods=["POST"], name="storage.buckets.insert"),
    Route(B, list_buckets, name="storage.buckets.list"),
    Route(B + "/{bucket}", get_bucket, name="storage.buckets.get"),
]
