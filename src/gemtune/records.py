"""JSON Lines files on local disk: what the steps hand to each other, one record a line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]
_READABLE = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a JSON Lines file, in order."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> int:
    """Write records as JSON Lines with sorted keys, once and in sequence, and return how many.

    Text stays readable (no ASCII escapes), except that a lone surrogate is escaped: UTF-8 has no byte for it.
    """
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(to_line(record) + "\n")
            count += 1
    return count


def to_line(record: Mapping[str, Any]) -> str:
    """Return a record as one line of JSON that UTF-8 can hold; equal records give equal lines."""
    line = _READABLE.encode(record)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(record, sort_keys=True)
    return line
