"""Print the JSON Schema of a tuning spec.

    gemtune schema

With it an editor completes keys, shows what each means, and marks mistakes. The committed copy is
compiled/spec.schema.json; beside it, comparison.schema.json describes what a run leaves in comparison.json. Point the
editor to the first by a first line in the spec such as

    # yaml-language-server: $schema=../compiled/spec.schema.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from gemtune import spec


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return the text of a JSON Schema, the same on every machine."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run the verb; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="gemtune schema", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(argv)
    sys.stdout.write(schema_text(spec.json_schema()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
