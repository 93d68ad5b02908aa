"""The errors of Google's APIs, in their own envelope.

Faithful: codes, status names, the JSON envelope of Vertex AI and the other one of Cloud Storage.
Not modelled: localized messages, help links.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP code to google.rpc.Code name. Source: https://cloud.google.com/apis/design/errors."""

MESSAGE = {
    429: "Resource exhausted. Please try again later. Please refer to "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    500: "Internal error encountered.",
    503: "The service is currently unavailable.",
    504: "Deadline expired before operation could complete.",
}
"""What the service says when it has nothing more precise to say."""

STORAGE_REASON = {
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable",
    429: "rateLimitExceeded",
    500: "backendError",
    503: "backendError",
    504: "gatewayTimeout",
}
"""HTTP code to reason. Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes."""


class ApiError(Exception):
    """An error that a handler raises and the client receives.

    Args:
        code: HTTP status code.
        message: The service's own wording where it is known.
        status: google.rpc.Code name; by default the usual one of `code`.
        details: Messages of google.rpc, each with its "@type".
    """

    def __init__(
        self, code: int, message: str = "", *, status: str = "", details: list[dict[str, Any]] | None = None
    ) -> None:
        self.code = code
        self.status = status or STATUS.get(code, "UNKNOWN")
        self.message = message or MESSAGE.get(code, self.status)
        self.details = details or []
        super().__init__(f"{code} {self.status}: {self.message}")

    def document(self) -> dict[str, Any]:
        """Return the envelope as the client receives it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        return {"error": error | ({"details": self.details} if self.details else {})}


class StorageApiError(ApiError):
    """An error of Cloud Storage, whose envelope carries a list of reasons instead of a status."""

    def document(self) -> dict[str, Any]:
        """Return the envelope as the client receives it."""
        cause = {"message": self.message, "domain": "global", "reason": STORAGE_REASON.get(self.code, "invalid")}
        return {"error": {"code": self.code, "message": self.message, "errors": [cause]}}


def invalid_argument(message: str, field: str | None = None) -> ApiError:
    """Return a 400; with `field`, the details name it as google.rpc.BadRequest does."""
    violation = {"field": field, "description": message}
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    return ApiError(400, message, details=details if field else None)


def failed_precondition(message: str) -> ApiError:
    """Return a 400 that says the resource is in the wrong state, not that the request is wrong."""
    return ApiError(400, message, status="FAILED_PRECONDITION")


def unauthenticated(message: str, reason: str) -> ApiError:
    """Return a 401 with the ErrorInfo that Google's front end adds."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    return ApiError(401, message, details=[info])


def permission_denied(message: str) -> ApiError:
    """Return a 403."""
    return ApiError(403, message)


def not_found(message: str) -> ApiError:
    """Return a 404."""
    return ApiError(404, message)


def already_exists(message: str) -> ApiError:
    """Return a 409."""
    return ApiError(409, message)


def unimplemented(message: str) -> ApiError:
    """Return a 501: the real service may well answer, this emulator does not."""
    return ApiError(501, message)


async def render(request: Request, error: Exception) -> JSONResponse:
    """Turn an error into its answer; whatever is not an ApiError is an internal error."""
    known = error if isinstance(error, ApiError) else ApiError(500)
    return JSONResponse(known.document(), status_code=known.code)
