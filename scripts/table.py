"""Results on stdout: a table for people, or JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scripts.screen import WIDTH

GAP, INDENT = "  ", "  "


def print_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows under the names of their columns, each as wide as its widest value; nothing for no rows.

    What does not fit 80 columns stands on further lines of its row, indented, below the names of its columns.
    """
    if not rows:
        return
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    lines = split_columns(widths)
    for row in [{name: name.upper() for name in names}, *rows]:
        for number, line in enumerate(lines):
            print((INDENT if number else "") + GAP.join(row[name].ljust(widths[name]) for name in line).rstrip())


def split_columns(widths: Mapping[str, int]) -> list[list[str]]:
    """Return the names of the columns of each line, in order; a column that is too wide alone has a line alone."""
    lines: list[list[str]] = []
    end = WIDTH
    for name, width in widths.items():
        if end + len(GAP) + width <= WIDTH:
            lines[-1].append(name)
            end += len(GAP) + width
        else:
            end = width + (len(INDENT) if lines else 0)
            lines.append([name])
    return lines


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
    """Return the hours, minutes and seconds between two times of the service; a dash if one is missing.

    >>> duration("2026-10-01T19:44:53Z", "2026-10-02T20:46:00Z")
    '25:01:07'
    """
    if not start or not end:
        return "-"
    minutes, seconds = divmod(int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
