"""The APIs that gemtune calls, and whether a project has them enabled."""

from __future__ import annotations

import time
from collections.abc import Callable

from gemtune.errors import ServiceError
from gemtune.spec import TuningSpec
from gemtune.vertex import Rest, service_url

APIS = {
    "aiplatform": "tuning, answers and pipelines",
    "storage": "data and results",
    "iam": "the account of the steps",
    "cloudresourcemanager": "roles in the project",
    "artifactregistry": "published pipelines",
}
"""Short name → what for. Setup enables all; none costs anything by itself."""

_ENABLING_SECONDS = 120


def needed_apis(spec: TuningSpec) -> list[str]:
    """Return the full names of the services that runs of a spec and these checks call."""
    more = {"secretmanager": spec.webhook_secret, "cloudkms": spec.kms_key_name or spec.submission.kms_key}
    return [f"{name}.googleapis.com" for name in [*APIS, *(name for name, used in more.items() if used)]]


def disabled_apis(project: str, services: list[str]) -> list[str]:
    """Return those of the services that the project has not enabled.

    Source: https://cloud.google.com/service-usage/docs/reference/rest/v1/services/get
    """
    usage = Rest(project, "", base=service_url("serviceusage"))
    return [each for each in services if usage.get(f"projects/{project}/services/{each}")["state"] != "ENABLED"]


def enable_apis(project: str, services: list[str], *, sleep: Callable[[float], object] = time.sleep) -> None:
    """Enable services, and wait until they are.

    Raises:
        ServiceError: They are not enabled after two minutes.
    """
    usage = Rest(project, "", base=service_url("serviceusage"))
    usage.post(f"projects/{project}/services:batchEnable", {"serviceIds": services})
    for _ in range(_ENABLING_SECONDS // 5):
        if not (waiting := disabled_apis(project, services)):
            return
        sleep(5)
    raise ServiceError(f"{project}: {', '.join(waiting)} not enabled after {_ENABLING_SECONDS} s", next="try again")
