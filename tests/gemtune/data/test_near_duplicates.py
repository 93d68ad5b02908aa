"""Prompts that are almost the same are found among many that are not."""

import random
from typing import Any

import pytest

from gemtune.data.near_duplicates import NearDuplicates, pieces
from tests.workbench import Workbench, prompts, rows

LETTERS = random.Random(0)
WORDS = ["".join(LETTERS.choices("abcdefghijklmnop", k=6)) for _ in range(500)]


def document(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def changed(text: str, words: int) -> str:
    found = text.split()
    for place in range(words):
        found[place * len(found) // words] = "changed"
    return " ".join(found)


@pytest.fixture
def near() -> NearDuplicates:
    index = NearDuplicates()
    for seed in range(200):
        index.add(document(seed), "test", 0, seed)
    return index


def test_a_prompt_with_a_few_other_words_is_found(near: NearDuplicates) -> None:
    for seed in range(200):
        found, *_ = near.find(changed(document(seed), 2).upper())
        assert (found.split, found.line) == ("test", seed)
        assert found.similarity == pytest.approx(0.9, abs=0.1)


def test_a_prompt_with_many_other_words_and_another_prompt_are_not(near: NearDuplicates) -> None:
    assert not any(near.find(changed(document(seed), 12)) for seed in range(200))
    assert not any(near.find(document(seed)) for seed in range(200, 400))


def test_texts_without_spaces_are_compared_too() -> None:
    near, characters = NearDuplicates(), [chr(0x4E00 + LETTERS.randrange(3000)) for _ in range(200)]
    near.add("".join(characters), "validation", 1, 5)
    characters[50] = "x"
    assert near.find("".join(characters))
    assert not near.find("".join(reversed(characters)))


@pytest.mark.parametrize("text", ["", " ", "x", "two words", "日本"])
def test_any_text_can_be_asked_for(near: NearDuplicates, text: str) -> None:
    near.add(text, "test", 0, 1000)
    found = near.find(text)
    assert bool(found) == bool(pieces(text)) == bool(text.strip())


@pytest.fixture
def bench(emulator: Any, tmp_path: Any) -> Workbench:
    return Workbench(emulator, tmp_path / "prepared")


def test_a_training_prompt_that_is_nearly_a_test_prompt_is_warned_about_and_used(bench: Workbench) -> None:
    train = rows(document(1), changed(document(2), 1), document(3), changed(document(4), 1))
    prepared = bench(train, rows(document(4)), rows(document(2), changed(document(2), 2)))
    found = [(f["rule"], f["action"], f["line"], f["found"]) for f in bench.findings()]
    root = f"{bench.root}"
    assert found == [
        ("near_duplicate", "warned", 2, f"a train prompt that is nearly a test prompt ({root}/test.jsonl:1)"),
        (
            "near_duplicate",
            "warned",
            4,
            f"a train prompt that is nearly a validation prompt ({root}/validation.jsonl:1)",
        ),
    ]
    assert len(prompts(prepared.train)) == 4
    assert bench.ledger()["near_duplicates"] == {
        "test": {"found": 2, "searched": 2},  # also the one that is less like it
        "validation": {"found": 1, "searched": 1},
    }


def test_a_test_prompt_that_several_training_prompts_resemble_counts_once(bench: Workbench) -> None:
    bench(rows(changed(document(1), 1), changed(document(1), 2)), rows("v"), rows(document(1), document(2)))
    assert bench.ledger()["near_duplicates"]["test"] == {"found": 1, "searched": 2}


def test_a_validation_prompt_that_is_nearly_a_test_prompt_is_warned_about(bench: Workbench) -> None:
    validation = rows(document(5), changed(document(5), 1), changed(document(2), 1))
    bench(rows("a"), validation, rows(document(1), document(2)))
    [finding] = bench.findings()
    assert (finding["uri"], finding["line"]) == (f"{bench.root}/validation.jsonl", 3)
    assert finding["found"] == f"a validation prompt that is nearly a test prompt ({bench.root}/test.jsonl:2)"


def test_how_much_was_not_searched_is_said(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemtune.data.output.INDEXED", 2)
    bench(rows(changed(document(3), 1)), rows("v"), rows(document(1), document(2), document(3)))
    [finding] = bench.findings()
    assert finding["rule"] == "near_duplicates_not_searched"
    assert finding["found"].startswith("3 prompts, of which the first 2 were")
    assert bench.ledger()["near_duplicates"]["test"] == {"found": 0, "searched": 2}
