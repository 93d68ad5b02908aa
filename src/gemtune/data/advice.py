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
"""Examples for a task: from, and to (0 = `and more`). Google gave them for the models before Gemini:
https://cloud.google.com/vertex-ai/docs/generative-ai/models/tune-text-models-supervised"""


class Plan(NamedTuple):
    """What the advice depends on beside the number of examples."""

    task: str
    adapter_size: int
    """0 = the service's default."""


def advise(train_examples: int, validation_examples: int, plan: Plan) -> Iterator[Rejection]:
    """Yield what to consider, in the form of findings.

    >>> [each.found for each in advise(20, 5, Plan("summarization", 0))]
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
    # A larger adapter needs more data, and first the defaults: how much more, and how many epochs, no page says.
    # https://docs.cloud.google.com/gemini-enterprise-agent-platform/reference/models/tuning
    if plan.adapter_size and train_examples < start:
        yield _advice(
            f"adapter_size {plan.adapter_size} for {train_examples:,} examples",
            "the service's default as long as there are few: a larger adapter needs more data",
            "leave adapter_size at 0 for the first run",
        )


def _advice(found: str, expected: str, next: str) -> Rejection:
    return Rejection(ADVICE, found, expected, next)
