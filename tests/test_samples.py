"""The sample dataset: the size, form and separation of splits that its README promises."""

import csv
import json
import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from gemtune.metrics.profiles import choose_profile
from gemtune.metrics.tokens import tokenize
from gemtune.spec import load

SAMPLES = Path(__file__).parents[1] / "samples"
SIZES = {"train": 200, "validation": 20, "test": 80}
MULTILINGUAL = "test-multilingual"
WORDS = {"vi": (100, 180), "id": (60, 180), "es": (60, 180)}
CHARACTERS = {"zh": (180, 320), "ja": (180, 320)}
OWN_LETTERS = {
    "vi": "[ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđ]",
    "zh": "[的了]",
    "es": "[áéíóúñ]",
    "ja": "[ぁ-ん]",
}
Pair = tuple[str, str]


def pairs(split: str) -> list[Pair]:
    if split == "test":
        with (SAMPLES / "howto/test.csv").open(encoding="utf-8", newline="") as file:
            return [(row["input_text"], row["output_text"]) for row in csv.DictReader(file)]
    lines = (SAMPLES / f"howto/{split}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line)["messages"] for line in lines]
    assert {tuple(turn["role"] for turn in row) for row in rows} == {("user", "assistant")}
    return [(row[0]["content"], row[1]["content"]) for row in rows]


def foreign_rows() -> list[dict[str, str]]:
    with (SAMPLES / f"howto/{MULTILINGUAL}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def topics(split: str) -> list[str]:
    text = (SAMPLES / "howto/README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {split}\n")[1].split("\n## ")[0].strip().split("\n\n")[-1]
    return [topic.strip() for topic in " ".join(section.split()).rstrip(".").split(";")]


@pytest.mark.parametrize("split", SIZES)
def test_a_split_has_the_size_and_form_it_says(split: str) -> None:
    rows = pairs(split)
    assert len(rows) == len(topics(split)) == SIZES[split]
    for article, summary in rows:
        assert 60 <= len(article.split()) <= 180, article
        assert 2 <= len(re.findall(r"[.!?](?:\s|$)", summary)) <= 5, summary


def test_no_topic_is_in_two_splits() -> None:
    everything = [topic for split in [*SIZES, MULTILINGUAL] for topic in topics(split)]
    assert len(set(everything)) == len(everything) == 340


def test_there_are_eight_foreign_articles_in_each_of_five_languages() -> None:
    rows = foreign_rows()
    assert Counter(row["language"] for row in rows) == dict.fromkeys(("vi", "zh", "id", "es", "ja"), 8)
    assert len(topics(MULTILINGUAL)) == len(rows) == 40


@pytest.mark.parametrize("row", foreign_rows(), ids=lambda row: f"{row['language']}: {row['output_text'][:20]}")
def test_a_foreign_article_has_the_form_of_the_others_and_is_in_its_language(row: dict[str, str]) -> None:
    article, summary, language = row["input_text"], row["output_text"], row["language"]
    shortest, longest = WORDS.get(language) or CHARACTERS[language]
    assert shortest <= len(article.split() if language in WORDS else article) <= longest
    assert 2 <= len(re.findall(r"[.!?](?:\s|$)|。", summary)) <= 5
    assert len(summary) < 0.4 * len(article)
    if letters := OWN_LETTERS.get(language):
        assert re.search(letters, article)
    else:
        assert article.isascii()  # Indonesian
    if language == "zh":
        assert not re.search(OWN_LETTERS["ja"], article)


def test_no_two_foreign_articles_are_about_the_same_thing() -> None:
    rows = foreign_rows()
    for one, other in combinations(rows, 2):
        if one["language"] == other["language"]:
            words = [set(bigrams(row["input_text"])) for row in (one, other)]
            assert len(words[0] & words[1]) < 0.35 * min(map(len, words)), (one["output_text"], other["output_text"])


def bigrams(text: str) -> list[tuple[str, str]]:
    words = tokenize(text)
    return list(pairwise(words))


def test_the_foreign_references_are_scored_by_unicode_1() -> None:
    assert choose_profile("auto", [row["output_text"] for row in foreign_rows()]) == "unicode-1"
    assert choose_profile("auto", [summary for _, summary in pairs("test")]) == "rouge-score"


def test_no_two_articles_are_about_the_same_thing() -> None:
    words = [set(re.findall(r"[a-z]{5,}", article.lower())) for split in SIZES for article, _ in pairs(split)]
    for one, other in combinations(words, 2):
        assert len(one & other) < 0.5 * min(len(one), len(other)), sorted(one & other)


@pytest.mark.parametrize("name", ["quickstart", "wikilingua", "multilingual"])
def test_a_sample_spec_is_valid(name: str) -> None:
    spec = load(SAMPLES / f"{name}.yaml", {}, defaults={"project": "project", "bucket": "bucket"})
    assert spec.base_model == "gemini-3.1-flash-lite"


def test_the_codelabs_case_has_the_codelabs_settings() -> None:
    spec = load(SAMPLES / "wikilingua.yaml", {}, defaults={"project": "project", "bucket": "bucket"})
    assert (spec.max_train_examples, spec.max_test_examples, spec.sampling) == (1000, 50, "head")
    assert (spec.epoch_count, spec.adapter_size, spec.learning_rate_multiplier) == (1, 4, 1.0)
    assert (spec.temperature, spec.max_output_tokens, spec.safety_threshold) == (0.1, 1024, "BLOCK_ONLY_HIGH")
    assert (spec.on_invalid, spec.on_leakage) == ("drop", "drop")
