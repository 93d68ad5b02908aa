"""The sample dataset: the size, form and separation of splits that its README promises."""

import csv
import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from gemtune.spec import load

SAMPLES = Path(__file__).parents[1] / "samples"
SIZES = {"train": 200, "validation": 20, "test": 80}
Pair = tuple[str, str]


def pairs(split: str) -> list[Pair]:
    if split == "test":
        with (SAMPLES / "howto/test.csv").open(encoding="utf-8", newline="") as file:
            return [(row["input_text"], row["output_text"]) for row in csv.DictReader(file)]
    lines = (SAMPLES / f"howto/{split}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line)["messages"] for line in lines]
    assert {tuple(turn["role"] for turn in row) for row in rows} == {("user", "assistant")}
    return [(row[0]["content"], row[1]["content"]) for row in rows]


def topics(split: str) -> list[str]:
    text = (SAMPLES / "howto/README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {split}\n")[1].split("\n## ")[0]
    return [topic.strip() for topic in " ".join(section.split()).rstrip(".").split(";")]


@pytest.mark.parametrize("split", SIZES)
def test_a_split_has_the_size_and_form_it_says(split: str) -> None:
    rows = pairs(split)
    assert len(rows) == len(topics(split)) == SIZES[split]
    for article, summary in rows:
        assert 60 <= len(article.split()) <= 180, article
        assert 2 <= len(re.findall(r"[.!?](?:\s|$)", summary)) <= 5, summary


def test_no_topic_is_in_two_splits() -> None:
    everything = [topic for split in SIZES for topic in topics(split)]
    assert len(set(everything)) == len(everything) == 300


def test_no_two_articles_are_about_the_same_thing() -> None:
    words = [set(re.findall(r"[a-z]{5,}", article.lower())) for split in SIZES for article, _ in pairs(split)]
    for one, other in combinations(words, 2):
        assert len(one & other) < 0.5 * min(len(one), len(other)), sorted(one & other)


@pytest.mark.parametrize("name", ["quickstart", "wikilingua"])
def test_a_sample_spec_is_valid(name: str) -> None:
    spec = load(SAMPLES / f"{name}.yaml", {}, defaults={"project": "project", "bucket": "bucket"})
    assert spec.base_model == "gemini-3.1-flash-lite"


def test_the_codelabs_case_has_the_codelabs_settings() -> None:
    spec = load(SAMPLES / "wikilingua.yaml", {}, defaults={"project": "project", "bucket": "bucket"})
    assert (spec.max_train_examples, spec.max_test_examples, spec.sampling) == (1000, 50, "head")
    assert (spec.epoch_count, spec.adapter_size, spec.learning_rate_multiplier) == (1, 4, 1.0)
    assert (spec.temperature, spec.max_output_tokens, spec.safety_threshold) == (0.1, 1024, "BLOCK_ONLY_HIGH")
    assert (spec.on_invalid, spec.on_leakage) == ("drop", "drop")
