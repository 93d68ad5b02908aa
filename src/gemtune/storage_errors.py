"""What Cloud Storage and its client raise, as one error that names the URI and says what next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gemtune.errors import StorageError
from gemtune.google_errors import is_no_answer, words_of


def is_bucket_missing(error: Exception) -> bool:
    """Tell whether an error is about the bucket, and not about the object."""
    # The wording of Cloud Storage; a missing object is "No such object: BUCKET/NAME".
    return "bucket does not exist" in str(error)


@contextmanager
def errors_of(uri: str, verb: str) -> Iterator[None]:
    """Turn what the client raises into a StorageError that names the URI."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException  # type: ignore[import-untyped]

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, DataCorruption, RequestException) as error:
        raise _storage_error(uri, verb, error) from error


def _storage_error(uri: str, verb: str, error: Exception) -> StorageError:
    """Say what happened to the URI and what the reader can do about it."""
    from google.api_core.exceptions import ClientError, Forbidden, NotFound, TooManyRequests, Unauthorized
    from google.auth.exceptions import GoogleAuthError

    bucket = uri.removeprefix("gs://").partition("/")[0]
    if is_no_answer(error):
        return StorageError(f"{uri}: could not {verb} it: the service does not answer", next="check the network")
    if isinstance(error, NotFound) and is_bucket_missing(error):
        return StorageError(f"{uri}: there is no bucket gs://{bucket}", next="create it, or correct the name")
    if isinstance(error, NotFound):
        return StorageError(f"{uri}: there is no such object", next="check the name, or write it first")
    if isinstance(error, Forbidden):
        grant = f"grant roles/storage.objectUser on gs://{bucket} to the account that runs this"
        return StorageError(f"{uri}: not allowed to {verb} it ({words_of(error)})", next=grant)
    if isinstance(error, GoogleAuthError | Unauthorized):
        login = "run `gcloud auth application-default login`, or choose the target `emulator`"
        return StorageError(f"{uri}: no usable Google credentials ({words_of(error)})", next=login)
    is_final = isinstance(error, ClientError) and not isinstance(error, TooManyRequests)
    return StorageError(f"{uri}: could not {verb} it ({words_of(error)})", next="" if is_final else "try again")
