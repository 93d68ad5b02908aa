"""Who may do what: the roles that the identities of a run need, each with its reason, and the policies that give them.

The roles are the least that suffice among the predefined ones. Custom roles and groups are not looked into, bindings
with a condition do not count: whoever uses those is told that a role was not found.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from gemtune.project.bucket import Bucket
from gemtune.vertex import Rest, service_url

_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
_BASIC_ROLES = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
_BUCKET_OWNER = {"roles/storage.legacyBucketOwner", "roles/storage.legacyObjectOwner"}
_BUCKET_READER = {"roles/storage.legacyBucketReader", "roles/storage.legacyObjectReader"}
_WRITERS = [{"roles/storage.objectAdmin"}, {"roles/storage.admin"}, _BUCKET_OWNER, {"roles/aiplatform.serviceAgent"}]
_EDITORS = [{"roles/editor"}, {"roles/owner"}]

ENOUGH: dict[str, list[set[str]]] = {
    "roles/aiplatform.user": [{"roles/aiplatform.admin"}, *_EDITORS],
    "roles/storage.objectUser": _WRITERS,
    "roles/storage.objectViewer": [
        {"roles/storage.objectUser"},
        *_WRITERS,
        _BUCKET_READER,
        {"roles/aiplatform.tuningServiceAgent"},
    ],
    "roles/artifactregistry.reader": [
        {"roles/artifactregistry.writer"},
        {"roles/artifactregistry.repoAdmin"},
        {"roles/artifactregistry.admin"},
        {"roles/viewer"},
        *_EDITORS,
    ],
    "roles/iam.serviceAccountUser": _EDITORS,
    "roles/secretmanager.secretAccessor": [{"roles/secretmanager.admin"}, {"roles/owner"}],
}
"""Role → sets of other roles that hold its permissions as far as gemtune needs them.

Source: https://cloud.google.com/iam/docs/roles-permissions; legacy roles come to a project's owners and editors by
https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable
"""

_SERVICES = {
    "serviceAccounts": ("iam", "POST"),
    "repositories": ("artifactregistry", "GET"),
    "cryptoKeys": ("cloudkms", "GET"),
    "secrets": ("secretmanager", "GET"),
}
"""Collection → the service that keeps its policies, and the HTTP method that reads one."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role that an identity needs on a resource."""

    resource: str
    """``projects/P`` or a name below it, or ``gs://BUCKET``."""

    account: str
    """E-mail address of a service account."""

    role: str
    who: str
    """Whose role it is, in plain words."""

    why: str
    source: str

    only: str = ""
    """Under what condition it is needed; empty for always."""

    is_later: bool = False
    """Whether the account may not exist before the project's first tuning job."""

    @property
    def what(self) -> str:
        """Return the grant in a few words."""
        kinds = {"serviceAccounts": "account", "repositories": "repository", "cryptoKeys": "key", "secrets": "secret"}
        *_, collection, name = self.resource.split("/")
        where = f"{kinds[collection]} {name.partition('@')[0]}" if collection in kinds else "project"
        where = self.resource if self.resource.startswith("gs://") else where
        return f"{self.who}: {self.role.removeprefix('roles/')} on {where}"

    @property
    def member(self) -> str:
        """Return the account as policies name it."""
        return f"serviceAccount:{self.account}"

    def gcloud(self) -> str:
        """Return the gcloud command that gives the role."""
        # Double quotes: the shell must replace the project's number.
        end = f' --member="{self.member}" --role={self.role}'
        if self.resource.startswith("gs://"):
            return f"gcloud storage buckets add-iam-policy-binding {shlex.quote(self.resource)}{end}"
        parts = self.resource.split("/")
        project = f" --project={parts[1]}"
        match parts[-2]:
            case "serviceAccounts":
                return f"gcloud iam service-accounts add-iam-policy-binding {parts[3]}{end}{project}"
            case "repositories":
                place = f"--location={parts[3]}{project}"
                return f"gcloud artifacts repositories add-iam-policy-binding {parts[5]} {place}{end}"
            case "cryptoKeys":
                place = f"--keyring={parts[5]} --location={parts[3]}{project}"
                return f"gcloud kms keys add-iam-policy-binding {parts[7]} {place}{end}"
            case "secrets":
                return f"gcloud secrets add-iam-policy-binding {parts[3]}{end}{project}"
        return f"gcloud projects add-iam-policy-binding {parts[1]}{end} --condition=None"


class Policies:
    """The policies of a project and of what is in it.

    Every method raises CallError when the service refuses.

    Args:
        project: Id of the project.
        number: Its number.
    """

    def __init__(self, project: str, number: str) -> None:
        self.project = project
        self.number = number

    def holds(self, grant: Grant) -> bool:
        """Tell whether an account has a role, or others that are as good, on the resource or in the project."""
        in_project = set()
        if self._is_within(grant.resource):
            in_project = _roles(self.read(f"projects/{self.project}"), {grant.member} | _EVERYBODY)
        as_basic = {f"{name}:{self.project}" for name, role in _BASIC_ROLES.items() if role in in_project}
        held = in_project | _roles(self.read(grant.resource), {grant.member} | _EVERYBODY | as_basic)
        return grant.role in held or any(roles <= held for roles in ENOUGH.get(grant.role, []))

    def add(self, grant: Grant) -> None:
        """Give a role; what others have stays, and a policy that changed meanwhile is refused by its etag."""
        policy = self.read(grant.resource)
        bindings = policy.setdefault("bindings", [])
        for binding in bindings:
            if binding["role"] == grant.role and not binding.get("condition"):
                binding["members"] = [*binding["members"], grant.member]
                break
        else:
            bindings.append({"role": grant.role, "members": [grant.member]})
        self._write(grant.resource, policy)

    def read(self, resource: str) -> dict[str, Any]:
        """Return the policy of a resource."""
        if resource.startswith("gs://"):
            return Bucket(self.project, resource.removeprefix("gs://")).policy()
        rest, method = self._service(resource)
        if method == "GET":
            return rest.get(f"{resource}:getIamPolicy", **{"options.requestedPolicyVersion": 3})
        return dict(rest.post(f"{resource}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}}))

    def permitted(self, resource: str, permissions: list[str]) -> list[str]:
        """Return which of the permissions the caller has on a resource."""
        if resource.startswith("gs://"):
            return Bucket(self.project, resource.removeprefix("gs://")).permitted(permissions)
        rest, _ = self._service(resource)
        answer = rest.post(f"{resource}:testIamPermissions", {"permissions": permissions})
        return list(answer.get("permissions", []))

    def _is_within(self, resource: str) -> bool:
        """Tell whether the project's roles reach a resource: a bucket, or a key, may belong to another project."""
        if resource.startswith("gs://"):
            return Bucket(self.project, resource.removeprefix("gs://")).project_number() == self.number
        return resource.split("/")[1] in (self.project, self.number)

    def _write(self, resource: str, policy: dict[str, Any]) -> None:
        if resource.startswith("gs://"):
            Bucket(self.project, resource.removeprefix("gs://")).set_policy(policy)
        else:
            self._service(resource)[0].post(f"{resource}:setIamPolicy", {"policy": policy})

    def _service(self, resource: str) -> tuple[Rest, str]:
        name, method = _SERVICES.get(resource.split("/")[-2], ("cloudresourcemanager", "POST"))
        return Rest(self.project, "", base=service_url(name)), method


def _roles(policy: dict[str, Any], members: set[str]) -> set[str]:
    bindings = [binding for binding in policy.get("bindings", []) if not binding.get("condition")]
    return {binding["role"] for binding in bindings if members & set(binding["members"])}
