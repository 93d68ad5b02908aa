"""One line of the doctor: what was looked at, what was found, and the command that mends it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal, NamedTuple

CALLER = '--member="user:$(gcloud config get account)"'
"""Names whoever types a gcloud command."""


class Check(NamedTuple):
    """One line of the doctor."""

    name: str
    state: Literal["ok", "note", "fail"]
    text: str
    command: str = ""


@dataclass(frozen=True)
class Commands:
    """gemtune's own command lines about a spec, as they would be typed."""

    spec: str
    target: str
    given: tuple[str, ...] = ()
    """KEY=VALUE of every --set that this command was given."""

    def __call__(self, verb: str, **changes: str) -> str:
        """Return the command line of a verb; `__` in a key stands for a dot."""
        sets = [*self.given, *(f"{key.replace('__', '.')}={value}" for key, value in changes.items())]
        words = ["gemtune", verb, self.spec, "--target", self.target]
        words += [word for each in sets for word in ("--set", each)]
        return shlex.join([*words, "--yes"] if verb == "setup" else words)

    def changed(self, verb: str, **changes: str) -> str:
        """Return the command line with changes that belong into the spec, and say so to who types it."""
        return f"{self(verb, **changes)}  # then change SPEC alike"
