"""IAM policies, which every kind of resource keeps alike: read, replaced as a whole, asked what the caller may.

Faithful: versions, etags (a stale one is refused), members that do not exist are refused by name, no empty bindings.
Not modelled: enforcement and the caller's identity (whoever holds the token is the owner and may do everything),
conditions, audit configurations, custom roles, inheritance, groups and domains (all are taken to exist).
Source: https://cloud.google.com/iam/docs/reference/rest/v1/Policy. The wording of errors is not verified live.
"""

import hashlib
import json
import re
from typing import Any

from emulator.errors import ApiError, invalid_argument
from emulator.state import State

POLICIES, ACCOUNTS = "iamPolicies", "serviceAccounts"
OWN_ACCOUNT = re.compile(r"[^@]+@(?P<project>[a-z0-9-]+)\.iam\.gserviceaccount\.com")
TUNING_AGENT = "service-{number}@gcp-sa-vertex-tune.iam.gserviceaccount.com"
TUNING_ROLE = "roles/aiplatform.tuningServiceAgent"


def read(state: State, resource: str) -> dict[str, Any]:
    """Return the policy of a resource, with its etag."""
    kept = state.get(POLICIES, resource) or {"bindings": []}
    bindings = kept["bindings"]
    digest = hashlib.sha256(json.dumps(bindings).encode()).hexdigest()
    return {"version": 1, "etag": digest[:12], **({"bindings": bindings} if bindings else {})}


def replace(state: State, resource: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Replace the policy of a resource and return it.

    Raises:
        ApiError: 409, the etag is not that of the policy as it is; 400, a role or member is none.
    """
    bindings = [binding for binding in sent.get("bindings", []) if binding.get("members")]
    with state.transaction():
        current = read(state, resource)
        if sent.get("etag", current["etag"]) != current["etag"]:
            conflict = "There were concurrent policy changes. Please retry the whole read-modify-write."
            raise ApiError(409, conflict, status="ABORTED")
        for binding in bindings:
            check_binding(state, binding)
        state.put(POLICIES, resource, {"bindings": bindings})
    return read(state, resource)


def check_binding(state: State, binding: dict[str, Any]) -> None:
    """Refuse a role that has no role's form, and a service account that does not exist."""
    if not re.fullmatch(r"(roles|projects/[^/]+/roles)/[\w.]+", str(binding.get("role", ""))):
        raise invalid_argument(f"Role {binding.get('role')} is not supported for this resource.")
    for member in binding["members"]:
        kind, _, account = member.partition(":")
        if kind == "serviceAccount" and not account_exists(state, account):
            raise invalid_argument(f"Service account {account} does not exist.")


def account_exists(state: State, account: str) -> bool:
    """Tell whether a service account exists: those of the project by what was created, others by trust.

    The tuning service's agent comes with the project's first tuning job.
    """
    if account == TUNING_AGENT.format(number=state.number):
        return bool(state.list("tuningJobs"))
    match = OWN_ACCOUNT.fullmatch(account)
    if match is None or match["project"] != state.project:
        return True
    return state.get(ACCOUNTS, account) is not None


def grant(state: State, resource: str, role: str, *members: str) -> None:
    """Bind a role to members of their own accord, as the service does it, without a check."""
    with state.transaction():
        bindings = (state.get(POLICIES, resource) or {"bindings": []})["bindings"]
        state.put(POLICIES, resource, {"bindings": [*bindings, {"role": role, "members": list(members)}]})


def permitted(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the permissions that the caller, who is the owner, has among those asked for."""
    permissions = sent.get("permissions", [])
    return {"permissions": permissions} if permissions else {}
