"""A port that is free at this moment."""

import socket


def free_port() -> int:
    """Return the number of a free TCP port on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
