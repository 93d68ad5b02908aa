"""Serve the emulator until it is interrupted.

python -m emulator
python -m emulator --port 8085 --state .gemtune/emulator
"""

import argparse
import signal
import sqlite3
import sys
from pathlib import Path
from threading import Event

from emulator.serve import start
from emulator.state import State

PORT = 8085


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="emulator", description="Serve Vertex AI and Cloud Storage on this machine.")
    parser.add_argument("--port", type=int, default=PORT, help="port on 127.0.0.1; 0 takes a free one (default 8085)")
    parser.add_argument("--state", type=Path, help="folder that outlives the process (default: memory only)")
    options = parser.parse_args(argv)
    where = str(options.state or "memory")
    try:
        state = State(options.state)
    except (sqlite3.Error, OSError) as error:
        return refuse(f"{where}: {error}: expected a folder that can be written and that no other emulator serves")
    try:
        return serve(state, options.port, where)
    except OSError as error:
        return refuse(f"127.0.0.1:{options.port}: {error.strerror}: stop what listens there, or choose another port")
    finally:
        state.close()


def serve(state: State, port: int, where: str) -> int:
    """Serve until SIGTERM or SIGINT."""
    stopped = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    server = start(state, port)
    print(f"emulator {server.url} project {state.project} bucket {state.bucket} state {where}", file=sys.stderr)
    stopped.wait()
    server.stop()
    return 0


def refuse(message: str) -> int:
    """Say in one line why nothing is served."""
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
