"""The emulator as a process of this machine: where it listens and keeps its state, found, started and ended.

GEMTUNE_EMULATOR_PORT and GEMTUNE_STATE choose its port and the folder of its state.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from gemtune.errors import ServiceError, SpecError

START_SECONDS = 20
STOP_SECONDS = 10


def emulator_port() -> int:
    """Return the port of the emulator.

    Raises:
        SpecError: GEMTUNE_EMULATOR_PORT is not a port.
    """
    text = os.environ.get("GEMTUNE_EMULATOR_PORT", "8085")
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise SpecError(f"GEMTUNE_EMULATOR_PORT: found {text!r}, expected a port from 1 to 65535")
    return int(text)


def emulator_url() -> str:
    """Return the address of the emulator, running or not."""
    return f"http://127.0.0.1:{emulator_port()}"


def state_folder() -> Path:
    """Return the folder that keeps what the emulator holds."""
    return Path(os.environ.get("GEMTUNE_STATE", ".gemtune")).absolute() / "emulator"


def mirror_folder() -> Path:
    """Return the folder whose files stand in for public buckets, as BUCKET/OBJECT."""
    return state_folder().parent / "gs"


def find_emulator(url: str) -> dict[str, Any] | None:
    """Return what a running emulator says of itself, or None where nothing listens.

    Raises:
        ServiceError: Something else listens there.
    """
    hint = "set GEMTUNE_EMULATOR_PORT to a free port, or stop what listens there"
    try:
        # Never through a proxy: it is this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/emulator", timeout=5) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        raise ServiceError(f"{url}: found another server, expected the emulator or nothing", next=hint) from error
    except urllib.error.URLError:
        return None
    except (ValueError, OSError) as error:
        raise ServiceError(f"{url}: found another server, expected the emulator or nothing", next=hint) from error
    if not isinstance(found, dict) or found.get("service") != "gemtune emulator":
        raise ServiceError(f"{url}: found another server, expected the emulator or nothing", next=hint)
    return found


def start_emulator() -> "subprocess.Popen[bytes]":
    """Start the emulator as a process of its own, its messages in a log beside its state."""
    folder = state_folder()
    command = [sys.executable, "-m", "emulator", "--port", str(emulator_port()), "--state", str(folder)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "emulator.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for us; we then stop it in order.
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    except OSError as error:
        hint = "set GEMTUNE_STATE to a folder that can be written"
        raise ServiceError(
            f"{folder}: {error.strerror}, expected a folder for the emulator's state", next=hint
        ) from error


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process in order, or, if it takes too long, at once."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_for_emulator(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Return what the emulator says of itself once it answers.

    Raises:
        ServiceError: It ended, or does not answer in time.
    """
    log = state_folder() / "emulator.log"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise ServiceError(
                f"the emulator ended with exit code {process.returncode}: {''.join(last)}", next=f"see {log}"
            )
        if running := find_emulator(emulator_url()):
            return running
        time.sleep(0.05)
    raise ServiceError(f"the emulator did not answer within {START_SECONDS} s", next=f"see {log}")
