"""Raw JSON: the records of JSON Lines and of a JSON array, each with the line it starts at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, NoReturn, TextIO

from pydantic_core import from_json

from gemtune.data.findings import BrokenFileError, RawRecord, RawValue, Rejection, cut, kind
from gemtune.data.plain_chat import read_plain_chat

CHUNK = 1 << 16
"""Characters that an array is read by."""

LONGEST_RECORD = 20_000_000
"""Bytes of a line, characters of an array's element or a table's field; more would fill the memory.

No example comes near it: 131,072 tokens of text are about 1 MB, and a request with inline data may have 20 MB.
"""

_SPACE = re.compile(r"\s*")


def read_lines(file: IO[bytes]) -> Iterator[RawRecord]:
    """Yield the objects of JSON Lines; blank lines are none. A broken line is a Rejection in its place."""
    line = 0
    while data := file.readline(LONGEST_RECORD + 1):
        line += 1
        if len(data) > LONGEST_RECORD and not data.endswith(b"\n"):
            yield line, _too_long(len(data) + _skip_line(file))
            continue
        if line == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        if not data.isspace():
            value = parse(data)
            yield line, value if type(value) is tuple or type(value) is dict else _object(value)


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
        yield line, _object(window.value())
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
    """Return a JSON value, a plain chat, or a Rejection by the rule `not_utf8`, `not_json` or `duplicate_key`."""
    try:
        value = from_json(data, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return _parse_slowly(data)  # which says what is wrong
    chat = read_plain_chat(value) if type(value) is dict else None
    if chat is None and type(value) not in (dict, list):
        return value
    # Two quotes for each key and each text, unless a key comes twice, or there are quotes within text.
    texts = 1 + 4 * len(chat) if chat else _count_texts(value)
    if _count_quotes(data) == 2 * texts or _has_each_key_once(data, value):
        return chat or value
    return _parse_slowly(data)


def _parse_slowly(data: bytes) -> Any:
    try:
        return _once(*_DECODER.decode(data.decode()))
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} of the line is 0x{data[error.start]:02x}"
        return Rejection("not_utf8", found, "UTF-8", "save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return Rejection("not_json", _reason(error), "one JSON object on a line", "correct the line")


def _count_quotes(data: bytes) -> int:
    return len(data) - len(data.replace(b'"', b""))  # in half the time of data.count


def _has_each_key_once(data: bytes, value: dict[str, Any] | list[Any]) -> bool:
    """Tell whether a line with quotes within text has as many keys as its value; False if that is not sure."""
    return b'\\"' in data and data.count(b'":') + data.count(b'" :') == _count_keys(value)


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(_count_keys(item) for item in value.values() if type(item) in (dict, list))
    if type(value) is list:
        return sum(_count_keys(item) for item in value if type(item) in (dict, list))
    return 0


def _count_texts(value: dict[str, Any] | list[Any]) -> int:
    """Return how many keys and texts a value has."""
    count, inner = 0, list[Any]((value,))
    for each in inner:
        if type(each) is dict:
            count += len(each)
            each = each.values()
        for item in each:
            kind = type(item)
            if kind is str:
                count += 1
            elif kind is dict or kind is list:
                inner.append(item)  # the loop comes to it
    return count


def _once(value: Any, repeated: str) -> Any:
    if not repeated:
        return value
    found = f"the key {cut(repeated)} twice in one object"
    return Rejection("duplicate_key", found, "each key once", "remove one: readers disagree on which of them counts")


def _object(value: Any) -> RawValue | Rejection:
    if isinstance(value, dict | tuple | Rejection):
        return value
    return Rejection("not_an_object", kind(value), "one JSON object", "write each example as {…}")


def _skip_line(file: IO[bytes]) -> int:
    """Read to the end of a line, in pieces, and return how many bytes that were."""
    skipped = 0
    while piece := file.readline(CHUNK):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _too_long(size: int) -> Rejection:
    expected = f"at most {LONGEST_RECORD:,} bytes"
    return Rejection("too_long", f"a line of {size:,} bytes", expected, "write one example a line, without blobs")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


class _Decoder:
    """The standard library's decoder: slower, but it says where JSON is broken, and sees a key that comes twice."""

    def __init__(self) -> None:
        self._repeated = ""
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=self._object)

    def decode(self, text: str) -> tuple[Any, str]:
        """Return a value, and a key that an object in it has twice, or nothing."""
        self._repeated = ""
        return self._decoder.decode(text), self._repeated

    def decode_at(self, text: str, at: int) -> tuple[Any, str, int]:
        """Return the value at a place of a text, a repeated key or nothing, and the place after it."""
        self._repeated = ""
        value, end = self._decoder.raw_decode(text, at)
        return value, self._repeated, end

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            self._repeated = next(key for key in keys if keys.count(key) > 1)
        return found


_DECODER = _Decoder()


class _Window:
    """The part of a text that is being read: grows at its end, forgets its start, and knows its line."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at, self.line = file, "", 0, 1

    def grow(self) -> bool:
        """Read on, each time as much again, so that a long record costs no more than twice its length."""
        if len(self.text) - self.at > LONGEST_RECORD:
            raise BrokenFileError(self.line, f"an example of more than {LONGEST_RECORD:,} characters")
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
        """Return the JSON value that starts here, or a Rejection."""
        while True:
            try:
                value, repeated, end = _DECODER.decode_at(self.text, self.at)
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
                return _once(value, repeated)
