"""Why a call got no answer, whether the same call can get one later, and how long to wait until then.

google-genai's own retries give up after five and ignore what the service says about when to come back; they are
left off. Under a quota, throughput is lost by sleeping long and by giving up, not by asking again soon.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from gemtune.errors import ServiceError
from gemtune.vertex import advice

SHORTEST_WAIT_SECONDS, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.05, 0.25, 2.0
"""A wait is drawn between the first and, for a first retry, the second; that grows to the third."""

_MAX_ERROR_CHARACTERS = 500


class Failure(NamedTuple):
    """Why one attempt got no answer."""

    error: str
    """Starts with the HTTP status code, or with the name of the exception when nothing was answered."""

    is_final: bool
    """Whether the same request can only fail again."""

    delay_seconds: float = 0.0
    """What the service wants to pass before the next attempt."""

    is_quota: bool = False
    """Whether the service has no room (429): the trouble of all requests, not of this one."""


def refusal(status: int, body: Any, headers: Mapping[str, str]) -> Failure:
    """Return what an error of the service means for its request.

    Rejected for good: 4xx other than 408 (timeout) and 429 (quota), and 501, which is how an emulator says that it
    has no such route. Everything else passes.

    Args:
        status: HTTP status code.
        body: Decoded JSON of the answer, whatever it is.
        headers: Of the answer, with lowercase names.
    """
    body = body if isinstance(body, dict) else {}
    found = body.get("error", body)
    found = found if isinstance(found, dict) else {}
    is_final = status == 501 or (400 <= status < 500 and status not in (408, 429))
    text = f"{status} {found.get('status') or ''}: {' '.join(str(found.get('message')).split())}"
    delay = 0.0 if is_final else _requested_delay(found.get("details"), headers)
    return Failure(text[:_MAX_ERROR_CHARACTERS], is_final, delay, status == 429)


def failure_of(error: Exception) -> Failure:
    """Return what an error of a google-genai call means for its request.

    Raises:
        ServiceError: The credentials are not accepted.
        Exception: The error itself, if it is none of the service or the network.
    """
    import httpx
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError
    from pydantic import ValidationError

    if isinstance(error, APIError):
        headers = {name.lower(): value for name, value in getattr(error.response, "headers", {}).items()}
        told = {"status": error.status, "message": error.message, "details": _details_of(error.details)}
        return refusal(error.code, told, headers)
    if isinstance(error, ValidationError):
        # Never the message itself: it quotes the prompt.
        places = {".".join(str(part) for part in found["loc"]) for found in error.errors(include_input=False)}
        return Failure(f"400 request or response invalid at {', '.join(sorted(places))}"[:_MAX_ERROR_CHARACTERS], True)
    if isinstance(error, GoogleAuthError):
        return failure_of_credentials(error)
    if isinstance(error, httpx.TransportError | OSError | json.JSONDecodeError):
        return Failure(type(error).__name__, is_final=False)
    raise error


def failure_of_credentials(error: Any) -> Failure:
    """Return what a GoogleAuthError means for a call: the token server may be back soon.

    Raises:
        ServiceError: It will not.
    """
    if error.retryable:
        return Failure(type(error).__name__, is_final=False)
    raise ServiceError(f"Google credentials: {error}, expected a token", next=advice(401)) from error


def jittered(retries: int, most: float = LONGEST_WAIT_SECONDS) -> float:
    """Return seconds to wait before the next attempt, uniform and at most 2.

    Measured against a quota of 20 requests a second: a cap of 2 s reaches 96 % of it, waits that grow to 30 s 62 %.

    Args:
        retries: Attempts that were repeated already.
        most: Longest wait, in seconds.
    """
    return random.uniform(SHORTEST_WAIT_SECONDS, min(most, FIRST_WAIT_SECONDS * 2.0 ** min(retries, 8)))


def _details_of(body: Any) -> Any:
    found = body.get("error", body) if isinstance(body, dict) else {}
    return found.get("details") if isinstance(found, dict) else None


def _requested_delay(details: Any, headers: Mapping[str, str]) -> float:
    """Return the seconds that the service asks to wait, by RetryInfo or Retry-After; 0 if it does not.

    Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """
    listed = details if isinstance(details, list) else []
    texts = [str(detail.get("retryDelay", "")).removesuffix("s") for detail in listed if isinstance(detail, dict)]
    texts.append(headers.get("retry-after", ""))
    # Retry-After may also be a date; no Google API is known to send one.
    return max((float(text) for text in texts if text.replace(".", "", 1).isdecimal()), default=0.0)
