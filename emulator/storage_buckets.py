"""Cloud Storage buckets: insert, get, list, patch, delete, and who may use them.

Faithful: who owns a bucket that exists, uniform access, prevention of public access, lifecycle rules (kept, and after
a move of the clock carried out), the policy that a new bucket has, errors and their text.
Not modelled: pages, enforcing the policy, versions, retention, fields of a bucket other than those below; of lifecycle
rules only Delete by age and prefix, which the service carries out within a day.
Source: https://cloud.google.com/storage/docs/json_api/v1/buckets.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import policies, storage_objects
from emulator.errors import StorageApiError
from emulator.routing import body, respond, state
from emulator.state import State
from emulator.storage_objects import BUCKETS, collection_of, require_bucket, timestamp

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
PLACES = ("US", "EU", "ASIA")
DEFAULT_ACCESS = {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"}
CLOSED = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
BY_PROJECT = {"Owner": ("Owner", "Editor"), "Reader": ("Viewer",)}
"""Legacy role → basic roles of the project that hold it on a new bucket.

Source: https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable."""


def create_bucket(
    state: State, name: str, location: str = "US", access: dict[str, Any] | None = None
) -> dict[str, Any]:
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
        "locationType": "multi-region" if location.upper() in PLACES else "region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": now,
        "updated": now,
        "iamConfiguration": {**DEFAULT_ACCESS, **(access or {})},
    }
    with state.transaction():
        if state.get(BUCKETS, name):
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise StorageApiError(409, message)
        state.put(BUCKETS, name, bucket)
        create_default_policy(state, name)
    return bucket


def create_default_policy(state: State, bucket: str) -> None:
    """Let owners, editors and viewers of the project use a new bucket."""
    for right, basic_roles in BY_PROJECT.items():
        members = [f"project{role}:{state.project}" for role in basic_roles]
        for kind in ("Bucket", "Object"):
            policies.grant(state, f"buckets/{bucket}", f"roles/storage.legacy{kind}{right}", *members)


def create_default_bucket(state: State) -> None:
    """Create the bucket that every emulator starts with, and let time pass in all of them.

    A state folder of an emulator that knew no policies yet gets the one of a new bucket.
    """
    if state.get(BUCKETS, state.bucket) is None:
        if state.get("deletedBuckets", state.bucket) is None:
            create_bucket(state, state.bucket, "us-central1", CLOSED)
    elif not state.get(policies.POLICIES, f"buckets/{state.bucket}"):
        create_default_policy(state, state.bucket)
    state.clock.on_the_way.append(lambda now: expire(state, now))


def expire(state: State, now: datetime) -> None:
    """Delete what the lifecycle rules say, as of `now`."""
    for bucket in state.list(BUCKETS):
        for rule in bucket.get("lifecycle", {}).get("rule", []):
            condition = rule.get("condition", {})
            if rule.get("action", {}).get("type") != "Delete" or "age" not in condition:
                continue
            for found in state.list(collection_of(bucket["name"])):
                is_old = datetime.fromisoformat(found["timeCreated"]) + timedelta(days=condition["age"]) <= now
                if is_old and found["name"].startswith(tuple(condition.get("matchesPrefix", [""]))):
                    storage_objects.delete(state, found)


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
    sent, found = await body(request), state(request)
    name, access = str(sent.get("name", "")), sent.get("iamConfiguration")
    bucket = create_bucket(found, name, str(sent.get("location", "US")), access)
    return respond(changed(found, bucket, {"lifecycle": sent["lifecycle"]}) if "lifecycle" in sent else bucket)


async def patch_bucket(request: Request) -> JSONResponse:
    """Change access and lifecycle of a bucket."""
    sent, found = await body(request), state(request)
    with found.transaction():
        return respond(changed(found, require_bucket(found, request.path_params["bucket"]), sent))


def changed(state: State, bucket: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Keep and return a bucket with the fields that were sent.

    Raises:
        StorageApiError: 400, public access prevention is neither enforced nor inherited.
    """
    access = {**bucket["iamConfiguration"], **sent.get("iamConfiguration", {})}
    if access["publicAccessPrevention"] not in ("enforced", "inherited"):
        raise StorageApiError(400, "Invalid argument: publicAccessPrevention")
    update = {"iamConfiguration": access, "metageneration": str(int(bucket["metageneration"]) + 1)}
    lifecycle = {"lifecycle": sent["lifecycle"]} if sent.get("lifecycle") else {}
    bucket = {**bucket, **update, **lifecycle, "updated": timestamp(state)}
    state.put(BUCKETS, bucket["name"], bucket)
    return bucket


def delete_bucket(request: Request) -> Response:
    """Delete an empty bucket; it stays away, also after a restart."""
    found, name = state(request), request.path_params["bucket"]
    with found.transaction():
        require_bucket(found, name)
        if found.list(collection_of(name)):
            raise StorageApiError(409, "The bucket you tried to delete is not empty.")
        found.delete(BUCKETS, name)
        found.delete(policies.POLICIES, f"buckets/{name}")
        found.put("deletedBuckets", name, {})
    return Response(status_code=204)


def get_bucket(request: Request) -> JSONResponse:
    """Return a bucket."""
    return respond(require_bucket(state(request), request.path_params["bucket"]))


def list_buckets(request: Request) -> JSONResponse:
    """Return the buckets of the project, ordered by name."""
    require_project(request)
    buckets = sorted(state(request).list(BUCKETS, request.query_params.get("prefix", "")), key=lambda b: str(b["name"]))
    return respond({"kind": "storage#buckets", "items": buckets})


def policy_of(request: Request) -> str:
    """Return what the policy of the bucket in the path, which exists, is kept under."""
    return f"buckets/{require_bucket(state(request), request.path_params['bucket'])['name']}"


def get_policy(request: Request) -> JSONResponse:
    """Return who may use a bucket."""
    return respond({"kind": "storage#policy", **policies.read(state(request), policy_of(request))})


async def set_policy(request: Request) -> JSONResponse:
    """Replace who may use a bucket; where public access is prevented, the public is refused."""
    sent, found = await body(request), state(request)
    bucket = require_bucket(found, request.path_params["bucket"])
    members = {member for binding in sent.get("bindings", []) for member in binding.get("members", [])}
    is_closed = bucket["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    if is_closed and members & {"allUsers", "allAuthenticatedUsers"}:
        public = "The member bindings allUsers and allAuthenticatedUsers are not allowed"
        raise StorageApiError(412, f"{public} since public access prevention is enforced.")
    return respond({"kind": "storage#policy", **policies.replace(found, policy_of(request), sent)})


def test_permissions(request: Request) -> JSONResponse:
    """Tell which of the permissions the caller has."""
    policy_of(request)
    asked = {"permissions": request.query_params.getlist("permissions")}
    return respond({"kind": "storage#testIamPermissionsResponse", **policies.permitted(asked)})


B = "/storage/v1/b"
BUCKET = B + "/{bucket}"
routes = [
    Route(B, insert_bucket, methods=["POST"], name="storage.buckets.insert"),
    Route(B, list_buckets, name="storage.buckets.list"),
    Route(BUCKET, get_bucket, name="storage.buckets.get"),
    Route(BUCKET, patch_bucket, methods=["PATCH"], name="storage.buckets.patch"),
    Route(BUCKET, delete_bucket, methods=["DELETE"], name="storage.buckets.delete"),
    Route(BUCKET + "/iam", get_policy, name="storage.buckets.getIamPolicy"),
    Route(BUCKET + "/iam", set_policy, methods=["PUT"], name="storage.buckets.setIamPolicy"),
    Route(BUCKET + "/iam/testPermissions", test_permissions, name="storage.buckets.testIamPermissions"),
]
