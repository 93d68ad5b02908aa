"""Cloud KMS: key rings and symmetric keys as names with a policy.

Faithful: names, the key's purpose and the state of its primary version, errors for what is missing or is there.
Not modelled: any encryption, versions, rotation, destruction, other purposes, import.
Source: https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import policies
from emulator.errors import already_exists, not_found
from emulator.projects import PROJECT, known
from emulator.routing import body, respond, state

RINGS, KEYS = "keyRings", "cryptoKeys"


def name_of(request: Request) -> str:
    """Return the full name of the ring or key in the path; KMS names the project as it was asked."""
    parts = request.path_params
    known(request)
    name = f"projects/{parts['project']}/locations/{parts['location']}"
    for kind, part in ((RINGS, "ring"), (KEYS, "key")):
        name += f"/{kind}/{parts[part]}" if part in parts else ""
    return name


def find(request: Request, collection: str) -> dict[str, Any]:
    """Return the ring or key in the path.

    Raises:
        ApiError: 404, there is none.
    """
    name = name_of(request)
    document = state(request).get(collection, name)
    if document is None:
        raise not_found(f"{'KeyRing' if collection == RINGS else 'CryptoKey'} {name} not found.")
    return document


def create(request: Request, collection: str, name: str, fields: dict[str, Any]) -> JSONResponse:
    """Keep a new ring or key."""
    if state(request).get(collection, name):
        raise already_exists(f"{name} already exists.")
    document = {"name": name, "createTime": state(request).clock.timestamp(), **fields}
    state(request).put(collection, name, document)
    return respond(document)


async def create_ring(request: Request) -> JSONResponse:
    """Create a key ring, ?keyRingId."""
    return create(request, RINGS, f"{name_of(request)}/{RINGS}/{request.query_params.get('keyRingId', '')}", {})


async def create_key(request: Request) -> JSONResponse:
    """Create a key, ?cryptoKeyId, with an enabled first version."""
    sent = await body(request)
    name = f"{find(request, RINGS)['name']}/{KEYS}/{request.query_params.get('cryptoKeyId', '')}"
    purpose = sent.get("purpose", "ENCRYPT_DECRYPT")
    primary = {"name": f"{name}/cryptoKeyVersions/1", "state": "ENABLED"}
    return create(request, KEYS, name, {"purpose": purpose, "primary": primary})


async def get_key(request: Request) -> JSONResponse:
    """Return a key."""
    return respond(find(request, KEYS))


async def get_policy(request: Request) -> JSONResponse:
    """Return who may use the key."""
    return respond(policies.read(state(request), find(request, KEYS)["name"]))


async def set_policy(request: Request) -> JSONResponse:
    """Replace who may use the key."""
    sent = await body(request)
    return respond(policies.replace(state(request), find(request, KEYS)["name"], sent.get("policy", {})))


PARENT = PROJECT + "/locations/{location}/keyRings"
KEY = PARENT + "/{ring}/cryptoKeys/{key}"
routes = [
    Route(PARENT, create_ring, methods=["POST"], name="keyRings.create"),
    Route(PARENT + "/{ring}/cryptoKeys", create_key, methods=["POST"], name="cryptoKeys.create"),
    Route(KEY + ":getIamPolicy", get_policy, name="cryptoKeys.getIamPolicy"),
    Route(KEY + ":setIamPolicy", set_policy, methods=["POST"], name="cryptoKeys.setIamPolicy"),
    Route(KEY, get_key, name="cryptoKeys.get"),
]
