from typing import Any

import pytest
from google.api_core import retry
from google.api_core.exceptions import GoogleAPIError, RetryError, ServiceUnavailable
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.cloud import storage
from requests import ConnectionError as NoConnection  # type: ignore[import-untyped]

from gemtune.google_errors import is_no_answer, words_of


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NoConnection("refused"), True),
        (TransportError("refused"), True),
        (caused(RefreshError("refused"), TransportError("refused")), True),
        (RetryError("Timeout exceeded", cause=NoConnection("refused")), True),
        (RefreshError("Reauthentication is needed."), False),
        (ServiceUnavailable("busy"), False),
        (RetryError("Timeout exceeded", cause=ServiceUnavailable("busy")), False),
        (ValueError("wrong"), False),
    ],
)
def test_what_did_not_answer_is_told_from_what_said_no(error: Exception, expected: bool) -> None:
    assert is_no_answer(error) == expected


def test_a_token_that_cannot_be_fetched_is_no_answer(emulator: Any) -> None:
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default()

    class Unplugged(Request):  # type: ignore[misc]
        def __call__(self, *_: Any, **__: Any) -> Any:
            raise TransportError(NoConnection("refused"))

    with pytest.raises(GoogleAuthError) as error:
        credentials.refresh(Unplugged())
    assert is_no_answer(error.value)


@pytest.mark.parametrize("method", ["storage.objects.get", "storage.objects.insert"])
def test_the_words_of_the_service_are_found_in_every_wrapping(emulator: Any, method: str) -> None:
    emulator.fail(method, times=100, code=503, message="Come back\n  later.")
    blob = storage.Client(project=emulator.project).bucket(emulator.bucket).blob("a")
    patience = retry.Retry(predicate=retry.if_exception_type(ServiceUnavailable), initial=0.01, timeout=0.05)
    call = blob.download_as_bytes if method.endswith("get") else lambda **how: blob.upload_from_string("x", **how)
    for how in ({"retry": None}, {"retry": patience}):
        with pytest.raises(GoogleAPIError) as error:
            call(**how)
        assert words_of(error.value) == "Come back later."


def test_an_error_without_an_answer_speaks_for_itself() -> None:
    assert words_of(ValueError("no such  thing")) == "no such thing"
