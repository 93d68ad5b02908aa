"""Advice: what the documentation recommends and this run is not. It warns, and never stops anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gemtune.data.findings import Rejection

ADVICE = "advice"
"""The rule of every piece of advice."""

_START = 100
"""Examples to start with: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare"""

_BY_TASK = {"summarization": (100, 500), "classification": (100, 0), "extractive_qa": (100, 0), "chat": (200, 0)}
"""Examples that Google's tuning guides give for a task: from, and to (0 = `and more`)."""

_LARGE_ADAPTER, _LARGE_ADAPTER_FROM = 8, 1_000
"""Adapter sizes from here on need more data, the documentation says; how much is our reading: thousands."""

_MANY_EPOCHS = 20
"""The most that Google's guides try; measured there, the loss on validation data rises before that."""


class Plan(NamedTuple):
    """What the advice depends on beside the number of examples."""

    task: str
    epoch_count: int
    """0 = chosen by the service."""
    adapter_size: int
    """0 = the service's default."""


def advise(train_examples: int, validation_examples: int, plan: Plan) -> Iterator[Rejection]:
    """Yield what to consider, in the form of findings.

    >>> [each.found for each in advise(20, 5, Plan("summarization", 0, 0))]
    ['20 training examples']
    """
    start, more = _BY_TASK.get(plan.task, (_START, 0))
    if train_examples < start:
        expected = f"{start} to {more} or more" if more else f"{start} or more"
        yield _advice(
            f"{train_examples:,} training examples",
            f"{expected} for {plan.task}",
            "add good ones: quality counts for more than number",
        )
    if not validation_examples:
        yield _advice(
            "no validation examples",
            "a validation split: without it nobody sees overfitting",
            "set validation_data, or validation_fraction above 0",
        )
    if plan.adapter_size >= _LARGE_ADAPTER and train_examples < _LARGE_ADAPTER_FROM:
        yield _advice(
            f"adapter_size {plan.adapter_size} for {train_examples:,} examples",
            "a larger adapter to have more data to learn from",
            "leave adapter_size at 0 for the first run",
        )
    if plan.epoch_count > _MANY_EPOCHS:
        yield _advice(
            f"epoch_count {plan.epoch_count}",
            f"at most {_MANY_EPOCHS}: more passes overfit, and every pass is paid for",
            "leave epoch_count at 0 for the first run",
        )


def _advice(found: str, expected: str, next: str) -> Rejection:
    return Rejection(ADVICE, found, expected, next)
