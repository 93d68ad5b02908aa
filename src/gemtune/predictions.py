"""What a model said to a prompt, and the store that keeps paid answers from being paid for twice.

The store is a folder of shards in Cloud Storage, written as answers come: a step that is killed and started again
sends only what was in flight or not yet flushed. It is keyed by content, so the same prompts at another URI, or in
another run, find their answers.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
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

REUSABLE = frozenset({"answered", "truncated", "empty"})
"""Outcomes that are kept: the model's own, and the same if asked again."""

# What the service stops for on its own account. Source: google.genai.types.FinishReason.
_BLOCKING = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "LANGUAGE"})


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


def digest_of(prompt: Mapping[str, Any]) -> str:
    """Return the sha256 of a prompt, however its keys are ordered.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(to_line(prompt).encode()).hexdigest()


def read_response(response: Any, *, latency_ms: int, attempts: int) -> Prediction:
    """Return what a GenerateContentResponse amounts to.

    Thinking can use up the token limit and leave a candidate without text, and a blocked prompt has no candidate:
    neither is an error, both are outcomes.
    """
    usage = response.usage_metadata
    candidate = (response.candidates or [None])[0]
    feedback = response.prompt_feedback
    finish_reason = _name(candidate.finish_reason) if candidate else ""
    block_reason = _name(feedback.block_reason) if feedback else ""
    outcome, text = _outcome(_text(candidate), finish_reason, block_reason, has_candidate=candidate is not None)
    return Prediction(
        outcome=outcome,
        text=text,
        finish_reason=finish_reason,
        block_reason=block_reason,
        model_version=response.model_version or "",
        prompt_tokens=(usage and usage.prompt_token_count) or 0,
        output_tokens=(usage and usage.candidates_token_count) or 0,
        thinking_tokens=(usage and usage.thoughts_token_count) or 0,
        latency_ms=latency_ms,
        attempts=attempts,
    )


def _outcome(text: str, finish_reason: str, block_reason: str, *, has_candidate: bool) -> tuple[str, str]:
    if (block_reason and not has_candidate) or finish_reason.removeprefix("IMAGE_") in _BLOCKING:
        return "blocked", ""
    if finish_reason == "MAX_TOKENS":
        return "truncated", text
    return ("answered" if text else "empty"), text


def _text(candidate: Any) -> str:
    """Join the text parts; a thought is not part of the answer."""
    parts = (candidate.content.parts if candidate and candidate.content else None) or []
    return "".join(part.text for part in parts if part.text and not part.thought)


def _name(value: Any) -> str:
    return "" if value is None else str(getattr(value, "value", value))


class PredictionStore:
    """Answers by the sha256 of their prompt: those of earlier runs, and those of this one.

    They are held in a local file, so memory does not grow with them.

    Args:
        uri: Folder of the shards, without its last slash; one for each model and settings.
        storage: Where the shards are.
        folder: Local folder for the file.
        now: Tells the time, UTC.
        clock: Tells seconds, for the age of the unwritten shard.
    """

    def __init__(
        self,
        uri: str,
        *,
        storage: Storage,
        folder: Path,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri = uri
        self._storage = storage
        self._now = now
        self._clock = clock
        self._unwritten: list[str] = []
        self._written_at = clock()
        self._answers = sqlite3.connect(folder / "answers.sqlite")
        self._answers.execute("CREATE TABLE answers (prompt TEXT PRIMARY KEY, time TEXT, prediction TEXT)")

    def load(self, max_age_days: float) -> None:
        """Read every shard; of two answers to one prompt the later counts.

        Args:
            max_age_days: Older answers are ignored: a model behind a name may change.
        """
        oldest = (self._now() - timedelta(days=max_age_days)).isoformat()
        for shard in self._storage.find(f"{self._uri}/*.jsonl"):
            for line in self._storage.lines(shard):
                record = json.loads(line)
                digest, written = record.pop("prompt"), record.pop("time")
                if written > oldest:
                    self._keep(digest, written, record)

    def __contains__(self, digest: str) -> bool:
        return self._answers.execute("SELECT 1 FROM answers WHERE prompt = ?", (digest,)).fetchone() is not None

    def get(self, digest: str) -> Prediction:
        """Return the answer to a prompt.

        Raises:
            KeyError: There is none.
        """
        row = self._answers.execute("SELECT prediction FROM answers WHERE prompt = ?", (digest,)).fetchone()
        if row is None:
            raise KeyError(digest)
        return Prediction(**json.loads(row[0]))

    def add(self, digest: str, prediction: Prediction) -> None:
        """Take an answer, and write it to a shard soon if it can be reused."""
        written, record = self._now().isoformat(), asdict(prediction)
        self._keep(digest, written, record)
        if prediction.outcome in REUSABLE:
            self._unwritten.append(to_line({**record, "prompt": digest, "time": written}))
        if len(self._unwritten) >= SHARD_ANSWERS:
            self.flush()

    def flush_if_due(self) -> None:
        """Write the shard if its first answer has waited long enough."""
        if self._clock() - self._written_at >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the answers that are in no shard yet as a new one."""
        if self._unwritten:
            shard = f"{self._uri}/{uuid.uuid4().hex}.jsonl"
            self._storage.write_text(shard, "\n".join(self._unwritten) + "\n", content_type="application/jsonl")
            self._unwritten.clear()
        self._written_at = self._clock()

    def close(self) -> None:
        """Let go of the local file."""
        self._answers.close()

    def _keep(self, digest: str, written: str, record: Mapping[str, Any]) -> None:
        self._answers.execute(
            "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (prompt) DO UPDATE "
            "SET time = excluded.time, prediction = excluded.prediction WHERE excluded.time > time",
            (digest, written, to_line(record)),
        )
