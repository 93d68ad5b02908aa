"""What verbs print: tables and folded lines as their result, progress and errors; 80 columns wide."""

import sys
from collections.abc import Iterable, Sequence
from textwrap import wrap

from gemtune.errors import DataError, GemtuneError, SpecError
from scripts.target import Target

WIDTH = 80


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, text: Sequence[str] = ()) -> list[str]:
    """Return a table as lines: numbers to the right, the first column and those named in `text` to the left.

    A number gets thousands separators. The last column is folded where the table would be too wide.

    Args:
        head: Names of the columns.
        rows: Cells; a number is shown with thousands separators.
        text: Names of more columns that are aligned to the left.
    """
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    is_left = [column == 0 or name in text for column, name in enumerate(head)]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    lines = []
    for row in cells:
        start = "  ".join(_aligned(*cell) for cell in zip(row[:-1], widths[:-1], is_left[:-1], strict=True))
        if is_left[-1]:
            lines += folded(row[-1], first=f"{start}  ", indent=min(before, WIDTH // 2))
        else:
            lines.append(f"{start}  {row[-1]:>{widths[-1]}}")
    return [line.rstrip() for line in lines]


def folded(text: str, *, first: str = "", indent: int = 2) -> list[str]:
    """Return a text as lines of at most 80 columns, what starts them apart, all but the first indented.

    A longer word stays whole: it is a path or a URI, to be copied. Where it is too long for the first line, it starts
    the next one.
    """
    word = len(text.split(maxsplit=1)[0]) if text.split() else 0
    if first.strip() and len(first) + word > WIDTH:
        return [first.rstrip(), *folded(text, first=" " * indent, indent=indent)]
    lines = wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines or [first]


def printable(text: str) -> str:
    """Return a text that quotes data with what a terminal would obey or cannot show escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def say(topic: str, text: str) -> None:
    """Write one line of progress, folded at 80 columns."""
    lines = wrap(text, 70, break_long_words=False, break_on_hyphens=False)
    print(f"{topic:<10}" + f"\n{'':<10}".join(lines), file=sys.stderr, flush=True)


def report_error(error: GemtuneError, target: Target | None = None) -> int:
    """Print an error and return its exit code: 2 for what the user gave, 1 for what the service did."""
    print(target.cause_of(error) if target else error, file=sys.stderr)
    return 2 if isinstance(error, SpecError | DataError) else 1


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _aligned(text: str, width: int, is_left: bool) -> str:
    return f"{text:<{width}}" if is_left else f"{text:>{width}}"
