"""The emulator as a fixture: a fresh one for every test, on one port for the whole session.

google-auth reads GCE_METADATA_HOST once, when it is imported. So the port is chosen here, before any
test module imports it, and each test's emulator takes its turn on it.
"""

import functools
import os
import ssl
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.app import create_app
from emulator.control import environment
from emulator.progress import Progress
from emulator.serve import Server, listen, url_of
from emulator.state import State

LONGEST = ("test_newcomer", "test_cleaning", "test_whole_run")
"""Files with a single journey or run of a minute: one that starts last would keep everybody waiting."""

LISTENER = listen()
os.environ["GCE_METADATA_HOST"] = url_of(LISTENER).removeprefix("http://")


class Emulator:
    """A running emulator, and what a test may ask of it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.url = state.url
        self.project = state.project
        self.bucket = state.bucket

    def fail(self, method: str, times: int = 1, code: int = 503, **more: Any) -> None:
        """Let the next `times` calls of `method` meet a fault; code=0 with delay_seconds or reset alone."""
        self.state.faults.add({"method": method, "times": times, "code": code, **more})

    def faults_hit(self) -> int:
        """Return how many calls met a fault."""
        return sum(fault["hit"] for fault in self.state.faults.list())

    def progress(self, method: str, **how: Any) -> None:
        """Set when the jobs of `method` end: reads=N, seconds=S or immediate=True."""
        self.state.progress[method] = Progress(reads=how.get("reads", 0), seconds=how.get("seconds", 0.0))

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock."""
        self.state.clock.advance(seconds)

    def today(self, now: datetime) -> None:
        """Set the emulator's clock."""
        self.state.clock.set(now)

    def requests(self, method: str = "") -> list[dict[str, Any]]:
        """Return the requests of `method` so far, each {"method", "path", "query", "body"}."""
        return self.state.requests.list(method)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest; all others keep their order."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Read the certificates of all authorities once, not three times for each client of google-genai.

    That is most of what making a client takes, and nothing here speaks TLS.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


class Turn:
    """The application whose turn it is."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def turn() -> Iterator[Turn]:
    turn = Turn()
    server = Server(turn, LISTENER)
    yield turn
    server.stop()


@pytest.fixture
def emulator(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    state = State(None)
    state.url = url_of(LISTENER)
    turn.app = create_app(state)
    for name, value in environment(state).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    yield Emulator(state)
    state.close()
