"""Parquet files for tests, written by the library that reads them; what pyarrow writes is in a file of its own."""

from pathlib import Path
from typing import Any

from arro3.core import Array, DataType, Field, Table, list_array, struct_array
from arro3.io import write_parquet

TEXT = DataType.utf8()


def column(values: list[str | None]) -> Array:
    return Array(values, TEXT)


def conversations(*turns: list[tuple[str, str | None]], keys: tuple[str, str] = ("role", "content")) -> Any:
    """Return a column of lists of objects: what Parquet calls nested."""
    flat = [turn for each in turns for turn in each]
    fields = [Field(key, TEXT, nullable=True) for key in keys]
    messages = struct_array([column([turn[place] for turn in flat]) for place in (0, 1)], fields=fields)
    ends = [sum(len(each) for each in turns[:count]) for count in range(len(turns) + 1)]
    return list_array(Array(ends, DataType.int32()), messages)


def write(path: Path, columns: dict[str, Any], **given: Any) -> bytes:
    """Write a file, and return its bytes."""
    write_parquet(Table.from_pydict(columns), str(path), **given)
    return path.read_bytes()
