"""Secret Manager: create a secret, add versions, read one, and who may.

Faithful: names by project number, `latest`, base64 payload with its CRC32C, the wording of a 403 and a 404.
Not modelled: enforcement (policies are kept, but whoever holds the token may read; a fault on
secretmanager.versions.access stands for a missing role), regional secrets, states of versions, rotation, labels' rules,
deleting a version.
Source: https://cloud.google.com/secret-manager/docs/reference/rest.
"""

import base64
import binascii
import re
from typing import Any

import google_crc32c
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import policies
from emulator.errors import already_exists, invalid_argument, not_found, permission_denied
from emulator.routing import body, page, respond, state

SECRETS, VERSIONS = "secrets", "secretVersions"
"""A version's document also holds its `data`, as it was sent."""


def project_of(request: Request, permission: str) -> str:
    """Return `projects/NUMBER`; another project is refused, as one where the caller has no role."""
    found, project = state(request), request.path_params["project"]
    if project not in (found.project, found.number):
        resource = request.url.path.removeprefix("/v1/").partition(":")[0]
        raise permission_denied(f"Permission '{permission}' denied for resource '{resource}' (or it may not exist).")
    return f"projects/{found.number}"


def find(request: Request, permission: str) -> dict[str, Any]:
    """Return the secret in the path.

    Raises:
        ApiError: 404, there is none.
    """
    name = f"{project_of(request, permission)}/secrets/{request.path_params['secret']}"
    document = state(request).get(SECRETS, name)
    if document is None:
        raise not_found(f"Secret [{name}] not found.")
    return document


async def create(request: Request) -> JSONResponse:
    """Create a secret without a version."""
    sent, secret = await body(request), request.query_params.get("secretId", "")
    if not re.fullmatch(r"[\w-]{1,255}", secret, re.ASCII) or "replication" not in sent:
        raise invalid_argument("secretId and replication are required.", "secret")
    name = f"{project_of(request, 'secretmanager.secrets.create')}/secrets/{secret}"
    if state(request).get(SECRETS, name):
        raise already_exists(f"Secret [{name}] already exists.")
    document = {**sent, "name": name, "createTime": state(request).clock.timestamp()}
    state(request).put(SECRETS, name, document)
    return respond(document)


async def get(request: Request) -> JSONResponse:
    """Return a secret, never its data."""
    return respond(find(request, "secretmanager.secrets.get"))


async def list_all(request: Request) -> JSONResponse:
    """List the project's secrets, newest first."""
    prefix = f"{project_of(request, 'secretmanager.secrets.list')}/secrets/"
    return respond(page(state(request).list(SECRETS, prefix), "secrets", request))


async def delete(request: Request) -> JSONResponse:
    """Delete a secret with all its versions."""
    name = find(request, "secretmanager.secrets.delete")["name"]
    for version in state(request).list(VERSIONS, f"{name}/versions/"):
        state(request).delete(VERSIONS, version["name"])
    state(request).delete(SECRETS, name)
    return respond({})


async def add_version(request: Request) -> JSONResponse:
    """Add the data of {"payload": {"data": base64}} as the newest version."""
    secret = find(request, "secretmanager.versions.add")
    data = (await body(request)).get("payload", {}).get("data", "")
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise invalid_argument(f"Invalid value at 'payload.data' (TYPE_BYTES): {error}", "payload.data") from error
    with state(request).transaction():
        number = len(state(request).list(VERSIONS, f"{secret['name']}/versions/")) + 1
        name = f"{secret['name']}/versions/{number}"
        document = {"name": name, "createTime": state(request).clock.timestamp(), "state": "ENABLED"}
        state(request).put(VERSIONS, name, document | {"data": data})
    return respond(document)


async def get_version(request: Request) -> JSONResponse:
    """Return a version without its data; `latest` is the one that was created last."""
    document = find_version(request, find_for_access(request, "secretmanager.versions.get"))
    return respond({key: value for key, value in document.items() if key != "data"})


async def access(request: Request) -> JSONResponse:
    """Return the data of a version; `latest` is the newest."""
    document = find_version(request, find_for_access(request, "secretmanager.versions.access"))
    return respond({"name": document["name"], "payload": payload(document["data"])})


def find_version(request: Request, secret: str) -> dict[str, Any]:
    """Return the version in the path, of a secret by its full name.

    Raises:
        ApiError: 404, there is none.
    """
    wanted = request.path_params["version"]
    for document in state(request).list(VERSIONS, f"{secret}/versions/"):
        if wanted in ("latest", document["name"].rpartition("/")[2]):
            return document
    missing = f"Secret [{secret}] not found or has no versions."
    raise not_found(missing if wanted == "latest" else f"Secret Version [{secret}/versions/{wanted}] not found.")


def find_for_access(request: Request, permission: str) -> str:
    """Return the name of the secret in the path; one that is missing reads like one without versions."""
    name = f"{project_of(request, permission)}/secrets/{request.path_params['secret']}"
    if state(request).get(SECRETS, name) is None:
        raise not_found(f"Secret [{name}] not found or has no versions.")
    return name


def payload(data: str) -> dict[str, str]:
    """Return a payload with the checksum that clients verify."""
    return {"data": data, "dataCrc32c": str(google_crc32c.value(base64.b64decode(data)))}


async def get_policy(request: Request) -> JSONResponse:
    """Return who may do what with a secret; empty if nobody was named."""
    return respond(policies.read(state(request), find(request, "secretmanager.secrets.getIamPolicy")["name"]))


async def set_policy(request: Request) -> JSONResponse:
    """Replace who may do what with a secret."""
    sent = await body(request)
    name = find(request, "secretmanager.secrets.setIamPolicy")["name"]
    return respond(policies.replace(state(request), name, sent.get("policy", {})))


PARENT = "/v1/projects/{project}/secrets"
SECRET = PARENT + "/{secret}"
routes = [
    Route(PARENT, create, methods=["POST"], name="secretmanager.secrets.create"),
    Route(PARENT, list_all, name="secretmanager.secrets.list"),
    Route(SECRET + ":addVersion", add_version, methods=["POST"], name="secretmanager.secrets.addVersion"),
    Route(SECRET + "/versions/{version}:access", access, name="secretmanager.versions.access"),
    Route(SECRET + "/versions/{version}", get_version, name="secretmanager.versions.get"),
    Route(SECRET + ":getIamPolicy", get_policy, name="secretmanager.secrets.getIamPolicy"),
    Route(SECRET + ":setIamPolicy", set_policy, methods=["POST"], name="secretmanager.secrets.setIamPolicy"),
    Route(SECRET, get, name="secretmanager.secrets.get"),
    Route(SECRET, delete, methods=["DELETE"], name="secretmanager.secrets.delete"),
]
