"""A dataset that is only evaluated on needs no training example."""

from pathlib import Path
from typing import Any

import pytest

from gemtune.errors import DataError
from tests.workbench import Workbench, read, rows


@pytest.fixture
def prepare(emulator: Any, tmp_path: Path) -> Workbench:
    return Workbench(emulator, tmp_path / "prepared")


def test_test_data_alone_is_enough(prepare: Workbench) -> None:
    prepared = prepare("", test=rows(1, 2, 3), for_tuning=False)
    assert len(read(prepared.test)) == 3 and read(prepared.train) == []
    assert prepared.ledger["test"]["used"] == 3


def test_a_tuning_still_needs_training_examples(prepare: Workbench) -> None:
    with pytest.raises(DataError, match="train split: no example"):
        prepare("", test=rows(1, 2, 3))


def test_without_test_examples_there_is_nothing_to_evaluate(prepare: Workbench) -> None:
    with pytest.raises(DataError, match="test split: no example"):
        prepare(rows(1), test_fraction=0.0, for_tuning=False)


def test_the_held_out_examples_are_those_of_the_whole_run(prepare: Workbench) -> None:
    tuned = prepare(rows(*range(40)))
    kept = [record["id"] for record in read(tuned.test)]
    assert [record["id"] for record in read(prepare(rows(*range(40)), for_tuning=False).test)] == kept != []


def test_examples_that_end_in_a_function_call_are_counted_and_not_evaluated(prepare: Workbench) -> None:
    call = {"functionCall": {"name": "search", "args": {}}}
    asked = {"role": "user", "parts": [{"text": "Find it."}]}
    examples = [{"contents": [asked, {"role": "model", "parts": [part]}]} for part in ({"text": "Here."}, call)]
    prepared = prepare("", test=examples, for_tuning=False)
    assert prepared.ledger["test"] == {"read": 2, "used": 1, "sampled_out": 0, "rejected": {"no_text_reference": 1}}
