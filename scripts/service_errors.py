"""What Google's SDK raises, as errors of ours that a person can act on."""

from gemtune.errors import GemtuneError, ServiceError


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
        from requests.exceptions import ConnectionError as NoConnection  # type: ignore[import-untyped]

        if isinstance(error, GoogleAPICallError):
            raise ServiceError(f"{self.doing}: {error.message}") from error
        if isinstance(error, GoogleAuthError):
            hint = "run `gcloud auth application-default login`, or choose the target `emulator`"
            raise ServiceError(
                f"{self.doing}: no usable Google credentials ({type(error).__name__})", next=hint
            ) from error
        if isinstance(error, NoConnection):
            raise ServiceError(f"{self.doing}: the service does not answer") from error
        if isinstance(error, OSError | RuntimeError | ValueError) and not isinstance(error, GemtuneError):
            # The SDK's own words: no such pipeline file, a parameter that it does not have.
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            raise ServiceError(f"{self.doing}: {error}{cause}") from error
