"""Service accounts of IAM: create, get, list, delete, and who may act as one.

Faithful: names, the e-mail address made of the id, errors for an id that is none, is taken, or is missing.
Not modelled: keys, undelete, disable, quotas, the minute until a new account is known everywhere.
Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts. Wording not verified live.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import policies
from emulator.errors import already_exists, invalid_argument, not_found
from emulator.projects import PROJECT, known
from emulator.routing import body, page, respond, state

ACCOUNT_ID = re.compile(r"[a-z]([-a-z0-9]{4,28}[a-z0-9])")


def find(request: Request) -> dict[str, Any]:
    """Return the service account in the path.

    Raises:
        ApiError: 404, there is none.
    """
    email = request.path_params["account"]
    document = known(request).get(policies.ACCOUNTS, email)
    if document is None:
        raise not_found(f"Unknown service account: {email}")
    return document


async def create(request: Request) -> JSONResponse:
    """Create a service account, without a key."""
    found, sent = known(request), await body(request)
    account = str(sent.get("accountId", ""))
    if not ACCOUNT_ID.fullmatch(account):
        raise invalid_argument(f'"{account}" is not a valid service account ID.', "account_id")
    email = f"{account}@{found.project}.iam.gserviceaccount.com"
    if found.get(policies.ACCOUNTS, email):
        raise already_exists(f"Service account {account} already exists within project projects/{found.project}.")
    document = {
        **sent.get("serviceAccount", {}),
        "name": f"projects/{found.project}/serviceAccounts/{email}",
        "projectId": found.project,
        "uniqueId": found.new_id(),
        "email": email,
    }
    found.put(policies.ACCOUNTS, email, document)
    return respond(document)


async def get(request: Request) -> JSONResponse:
    """Return a service account."""
    return respond(find(request))


async def list_all(request: Request) -> JSONResponse:
    """List the service accounts of the project."""
    return respond(page(known(request).list(policies.ACCOUNTS), "accounts", request))


async def delete(request: Request) -> JSONResponse:
    """Delete a service account; bindings that name it stay."""
    state(request).delete(policies.ACCOUNTS, find(request)["email"])
    return respond({})


async def get_policy(request: Request) -> JSONResponse:
    """Return who may act as the account."""
    return respond(policies.read(state(request), find(request)["name"]))


async def set_policy(request: Request) -> JSONResponse:
    """Replace who may act as the account."""
    sent = await body(request)
    return respond(policies.replace(state(request), find(request)["name"], sent.get("policy", {})))


async def test_permissions(request: Request) -> JSONResponse:
    """Tell which of the permissions the caller has."""
    find(request)
    return respond(policies.permitted(await body(request)))


PARENT = PROJECT + "/serviceAccounts"
ACCOUNT = PARENT + "/{account}"
NAME = "serviceAccounts"
routes = [
    Route(PARENT, create, methods=["POST"], name=f"{NAME}.create"),
    Route(PARENT, list_all, name=f"{NAME}.list"),
    Route(ACCOUNT + ":getIamPolicy", get_policy, methods=["POST"], name=f"{NAME}.getIamPolicy"),
    Route(ACCOUNT + ":setIamPolicy", set_policy, methods=["POST"], name=f"{NAME}.setIamPolicy"),
    Route(ACCOUNT + ":testIamPermissions", test_permissions, methods=["POST"], name=f"{NAME}.testIamPermissions"),
    Route(ACCOUNT, get, name=f"{NAME}.get"),
    Route(ACCOUNT, delete, methods=["DELETE"], name=f"{NAME}.delete"),
]
