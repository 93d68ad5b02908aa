"""Serving the application on a loopback port, from a thread."""

import socket
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from emulator.app import create_app
from emulator.state import State


class Server:
    """An application that is being served on `listener` until `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self.url = url_of(listener)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([listener],), name="emulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and wait for the last answers, at most a second."""
        self._server.should_exit = True
        self._thread.join()


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on 127.0.0.1, on a free port by default; from now on clients may connect.

    Raises:
        OSError: The port is taken.
    """
    # asyncio turns Nagle's delay off only where the protocol is named; with it, an answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL that `listener` is reached at."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def start(state: State, port: int = 0) -> Server:
    """Serve `state`; it does not close it when it stops.

    Raises:
        OSError: The port is taken.
    """
    listener = listen(port)
    state.url = url_of(listener)
    return Server(create_app(state), listener)
