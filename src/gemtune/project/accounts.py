"""The identities of a run: who the steps are, who tunes, and the project's number that their names are made of."""

from __future__ import annotations

from gemtune.vertex import CallError, Rest, service_url

PIPELINE_ACCOUNT = "gemtune-pipeline"


def project_number(project: str) -> str:
    """Return the number of a project.

    Service Usage knows it, and answers in a project where nothing else is enabled yet.

    Raises:
        CallError: There is no such project, or the caller may not see it.
    """
    path = f"projects/{project}/services/aiplatform.googleapis.com"
    document = Rest(project, "", base=service_url("serviceusage")).get(path)
    return str(document["parent"]).rpartition("/")[2]


def number_by_gcloud(project: str) -> str:
    """Return what a shell replaces by the number of a project."""
    return f"$(gcloud projects describe {project} --format='value(projectNumber)')"


def own_account(project: str) -> str:
    """Return the service account that setup makes for the steps where the spec names none."""
    return f"{PIPELINE_ACCOUNT}@{project}.iam.gserviceaccount.com"


def default_account(number: str) -> str:
    """Return the account that the steps run as where the job names none.

    Source: https://docs.cloud.google.com/vertex-ai/docs/pipelines/configure-project#service-account
    """
    return f"{number}-compute@developer.gserviceaccount.com"


def tuning_agent(number: str) -> str:
    """Return the account that reads the data of a tuning job; it exists from the project's first tuning job on.

    Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning
    """
    return f"service-{number}@gcp-sa-vertex-tune.iam.gserviceaccount.com"


def vertex_agent(number: str) -> str:
    """Return the account of Vertex AI itself, which reads and writes for batch jobs and uses encryption keys.

    Source: https://docs.cloud.google.com/vertex-ai/docs/general/access-control#service-agents
    """
    return f"service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com"


def account_name(project: str, email: str) -> str:
    """Return the resource name of a service account."""
    return f"projects/{project}/serviceAccounts/{email}"


def account_exists(project: str, email: str) -> bool:
    """Tell whether a service account exists."""
    try:
        _iam(project).get(account_name(project, email))
    except CallError as error:
        if error.code == 404:
            return False
        raise
    return True


def create_account(project: str, email: str) -> None:
    """Create a service account; it gets no key."""
    account = {"displayName": "gemtune pipelines", "description": "The steps of gemtune's pipelines run as this"}
    body = {"accountId": email.partition("@")[0], "serviceAccount": account}
    _iam(project).post(f"projects/{project}/serviceAccounts", body)


def _iam(project: str) -> Rest:
    return Rest(project, "", base=service_url("iam"))
