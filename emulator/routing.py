"""What every resource file needs to read a request and to answer it."""

import base64
import json
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse

from emulator.errors import ApiError, invalid_argument
from emulator.state import State


class VersionConvertor(Convertor[str]):
    """The two versions of the Vertex AI API that are served, with the same answers."""

    regex = "v1beta1|v1"

    def convert(self, value: str) -> str:
        """Return the version as it stands in the path."""
        return value

    def to_string(self, value: str) -> str:
        """Return the version as it stands in the path."""
        return value


register_url_convertor("version", VersionConvertor())

VERSION = "/{version:version}"
LOCATION = VERSION + "/projects/{project}/locations/{location}"
PAGE_SIZE = 100


def state(request: Request) -> State:
    """Return the state of the emulator that received the request."""
    found = request.app.state.emulator
    assert isinstance(found, State)
    return found


async def body(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; no body at all is an empty one.

    Raises:
        ApiError: 400, the body is not a JSON object.
    """
    raw = await request.body()
    try:
        document = json.loads(raw) if raw else {}
    except ValueError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(document, dict):
        raise invalid_argument("Invalid JSON payload received. Root element must be a message.")
    return document


def respond(document: dict[str, Any]) -> JSONResponse:
    """Answer 200 with `document`."""
    return JSONResponse(document)


def parent(request: Request) -> str:
    """Return `projects/NUMBER/locations/LOCATION`: the service names resources by number, whatever was asked.

    Raises:
        ApiError: 403, the project is not the emulator's; Google does not tell whether another one exists.
    """
    project, location = request.path_params["project"], request.path_params["location"]
    known = state(request)
    if project not in (known.project, known.number):
        raise ApiError(403, f"Permission denied on resource project {project}.")
    return f"projects/{known.number}/locations/{location}"


def page(items: list[dict[str, Any]], key: str, request: Request) -> dict[str, Any]:
    """Return one page of `items` as the list answer of an API: {} when there is none.

    Args:
        items: All items, in order.
        key: The answer's field for them, e.g. "tuningJobs".
        request: Its pageSize and pageToken choose the page.

    Raises:
        ApiError: 400, the token is not one of ours or the size is no count.
    """
    start = page_start(request.query_params.get("pageToken", ""))
    end = start + page_size(request.query_params.get("pageSize", ""))
    answer: dict[str, Any] = {key: items[start:end]} if items[start:end] else {}
    if end < len(items):
        answer["nextPageToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def page_start(token: str) -> int:
    """Return the index that a page token stands for."""
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError as error:
        raise invalid_argument("The page token is invalid.", "page_token") from error


def page_size(text: str) -> int:
    """Return how many items a page holds; 0 and nothing mean the service's default."""
    if not text.isdigit() and text:
        raise invalid_argument(f"page_size is {text}, expected a count.", "page_size")
    return int(text or 0) or PAGE_SIZE
