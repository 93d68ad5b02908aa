"""What doctor looks at in the project: who asks, what is set up, and what each identity may do."""

from __future__ import annotations

from collections.abc import Iterator

from gemtune.catalog import Catalog
from gemtune.errors import GemtuneError
from gemtune.project import accounts
from gemtune.project.access import Policies
from gemtune.project.check import CALLER, Check, Commands
from gemtune.project.requirement import Requirement, look
from gemtune.project.requirements import requirements
from gemtune.project.roles import own_buckets
from gemtune.runs.plan import locations
from gemtune.spec import TuningSpec
from gemtune.vertex import CallError, Rest, default_credentials, service_url

_RIGHTS = {
    "project": (["aiplatform.pipelineJobs.create", "aiplatform.tuningJobs.list"], "roles/aiplatform.user"),
    "bucket": (["storage.objects.create", "storage.objects.get", "storage.objects.list"], "roles/storage.objectUser"),
    "account": (["iam.serviceAccounts.actAs"], "roles/iam.serviceAccountUser"),
}
"""What is asked for → permissions that the person who submits needs, and the role that has them.

Source: https://docs.cloud.google.com/vertex-ai/docs/pipelines/configure-project"""


def check_project(spec: TuningSpec, commands: Commands, catalog: Catalog) -> Iterator[Check]:
    """Yield what is found in the project, in the order in which it should be mended."""
    found = _credentials()
    yield found
    if found.state == "fail":
        return
    try:
        number = accounts.project_number(spec.project)
    except CallError as error:
        yield _unseen(spec.project, error, commands)
        return
    yield _project(spec.project, number)
    yield _billing(spec.project)
    account = spec.submission.service_account or accounts.default_account(number)
    is_named = bool(spec.submission.service_account)
    yield Check("steps run as", "ok" if is_named else "note", account if is_named else f"{account} (default)")
    tuning_location = locations(spec, catalog)["tuning"]
    for each in requirements(spec, account=account, number=number, tuning_location=tuning_location):
        yield _required(each, spec, commands)
    yield from _caller(spec, Policies(spec.project, number), account, commands)


def _credentials() -> Check:
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials = default_credentials()
        credentials.refresh(Request())
    except (GemtuneError, GoogleAuthError) as error:
        text = str(error).splitlines()[0]
        return Check("credentials", "fail", text, "gcloud auth application-default login")
    return Check("credentials", "ok", "work")


def _unseen(project: str, error: CallError, commands: Commands) -> Check:
    """Say that a project cannot be seen; the emulator has the only one that it knows."""
    if "has not been used" in str(error) or "is disabled" in str(error):
        mend = f"gcloud services enable serviceusage.googleapis.com --project={project}"
    elif commands.target == "emulator":
        mend = commands("doctor")
    else:
        mend = commands.changed("doctor", project="PROJECT")
    return Check("project", "fail", f"{project}: {error.message.partition(': ')[2]}", mend)


def _project(project: str, number: str) -> Check:
    try:
        state = Rest(project, "", base=service_url("cloudresourcemanager")).get(f"projects/{project}")["lifecycleState"]
    except CallError:
        return Check("project", "ok", f"{project}, number {number}")
    if state != "ACTIVE":
        return Check("project", "fail", f"{project}: {state}, expected ACTIVE", f"gcloud projects undelete {project}")
    return Check("project", "ok", f"{project}, number {number}")


def _billing(project: str) -> Check:
    """Say whether an open billing account pays for the project.

    Whoever sees the project may ask, if the Cloud Billing API is enabled, which runs do not need.
    Source: https://docs.cloud.google.com/billing/docs/reference/rest/v1/ProjectBillingInfo
    """
    try:
        found = Rest(project, "", base=service_url("cloudbilling")).get(f"projects/{project}/billingInfo")
    except CallError as error:
        shown = f"gcloud billing projects describe {project}"
        return Check("billing", "note", f"cannot be seen here: {error.message.partition(': ')[2]}", shown)
    if found.get("billingEnabled"):
        return Check("billing", "ok", "enabled")
    account = found.get("billingAccountName", "").rpartition("/")[2]
    text = f"billing account {account} is closed" if account else "no billing account is linked"
    link = f"gcloud billing projects link {project} --billing-account=ACCOUNT  # one of: gcloud billing accounts list"
    return Check("billing", "fail", f"{text}: nothing that is paid works", link)


def _required(requirement: Requirement, spec: TuningSpec, commands: Commands) -> Check:
    """Look at what setup would make."""
    name = requirement.what
    try:
        found = look(requirement)
    except GemtuneError as error:
        return Check(name, "fail", error.message, _elsewhere(spec, error, commands))
    if found.state == "there":
        return Check(name, "ok", found.text)
    if found.state == "unclear":
        return Check(name, "note", found.text)
    return Check(name, "fail" if requirement.is_needed else "note", found.text, _mend(requirement, spec, commands))


def _mend(requirement: Requirement, spec: TuningSpec, commands: Commands) -> str:
    """Return the command that makes what is missing."""
    if not spec.submission.service_account and requirement.what.startswith("steps:"):
        # Rather an account of its own with least roles than more roles for the default account.
        own = accounts.own_account(spec.submission.project)
        return commands.changed("setup", submission__service_account=own)
    # gcloud would replace the rules of the bucket, where setup adds one.
    if commands.target == "emulator" or "lifecycle" in requirement.commands[0]:
        return commands("setup")
    return " && ".join(requirement.commands)


def _elsewhere(spec: TuningSpec, error: GemtuneError, commands: Commands) -> str:
    """Return the command for a thing that is there, but not as it must be."""
    if isinstance(error, CallError):
        return commands("doctor")
    region = spec.submission.location
    if commands.target == "emulator":
        return commands.changed("doctor", location="us-central1")
    return commands.changed("setup", bucket=f"{spec.project}-gemtune-{region}")


def _caller(spec: TuningSpec, policies: Policies, account: str, commands: Commands) -> Iterator[Check]:
    """Yield whether the person who asks may submit runs."""
    resources = [("project", f"projects/{spec.project}", "project")]
    resources += [("bucket", f"gs://{bucket}", f"gs://{bucket}") for bucket in own_buckets(spec)]
    if spec.submission.service_account:
        name = accounts.account_name(spec.submission.project, account)
        resources.append(("account", name, f"account {account.partition('@')[0]}"))
    for kind, resource, shown in resources:
        permissions, role = _RIGHTS[kind]
        name = f"you on {shown}"
        try:
            lacking = set(permissions) - set(policies.permitted(resource, permissions))
        except CallError as error:
            if error.code == 404:
                continue
            lacking = set(permissions)
        text = f"you lack {', '.join(sorted(lacking))}"
        yield Check(name, "fail", text, _grant(kind, resource, role)) if lacking else Check(name, "ok", "may submit")


def _grant(kind: str, resource: str, role: str) -> str:
    start = {
        "project": f"gcloud projects add-iam-policy-binding {resource.rpartition('/')[2]} --condition=None",
        "bucket": f"gcloud storage buckets add-iam-policy-binding {resource}",
        "account": f"gcloud iam service-accounts add-iam-policy-binding {resource.rpartition('/')[2]}",
    }[kind]
    return f"{start} {CALLER} --role={role}"
