"""projects.locations.publishers.models: Google's base models; generateContent, countTokens, get.

Faithful: which model is served where, and since when it is gone; the wording of a 404.
Not modelled: streaming, access rules of a model in its last month, quotas. All of them answer as the same summariser.
"""

from datetime import date
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.clock import Clock
from emulator.errors import ApiError, invalid_argument, not_found
from emulator.generation import ServedModel, count, generate
from emulator.routing import LOCATION, VERSION, body, parent, respond, state

MULTI_REGIONS = ("us", "eu")
UNTIL_FURTHER_NOTICE = date.max


class BaseModel(NamedTuple):
    """Where a model is served, and from when to when."""

    locations: tuple[str, ...]
    """"regional" stands for every single region."""
    released: date
    retired: date


BASE_MODELS = {
    "gemini-2.0-flash-001": BaseModel(("global", "regional"), date(2025, 2, 5), date(2026, 6, 1)),
    "gemini-2.0-flash-lite-001": BaseModel(("global", "regional"), date(2025, 2, 25), date(2026, 6, 1)),
    "gemini-2.5-pro": BaseModel(("global", "regional"), date(2025, 6, 17), date(2026, 10, 20)),
    "gemini-2.5-flash": BaseModel(("global", "regional"), date(2025, 6, 17), date(2026, 10, 20)),
    "gemini-2.5-flash-lite": BaseModel(("global", "regional"), date(2025, 7, 22), date(2026, 10, 20)),
    "gemini-3.1-flash-lite": BaseModel(("global",), date(2026, 5, 7), UNTIL_FURTHER_NOTICE),
    "gemini-3.5-flash": BaseModel(("global", *MULTI_REGIONS), date(2026, 5, 19), UNTIL_FURTHER_NOTICE),
    "gemini-3.5-flash-lite": BaseModel(("global", *MULTI_REGIONS), date(2026, 7, 21), UNTIL_FURTHER_NOTICE),
    "gemini-3.8-flash": BaseModel(("global", *MULTI_REGIONS), date(2026, 9, 2), UNTIL_FURTHER_NOTICE),
}
"""Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/model-versions, read in October 2026.
That 3.1 Flash-Lite is served on global only is an assumption: the page names the multi-regions for newer models."""


def is_served(model: str, location: str, clock: Clock) -> bool:
    """Say whether a base model answers at a location today."""
    known = BASE_MODELS.get(model)
    kind = location if location in ("global", *MULTI_REGIONS) else "regional"
    return known is not None and kind in known.locations and known.released <= clock.now().date() < known.retired


def missing(name: str) -> ApiError:
    """Return the 404 for a model that is unknown, retired or served elsewhere."""
    return not_found(
        f"Publisher Model `{name}` was not found or your project does not have access to it. "
        "Please ensure you are using a valid model version. For more information, see: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
    )


def served(request: Request) -> str:
    """Return the id of the model that the path names; a version after "@" is accepted."""
    location, asked = parent(request), request.path_params["model"]
    model = asked.partition("@")[0]
    if not is_served(model, request.path_params["location"], state(request).clock):
        raise missing(f"{location}/publishers/google/models/{asked}")
    return str(model)


async def generate_content(request: Request) -> JSONResponse:
    """Answer a prompt with a base model."""
    model, found = ServedModel(served(request)), state(request)
    return respond(generate(await body(request), model, found.clock, found.new_id()))


async def count_tokens(request: Request) -> JSONResponse:
    """Count a prompt's tokens."""
    served(request)
    return respond(count(await body(request)))


async def get(request: Request) -> JSONResponse:
    """Describe a base model."""
    model = request.path_params["model"].partition("@")[0]
    if not any(is_served(model, location, state(request).clock) for location in ("global", "regional")):
        raise missing(f"publishers/google/models/{model}")
    return respond(
        {
            "name": f"publishers/google/models/{model}",
            "versionId": "default",
            "openSourceCategory": "PROPRIETARY",
            "launchStage": "GA",
            "publisherModelTemplate": "projects/{project}/locations/{location}/publishers/google/models/" + model,
        }
    )


async def malformed(request: Request) -> JSONResponse:
    """Refuse a registry name in the place of a publisher's or an endpoint's: the usual mistake with a tuned model."""
    name = f"{parent(request)}/models/{request.path_params['model']}"
    form = "projects/{project}/locations/{location}/publishers/google/models/{model}"
    raise invalid_argument(f"The Model name {name} is malformed and it should be in form of {form}")


PUBLISHER = "/publishers/google/models/{model}"
GENERATE, COUNT = ":generateContent", ":countTokens"
TUNED = LOCATION + "/models/{model}"

routes = [
    Route(
        LOCATION + PUBLISHER + GENERATE, generate_content, methods=["POST"], name="publishers.models.generateContent"
    ),
    Route(LOCATION + PUBLISHER + COUNT, count_tokens, methods=["POST"], name="publishers.models.countTokens"),
    Route(TUNED + GENERATE, malformed, methods=["POST"], name="models.generateContent"),
    Route(TUNED + COUNT, malformed, methods=["POST"], name="models.countTokens"),
    Route(LOCATION + PUBLISHER, get, name="publishers.models.get"),
    Route(VERSION + PUBLISHER, get, name="publishers.models.get"),
]
