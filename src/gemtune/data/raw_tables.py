"""Raw tables: the rows of CSV and TSV, each with the line it starts at."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

from gemtune.data.findings import BrokenFileError, RawRecord, Rejection
from gemtune.data.raw_json import LONGEST_RECORD

ROWS = 200
"""Rows that are held at a time."""


class BoundedText(TextIOWrapper):
    """A text file whose lines are read only if they fit into memory."""

    def __next__(self) -> str:  # type: ignore[override]  # as in the class that it refines
        """Return the next line.

        Raises:
            csv.Error: It is too long.
        """
        line = self.readline(LONGEST_RECORD)
        if not line:
            raise StopIteration
        if len(line) == LONGEST_RECORD and not line.endswith(("\n", "\r")):
            raise csv.Error(f"a line of more than {LONGEST_RECORD:,} characters")
        return line


_NEWLINE = re.compile(r"\r\n|\r|\n")


def read_table(
    open_text: Callable[..., TextIOWrapper], separator: str, on_read: Callable[[int], None] | None = None
) -> Iterator[RawRecord]:
    """Yield the rows as {column: text}; a row without any text is none.

    Args:
        open_text: Opens the table, newlines kept as they are.
        separator: Between two fields.
        on_read: Called with the number of bytes that were read so far.

    Raises:
        BrokenFileError: A quote is never closed, or is followed by text.
    """
    # The default, 128 KiB, is less than a long document.
    csv.field_size_limit(LONGEST_RECORD)
    skipped, columns, broken = _survey(open_text, separator)
    with open_text(on_read) as file, suppress(csv.Error):
        line = skipped + 1
        for fields in _rows(file, separator, skipped, len(columns)):
            if line > skipped + 1 and any(fields):
                yield line, _record(columns, fields)
            line += 1 + sum(len(_NEWLINE.findall(field)) for field in fields if field)
    if broken:
        raise broken


def _rows(file: TextIOWrapper, separator: str, skipped: int, width: int) -> Iterator[list[Any]]:
    """Yield the fields of each row, the header's included; None stands for fields that a row lacks."""
    import pandas as pd

    for _ in range(skipped):
        file.readline()
    if not width:
        return
    chunks = pd.read_csv(
        file,
        sep=separator,
        # The header is read as a row: so the first row of data cannot make pandas guess an index.
        header=None,
        names=list(range(width)),
        dtype=object,
        na_filter=False,
        keep_default_na=False,
        skip_blank_lines=False,
        engine="python",
        # A row with too many fields travels in its first field.
        on_bad_lines=lambda fields: _folded(fields, width),
        chunksize=ROWS,
    )
    for chunk in chunks:
        for values in chunk.itertuples(index=False, name=None):
            yield list(values[0] if isinstance(values[0], tuple) else values)


def _folded(fields: list[str], width: int) -> list[Any]:
    return [tuple(fields), *[""] * (width - 1)]


def _record(columns: list[str], fields: list[Any]) -> dict[str, Any] | Rejection:
    count = sum(field is not None for field in fields)
    if count != len(columns):
        found, expected = f"{count} fields", f"{len(columns)} as in the first line"
        return Rejection("wrong_field_count", found, expected, "quote a field that contains the separator")
    if any("\0" in field for field in fields):
        return Rejection("nul_byte", "the byte 0x00", "text", "remove it: the file may be damaged")
    return dict(zip(columns, fields, strict=True))


def _survey(open_text: Callable[..., TextIOWrapper], separator: str) -> tuple[int, list[str], BrokenFileError | None]:
    """Return how many blank lines come first, the columns, and where the table stops being one, if it does.

    pandas tells neither the line of such an error nor, in the first rows, that there was one.
    """
    line, skipped, columns = 1, 0, list[str]()
    with open_text() as file:
        rows = csv.reader(file, delimiter=separator, strict=True)
        try:
            for row in rows:
                if not columns and any(row):
                    skipped, columns = line - 1, row
                line = rows.line_num + 1
        except csv.Error as error:
            return skipped, columns, BrokenFileError(line, f"the table cannot be read on from here ({error})")
    return skipped, columns, None
