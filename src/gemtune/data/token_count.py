"""How many tokens a prepared dataset has: asked of `countTokens`, which is free, for a sample; the rest by ratio.

The offline estimate knows how long each example is, and the sample tells how far that estimate is off. Together they
are much closer than either alone: the error left over is that of the ratio, not that of the examples' lengths.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from gemtune.data.token_estimate import NOTHING, TokenEstimate, estimate_band, estimate_contents
from gemtune.errors import ServiceError
from gemtune.generation.failures import failure_of, jittered
from gemtune.records import Record, read_records

SAMPLE = 200
"""Most examples of a file that are counted; up to as many, all are. The quota is 3,000 requests a minute."""

ATTEMPTS = 5
IN_FLIGHT = 8
_CONFIDENCE = 2.0
"""Standard errors on either side: about 95 %."""

Ask: TypeAlias = Callable[[Mapping[str, Any]], int]
"""Returns the tokens of {contents, systemInstruction?, tools?}."""


class TokenCount(NamedTuple):
    """The tokens of many examples."""

    examples: int
    tokens: int
    low: int
    high: int
    """The band: of the sample's ratio, about 95 %; without a sample, that of the scripts. Equal if all are counted."""
    counted: int
    """How many examples countTokens was asked for."""

    @property
    def method(self) -> str:
        """Return how the number came about, in words for people."""
        if self.counted == self.examples:
            return "counted"
        return f"from {self.counted} counted" if self.counted else "estimated offline"


class DatasetTokens(NamedTuple):
    """What a dataset's prices depend on."""

    train: TokenCount
    """Once through the training examples."""
    prompts: TokenCount
    """The test prompts, sent once."""
    references: TokenCount
    """The test references: about as long as the answers are expected to be."""
    trial_prompts: TokenCount | None = None
    """The validation prompts, if every checkpoint is asked them; sent once to each."""
    trial_references: TokenCount | None = None
    """The validation references likewise."""


def count_dataset(
    train: Path, test: Path, trials: Path | None = None, *, ask: Ask | None = None, seed: int = 0
) -> DatasetTokens:
    """Return the tokens of train.jsonl and test.jsonl, in constant memory.

    Args:
        train: Training examples.
        test: Test examples, with prompt and reference.
        trials: What checkpoints are asked, in the form of the test examples; None if they are not asked.
        ask: Counts one example at the service; None to estimate offline.
        seed: Picks the sample.

    Raises:
        ServiceError: The service does not count.
    """
    asked = [
        count(part(path), ask=ask, seed=seed) for path in (test, trials) if path for part in (_prompts, _references)
    ]
    return DatasetTokens(count(read_records(train), ask=ask, seed=seed), *asked)


def count(examples: Iterable[Mapping[str, Any]], *, ask: Ask | None = None, seed: int = 0) -> TokenCount:
    """Return the tokens of examples {contents, systemInstruction?, tools?}.

    Args:
        examples: Read once, in order.
        ask: Counts one example at the service; None to estimate offline.
        seed: Picks the sample.

    Raises:
        ServiceError: The service does not count.
    """
    total, size = NOTHING, 0
    sample: list[Mapping[str, Any]] = []
    chance = random.Random(seed)
    for example in examples:
        total, size = total.plus(estimate_example(example)), size + 1
        # Algorithm R: after n examples each one of them is in the sample with the same chance.
        place = size - 1 if size <= SAMPLE else chance.randrange(size)
        if place < SAMPLE:
            sample[place : place + 1] = [example]
    if ask is None or not sample:
        return TokenCount(size, round(total.tokens), floor(total.low), ceil(total.high), 0)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        counted = list(pool.map(ask, sample))
    return _by_ratio(counted, [estimate_example(example).tokens for example in sample], total, size)


def estimate_example(example: Mapping[str, Any]) -> TokenEstimate:
    """Return the offline estimate of one example: its turns, its system instruction and its tools."""
    contents = [*example["contents"], *([example["systemInstruction"]] if "systemInstruction" in example else [])]
    found = estimate_contents(contents)
    return found.plus(estimate_band(str(example["tools"]))) if example.get("tools") else found


def counter(client: Any, model: str, *, sleep: Callable[[float], object] = time.sleep) -> Ask:
    """Return a function that counts one example at the service, and repeats what a busy service refused.

    Args:
        client: google-genai client for the model's location.
        model: Base model.
        sleep: Waits.
    """
    from google.genai import types

    def ask(example: Mapping[str, Any]) -> int:
        contents = [types.Content.model_validate(turn) for turn in example["contents"]]
        config = types.CountTokensConfig(
            system_instruction=example.get("systemInstruction"), tools=example.get("tools") or None
        )
        attempts = 0
        while True:
            try:
                answer = client.models.count_tokens(model=model, contents=contents, config=config)
                return int(answer.total_tokens or 0)
            except Exception as error:
                failure, attempts = failure_of(error), attempts + 1
                if failure.is_final or attempts == ATTEMPTS:
                    raise ServiceError(f"countTokens of {model}: {failure.error}") from error
                sleep(max(jittered(attempts - 1), failure.delay_seconds))

    return ask


def _prompts(test: Path) -> Iterator[Record]:
    return (record["prompt"] for record in read_records(test))


def _references(test: Path) -> Iterator[Record]:
    for record in read_records(test):
        yield {"contents": [{"role": "user", "parts": [{"text": record["reference"]}]}]}


def _by_ratio(counted: Sequence[int], estimated: Sequence[float], total: TokenEstimate, size: int) -> TokenCount:
    """Scale the offline estimate of all by what the sample has in truth.

    The standard error is that of a ratio estimator with finite population correction (Cochran, Sampling Techniques,
    6.4): what is left of the counts when the ratio is taken out.
    """
    number = len(counted)
    if number == size:
        exact = sum(counted)
        return TokenCount(size, exact, exact, exact, number)
    ratio = sum(counted) / sum(estimated)
    residuals = (true - ratio * guess for true, guess in zip(counted, estimated, strict=True))
    variance = sum(residual**2 for residual in residuals) / (number - 1)
    error = _CONFIDENCE * size * sqrt((1 - number / size) * variance / number)
    tokens = ratio * total.tokens
    return TokenCount(size, round(tokens), max(sum(counted), floor(tokens - error)), ceil(tokens + error), number)
