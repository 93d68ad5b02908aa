"""Reads a tuning dataset as the tuning service does: JSON Lines of conversations that end with the model's turn.

Faithful: what is a valid example, over-long examples that are dropped and counted, limits of the validation dataset,
the statistics of a finished job.
Not modelled: files, the limits of 1 GB and 10 million examples. That unknown fields, roles out of order and broken JSON
fail the job, and the wording, are assumptions: the documentation only shows valid examples.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning/prepare-data.
"""

import json
from collections.abc import Sequence
from statistics import mean, median
from typing import Any, NamedTuple

from emulator.contents import CONTENT, article_of, count_tokens, text_of
from emulator.errors import ApiError
from emulator.json_fields import Schema, read_fields

MAX_EXAMPLE_TOKENS = 131_072
MAX_VALIDATION_EXAMPLES = 5_000
UNQUESTIONED_VALIDATION_EXAMPLES = 1_000
MAX_VALIDATION_SHARE = 0.3
SHOWN_EXAMPLES = 3
SHOWN_CHARACTERS = 200

EXAMPLE: Schema = {"contents": [CONTENT], "systemInstruction": CONTENT, "tools": "any"}


class DatasetError(Exception):
    """A dataset that fails its tuning job; the text is the job's error message."""


class Example(NamedTuple):
    """One conversation that the model learns from."""

    contents: list[dict[str, Any]]
    input_tokens: int
    """System instruction and all turns but the last."""
    output_tokens: int

    def pair(self) -> tuple[str, str]:
        """Return article and summary."""
        return article_of(self.contents[:-1]), text_of(self.contents[-1])


class Dataset(NamedTuple):
    """The examples of a dataset, and which were dropped."""

    examples: list[Example]
    dropped: list[int]
    """Numbers of the examples that were too long; the first example is 1."""


def read_dataset(data: bytes) -> Dataset:
    """Read a JSONL object.

    Raises:
        DatasetError: It has no example, or one is not valid.
    """
    lines = [line for line in data.splitlines() if line.strip()]
    if not lines:
        raise DatasetError("The dataset contains no examples.")
    examples, dropped = [], []
    for number, line in enumerate(lines, 1):
        example = _read_example(line, f"Dataset example {number} of {len(lines)}")
        if example.input_tokens + example.output_tokens > MAX_EXAMPLE_TOKENS:
            dropped.append(number)
        else:
            examples.append(example)
    if not examples:
        raise DatasetError(f"All {len(lines)} examples of the dataset exceed {MAX_EXAMPLE_TOKENS} tokens.")
    return Dataset(examples, dropped)


def _read_example(line: bytes, where: str) -> Example:
    try:
        example = read_fields(json.loads(line), EXAMPLE)
    except ValueError as error:
        raise DatasetError(f"{where} is not valid JSON: {error}") from error
    except ApiError as error:
        raise DatasetError(f"{where} is not a valid example: {error.message}") from error
    contents = example.get("contents", [])
    _check_turns(contents, where)
    instruction = example.get("systemInstruction", {})
    return Example(contents, count_tokens([*contents[:-1], instruction]), count_tokens(contents[-1:]))


def _check_turns(contents: list[dict[str, Any]], where: str) -> None:
    roles = [content.get("role", "") for content in contents if not _answers_a_call(content)]
    expected = [("user", "model")[number % 2] for number in range(len(roles))]
    if not roles or roles[-1] != "model" or (roles != expected and len(roles) == len(contents)):
        raise DatasetError(
            f'{where} has turns of {roles}, expected alternating "user" and "model", ending with "model".'
        )
    for content in contents:
        if not content.get("parts"):
            raise DatasetError(f'{where} has a turn without "parts".')
        if any("text" in part and not part["text"] for part in content["parts"]):
            raise DatasetError(f'{where} has an empty "text" in the "parts" field.')


def _answers_a_call(content: dict[str, Any]) -> bool:
    return any("functionResponse" in part for part in content.get("parts", []))


def check_validation_size(training: Dataset, validation: Dataset) -> None:
    """Refuse a validation dataset above the service's limits.

    Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning.
    """
    allowed = max(UNQUESTIONED_VALIDATION_EXAMPLES, int(MAX_VALIDATION_SHARE * len(training.examples)))
    allowed = min(allowed, MAX_VALIDATION_EXAMPLES)
    if len(validation.examples) > allowed:
        raise DatasetError(
            f"The validation dataset has {len(validation.examples)} examples, at most {allowed} allowed."
        )


def statistics(dataset: Dataset, steps: int) -> dict[str, Any]:
    """Return a job's tuningDataStats. Tokens are those of one pass, whatever the number of epochs."""
    examples = dataset.examples
    inputs = distribution([example.input_tokens for example in examples])
    outputs = distribution([example.output_tokens for example in examples])
    stats: dict[str, Any] = {
        "tuningDatasetExampleCount": str(len(examples) + len(dataset.dropped)),
        "totalTuningCharacterCount": str(sum(len(text_of(turn)) for example in examples for turn in example.contents)),
        "totalBillableTokenCount": str(int(inputs["sum"]) + int(outputs["sum"])),
        "tuningStepCount": str(steps),
        "userInputTokenDistribution": inputs,
        "userOutputTokenDistribution": outputs,
        "userMessagePerExampleDistribution": distribution([len(example.contents) for example in examples]),
        "userDatasetExamples": [_shown(turn) for example in examples[:SHOWN_EXAMPLES] for turn in example.contents],
    }
    if dataset.dropped:
        stats |= {
            "totalTruncatedExampleCount": str(len(dataset.dropped)),
            "truncatedExampleIndices": [str(number) for number in dataset.dropped],
            "droppedExampleReasons": [f"Example exceeds {MAX_EXAMPLE_TOKENS} tokens." for _ in dataset.dropped],
        }
    return {"supervisedTuningDataStats": stats}


def _shown(turn: dict[str, Any]) -> dict[str, Any]:
    text = text_of(turn)
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    return {"role": turn.get("role", "user"), "parts": [{"text": cut}]}


def distribution(values: Sequence[int]) -> dict[str, Any]:
    """Return a SupervisedTuningDatasetDistribution."""
    ordered = sorted(values)
    return {
        "sum": str(sum(ordered)),
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean(ordered),
        "median": median(ordered),
        "p5": ordered[int(0.05 * (len(ordered) - 1))],
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "buckets": _buckets(ordered),
    }


def _buckets(ordered: Sequence[int]) -> list[dict[str, Any]]:
    """Ten ranges of equal width; one where all values are the same."""
    low, high = ordered[0], ordered[-1]
    count = 10 if high > low else 1
    edges = [low + (high - low) * number / count for number in range(count + 1)]
    counts = [0] * count
    for value in ordered:
        counts[min(count - 1, int((value - low) * count / max(1, high - low)))] += 1
    return [{"count": counts[at], "left": edges[at], "right": edges[at + 1]} for at in range(count)]
