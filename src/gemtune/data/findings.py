"""Findings: what is wrong with the raw data, where, and what to do about it, written down as they are found."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

from gemtune.errors import DataError
from gemtune.records import to_line

LONGEST_QUOTE = 60
"""Most characters of the data that a finding quotes: findings are logged, and data may be confidential."""

NAMED, PRINTED = 3, 20
"""How many findings the error's message names, and how many lines are printed."""

UNREADABLE = "unreadable_file"
"""The rule of a file that breaks off: how many examples are lost is unknown, so it cannot be dropped."""

ACTIONS = ("raised", "dropped", "warned")

_UPLOADED = re.compile(r"^gs://[^/]+/gemtune/sources/[0-9a-f]{64}/")
"""How the name of a copy that `gemtune.data.sources.upload_local` makes starts."""

WHOLE = 0
"""The line of a finding about a whole file or split."""


def cut(value: object) -> str:
    """Return a piece of data as a finding quotes it: on one line, in backquotes, at most 60 characters.

    >>> cut("assistant"), cut("x" * 100)[-3:]
    ('`assistant`', 'x…`')
    """
    text = re.sub(r"\s+", " ", str(value)[: LONGEST_QUOTE * 4])
    return f"`{text if len(text) <= LONGEST_QUOTE - 2 else text[: LONGEST_QUOTE - 3] + '…'}`"


def kind(value: object) -> str:
    """Return what a JSON value is, in JSON's words, without quoting it."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), "a number")


class Rejection(Exception):
    """An example that cannot be used.

    Args:
        rule: Name of the rule that it breaks.
        found: A phrase: what is there.
        expected: A phrase: what should be there.
        next: What the owner of the data does now.
        path: Where in the record, as a JSON path.
    """

    def __init__(self, rule: str, found: str, expected: str, next: str = "", path: str = "$") -> None:
        super().__init__(rule)
        self.rule, self.found, self.expected, self.next, self.path = rule, found, expected, next, path


RawValue: TypeAlias = "dict[str, Any] | tuple[str, ...]"
"""A record: an object, or the texts of a plain chat (gemtune.data.plain_chat), which are told while it is read."""

RawRecord: TypeAlias = "tuple[int, RawValue | Rejection]"
"""The line where a record of a file starts, counted from 1, and the record, or why it is none."""


class BrokenFileError(Exception):
    """A file cannot be read on from a line."""

    def __init__(self, line: int, found: str) -> None:
        super().__init__(found)
        self.line, self.found = line, found


@dataclass(frozen=True)
class Finding:
    """One line of findings.jsonl."""

    uri: str
    line: int
    """Line of the file where the record starts, counted from 1; 0 for the whole file or split."""
    path: str
    rule: str
    found: str
    expected: str
    next: str
    action: str
    """raised: the run stops; dropped: the example is left out; warned: the example is used."""

    def __str__(self) -> str:
        """Return the finding as one line of a log."""
        at = "" if self.path == "$" else f" ({self.path})"
        where = own_name(self.uri) if self.line == WHOLE else f"{own_name(self.uri)}:{self.line}"
        text = f"{where}: {self.found}, expected {self.expected}{at}"
        return f"{text}: {self.next}" if self.next else text


class FindingLog:
    """Writes findings.jsonl; keeps in memory only counts and the first findings of each action."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._counts: dict[str, Counter[str]] = {action: Counter() for action in ACTIONS}
        self._first: dict[str, list[Finding]] = {action: [] for action in ACTIONS}
        self._settings: set[str] = set()

    def __enter__(self) -> FindingLog:
        self._file = self.path.open("w", encoding="utf-8")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, uri: str, line: int, rejection: Rejection, action: str) -> None:
        """Write a finding down."""
        if rejection.rule == UNREADABLE:
            action = "raised"
        finding = Finding(
            uri, line, rejection.path, rejection.rule, rejection.found, rejection.expected, rejection.next, action
        )
        self._file.write(to_line(asdict(finding)) + "\n")
        self._counts[action][finding.rule] += 1
        if len(self._first[action]) < PRINTED:
            self._first[action].append(finding)
        if action == "raised" and line != WHOLE and finding.rule != UNREADABLE:
            self._settings.add("on_leakage=drop" if finding.rule == "leak" else "on_invalid=drop")

    def show(self) -> None:
        """Print the first 20 findings to stderr, those that stop the run first, and how many there are by rule."""
        shown = [(action, finding) for action in ACTIONS for finding in self._first[action]][:PRINTED]
        for action, finding in shown:
            print(_printable(f"{action}: {finding}"), file=sys.stderr)
        total = sum(counts.total() for counts in self._counts.values())
        if total > len(shown):
            by_action = (f"{action}: {_by_rule(counts)}" for action, counts in self._counts.items() if counts)
            print(f"{total:,} findings in all ({'; '.join(by_action)}): {self.path}", file=sys.stderr)

    def raise_any(self, *, is_kept: bool) -> None:
        """Raise if there are findings that stop the run.

        Args:
            is_kept: The file of the findings stays, so that the reader may be sent there.

        Raises:
            DataError: There are such findings; the message names the first, the counts by rule and the file.
        """
        counts = self._counts["raised"]
        if not counts:
            return
        named = [_printable(str(finding)) for finding in self._first["raised"][:NAMED]]
        total = counts.total()
        advice = "correct the data" + (f", or set {' and '.join(sorted(self._settings))}" if self._settings else "")
        raise DataError(
            "\n".join([*named, f"{total} finding{'s' if total > 1 else ''} in all: {_by_rule(counts)}"]),
            next=f"{advice}; all findings are in {self.path} (artifact `findings`)" if is_kept else advice,
        )


def own_name(uri: str) -> str:
    """Return what the owner of the data calls a source: a local file that was uploaded has the name it had there.

    >>> own_name("gs://b/gemtune/sources/" + 64 * "0" + "/train.jsonl"), own_name("gs://b/train.jsonl")
    ('train.jsonl', 'gs://b/train.jsonl')
    """
    return _UPLOADED.sub("", uri)


def _by_rule(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {rule}" for rule, count in counts.most_common())


def _printable(text: str) -> str:
    """Escape what a terminal or a UTF-8 file cannot take: quoted data may hold anything."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
