"""What Google's SDK raises, as errors of ours that a person can act on."""

from gemtune.errors import GemtuneError, ServiceError
from gemtune.google_errors import is_no_answer, words_of
from gemtune.vertex import advice


class service_errors:
    """Turn what Google's client raises into one message."""

    def __init__(self, doing: str) -> None:
        self.doing = doing

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Raise the service's own message as ours."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError

        if error is None or isinstance(error, GemtuneError):
            return
        if is_no_answer(error):
            raise ServiceError(f"{self.doing}: the service does not answer", next=advice(0)) from error
        if isinstance(error, GoogleAPICallError):
            code = int(error.code or 0)
            raise ServiceError(f"{self.doing}: {words_of(error)}", next=advice(code) if code >= 500 else "") from error
        if isinstance(error, GoogleAuthError):
            found = f"no usable Google credentials ({type(error).__name__})"
            raise ServiceError(f"{self.doing}: {found}", next=advice(401)) from error
        if isinstance(error, OSError | RuntimeError | ValueError):
            # The SDK's own words: no such pipeline file, a parameter that it does not have.
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            raise ServiceError(f"{self.doing}: {error}{cause}") from error
