"""Post a message to a Slack-compatible webhook. Its address is a password: it lives in Secret Manager only.

Whoever knows the address can post, so it is in no parameter, no log and no error message.
Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from gemtune.errors import ServiceError
from gemtune.vertex import CallError, Rest, service_url

TIMEOUT_SECONDS = 20
ATTEMPTS = 3
LONGEST_TEXT = 10_000
"""Characters; Slack cuts texts at 40,000, others earlier."""

_ADVICE = {
    403: "grant roles/secretmanager.secretAccessor on it to the service account of the pipeline, and enable the API",
    404: "create it with `gcloud secrets create`, the webhook's address as its value",
}


def send(secret: str, text: str, *, project: str, sleep: Callable[[float], object] = time.sleep) -> None:
    """Post a text to the webhook whose address is in a secret.

    Args:
        secret: Id of a secret in the project, or its full name; without a version, the latest.
        text: What to say.
        project: Google Cloud project of the run.
        sleep: Waits between attempts.

    Raises:
        ServiceError: The secret cannot be read, or the message is not delivered; the address is not in the message.
    """
    name = secret_version(secret, project)
    address = read_secret(name, project)
    if not address.startswith(("https://", "http://127.0.0.1:")):
        raise ServiceError(f"{name}: holds no address that starts with https://", next="add a version that does")
    # Slack's own three: https://docs.slack.dev/messaging/formatting-message-text#escaping
    escaped = text[:LONGEST_TEXT].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for attempt in range(ATTEMPTS):
        found = _post(address, escaped)
        if not found:
            return
        if found[0] == "4" and found != "429":
            break
        if attempt < ATTEMPTS - 1:
            sleep(2.0**attempt)
    raise ServiceError(
        f"webhook: {found}, expected 200 from the address in {name}", next="check that the address is still valid"
    )


def secret_version(secret: str, project: str) -> str:
    """Return the full name of a secret's version.

    >>> secret_version("slack", "p")
    'projects/p/secrets/slack/versions/latest'
    """
    name = secret if secret.startswith("projects/") else f"projects/{project}/secrets/{secret}"
    return name if "/versions/" in name else f"{name}/versions/latest"


def read_secret(name: str, project: str) -> str:
    """Return the text of a secret's version, without the line break that `echo` leaves at its end.

    Raises:
        ServiceError: There is none, or no access to it.
    """
    try:
        answer = Rest(project, "", base=service_url("secretmanager")).get(f"{name}:access")
    except CallError as error:
        raise ServiceError(error.message, next=_ADVICE.get(error.code, error.next)) from None
    return base64.b64decode(answer["payload"]["data"]).decode(errors="replace").strip()


def _post(address: str, text: str) -> str:
    """Post once, and return what went wrong: a status or the kind of error, never its text, which has the address."""
    import requests  # type: ignore[import-untyped]

    try:
        response = requests.post(address, json={"text": text}, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except Exception as error:  # whatever it is, its text may hold the address
        return type(error).__name__
    return "" if response.ok and not response.is_redirect else str(response.status_code)
