"""Counting tokens: all when few, a sample with its error bound when many, offline without a service."""

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gemtune.data.token_count import ATTEMPTS, SAMPLE, count, count_dataset, counter
from gemtune.errors import ServiceError
from gemtune.records import write_records
from gemtune.vertex import genai_client
from tests.conftest import Emulator

MODEL = "gemini-3.1-flash-lite"


def example(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": [{"text": "Yes."}]}]}


def examples(number: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)
    for _ in range(number):
        yield example("water the seedlings " * chance.randrange(1, 40))


def tokens_of(record: Mapping[str, Any]) -> int:
    """A tokenizer of its own mind: a third more tokens than assumed, and some for every turn."""
    return 6 + sum(len(part["text"]) for turn in record["contents"] for part in turn["parts"]) // 3


def test_few_examples_are_all_counted_and_leave_no_band() -> None:
    found = count(examples(50), ask=tokens_of)
    truth = sum(map(tokens_of, examples(50)))
    assert found == (50, truth, truth, truth, 50)
    assert found.method == "counted"


def test_a_sample_of_many_tells_how_far_the_estimate_is_off() -> None:
    asked: list[str] = []

    def ask(record: Mapping[str, Any]) -> int:
        asked.append(json.dumps(record))
        return tokens_of(record)

    truth = sum(map(tokens_of, examples(5_000)))
    found = count(examples(5_000), ask=ask)
    assert len(asked) == SAMPLE == found.counted
    assert found.low <= truth <= found.high
    assert found.high - found.low < 0.05 * truth
    assert found.method == f"from {SAMPLE} counted"


def test_the_bound_holds_about_95_times_in_100() -> None:
    truth = sum(map(tokens_of, examples(1_000)))
    found = [count(examples(1_000), ask=tokens_of, seed=seed) for seed in range(100)]
    assert 88 <= sum(each.low <= truth <= each.high for each in found) <= 100
    assert len({each.tokens for each in found}) > 50


def test_the_same_seed_counts_the_same_examples() -> None:
    assert count(examples(1_000), ask=tokens_of, seed=3) == count(examples(1_000), ask=tokens_of, seed=3)


def test_without_a_service_the_band_is_that_of_the_scripts() -> None:
    found = count(examples(1_000))
    assert found.counted == 0 and found.method == "estimated offline"
    assert found.low == pytest.approx(0.65 * found.tokens, rel=0.01)
    assert found.high == pytest.approx(1.35 * found.tokens, rel=0.01)


def test_nothing_has_no_tokens() -> None:
    assert count([], ask=tokens_of) == (0, 0, 0, 0, 0)


def test_system_instruction_and_tools_count(emulator: Emulator) -> None:
    ask = counter(genai_client(emulator.project, "global"), MODEL)
    plain = example("Water the seedlings")
    instructed = {**plain, "systemInstruction": {"parts": [{"text": "Answer yes or no."}]}}
    tool = {
        "functionDeclarations": [{"name": "water", "description": "Water a plant", "parameters": {"type": "OBJECT"}}]
    }
    assert ask(instructed) > ask(plain) > 3
    assert count([instructed]).tokens > count([plain]).tokens
    assert count([{**plain, "tools": [tool]}]).tokens > count([plain]).tokens
    ask({**plain, "tools": [tool]})
    assert emulator.requests("publishers.models.countTokens")[-1]["body"]["tools"] == [tool]


def test_a_dataset_is_counted_at_the_service(emulator: Emulator, tmp_path: Path) -> None:
    write_records(tmp_path / "train.jsonl", examples(10))
    test = [{"prompt": {"contents": example("Water?")["contents"][:1]}, "reference": "Every other day."}]
    write_records(tmp_path / "test.jsonl", test)
    ask = counter(genai_client(emulator.project, "global"), MODEL)
    found = count_dataset(tmp_path / "train.jsonl", tmp_path / "test.jsonl", ask=ask)
    assert [each and each.counted for each in found] == [10, 1, 1, None, None]
    assert found.prompts.tokens == 2 and found.references.tokens == 4
    assert not emulator.requests("publishers.models.generateContent")


def test_a_busy_service_is_asked_again(emulator: Emulator) -> None:
    emulator.fail("publishers.models.countTokens", times=2, code=429)
    ask = counter(genai_client(emulator.project, "global"), MODEL, sleep=lambda _: None)
    assert ask(example("Water?")) > 0
    assert emulator.faults_hit() == 2


def test_a_service_that_stays_busy_is_given_up(emulator: Emulator) -> None:
    emulator.fail("publishers.models.countTokens", times=99, code=503)
    ask = counter(genai_client(emulator.project, "global"), MODEL, sleep=lambda _: None)
    with pytest.raises(ServiceError, match=f"countTokens of {MODEL}: 503"):
        ask(example("Water?"))
    assert emulator.faults_hit() == ATTEMPTS


def test_a_model_that_is_gone_is_not_asked_again(emulator: Emulator) -> None:
    ask = counter(genai_client(emulator.project, "global"), "gemini-9")
    with pytest.raises(ServiceError, match="countTokens of gemini-9: 404"):
        ask(example("Water?"))
    assert len(emulator.requests("publishers.models.countTokens")) == 1
