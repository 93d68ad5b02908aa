"""Raw files: the records of JSON Lines, a JSON array, CSV or TSV, plain or gzip, with the line each starts at.

Nothing here knows what a record means. A record that cannot be read is a Rejection in its place, never an exception:
one bad line says nothing about the next. Files are read in constant memory.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

from gemtune.data.findings import UNREADABLE, BrokenFileError, RawRecord, Rejection
from gemtune.data.raw_json import parse, read_array, read_lines
from gemtune.data.raw_tables import read_table

HEAD = 1 << 16
"""Bytes from which the format of a file is told."""


def read_raw(path: Path, name: str) -> Iterator[RawRecord]:
    """Yield the records of a file; blank lines, and rows of empty fields, are none.

    CSV and TSV are known by the ending of the name, JSON by its first character, gzip by its first bytes. The last
    record is a Rejection by the rule `unreadable_file` if the file breaks off.

    Args:
        path: Local copy of the file.
        name: Name or URI of the original.
    """
    line = 1
    try:
        for record in _reader(path, name)(path):
            line = record.line
            yield record
    except BrokenFileError as error:
        yield RawRecord(error.line, _unreadable(error.found))
    except (EOFError, OSError, zlib.error) as error:
        yield RawRecord(line, _unreadable(f"the file breaks off after this ({error})"))


def _unreadable(found: str) -> Rejection:
    return Rejection(UNREADABLE, found, "a whole file", "write or upload it again")


def _reader(path: Path, name: str) -> Callable[[Path], Iterator[RawRecord]]:
    ending = re.sub(r"\.(gz|gzip)$", "", name.lower()).rpartition(".")[2]
    if ending == "csv":
        return partial(_read_table, separator=",")
    if ending in ("tsv", "tab"):
        return partial(_read_table, separator="\t")
    with _open(path) as file:
        head = file.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"["):
        return _read_lines if _is_line_of_lines(head) else _read_array
    first_line = head.partition(b"\n")[0]
    if ending in ("json", "jsonl", "ndjson") or not head or head.startswith(b"{"):
        return _read_lines
    separators = [separator for separator in "\t," if separator.encode() in first_line]
    return partial(_read_table, separator=separators[0]) if separators else _read_lines


def _read_lines(path: Path) -> Iterator[RawRecord]:
    with _open(path) as file:
        yield from read_lines(file)


def _read_array(path: Path) -> Iterator[RawRecord]:
    with _open_text(path) as file:
        yield from read_array(file)


def _read_table(path: Path, separator: str) -> Iterator[RawRecord]:
    yield from read_table(partial(_open_text, path), separator)


def _is_line_of_lines(head: bytes) -> bool:
    """Tell a wrong line of JSON Lines, such as `[1]`, from the start of an array."""
    first_line, _, rest = head.partition(b"\n")
    return rest.lstrip().startswith(b"{") and not isinstance(parse(first_line), Rejection)


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if is_gzip else path.open("rb")


def _open_text(path: Path) -> io.TextIOWrapper:
    """Open as text in which bytes that are not UTF-8 are lone surrogates: found in the record that they spoil."""
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", errors="surrogateescape", newline="")
