"""One condition of equal treatment: what was found on each side, what is accepted, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple


class Guard(NamedTuple):
    """One condition of equal treatment, with what was found on each side."""

    name: str
    title: str
    unit: Literal["share", "text"]
    found: Sequence[float | str | None]
    """On the baseline's side and on the candidate's; None if unknown."""
    limit: float | str
    problems: Sequence[str] = ()
    """Each says where, what was found, what was expected, and what to change; empty if the guard is passed."""

    @property
    def record(self) -> dict[str, Any]:
        """Return it as JSON."""
        baseline, candidate = self.found
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "baseline": baseline,
            "candidate": candidate,
            "limit": self.limit,
            "passed": not self.problems,
            "problems": list(self.problems),
        }
