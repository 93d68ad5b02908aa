"""Every example keeps its place, and no test prompt is trained on."""

import random
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtune.data.splits import Candidate, assign, choose
from gemtune.errors import DataError
from tests.workbench import Workbench, adds_up, prompts, rows


@pytest.fixture
def bench(emulator: Any, tmp_path: Path) -> Workbench:
    return Workbench(emulator, tmp_path / "prepared")


def test_a_leak_stops_the_run(bench: Workbench) -> None:
    leaking = [{"prompt": "ask  3\n", "completion": "another answer"}]
    with pytest.raises(DataError, match=r"(?s)train\.jsonl:2: a train prompt that is also in test.*on_leakage=drop"):
        bench(rows(1) + leaking, rows(2), rows(3))


def test_a_leak_is_dropped_from_what_is_trained_on_first(bench: Workbench) -> None:
    prepared = bench(rows("t", "v", "all", 1), rows("v", "all", "vt"), rows("t", "all", "vt"), on_leakage="drop")
    assert prompts(prepared.train) == ["ask 1"]
    assert prompts(prepared.validation) == ["ask v"]
    assert prompts(prepared.test) == ["ask t", "ask all", "ask vt"]
    assert prepared.ledger["train"]["rejected"] == {"leak": 3}
    assert prepared.ledger["validation"]["rejected"] == {"leak": 2}
    assert {finding["action"] for finding in bench.findings()} == {"dropped"}
    assert adds_up(prepared.ledger)


def test_a_larger_test_sample_does_not_change_what_is_trained_on(bench: Workbench) -> None:
    data = {"train": rows("a", "b", "c", 1), "validation": rows(2), "test": rows("a", "b", "c"), "on_leakage": "drop"}
    trained = {bench(**data, max_test_examples=limit).train.read_bytes() for limit in (1, 2, 0)}  # type: ignore[arg-type]
    assert len(trained) == 1


def test_a_leak_takes_no_place_in_the_sample(bench: Workbench) -> None:
    prepared = bench(rows("t", 1, 2), rows("v"), rows("t"), on_leakage="drop", sampling="head", max_train_examples=1)
    assert prompts(prepared.train) == ["ask 1"]


def test_missing_splits_are_cut_from_train_by_prompt(bench: Workbench) -> None:
    prepared = bench(rows(*range(200)), validation_fraction=0.2, test_fraction=0.2)
    parts = [prompts(path) for path in (prepared.train, prepared.validation, prepared.test)]
    assert sorted(chain.from_iterable(parts)) == sorted(f"ask {name}" for name in range(200))
    assert [len(part) for part in parts] == pytest.approx([120, 40, 40], abs=20)
    assert prepared.ledger["test"]["read"] == len(parts[2])


def test_every_example_stays_where_it_was_when_the_dataset_grows_or_is_told_more(bench: Workbench) -> None:
    before = bench(rows(*range(40)))
    was = {split: set(prompts(getattr(before, split))) for split in ("train", "validation", "test")}
    shuffled = rows(*range(80))
    random.Random(0).shuffle(shuffled)
    after = bench(shuffled, system_instruction="Be brief.")
    assert all(names <= set(prompts(getattr(after, split))) for split, names in was.items())


def test_a_given_split_takes_nothing_from_train(bench: Workbench) -> None:
    prepared = bench(rows(*range(50)), test=rows("t"), validation_fraction=0.0, test_fraction=0.5)
    assert prepared.ledger["train"]["used"] == 50
    assert prepared.validation.read_bytes() == b""


def test_head_takes_the_first_valid_examples(bench: Workbench) -> None:
    train = [{"prompt": "", "completion": "x"}, *rows(*range(9))]
    prepared = bench(train, rows("v"), rows("t"), on_invalid="drop", sampling="head", max_train_examples=3)
    assert prompts(prepared.train) == ["ask 0", "ask 1", "ask 2"]


def test_a_random_sample_keeps_the_order_and_depends_on_the_seed(bench: Workbench) -> None:
    samples = []
    for seed in (0, 0, 1):
        prepared = bench(rows(*range(99)), rows("v"), rows("t"), max_train_examples=20, sample_seed=seed)
        samples.append([int(prompt.split()[1]) for prompt in prompts(prepared.train)])
    assert samples[0] == samples[1] == sorted(samples[0]) != samples[2]
    assert len(samples[2]) == 20


def chosen(candidates: list[Candidate], limit: int, sampling: str = "random") -> set[int]:
    is_chosen = choose(lambda: candidates, limit=limit, sampling=sampling, seed=3)
    return {candidate.place for candidate in candidates if is_chosen(candidate)}


def test_a_random_sample_of_a_grown_dataset_keeps_most_of_its_members() -> None:
    candidates = [Candidate(place, random.Random(place).randbytes(16)) for place in range(1100)]
    assert len(chosen(candidates[:1000], 100) & chosen(candidates, 100)) > 80


@settings(deadline=None)
@given(
    keys=st.lists(st.sampled_from([random.Random(place).randbytes(16) for place in range(9)]), max_size=30),
    limit=st.integers(1, 31),
    sampling=st.sampled_from(["random", "head"]),
)
def test_a_sample_has_the_size_asked_for(keys: list[bytes], limit: int, sampling: str) -> None:
    candidates = [Candidate(place * 2, key) for place, key in enumerate(keys)]
    assert len(chosen(candidates, limit, sampling)) == min(limit, len(keys))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_changing_one_share_moves_no_example_between_the_other_splits(share: float) -> None:
    keys = [random.Random(place).randbytes(16) for place in range(500)]
    tested = {key for key in keys if assign(key, validation_share=share, test_share=0.3) == "test"}
    assert tested == {key for key in keys if assign(key, validation_share=0.2, test_share=0.3) == "test"}
    assert assign(b"\xff" * 16, validation_share=0.0, test_share=0.0) == "train"
    assert assign(bytes(16), validation_share=0.0, test_share=0.0) == "train"
