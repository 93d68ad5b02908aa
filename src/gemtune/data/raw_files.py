"""Raw files: the records of JSON Lines, a JSON array, CSV, TSV or Parquet, plain or gzip, with the line each starts at.

Nothing here knows what a record means, except that a plain chat is told at once, for speed. A record that cannot be
read is a Rejection in its place, never an exception: one bad line says nothing about the next. Files are read in
constant memory.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from gemtune.data.findings import UNREADABLE, BrokenFileError, RawRecord, Rejection
from gemtune.data.raw_json import parse, read_array, read_lines
from gemtune.data.raw_parquet import MAGIC, read_parquet
from gemtune.data.raw_tables import BoundedText, read_table

OnRead: TypeAlias = Callable[[int], None]

HEAD = 1 << 16
"""Bytes from which the format of a file is told."""

BUFFER = 1 << 18
"""Bytes that are read at a time."""

_SEPARATORS = {"csv": ",", "tsv": "\t", "tab": "\t"}

_OTHER_FILES = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet or document of Microsoft Office",
    b"%PDF": "a PDF document",
    b"\xff\xfe": "text in UTF-16, not in UTF-8",
    b"\xfe\xff": "text in UTF-16, not in UTF-8",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xfd7zXZ": "an xz archive",
}
"""First bytes of what is taken for data by mistake."""


def read_raw(path: Path, name: str, on_read: OnRead | None = None) -> Iterator[RawRecord]:
    """Yield the records of a file; blank lines, and rows of empty fields, are none.

    Parquet, gzip and JSON are known by their first bytes, whatever the name; tables by the ending of the name, or by
    the separators in their first line. The last record is a Rejection by the rule `unreadable_file` if the file breaks
    off or is of another kind.

    Args:
        path: Local copy of the file.
        name: Name or URI of the original.
        on_read: Called with the number of bytes of the file that were read so far, again and again.
    """
    line = 1
    try:
        for record in _reader(path, name)(path, on_read):
            line = record[0]
            yield record
    except BrokenFileError as error:
        yield error.line, _unreadable(error.found)
    except (EOFError, OSError, zlib.error) as error:
        yield line, _unreadable(f"the file breaks off after this ({error})")


def _unreadable(found: str) -> Rejection:
    return Rejection(UNREADABLE, found, "a whole file of a known kind", "write or upload it again")


def _reader(path: Path, name: str) -> Callable[[Path, OnRead | None], Iterator[RawRecord]]:
    with _open(path) as file:
        head = file.read(HEAD)
    if head.startswith(MAGIC):
        return _read_parquet
    _check_text(head)
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"["):
        return _read_lines if _is_line_of_lines(head) else _read_array
    ending = re.sub(r"\.(gz|gzip)$", "", name.lower()).rpartition(".")[2]
    first_line = head.partition(b"\n")[0]
    is_object = not isinstance(parse(first_line), Rejection)
    if head.startswith(b"{") and (is_object or ending not in _SEPARATORS):
        return _read_lines
    if ending in _SEPARATORS:
        return partial(_read_table, separator=_SEPARATORS[ending])
    separators = [separator for separator in "\t," if separator.encode() in first_line]
    is_table = separators and (ending not in ("json", "jsonl", "ndjson") or not _looks_like_json(first_line))
    return partial(_read_table, separator=separators[0]) if is_table else _read_lines


def _looks_like_json(line: bytes) -> bool:
    return line[:1] in (b"{", b"[", b'"')


def _check_text(head: bytes) -> None:
    """Check that a file is text; UTF-8 itself is checked record by record.

    Raises:
        BrokenFileError: It is something else.
    """
    for magic, found in _OTHER_FILES.items():
        if head.startswith(magic):
            raise BrokenFileError(1, found)
    first_line = head.partition(b"\n")[0]
    is_json = first_line.lstrip().startswith((b"{", b"["))
    if b"\0" in first_line and not is_json:
        raise BrokenFileError(1, f"a binary file: byte {head.index(0) + 1} is 0x00")


def _read_lines(path: Path, on_read: OnRead | None) -> Iterator[RawRecord]:
    with _open(path, on_read) as file:
        yield from read_lines(file)


def _read_array(path: Path, on_read: OnRead | None) -> Iterator[RawRecord]:
    with _open_text(path, on_read) as file:
        yield from read_array(file)


def _read_table(path: Path, on_read: OnRead | None, separator: str) -> Iterator[RawRecord]:
    yield from read_table(partial(_open_text, path), separator, on_read)


def _read_parquet(path: Path, on_read: OnRead | None) -> Iterator[RawRecord]:
    if not _is_gzip(path):
        yield from read_parquet(path)
        return
    # It is read from its end, which gzip cannot.
    with tempfile.NamedTemporaryFile() as plain, gzip.open(path) as packed:
        shutil.copyfileobj(packed, plain)
        plain.flush()
        yield from read_parquet(Path(plain.name))


def _is_line_of_lines(head: bytes) -> bool:
    """Tell a wrong line of JSON Lines, such as `[1]`, from the start of an array."""
    first_line, _, rest = head.partition(b"\n")
    return rest.lstrip().startswith(b"{") and not isinstance(parse(first_line), Rejection)


class _Watched(io.FileIO):
    """A file that tells how far it was read."""

    def __init__(self, path: Path, on_read: OnRead) -> None:
        super().__init__(path)
        self._on_read = on_read

    def readinto(self, buffer: Any) -> int | None:
        """Read into a buffer."""
        count = super().readinto(buffer)
        self._on_read(self.tell())
        return count


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path, on_read: OnRead | None = None) -> IO[bytes]:
    raw = io.BufferedReader(_Watched(path, on_read) if on_read else io.FileIO(path), BUFFER)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if _is_gzip(path) else raw


def _open_text(path: Path, on_read: OnRead | None = None) -> io.TextIOWrapper:
    """Open as text in which bytes that are not UTF-8 are lone surrogates: found in the record that they spoil."""
    return BoundedText(_open(path, on_read), encoding="utf-8-sig", errors="surrogateescape", newline="")
