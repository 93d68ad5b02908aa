"""The metadata server of a Google Cloud machine: where default credentials come from.

Faithful: paths, the Metadata-Flavor header both ways, JSON and text answers, the form of a token.
Not modelled: scopes, identity tokens, other service accounts, waiting for a change.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulator.routing import state
from emulator.state import PROJECT, PROJECT_NUMBER

FLAVOR = {"Metadata-Flavor": "Google"}
# The form that GKE gives; for an e-mail address google-auth would ask the real IAM service, with our token.
ACCOUNT = f"{PROJECT}.svc.id.goog"
LIFETIME_SECONDS = 3599


def text(value: str) -> Response:
    """Answer with a plain value."""
    return PlainTextResponse(value, headers=FLAVOR)


def refused() -> Response:
    """Answer a caller without the header, which a web page cannot send to another site unasked."""
    message = "Missing required header 'Metadata-Flavor: Google'."
    return PlainTextResponse(message, status_code=403, headers=FLAVOR)


async def root(request: Request) -> Response:
    """Answer the ping by which google-auth recognises a metadata server."""
    return text("computeMetadata/\n")


async def metadata(request: Request) -> Response:
    """Answer one path below /computeMetadata/v1."""
    if request.headers.get("metadata-flavor") != "Google":
        return refused()
    path = request.path_params["path"].rstrip("/").replace(ACCOUNT, "default")
    if path == "instance/service-accounts/default/token":
        token = {"access_token": state(request).token, "expires_in": LIFETIME_SECONDS, "token_type": "Bearer"}
        return JSONResponse(token, headers=FLAVOR)
    if path == "instance/service-accounts/default" and request.query_params.get("recursive") == "true":
        return JSONResponse(ACCOUNT_DOCUMENT, headers=FLAVOR)
    if path in VALUES:
        return text(VALUES[path])
    return PlainTextResponse("Not Found", status_code=404, headers=FLAVOR)


SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ACCOUNT_DOCUMENT = {"aliases": ["default"], "email": ACCOUNT, "scopes": [SCOPE]}
VALUES = {
    "project/project-id": PROJECT,
    "project/numeric-project-id": PROJECT_NUMBER,
    "universe/universe-domain": "googleapis.com",
    "universe/universe_domain": "googleapis.com",
    "instance/service-accounts/default/email": ACCOUNT,
    "instance/service-accounts/default/scopes": SCOPE,
}
routes = [Route("/", root), Route("/computeMetadata/v1/{path:path}", metadata)]
