"""The errors that gemtune raises on purpose: each says where, what was found, what was expected, and what next.

Every class also is the standard error that it refines, so that a caller who does not know gemtune catches it, too.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches


class GemtuneError(Exception):
    """A failure that a person can act on; every other exception is a bug.

    Args:
        message: ``where: what was found, what was expected``, without a full stop.
        next: What the reader does now; appended to the message after a colon.

    >>> str(GemtuneError("gs://b/train.jsonl:7: last turn is `user`, expected `model`", next="add the model's turn"))
    "gs://b/train.jsonl:7: last turn is `user`, expected `model`: add the model's turn"
    """

    next: str

    def __init__(self, message: str, *, next: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next = next

    def __str__(self) -> str:
        return f"{self.message}: {self.next}" if self.next else self.message


class SpecError(GemtuneError, ValueError):
    """The tuning spec, or a value given for one of its keys, cannot be used."""


class DataError(GemtuneError, ValueError):
    """A source, an example or a record does not have the form it must have."""


class StorageError(GemtuneError, OSError):
    """An object in Cloud Storage could not be read or written."""


class ServiceError(GemtuneError, RuntimeError):
    """Vertex AI refused a call, or did not answer."""


class TuningJobError(ServiceError):
    """A tuning job failed, was cancelled, or did not end in time."""


class GenerationError(ServiceError):
    """Too many prompts were left without an answer."""


class BudgetError(GemtuneError, RuntimeError):
    """A run may cost more than it is allowed to, or nobody knows what it will cost."""


class ComparisonError(GemtuneError, ValueError):
    """Two sets of scores cannot be compared."""


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return a hint to append to a message when a name is close to a known one, or nothing.

    >>> did_you_mean("epochs", ["adapter_size", "epoch_count"])
    ', did you mean `epoch_count`?'
    """
    close = get_close_matches(found, list(known), n=1, cutoff=0.5)
    return f", did you mean `{close[0]}`?" if close else ""


def shown(value: object) -> str:
    """Return a value from a file as a message shows it: short, on one line, and written as in YAML or JSON.

    >>> shown(True), shown("12"), shown(None)
    ('true', "'12'", 'nothing')
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    return reprlib.repr(value)
