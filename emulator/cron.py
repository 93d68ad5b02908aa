"""Cron expressions of schedules: five fields, and the time zone they are meant in.

Faithful: the prefix `TZ=` or `CRON_TZ=` with an IANA zone, UTC without it; five fields.
Not modelled: descriptors such as @daily, seconds, L, W, #.
Assumed, because the service documents neither: the rules are those of robfig/cron, whose prefix this is.
Sunday is 0 only; when neither day field begins with `*` a day needs to match one of them, else both. A time that a
change to summer time leaves out does not run that day, one that a change back repeats runs twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SEARCHED_DAYS = 5 * 366
"""Any date that exists comes within them; 31 February does not."""

MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
MONTHS = {name: at for at, name in enumerate(MONTH_NAMES, start=1)}
DAYS = {name: at for at, name in enumerate(DAY_NAMES)}
Rules: TypeAlias = tuple[str, int, int, dict[str, int]]
"""Of a field: its name, its least and greatest value, and the names of values."""

FIELDS: tuple[Rules, ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 6, DAYS),
)

PART = re.compile(r"(?P<first>\*|\?|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?")


@dataclass(frozen=True)
class Cron:
    """When a schedule runs."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """A day needs to match only one of `days` and `weekdays`."""

    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`, in UTC; None if there is none."""
        first = moment.astimezone(self.zone).date()
        for later in range(SEARCHED_DAYS):
            day = first + timedelta(days=later)
            for found in times_of(self, day) if self.runs_on(day) else ():
                if found > moment:
                    return found
        return None

    def runs_on(self, day: date) -> bool:
        """Return whether there are runs on a day."""
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        matches = by_date or by_weekday if self.either_day else by_date and by_weekday
        return day.month in self.months and matches


@lru_cache(maxsize=64)
def times_of(cron: Cron, day: date) -> list[datetime]:
    """Return the times of a day on which `cron` runs, in order."""
    return sorted(set(instants(cron, day)))


def instants(cron: Cron, day: date) -> Iterator[datetime]:
    """Give every moment of the day at which the zone's clock shows one of the times: none, one or two for each."""
    for hour in cron.hours:
        for minute in cron.minutes:
            for fold in (0, 1):
                wall = datetime.combine(day, time(hour, minute, fold=fold), cron.zone)
                moment = wall.astimezone(UTC)
                if moment.astimezone(cron.zone).replace(fold=0) == wall.replace(fold=0):
                    yield moment


def parse(text: str) -> Cron:
    """Read a cron expression.

    Args:
        text: e.g. "TZ=Europe/Berlin 0 3 * * 1", every Monday at 03:00.

    Raises:
        ValueError: What is wrong with it, where, and what was expected.
    """
    prefix = re.match(r"(?:CRON_)?TZ=(\S+)\s+", text)
    fields = text[prefix.end() :].split() if prefix else text.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"cron {text!r} has {len(fields)} fields, expected 5: minute hour day month weekday")
    minutes, hours, days, months, weekdays = (read_field(*pair) for pair in zip(fields, FIELDS, strict=True))
    either_day = not (is_star(fields[2]) or is_star(fields[4]))
    return Cron(minutes, hours, days, months, weekdays, either_day, find_zone(prefix[1] if prefix else "UTC"))


def find_zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database.

    Raises:
        ValueError: This machine knows none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"time zone {name!r} is unknown, expected an IANA name such as Europe/Berlin") from error


def is_star(field: str) -> bool:
    """Return whether a field allows every value; one with a step does not."""
    return any(part.removesuffix("/1") in ("*", "?") for part in field.split(","))


def read_field(field: str, rules: Rules) -> frozenset[int]:
    """Return the values that a field allows: `*`, a value, a range, each with an optional step, or a list of these."""
    return frozenset(value for part in field.split(",") for value in read_part(part, field, rules))


def read_part(part: str, field: str, rules: Rules) -> range:
    """Return the values of one part of a list."""
    name, least, greatest, names = rules
    wrong = ValueError(f"cron {name} {field!r} is not understood, expected values of {least} to {greatest}")
    match = PART.fullmatch(part)
    if match is None:
        raise wrong
    first, last, step = match["first"], match["last"], match["step"]
    every = first in ("*", "?")
    bounds = [str(least), str(greatest)] if every else [first, last or (str(greatest) if step else first)]
    start, end = (names.get(bound.lower(), int(bound) if bound.isdecimal() else -1) for bound in bounds)
    if not least <= start <= end <= greatest or step == "0" or (every and last):
        raise wrong
    return range(start, end + 1, int(step or 1))
