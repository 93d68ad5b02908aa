"""Raw Parquet: the rows of a file, nested columns included, as JSON would hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gemtune.data.findings import BrokenFileError, RawRecord, Rejection

MAGIC = b"PAR1"
"""First and last bytes of every Parquet file."""

ROWS = 200
"""Rows that are held at a time."""


def read_parquet(path: Path) -> Iterator[RawRecord]:
    """Yield the rows; their number, counted from 1, stands in for the line.

    A field without a value is left out, in nested columns, too: Parquet gives every object of a column the same
    fields, so that a part of text has an empty `fileData`.

    Raises:
        BrokenFileError: The file breaks off, or cannot be decoded from some row on.
    """
    from arro3.io import read_parquet as read_batches

    row = 0
    _check_end(path)
    try:
        for batch in read_batches(str(path), batch_size=ROWS):
            names = list(batch.column_names)
            columns = [batch.column(index).to_pylist() for index in range(len(names))]
            for values in zip(*columns, strict=True):
                row += 1
                yield row, _record(names, values)
    except BaseException as error:
        # The reader's own errors are plain Exceptions; a footer it does not understand is a panic, which is none.
        if type(error) is Exception or type(error).__name__ == "PanicException":
            raise BrokenFileError(row + 1, f"Parquet cannot be decoded from here ({_first_line(error)})") from None
        raise


def _check_end(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(-min(len(MAGIC), path.stat().st_size), 2)
        if file.read() != MAGIC:
            raise BrokenFileError(1, "the Parquet file breaks off: its last bytes are missing")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _record(names: list[str], values: tuple[Any, ...]) -> dict[str, Any] | Rejection:
    try:
        return {
            name: _plain(value, f"$.{name}")
            for name, value in zip(names, values, strict=True)
            if not _is_missing(value)
        }
    except Rejection as rejection:
        return rejection


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # what is not a number is what pandas writes for nothing


def _plain(value: Any, path: str) -> Any:
    """Return a value as JSON would hold it."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {key: _plain(item, f"{path}.{key}") for key, item in value.items() if not _is_missing(item)}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, bytes):
        raise Rejection("wrong_type", "bytes", "text", "convert the column to text", path)
    return str(value)  # dates, times and decimals
