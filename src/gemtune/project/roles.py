"""The least roles that a spec's runs need: the steps', the tuning service's, and Vertex AI's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gemtune.project.access import Grant
from gemtune.project.accounts import account_name, tuning_agent, vertex_agent
from gemtune.runs.webhook import secret_version
from gemtune.spec import TuningSpec
from gemtune.storage import split_uri

REPOSITORY = "gemtune"
_PIPELINE = "https://docs.cloud.google.com/vertex-ai/docs/pipelines/configure-project#service-account"
_TUNING = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning/use"
_ACCOUNTS = "https://docs.cloud.google.com/vertex-ai/docs/general/custom-service-account"
_TEMPLATES = "https://docs.cloud.google.com/vertex-ai/docs/pipelines/create-pipeline-template"
_BATCH = "https://docs.cloud.google.com/vertex-ai/docs/general/access-control#service-agents"
_CMEK = "https://docs.cloud.google.com/vertex-ai/docs/general/cmek"
_SECRETS = "https://cloud.google.com/secret-manager/docs/access-control"
_AFTER_TUNING = "after the first tuning job"
_SECRET_MADE = "once the secret exists"


def own_buckets(spec: TuningSpec) -> list[str]:
    """Return the names of the buckets that runs write to."""
    return list(dict.fromkeys([spec.bucket, split_uri(spec.submission.pipeline_root)[0]]))


def data_buckets(spec: TuningSpec) -> list[str]:
    """Return the names of the buckets that runs only read."""
    sources = ",".join([spec.train_data, spec.validation_data, spec.test_data]).split(",")
    named = [split_uri(source.strip())[0] for source in sources if source.strip().startswith("gs://")]
    return [bucket for bucket in dict.fromkeys(named) if bucket not in own_buckets(spec)]


def repository_name(spec: TuningSpec) -> str:
    """Return the name of the Artifact Registry repository that setup makes for published pipelines."""
    return f"projects/{spec.submission.project}/locations/{spec.submission.location}/repositories/{REPOSITORY}"


def keys(spec: TuningSpec) -> list[str]:
    """Return the Cloud KMS keys that a spec names."""
    return [key for key in dict.fromkeys([spec.kms_key_name, spec.submission.kms_key]) if key]


def secret_name(spec: TuningSpec) -> str:
    """Return the full name of the secret that holds the webhook's address, without a version; empty for none."""
    return secret_version(spec.webhook_secret, spec.project).partition("/versions/")[0] if spec.webhook_secret else ""


def grants(spec: TuningSpec, *, account: str, number: str) -> list[Grant]:
    """Return every role that runs of a spec need; that they suffice is not verified live.

    Args:
        spec: What to run.
        account: What the steps run as.
        number: Number of the project.
    """
    return [*_of_the_steps(spec, account), *_of_tuning(spec, account, number), *_of_the_service(spec, number)]


def _of_the_steps(spec: TuningSpec, account: str) -> Iterator[Grant]:
    project = f"projects/{spec.project}"
    why = "steps tune, ask and register models"
    yield Grant(resource=project, account=account, who="steps", role="roles/aiplatform.user", why=why, source=_PIPELINE)
    for bucket in own_buckets(spec):
        role, why = "roles/storage.objectUser", "steps read and write the bucket"
        yield Grant(resource=f"gs://{bucket}", account=account, who="steps", role=role, why=why, source=_PIPELINE)
    for bucket in data_buckets(spec):
        role, why = "roles/storage.objectViewer", "steps read the data"
        yield Grant(resource=f"gs://{bucket}", account=account, who="steps", role=role, why=why, source=_PIPELINE)
    if name := secret_name(spec):
        role, why, only = (
            "roles/secretmanager.secretAccessor",
            "the last step reads the webhook's address",
            _SECRET_MADE,
        )
        yield Grant(resource=name, account=account, who="steps", role=role, why=why, source=_SECRETS, only=only)
    role, why = "roles/artifactregistry.reader", "runs read the published pipeline"
    yield Grant(resource=repository_name(spec), account=account, who="steps", role=role, why=why, source=_TEMPLATES)


def _of_tuning(spec: TuningSpec, account: str, number: str) -> Iterator[Grant]:
    """Yield the roles of whoever reads the dataset for a tuning job: the service's agent, or an account of the user."""
    own, agent = spec.tuning_service_account, tuning_agent(number)
    tuner = partial(Grant, account=own or agent, who="tuning", source=_TUNING, is_later=not own)
    yield tuner(
        resource=f"projects/{spec.project}",
        role="roles/aiplatform.tuningServiceAgent",
        why="the tuning service does its work",
        only="" if own else _AFTER_TUNING,
    )
    yield tuner(
        resource=f"gs://{spec.bucket}",
        role="roles/storage.objectViewer",
        why="the tuning service reads the dataset",
        only="if the bucket is in another project",
    )
    if not own:
        return
    name = account_name(own.partition("@")[2].partition(".")[0], own)
    role, why = "roles/iam.serviceAccountUser", "steps start tuning as that account"
    yield Grant(resource=name, account=account, who="steps", role=role, why=why, source=_ACCOUNTS)
    yield Grant(
        resource=name,
        account=agent,
        who="tuning agent",
        role="roles/iam.serviceAccountTokenCreator",
        why="the tuning service acts as that account",
        source=_TUNING,
        only=_AFTER_TUNING,
        is_later=True,
    )


def _of_the_service(spec: TuningSpec, number: str) -> Iterator[Grant]:
    agent = vertex_agent(number)
    if spec.generation_mode == "batch":
        role, why = "roles/storage.objectUser", "batch jobs read prompts and write answers"
        yield Grant(resource=f"gs://{spec.bucket}", account=agent, who="Vertex AI", role=role, why=why, source=_BATCH)
    for key in keys(spec):
        role, why = "roles/cloudkms.cryptoKeyEncrypterDecrypter", "what is encrypted with the key is used"
        yield Grant(resource=key, account=agent, who="Vertex AI", role=role, why=why, source=_CMEK)
