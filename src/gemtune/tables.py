"""Frozen dataclasses from tables of plain values, as TOML, YAML and pipeline parameters hold them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import date
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gemtune.errors import SpecError, did_you_mean, shown

T = TypeVar("T")

_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    date: "a date such as 2026-11-21",
    Mapping: "keys and values",
}


def read_table(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Return the dataclass that a table describes; absent keys keep their defaults.

    Pipeline parameters travel as JSON: a whole number may arrive as 4.0, and a date as text. Both are accepted.

    Args:
        kind: A dataclass whose fields are text, numbers, booleans, dates, tuples of them, or dataclasses.
        table: Values by field name.
        where: Start of an error's message.

    Raises:
        SpecError: The table has an unknown key, or a value of the wrong kind.
    """
    if not isinstance(table, Mapping):
        raise _error(where, table, Mapping)
    hints = get_type_hints(kind)
    for key in table:
        if key not in hints:
            raise SpecError(f"{where}: {key}: unknown key{did_you_mean(str(key), hints)}")
    return kind(**{key: _value(value, hints[key], f"{where}: {key}") for key, value in table.items()})


def _value(value: Any, hint: Any, where: str) -> Any:
    if NoneType in get_args(hint):
        return None if value is None else _value(value, get_args(hint)[0], where)
    if is_dataclass(hint):
        return read_table(hint, value, where)  # type: ignore[arg-type]
    plain, inner = get_origin(hint), get_args(hint)
    if plain is tuple:
        return _items(value, inner, where)
    if plain is Mapping and isinstance(value, Mapping):
        return {str(key): _value(item, inner[1], f"{where}: {key}") for key, item in value.items()}
    return _scalar(value, plain or hint, where)


def _items(value: Any, inner: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    is_any_length = ... in inner
    if not isinstance(value, list | tuple) or not (is_any_length or len(value) == len(inner)):
        raise SpecError(f"{where}: {shown(value)}, expected a list{'' if is_any_length else f' of {len(inner)}'}")
    return tuple(_value(item, inner[0], where) for item in value)


def _scalar(value: Any, kind: type, where: str) -> Any:
    # Comparing keeps out infinity and NaN as well as what no double holds exactly.
    is_number = type(value) in (int, float) and abs(value) < 2**53
    if kind is float and is_number:
        return float(value)
    if kind is int and is_number and value == int(value):
        return int(value)
    if kind is date and isinstance(value, str):
        with suppress(ValueError):
            return date.fromisoformat(value)
    # A boolean is a number to Python, and a time of day is a date: only the very kind will do.
    if kind in (bool, str, date) and type(value) is kind:
        return value
    raise _error(where, value, kind)


def _error(where: str, value: Any, kind: Any) -> SpecError:
    return SpecError(f"{where}: {shown(value)}, expected {_EXPECTED[kind]}")
