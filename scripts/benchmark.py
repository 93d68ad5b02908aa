"""Measure the claims about speed, as ratios taken side by side in one run.

    python -m scripts.benchmark convert     raw chat to checked examples, beside the codelab's loop; memory
    python -m scripts.benchmark generate    evaluation at the limit of a service, beside other clients
    python -m scripts.benchmark rouge       ROUGE, beside the rouge-score package

With --json the figures are one JSON object on stdout.
"""

import importlib
import sys

SUBJECTS = ("convert", "generate", "rouge")


def main(argv: list[str] | None = None) -> int:
    """Run one benchmark and return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] not in SUBJECTS:
        print(__doc__ if arguments[:1] in ([], ["-h"], ["--help"]) else f"found {arguments[0]!r}, {__doc__}")
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    subject, *rest = arguments
    return int(importlib.import_module(f"scripts.benchmark_{subject}").main(rest))


if __name__ == "__main__":
    sys.exit(main())
