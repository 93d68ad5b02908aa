"""Serve a local stand-in for Vertex AI and Cloud Storage.

    gemtune emulator                 serve until Ctrl-C
    eval "$(gemtune emulator --env)" point this shell's Google SDKs at it

It keeps its state in .gemtune/emulator, listens on 127.0.0.1 only, and costs nothing. GEMTUNE_EMULATOR_PORT (default
8085) chooses its port, GEMTUNE_STATE (default .gemtune) the folder of its state.
"""

import argparse
import shlex
import sys

from gemtune.errors import GemtuneError, SpecError


def main(argv: list[str] | None = None) -> int:
    """Serve, or print the environment, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune emulator", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--env", action="store_true", help="print the shell commands that set the environment")
    arguments = parser.parse_args(argv)
    try:
        return print_environment() if arguments.env else serve()
    except GemtuneError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SpecError) else 1


def serve() -> int:
    """Serve until Ctrl-C."""
    from emulator.__main__ import main as serve_emulator
    from scripts.emulator_process import emulator_port, state_folder

    return serve_emulator(["--port", str(emulator_port()), "--state", str(state_folder())])


def print_environment() -> int:
    """Print what a POSIX shell must set so that Google's SDKs talk to the running emulator."""
    from scripts.emulator_process import emulator_url, find_emulator

    running = find_emulator(emulator_url())
    if running is None:
        print(f"nothing answers at {emulator_url()}: start it with `gemtune emulator`", file=sys.stderr)
        return 1
    for name, value in running["environment"].items():
        print(f"export {name}={shlex.quote(value)}")
    print('export NO_PROXY="${NO_PROXY:+$NO_PROXY,}127.0.0.1,localhost"; export no_proxy="$NO_PROXY"')
    print("unset GOOGLE_APPLICATION_CREDENTIALS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
