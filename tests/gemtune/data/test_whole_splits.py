"""Whether a run over these splits can come to anything, known before it is paid for."""

from dataclasses import replace
from typing import Any

import pytest

from gemtune.data.settings import DatasetSettings
from gemtune.data.whole_splits import check_can_conclude
from gemtune.errors import DataError

SETTINGS = DatasetSettings()


def ledger(test: int = 50, validation: int = 10) -> dict[str, Any]:
    return {"train": {"used": 100}, "validation": {"used": validation}, "test": {"used": test}}


def test_a_test_split_too_small_to_show_a_difference_stops_the_run() -> None:
    with pytest.raises(DataError, match="test split: 5 examples, expected at least 6") as error:
        check_can_conclude(ledger(test=5), SETTINGS)
    assert error.value.next.endswith("or set max_test_examples to 5 to run all the same")
    check_can_conclude(ledger(test=6), SETTINGS)


def test_who_asks_for_so_few_gets_them() -> None:
    check_can_conclude(ledger(test=3), replace(SETTINGS, max_test_examples=3))
    with pytest.raises(DataError):
        check_can_conclude(ledger(test=3), replace(SETTINGS, max_test_examples=100))


def test_a_choice_among_checkpoints_needs_validation_examples() -> None:
    check_can_conclude(ledger(validation=0), SETTINGS)
    with pytest.raises(DataError, match="no validation example"):
        check_can_conclude(ledger(validation=0), replace(SETTINGS, checkpoint_selection="validation"))


def test_an_evaluation_pays_for_no_tuning_and_is_not_stopped() -> None:
    check_can_conclude(ledger(test=1, validation=0), replace(SETTINGS, for_tuning=False))
