from typing import Any

import pytest

from gemtune.catalog import load
from gemtune.tuning.account import dropped_examples, tuning_costs, tuning_notices
from tests.gemtune.made_run import SELECTION, TUNING, compare, examples, worse_and_better

CATALOG = load()
BASE = "gemini-3.1-flash-lite"
NOTHING = {"prompt_tokens": 0, "output_tokens": 0, "thinking_tokens": 0}
TRIED = {
    **SELECTION,
    "checkpoints": [{"checkpoint_id": "1"}],
    "paid": {"prompt_tokens": 1_000_000, "output_tokens": 90_000, "thinking_tokens": 10_000},
}


def test_tuning_costs_tokens_times_epochs_unless_an_earlier_run_paid() -> None:
    price = CATALOG.training_cost(BASE, 100_000, 3)
    assert tuning_costs(TUNING, SELECTION, BASE, CATALOG) == {"tuning": price}
    assert tuning_costs({**TUNING, "reused": True}, SELECTION, BASE, CATALOG) == {"tuning": 0.0}
    assert tuning_costs({**TUNING, "billable_tokens": 0}, SELECTION, BASE, CATALOG) == {"tuning": None}
    assert tuning_costs({}, {}, BASE, CATALOG) == {"tuning": 0.0}


def test_trying_checkpoints_costs_what_a_tuned_model_costs() -> None:
    price = CATALOG.inference_cost(BASE, 1_000_000, 100_000, tuned=True)
    assert tuning_costs(TUNING, TRIED, BASE, CATALOG)["selection"] == price
    records = examples()
    actual = compare(records, *worse_and_better(records), selection=TRIED)["cost"]["actual"]
    assert actual["selection"] == price and actual["total"] == pytest.approx(actual["known"])
    assert actual["total"] > price


def test_a_run_that_created_and_sent_nothing_says_that_nothing_changed() -> None:
    reused = {**TUNING, "reused": True}
    assert "Nothing has changed" in tuning_notices(reused, [NOTHING, NOTHING])[-1]
    assert len(tuning_notices(reused, [NOTHING, {**NOTHING, "prompt_tokens": 1}])) == 1
    assert tuning_notices(TUNING, [NOTHING, NOTHING]) == []


@pytest.mark.parametrize(
    ("told", "notice"),
    [
        ({}, []),
        (
            {"dropped_example_count": 2, "dropped_example_indices": [3, 9], "dropped_example_reasons": ["Too long."]},
            ["2 of 500 training examples were truncated or dropped by the service: row 3, 9 of the training split "
             "(Too long)"],
        ),
        ({"dropped_example_count": 1}, ["1 of 500 training examples were truncated or dropped by the service"]),
        (
            {"dropped_example_reasons": ["Bad row"]},
            ["Some of 500 training examples were truncated or dropped by the service (Bad row)"],
        ),
    ],
)  # fmt: skip
def test_dropped_examples_are_named_by_their_rows(told: dict[str, Any], notice: list[str]) -> None:
    assert dropped_examples({**TUNING, **told}) == notice


def test_of_many_dropped_rows_the_first_are_shown() -> None:
    told = {"dropped_example_count": 50, "dropped_example_indices": list(range(1, 51))}
    (notice,) = dropped_examples({**TUNING, **told})
    assert "19, 20 and more of the training split" in notice and "21" not in notice
