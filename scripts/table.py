"""Results on stdout: a table for people, or JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def print_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows under the names of their columns, each as wide as its widest value; nothing for no rows."""
    if not rows:
        return
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    for row in [{name: name.upper() for name in names}, *rows]:
        print("  ".join(row[name].ljust(widths[name]) for name in names).rstrip())


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True))


def moment(timestamp: str) -> str:
    """Return a time of the service in UTC, which Z says, to the minute; a dash for none.

    >>> moment("2026-10-01T19:44:53.091540Z")
    '2026-10-01 19:44Z'
    """
    return datetime.fromisoformat(timestamp).strftime("%Y-%m-%d %H:%MZ") if timestamp else "-"


def duration(start: str, end: str) -> str:
    """Return the time between two times of the service; a dash if one is missing.

    >>> duration("2026-10-01T19:44:53Z", "2026-10-01T20:46:00Z")
    '1:01:07'
    """
    if not start or not end:
        return "-"
    return str(datetime.fromisoformat(end) - datetime.fromisoformat(start)).partition(".")[0]
