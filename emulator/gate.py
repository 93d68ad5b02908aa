"""What a request passes before its handler: who may call, which fault it meets, and the log.

Faithful: the wording of a 401. Not modelled: permissions; whoever holds the token may do everything.
"""

import asyncio
import copy
import re
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.errors import ApiError, permission_denied, render, unauthenticated
from emulator.faults import Fault
from emulator.request_log import LoggedRequest
from emulator.state import State

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
REGISTRY = re.compile(r"/[^/]+-kfp\.pkg\.dev/")
"""Begins what another of Google's hosts serves."""

EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


class Gate:
    """Keeps out web pages and callers without the token: this server runs the code that is posted to it."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        try:
            check_origin(Headers(scope=scope))
            if scope["path"].startswith(("/v1/", "/v1beta1/")) or REGISTRY.match(scope["path"]):
                check_token(Headers(scope=scope).get("authorization", ""), self._state.token)
        except ApiError as error:
            await (await render(Request(scope), error))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def check_origin(headers: Headers) -> None:
    """Refuse what a web page could have sent: a name that only resolves to this machine, or a foreign origin.

    A page's image, script or link comes without Origin; browsers then say by Sec-Fetch-Site where it comes from.
    Source: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header.
    """
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in LOOPBACK:
        raise permission_denied(f"Host is {host!r}, expected a loopback address")
    origin = headers.get("origin", f"http://{host}")
    if origin != f"http://{host}":
        raise permission_denied(f"Origin is {origin!r}, expected none or the emulator's own")
    site = headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin"):
        raise permission_denied(f"Sec-Fetch-Site is {site!r}, expected none or same-origin")


def check_token(authorization: str, token: str) -> None:
    """Refuse a call without the token of this start."""
    if not authorization:
        missing = f"Request is missing required authentication credential. {EXPECTED}"
        raise unauthenticated(missing, "CREDENTIALS_MISSING")
    if authorization != f"Bearer {token}":
        raise unauthenticated(f"Request had invalid authentication credentials. {EXPECTED}", "ACCESS_TOKEN_INVALID")


def guarded(routes: list[Route]) -> list[Route]:
    """Return copies of `routes` that are logged and meet faults under their own name."""
    copies = [copy.copy(route) for route in routes]
    for route in copies:
        route.app = Method(route.app, route.name)
    return copies


class Method:
    """One method of the API: logs the call, lets it meet the fault ordered for it, then handles it."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        state: State = scope["app"].state.emulator
        entry = state.requests.add(self._name, scope["path"], scope["query_string"].decode())
        # What is uploaded can be large, and storage has it anyway; a secret is not for a log.
        is_kept = not scope["path"].startswith("/upload/") and not self._name.startswith("secretmanager.")
        recorded = recording(receive, entry) if is_kept else receive
        fault = state.faults.take(self._name)
        if fault is None:
            await self._app(scope, recorded, send)
        else:
            await self._meet(fault, scope, recorded, send)
        if len(entry.body) > 4096:
            state.requests.trim()

    async def _meet(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.delay_seconds)
        lost = fault.reset or fault.code or fault.body
        if not lost or fault.performed:
            await self._app(scope, receive, swallow if lost else send)
        else:
            await drain(receive)
        if fault.reset:
            await reset(scope)
        elif fault.code:
            raise fault.error()
        elif fault.body:
            await Response(fault.body, media_type="application/json")(scope, receive, send)


def recording(receive: Receive, entry: LoggedRequest) -> Receive:
    """Return `receive` that also writes the body into the log."""

    async def recorded() -> Message:
        message = await receive()
        entry.body += message.get("body", b"")
        return message

    return recorded


async def swallow(message: Message) -> None:
    """Lose an answer."""


async def drain(receive: Receive) -> None:
    """Read the body to its end: a client that is still sending would see a broken pipe instead of the answer."""
    while (await receive()).get("more_body"):
        pass


async def reset(scope: Scope) -> None:
    """Break the connection as a dying server does: the client gets a reset, and no answer.

    ASGI has no word for it, so this reaches through uvicorn's request cycle to the transport.
    """
    cycle: Any = scope["emulator.send"].__self__
    linger_never = struct.pack("ii", 1, 0)
    cycle.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_never)
    cycle.transport.abort()
    while not cycle.disconnected:
        await asyncio.sleep(0)
