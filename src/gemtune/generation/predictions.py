"""What a model said to a prompt, and the store that keeps paid answers from being paid for twice.

The store is a folder of shards in Cloud Storage, written as answers come: a step that is killed and started again
sends only what was in flight or not yet flushed. It is keyed by content, so the same prompts at another URI, or in
another run, find their answers.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gemtune.records import to_line
from gemtune.storage import Storage

SHARD_ANSWERS = 200
"""Answers in a shard, at most."""

SHARD_SECONDS = 2.0
"""How long an answer waits for its shard, at most."""

TOKEN_COUNTS = ("prompt_tokens", "output_tokens", "thinking_tokens")

_FINAL = frozenset({"answered", "truncated", "empty", "blocked"})
"""Outcomes that the model decided: asked again with the same settings it would decide them again, and be paid again."""

_REFUSED_ITSELF = ("400 ", "413 ")
"""How the error of a prompt starts that is refused for what it is; 401, 403 and 404 are about access, and pass."""

_REFUSED_SO_FAR = "FAILED_PRECONDITION"
"""Status of a 400 that is about the project, billing for instance, and passes likewise."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One line of predictions.jsonl, without the id of its example."""

    outcome: str
    """answered, truncated, empty, blocked, rejected or failed."""

    text: str = ""
    finish_reason: str = ""
    block_reason: str = ""
    model_version: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    """Tokens of the text, thinking not included."""

    thinking_tokens: int = 0
    latency_ms: int = 0
    """Time of the last attempt."""

    attempts: int = 1
    error: str = ""

    @property
    def is_final(self) -> bool:
        """Whether asking again would change nothing: it is kept, and another run need not ask."""
        if self.outcome == "rejected":
            return self.error.startswith(_REFUSED_ITSELF) and _REFUSED_SO_FAR not in self.error
        return self.outcome in _FINAL


def digest_of(prompt: Mapping[str, Any]) -> str:
    """Return the sha256 of a prompt, however its keys are ordered.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(to_line(prompt).encode()).hexdigest()


class PredictionStore:
    """Answers by the sha256 of their prompt: those of earlier runs, and those of this one.

    They are held in a local file, so memory does not grow with them.

    Args:
        uri: Folder of the shards, without its last slash; one for each model and settings.
        storage: Where the shards are.
        folder: Local folder for the file.
        now: Tells the time, UTC.
        labels: Written on every shard, so that it is known who paid for it.
    """

    def __init__(
        self,
        uri: str,
        *,
        storage: Storage,
        folder: Path,
        now: Callable[[], datetime],
        labels: Mapping[str, str],
    ) -> None:
        self._uri = uri
        self._storage = storage
        self._now = now
        self._labels = labels
        self._unwritten: list[str] = []
        self._answers = sqlite3.connect(folder / "answers.sqlite")
        self._answers.execute("CREATE TABLE answers (prompt TEXT PRIMARY KEY, time TEXT, line TEXT)")

    def load(self, max_age_days: float) -> None:
        """Read every shard; of two answers to one prompt the later counts.

        Where every prompt was rejected, the settings or the model were wrong rather than the prompts, and what was
        wrong may be corrected outside the spec: such a store counts as empty.

        Args:
            max_age_days: Older answers are ignored: a model behind a name may change.
        """
        oldest = (self._now() - timedelta(days=max_age_days)).isoformat()
        has_answers = False
        for shard in self._storage.find(f"{self._uri}/*.jsonl"):
            for line in self._storage.lines(shard):
                record = json.loads(line)
                if record["time"] > oldest:
                    self._keep(record["prompt"], record["time"], line.decode())
                    has_answers = has_answers or record["outcome"] != "rejected"
        if not has_answers:
            self._answers.execute("DELETE FROM answers")

    def __contains__(self, digest: str) -> bool:
        return self._answers.execute("SELECT 1 FROM answers WHERE prompt = ?", (digest,)).fetchone() is not None

    def get(self, digest: str) -> Prediction:
        """Return the answer to a prompt.

        Raises:
            KeyError: There is none.
        """
        row = self._answers.execute("SELECT line FROM answers WHERE prompt = ?", (digest,)).fetchone()
        if row is None:
            raise KeyError(digest)
        record = json.loads(row[0])
        del record["prompt"], record["time"]
        return Prediction(**record)

    def add(self, digest: str, prediction: Prediction) -> None:
        """Take an answer; if it is final, it waits for its shard."""
        written = self._now().isoformat()
        line = to_line({**vars(prediction), "prompt": digest, "time": written})
        self._keep(digest, written, line)
        if prediction.is_final:
            self._unwritten.append(line)

    @property
    def is_shard_full(self) -> bool:
        """Tell whether as many answers wait as go into a shard."""
        return len(self._unwritten) >= SHARD_ANSWERS

    def take_unwritten(self) -> list[str]:
        """Return the lines that are in no shard yet; from now on they are the caller's to write."""
        lines, self._unwritten = self._unwritten, []
        return lines

    def write(self, lines: list[str]) -> None:
        """Write lines as new shards; from any thread."""
        for start in range(0, len(lines), SHARD_ANSWERS):
            shard = f"{self._uri}/{uuid.uuid4().hex}.jsonl"
            text = "\n".join(lines[start : start + SHARD_ANSWERS]) + "\n"
            self._storage.write_text(shard, text, content_type="application/jsonl", metadata=self._labels)

    def close(self) -> None:
        """Let go of the local file."""
        self._answers.close()

    def _keep(self, digest: str, written: str, line: str) -> None:
        self._answers.execute(
            "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (prompt) DO UPDATE "
            "SET time = excluded.time, line = excluded.line WHERE excluded.time > time",
            (digest, written, line),
        )
