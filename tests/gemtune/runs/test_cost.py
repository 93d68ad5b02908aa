"""The estimate of a run's cost: terms, bands, what is unknown, and the cap."""

from typing import Any

import pytest

from gemtune.catalog import load
from gemtune.data.token_count import DatasetTokens, TokenCount
from gemtune.errors import BudgetError
from gemtune.runs.cost import TERMS, Plan, check_budget, estimate, is_within

TOKENS = DatasetTokens(
    train=TokenCount(200, 100_000, 90_000, 120_000, 0),
    prompts=TokenCount(80, 20_000, 20_000, 20_000, 80),
    references=TokenCount(80, 4_000, 4_000, 4_000, 80),
)
PLAN = {"base_model": "gemini-3.1-flash-lite", "epoch_count": 4, "max_output_tokens": 100}


def estimated(
    overrides: dict[str, Any] | None = None, tokens: DatasetTokens = TOKENS, **changes: Any
) -> dict[str, Any]:
    plan = {**PLAN, "baseline_model": "gemini-3.1-flash-lite", **changes}
    return estimate(tokens, Plan(**plan), load(overrides))


def test_tuning_is_priced_by_tokens_times_epochs() -> None:
    found = estimated()
    assert found["tuning"] == pytest.approx(100_000 * 4 / 1e6 * 3.0)
    assert found["ranges"]["tuning"] == pytest.approx([90_000 * 4 / 1e6 * 3.0, 120_000 * 4 / 1e6 * 3.0])


def test_a_tuned_gemini_3_costs_half_as_much_again_to_ask() -> None:
    found = estimated()
    assert found["baseline"] == pytest.approx((20_000 * 0.25 + 4_000 * 1.50) / 1e6)
    assert found["candidate"] == pytest.approx(1.5 * found["baseline"])


def test_a_tuned_gemini_2_costs_no_more_to_ask() -> None:
    found = estimated(base_model="gemini-2.5-flash", baseline_model="gemini-2.5-flash")
    assert found["candidate"] == found["baseline"] > 0


def test_the_upper_end_of_the_answers_is_the_longest_possible_ones() -> None:
    assert estimated()["ranges"]["baseline"][1] == pytest.approx((20_000 * 0.25 + 80 * 100 * 1.50) / 1e6)


def test_answers_are_not_expected_to_be_longer_than_they_can_be() -> None:
    found = estimated(max_output_tokens=1)
    assert found["baseline"] == pytest.approx((20_000 * 0.25 + 80 * 1.50) / 1e6)


def test_the_total_is_the_sum_of_its_terms_and_lies_in_its_band() -> None:
    found = estimated()
    assert found["total"] == found["known"] == pytest.approx(sum(found[name] for name in found["ranges"]))
    assert list(found["ranges"]) == [name for name in TERMS if name != "selection"]
    assert found["for_tokens"] == pytest.approx(found["total"] - found["pipeline"])
    assert found["low"] < found["total"] < found["high"]
    assert found["unknown"] == []


def test_an_epoch_count_left_to_the_service_leaves_tuning_and_total_unknown() -> None:
    found = estimated(epoch_count=0)
    assert (found["tuning"], found["total"], found["epochs"], found["unknown"]) == (None, None, None, ["tuning"])
    assert found["for_tokens"] is None
    assert found["known"] == pytest.approx(found["baseline"] + found["candidate"] + found["pipeline"])
    assert found["notes"]["tuning"] == "epoch_count is 0: the service chooses; 0.3000 USD for each epoch"


def test_the_epoch_count_that_the_catalogue_knows_stands_in() -> None:
    known = estimated({"gemini-3.1-flash-lite": {"default_epoch_count": 4}}, epoch_count=0)
    assert known["tuning"] == estimated()["tuning"] and known["epochs"] == 4


def test_a_model_without_prices_is_named() -> None:
    found = estimated(base_model="gemini-3.5-flash-lite", baseline_model="gemini-3.5-flash-lite")
    assert found["unknown"] == ["tuning", "candidate"]
    assert found["notes"]["tuning"] == "no training price of gemini-3.5-flash-lite is known"
    assert found["notes"]["candidate"] == "no price of tuned gemini-3.5-flash-lite is known"


def test_a_baseline_of_unknown_origin_is_named() -> None:
    found = estimated(baseline_model="", baseline_is_tuned=True)
    assert found["unknown"] == ["baseline"]


def test_the_pipeline_run_costs_its_fee_and_its_machines_and_can_be_overridden() -> None:
    assert estimated()["pipeline"] == pytest.approx(0.03 + 1.5 * 0.154)
    prices = {"run": 1.0, "machine_hour": 2.0, "step_hours": 1.0, "tuning_hours": 2.0}
    assert estimated({"pipeline": prices})["pipeline"] == pytest.approx(7.0)
    assert estimated({"pipeline": {"run": None}})["unknown"] == ["pipeline"]


def test_no_cap_lets_everything_through() -> None:
    check_budget(estimated(epoch_count=0), 0.0)


def test_a_cap_is_held_against_the_upper_end() -> None:
    found = estimated()
    check_budget(found, found["high"])
    assert is_within(found, found["high"]) and not is_within(found, found["total"])
    with pytest.raises(BudgetError, match=r"estimated cost: 1\.49 USD, up to .* expected at most 1\.50 USD") as caught:
        check_budget(found, 1.5)
    assert "max_cost_usd to 2.21, or lower" in caught.value.next


def test_a_cap_stops_at_an_unknown_term_and_names_it() -> None:
    with pytest.raises(BudgetError, match=r"unknown for want of tuning .epoch_count is 0") as caught:
        check_budget(estimated(epoch_count=0), 1000.0)
    assert "set epoch_count" in caught.value.next and "max_cost_usd to 0" in caught.value.next
