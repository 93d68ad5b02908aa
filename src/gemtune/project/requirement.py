"""One thing that a project must have: looked at, made, or given as gcloud commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gemtune.vertex import CallError

_PASSING = ("does not exist", "has not been used in project", "is disabled", "concurrent policy changes")
"""What a refusal says that is over soon: what was just made or enabled is not known everywhere at once.

Source: https://cloud.google.com/iam/docs/access-change-propagation; the wording is not verified live."""

DELAYS = (2, 4, 8, 16, 30, 30, 30)
"""Seconds between attempts: two minutes in all."""


class Found(NamedTuple):
    """What a look at one thing found."""

    state: Literal["there", "missing", "unclear"]
    """`unclear` is nothing to mend: it comes later, or cannot be seen."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One thing that a project must have."""

    what: str
    why: str
    commands: list[str]
    """What does the same by gcloud."""

    look: Callable[[], Found]
    """Raises GemtuneError where the thing is wrong in a way that setup does not mend."""

    do: Callable[[], None]
    only: str = ""
    """Under what condition it is needed; empty for always."""

    is_needed: bool = True
    """Whether runs fail, or are open to others, without it."""


def look(requirement: Requirement) -> Found:
    """Return what a look at it finds; where its API is off, nothing is there yet."""
    try:
        return requirement.look()
    except CallError as error:
        if error.code == 403 and any(text in str(error) for text in _PASSING[1:3]):
            return Found("missing", "cannot be seen before its API is enabled")
        raise


def carry_out(requirement: Requirement, *, sleep: Callable[[float], object] = time.sleep) -> None:
    """Make it be there; what refuses only because something is new is tried again for two minutes.

    Raises:
        GemtuneError: The service refuses.
    """
    for delay in DELAYS:
        try:
            return requirement.do()
        except CallError as error:
            if error.code == 404 or not any(text in str(error) for text in _PASSING):
                raise
            sleep(delay)
    requirement.do()
