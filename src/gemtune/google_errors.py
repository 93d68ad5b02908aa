"""What Google's clients raise, told apart: nothing answered, or the service said no, and in which words."""

from __future__ import annotations


def is_no_answer(error: BaseException) -> bool:
    """Tell whether a call failed because nothing answered.

    google-auth says so in an error about credentials: a token that cannot be fetched looks like none.
    """
    from google.auth.exceptions import TransportError
    from requests import RequestException  # type: ignore[import-untyped]

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TransportError | RequestException):
            return True
        # `cause` is where the retries of google.api_core keep the last error.
        cause = getattr(cause, "cause", None) or cause.__cause__
    return False


def words_of(error: BaseException) -> str:
    """Return what the service said, on one line, without the URL and the JSON that its clients put around it."""
    error = getattr(error, "cause", None) or error
    response = getattr(error, "response", None)
    try:
        said = response.json()["error"]["message"]  # type: ignore[union-attr]
    except (AttributeError, LookupError, TypeError, ValueError):
        said = getattr(error, "message", None) or error
    return " ".join(str(said).split())
