"""The filter and readMask of lists, as far as the SDKs use them.

Faithful: `field op value` with =, !=, :, <, <=, >, >= and AND; labels by key; field names in snake_case.
Not modelled: OR, NOT, parentheses, wildcards other than a key that is there (`labels.key:*`).
"""

import operator
import re
from collections.abc import Callable
from typing import Any

from emulator.errors import invalid_argument

TERM = re.compile(r'(?P<field>[\w.-]+)\s*(?P<operator>!=|<=|>=|=|:|<|>)\s*(?P<value>"[^"]*"|[^\s"]+)')
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ":": lambda found, value: value in (found, "*"),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(document: dict[str, Any], text: str) -> bool:
    """Return whether a resource passes a list's filter; the empty one passes all.

    Raises:
        ApiError: 400, the filter is not one that is served.
    """
    terms = [term.strip() for term in re.split(r"\sAND\s", text)] if text.strip() else []
    return all(term_matches(document, term) for term in terms)


def term_matches(document: dict[str, Any], term: str) -> bool:
    """Return whether one `field op value` holds."""
    parsed = TERM.fullmatch(term)
    if parsed is None:
        raise invalid_argument(f"Invalid filter: {term!r}, expected `field = value` terms joined by AND.", "filter")
    found = value_of(document, parsed["field"])
    return bool(found) and COMPARE[parsed["operator"]](found, parsed["value"].strip('"'))


def value_of(document: dict[str, Any], path: str) -> str:
    """Return the text at a dotted snake_case path; "" where there is nothing. A label's key stays as it is."""
    field, _, rest = path.partition(".")
    value = document.get(camel_case(field), "")
    if not isinstance(value, dict):
        return str(value)
    return str(value.get(rest, "")) if field == "labels" else value_of(value, rest)


def masked(document: dict[str, Any], mask: str) -> dict[str, Any]:
    """Return only the fields that a readMask of comma-separated paths names; all for the empty one."""
    if not mask:
        return document
    paths = [[camel_case(part) for part in path.split(".")] for path in mask.split(",")]
    return picked(document, paths)


def picked(document: dict[str, Any], paths: list[list[str]]) -> dict[str, Any]:
    """Return the fields at `paths`."""
    kept: dict[str, Any] = {}
    for field, *rest in paths:
        if rest and isinstance(document.get(field), dict):
            kept[field] = {**kept.get(field, {}), **picked(document[field], [rest])}
        elif field in document:
            kept[field] = document[field]
    return kept


def camel_case(name: str) -> str:
    """Return a field's JSON name.

    >>> camel_case("schedule_name")
    'scheduleName'
    """
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
