"""The bucket of a project's runs: where it is, that the public cannot reach it, and what expires in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gemtune.vertex import CallError

PREDICTIONS = "gemtune/predictions/"
EXPIRES_AFTER_DAYS = 90
RETRY_SECONDS = 20.0
"""How long it is asked whether a bucket is there: somebody waits, and other calls tell of a network that is down."""

RULE: dict[str, Any] = {
    "action": {"type": "Delete"},
    "condition": {"age": EXPIRES_AFTER_DAYS, "matchesPrefix": [PREDICTIONS]},
}
"""Answers are kept to be found again by a later run; everything else below gemtune/ is evidence, and stays.

Source: https://cloud.google.com/storage/docs/lifecycle
"""

_MULTI_REGIONS = {"US": "us-", "EU": "europe-", "ASIA": "asia-"}


class Bucket:
    """A bucket that may not be there yet.

    Every method raises CallError when the caller may not do it.

    Args:
        project: Project that the calls belong to.
        name: Name without ``gs://``.
    """

    def __init__(self, project: str, name: str) -> None:
        from google.cloud import storage

        self.name = name
        with _errors_of(name):
            self._client = storage.Client(project=project)
        self._handle = self._client.bucket(name)

    def exists(self) -> bool:
        """Tell whether it is there; a bucket of somebody else raises."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        with _errors_of(self.name):
            found = self._client.lookup_bucket(self.name, retry=DEFAULT_RETRY.with_timeout(RETRY_SECONDS))
        return found is not None

    def location(self) -> str:
        """Return its location as the service writes it, such as ``US-CENTRAL1``."""
        return str(self._loaded().location)

    def project_number(self) -> str:
        """Return the number of the project that it belongs to."""
        return str(self._loaded().project_number)

    def is_closed(self) -> bool:
        """Tell whether access is uniform and the public is kept out."""
        access = self._loaded().iam_configuration
        return bool(access.uniform_bucket_level_access_enabled) and access.public_access_prevention == "enforced"

    def has_rule(self) -> bool:
        """Tell whether predictions expire; a rule that somebody set for their prefix counts, whatever its age."""
        rules = [dict(rule) for rule in self._loaded().lifecycle_rules]
        prefixes = [rule.get("condition", {}).get("matchesPrefix", []) for rule in rules]
        return any(PREDICTIONS in each for each in prefixes)

    def create(self, location: str) -> None:
        """Create it in a region, closed to the public."""
        bucket = self._client.bucket(self.name)
        _close(bucket)
        with _errors_of(self.name):
            self._client.create_bucket(bucket, location=location)

    def close(self) -> None:
        """Make access uniform and keep the public out."""
        bucket = self._loaded()
        _close(bucket)
        with _errors_of(self.name):
            bucket.patch()

    def add_rule(self) -> None:
        """Let predictions expire; the rules that are there stay."""
        bucket = self._loaded()
        bucket.lifecycle_rules = [*bucket.lifecycle_rules, RULE]
        with _errors_of(self.name):
            bucket.patch()

    def policy(self) -> dict[str, Any]:
        """Return who may use it."""
        with _errors_of(self.name):
            return dict(self._handle.get_iam_policy(requested_policy_version=3).to_api_repr())

    def set_policy(self, policy: dict[str, Any]) -> None:
        """Replace who may use it."""
        from google.api_core.iam import Policy

        with _errors_of(self.name):
            self._handle.set_iam_policy(Policy.from_api_repr(policy))

    def permitted(self, permissions: list[str]) -> list[str]:
        """Return which of the permissions the caller has."""
        with _errors_of(self.name):
            return list(self._handle.test_iam_permissions(permissions))

    def _loaded(self) -> Any:
        with _errors_of(self.name):
            self._handle.reload()
        return self._handle


def fits(bucket_location: str, region: str) -> bool:
    """Tell whether a bucket is in a region, or in the multi-region around it.

    >>> fits("US-CENTRAL1", "us-central1"), fits("EU", "europe-west4"), fits("EU", "us-central1")
    (True, True, False)
    """
    around = _MULTI_REGIONS.get(bucket_location.upper(), "")
    return bucket_location.lower() == region or bool(around and region.startswith(around))


def _close(bucket: Any) -> None:
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"


@contextmanager
def _errors_of(name: str) -> Iterator[None]:
    """Turn what the client raises into a CallError that names the bucket."""
    from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException  # type: ignore[import-untyped]

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestException) as error:
        is_answer = isinstance(error, GoogleAPICallError)
        said = error.message if isinstance(error, GoogleAPICallError) else f"no answer ({type(error).__name__})"
        raised = CallError(f"gs://{name}: {' '.join(said.split())}")
        raised.code = int(error.code or 0) if is_answer else 0
        raise raised from error
