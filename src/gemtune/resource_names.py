"""The forms of names in Google Cloud that a spec holds; empty text leaves the choice to the service."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator

from gemtune.errors import SpecError

SECRET = re.compile(r"(projects/[^/\s]+/secrets/)?[A-Za-z0-9_-]{1,255}(/versions/[A-Za-z0-9_-]+)?")
_EXPECTED = {
    "projects/P/locations/L/keyRings/R/cryptoKeys/K": r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+",
    "NAME@PROJECT.iam.gserviceaccount.com": r"[^@\s]+@[^@\s]+\.gserviceaccount\.com",
    "projects/NUMBER/global/networks/NAME": r"projects/[^/]+/global/networks/[^/]+",
    "gs://BUCKET/FOLDER": r"gs://[^/]+(/.*)?",
}


def matching(expression: re.Pattern[str], value: str, expected: str) -> str:
    """Return the value if it matches as a whole.

    Raises:
        ValueError: It does not; the message is what was expected.
    """
    if not expression.fullmatch(value):
        raise ValueError(expected)
    return value


def _form(expected: str) -> Callable[[str], str]:
    expression = re.compile(_EXPECTED[expected])
    return lambda value: value and matching(expression, value, expected)


def _secret(value: str) -> str:
    if value and not SECRET.fullmatch(value):
        # Somebody may have written the address itself, which no message may show.
        raise SpecError(
            "webhook_secret: found something else, expected the id of a secret, or projects/P/secrets/S/versions/V",
            next="put the webhook's address into Secret Manager, and the secret's name here",
        )
    return value


KmsKey = Annotated[str, AfterValidator(_form("projects/P/locations/L/keyRings/R/cryptoKeys/K"))]
ServiceAccount = Annotated[str, AfterValidator(_form("NAME@PROJECT.iam.gserviceaccount.com"))]
Network = Annotated[str, AfterValidator(_form("projects/NUMBER/global/networks/NAME"))]
Folder = Annotated[str, AfterValidator(_form("gs://BUCKET/FOLDER"))]
SecretName = Annotated[str, AfterValidator(_secret)]
