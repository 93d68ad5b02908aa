"""What a project must have for the runs of a spec. Setup makes what is missing; doctor looks at the same list."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial

from gemtune.errors import ServiceError
from gemtune.project import accounts, apis
from gemtune.project.access import Grant, Policies
from gemtune.project.bucket import EXPIRES_AFTER_DAYS, PREDICTIONS, RULE, Bucket, fits
from gemtune.project.requirement import DELAYS, Found, Requirement
from gemtune.project.roles import REPOSITORY, data_buckets, grants, own_buckets, repository_name, secret_name
from gemtune.spec import TuningSpec
from gemtune.vertex import CallError, Rest, service_url


def requirements(spec: TuningSpec, *, account: str, number: str, tuning_location: str) -> list[Requirement]:
    """Return what runs of a spec need, in the order in which it can be made.

    Args:
        spec: What to run.
        account: What the steps run as.
        number: Number of the project.
        tuning_location: Region of its tuning jobs.
    """
    is_ours = account.endswith(f"@{spec.submission.project}.iam.gserviceaccount.com")
    policies = Policies(spec.project, number)
    return [
        _apis(spec),
        *(each for bucket in own_buckets(spec) for each in _bucket(spec, bucket)),
        *([_account(spec.submission.project, account)] if is_ours else []),
        _repository(spec),
        *(_role(spec, grant, policies, tuning_location) for grant in grants(spec, account=account, number=number)),
    ]


def _apis(spec: TuningSpec) -> Requirement:
    project, services = spec.project, apis.needed_apis(spec)

    def find() -> Found:
        disabled = [name.partition(".")[0] for name in apis.disabled_apis(project, services)]
        return Found("missing", f"not enabled: {', '.join(disabled)}") if disabled else Found("there", "enabled")

    return Requirement(
        what="APIs",
        why=", ".join(name.partition(".")[0] for name in services),
        commands=[f"gcloud services enable {' '.join(services)} --project={project}"],
        look=find,
        do=lambda: apis.enable_apis(project, services),
    )


def _bucket(spec: TuningSpec, name: str) -> Iterator[Requirement]:
    """Yield the bucket, its access, and what expires in it."""
    region, uri = spec.submission.location, f"gs://{name}"
    bucket = partial(Bucket, spec.project, name)
    create = f"gcloud storage buckets create {uri} --project={spec.project} --location={region}"
    closed = "--uniform-bucket-level-access --public-access-prevention"
    yield Requirement(
        what=f"bucket {uri}",
        why=f"data and results, in {region}",
        commands=[f"{create} {closed}"],
        look=lambda: _located(bucket(), region),
        do=lambda: bucket().create(region),
    )

    def closed_to_the_public() -> Found:
        if not bucket().exists():
            return Found("there", "comes with the bucket")
        return Found("there", "uniform, not public") if bucket().is_closed() else Found("missing", "may become public")

    yield Requirement(
        what=f"access to {uri}",
        why="uniform, never public",
        commands=[f"gcloud storage buckets update {uri} {closed}"],
        look=closed_to_the_public,
        do=lambda: bucket().close(),
    )

    def expires() -> Found:
        is_there = bucket().exists() and bucket().has_rule()
        return Found("there", "set") if is_there else Found("missing", f"{PREDICTIONS} never expires")

    rules = json.dumps({"rule": [RULE]})
    yield Requirement(
        what=f"expiry in {uri}",
        why=f"{PREDICTIONS} after {EXPIRES_AFTER_DAYS} days, nothing else",
        # gcloud replaces the rules that are there; setup itself adds to them.
        commands=[f"printf %s '{rules}' | gcloud storage buckets update {uri} --lifecycle-file=/dev/stdin"],
        look=expires,
        do=lambda: bucket().add_rule(),
        is_needed=False,
    )


def _located(bucket: Bucket, region: str) -> Found:
    """Look for a bucket that is ours and near enough."""
    try:
        if not bucket.exists():
            return Found("missing", "does not exist")
        location = bucket.location()
    except CallError as error:
        if error.code != 403:
            raise
        raise ServiceError(f"gs://{bucket.name} is somebody else's, or closed to you", next="name another") from error
    if not fits(location, region):
        raise ServiceError(
            f"gs://{bucket.name} is in {location}, expected {region}", next="name another bucket or region"
        )
    return Found("there", f"in {location}")


def _account(project: str, email: str) -> Requirement:
    identity, _, _ = email.partition("@")

    def find() -> Found:
        is_there = accounts.account_exists(project, email)
        return Found("there", "exists") if is_there else Found("missing", "does not exist")

    return Requirement(
        what=f"account {identity}",
        why="what the steps run as, without a key",
        commands=[f"gcloud iam service-accounts create {identity} --project={project}"],
        look=find,
        do=lambda: accounts.create_account(project, email),
    )


def _repository(spec: TuningSpec) -> Requirement:
    submission, name = spec.submission, repository_name(spec)
    registry = Rest(submission.project, submission.location, base=service_url("artifactregistry"))

    def find() -> Found:
        try:
            kind = registry.get(name).get("format")
        except CallError as error:
            if error.code != 404:
                raise
            return Found("missing", "does not exist")
        if kind != "KFP":
            raise ServiceError(f"{name}: format {kind}, expected KFP", next="delete it, or publish to Cloud Storage")
        return Found("there", "format KFP")

    def create() -> None:
        registry.post(f"{name.rpartition('/')[0]}?repositoryId={REPOSITORY}", {"format": "KFP"})
        for delay in DELAYS:
            if find().state == "there":
                return
            time.sleep(delay)
        raise ServiceError(f"{name}: not there after two minutes", next="try again")

    place = f"--location={submission.location} --project={submission.project}"
    return Requirement(
        what=f"repository {REPOSITORY}",
        why="published pipelines, format KFP",
        commands=[f"gcloud artifacts repositories create {REPOSITORY} --repository-format=kfp {place}"],
        look=find,
        do=create,
        is_needed=False,
    )


def _role(spec: TuningSpec, grant: Grant, policies: Policies, tuning_location: str) -> Requirement:
    is_data = grant.resource in [f"gs://{bucket}" for bucket in data_buckets(spec)]
    is_repository = grant.resource == repository_name(spec)

    def find() -> Found:
        try:
            is_held = policies.holds(grant)
        except CallError as error:
            if is_data and error.code in (403, 404):
                return Found("unclear", f"who may read {grant.resource} cannot be seen")
            if grant.resource == secret_name(spec) and error.code == 404:
                return Found("unclear", "there is no such secret yet")
            if error.code != 404:
                raise
            is_held = False  # what it is for does not exist yet
        if not is_held and grant.is_later and not _was_tuned(spec.project, tuning_location):
            return Found("unclear", "from the first job on")
        return Found("there", "held") if is_held else Found("missing", "not held")

    return Requirement(
        what=grant.what,
        why=grant.why,
        commands=[grant.gcloud()],
        only=grant.only,
        look=find,
        do=lambda: policies.add(grant),
        is_needed=not is_repository,
    )


def _was_tuned(project: str, location: str) -> bool:
    """Tell whether the project had a tuning job: with the first one the service makes its account."""
    return bool(Rest(project, location).get("tuningJobs", pageSize=1))
