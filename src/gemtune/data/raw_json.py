"""Raw JSON: the records of JSON Lines and of a JSON array, each with the line it starts at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TextIO

from gemtune.data.findings import BrokenFileError, RawRecord, Rejection, kind

CHUNK = 1 << 16
"""Characters that an array is read by."""

_SPACE = re.compile(r"\s*")


def read_lines(lines: Iterable[bytes]) -> Iterator[RawRecord]:
    """Yield the objects of JSON Lines; blank lines are none. A broken line is a Rejection in its place."""
    for line, data in enumerate(lines, 1):
        if line == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        if data.strip():
            yield RawRecord(line, _object(parse(data)))


def read_array(file: TextIO) -> Iterator[RawRecord]:
    """Yield the elements of an array of objects, one at a time.

    Raises:
        BrokenFileError: The array breaks off, or is followed by something.
    """
    window = _Window(file)
    window.next()
    window.move(window.at + 1)
    following = window.next()
    while following != "]":
        line = window.line
        yield RawRecord(line, _object(window.value()))
        following = window.next()
        if following == ",":
            window.move(window.at + 1)
            window.next()
        elif following != "]":
            raise BrokenFileError(window.line, f"the array breaks off after the example that starts at line {line}")
    window.move(window.at + 1)
    if window.next():
        raise BrokenFileError(window.line, "more text after the end of the array")


def parse(data: bytes) -> Any:
    """Return a JSON value, or a Rejection by the rule `not_utf8` or `not_json`."""
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} of the line is 0x{data[error.start]:02x}"
        return Rejection("not_utf8", found, "UTF-8", "save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return Rejection("not_json", _reason(error), "one JSON object on a line", "correct the line")


def _object(value: Any) -> dict[str, Any] | Rejection:
    if isinstance(value, dict | Rejection):
        return value
    return Rejection("not_an_object", kind(value), "one JSON object", "write each example as {…}")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class _Window:
    """The part of a text that is being read: grows at its end, forgets its start, and knows its line."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at, self.line = file, "", 0, 1

    def grow(self) -> bool:
        """Read on, each time as much again, so that a long record costs no more than twice its length."""
        more = self.file.read(max(CHUNK, len(self.text) - self.at))
        self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)

    def move(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def next(self) -> str:
        """Skip whitespace and return the character after it, or nothing at the end."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.move(space.end() if space else self.at)
            if self.at < len(self.text) or not self.grow():
                return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """Return the JSON value that starts here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # Not broken but cut off, if the window ends within a string or just after the error.
                is_cut = error.msg.startswith("Unterminated string") or error.pos > len(self.text) - 16
                if is_cut and self.grow():
                    continue
                raise BrokenFileError(self.line, f"not JSON ({error.msg})") from None
            except (ValueError, RecursionError) as error:
                raise BrokenFileError(self.line, f"not JSON ({_reason(error)})") from None
            # A number at the end may go on.
            if end < len(self.text) or not self.grow():
                self.move(end)
                return value
