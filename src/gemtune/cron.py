"""What a cron expression may hold, so that a wrong one is told of by line and key, before anything is sent.

Sunday is 0 here: whether the service takes 7 as well is not documented. A date that never comes is left to the service.
Source: https://en.wikipedia.org/wiki/Cron, which the service names as its definition
(https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.schedules).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PART = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d+))?")


class _Field(NamedTuple):
    name: str
    least: int
    greatest: int
    names: tuple[str, ...] = ()
    """Of its values, from the least one on."""


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


def check_cron(text: str) -> None:
    """Check five fields: minute, hour, day of month, month, day of week.

    Raises:
        ValueError: What was expected of the first field that is wrong.
    """
    for field, found in zip(_FIELDS, text.split(), strict=True):
        if not all(_is_part(part, field) for part in found.split(",")):
            names = f" or {field.names[0]} to {field.names[-1]}" if field.names else ""
            raise ValueError(
                f"as its {field.name} {field.least} to {field.greatest}{names}, `*`, ranges, steps or lists, "
                f"not {found!r}"
            )


def _is_part(part: str, field: _Field) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match["step"] == "0":
        return False
    if match["first"] is None:
        return True
    first, last = (_value(match[bound] or match["first"], field) for bound in ("first", "last"))
    return field.least <= first <= last <= field.greatest


def _value(text: str, field: _Field) -> int:
    """Return the value that a number or a name stands for, -1 for what is neither."""
    if text.lower() in field.names:
        return field.least + field.names.index(text.lower())
    return int(text) if text.isdecimal() else -1
