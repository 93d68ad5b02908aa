"""A place to send messages to: takes what a Slack-compatible webhook takes, and shows what came.

Faithful: POST answers `ok` as plain text; what is not a JSON object with `text`, `blocks` or `attachments` is a 400.
Not modelled: Slack's limits, and where a message would appear. No token is needed: a webhook's address is its secret.
Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulator.routing import respond, state

COLLECTION = "webhooks"


async def receive(request: Request) -> Response:
    """Keep a message."""
    try:
        message = json.loads(await request.body())
    except ValueError:
        return PlainTextResponse("invalid_payload", status_code=400)
    if not isinstance(message, dict):
        return PlainTextResponse("invalid_payload", status_code=400)
    if not message.keys() & {"text", "blocks", "attachments"}:
        return PlainTextResponse("no_text", status_code=400)
    found = state(request)
    received = {"time": found.clock.timestamp(), "path": request.url.path, "body": message}
    found.put(COLLECTION, found.new_id(), received)
    return PlainTextResponse("ok")


async def list_all(request: Request) -> JSONResponse:
    """List the messages, oldest first: [{"time", "path", "body"}]."""
    return JSONResponse(list(reversed(state(request).list(COLLECTION))))


async def clear(request: Request) -> JSONResponse:
    """Forget all messages."""
    with state(request).transaction() as database:
        database.execute("DELETE FROM documents WHERE collection = ?", (COLLECTION,))
    return respond({})


WEBHOOK = "/emulator/webhook"
routes = [
    Route(WEBHOOK, receive, methods=["POST"], name="webhook.post"),
    Route(WEBHOOK + "/{path:path}", receive, methods=["POST"], name="webhook.post"),
    Route(WEBHOOK, list_all, name="webhook.list"),
    Route(WEBHOOK, clear, methods=["DELETE"], name="webhook.clear"),
]
