from typing import Any

import pytest

from gemtune.tuning.sweep import find_winner, sweep_row, total_cost
from tests.gemtune.made_run import SELECTION, compare, examples, worse_and_better

CHECKPOINT = {"checkpoint_id": "1", "epoch": 1, "step": 10, "mean": 0.42, "best": True, "within": True}


def run(*scores: float, digest: str = "v", metric: str = "rougeL_f1", **changes: Any) -> dict[str, Any]:
    selection = {
        **SELECTION,
        "checkpoints": [CHECKPOINT],
        "metric": metric,
        "signature": "s",
        "scores": {f"e{at}": value for at, value in enumerate(scores)},
    }
    records = examples()
    compared = compare(records, *worse_and_better(records), selection=selection, digests={"validation": digest})
    return {**compared, **changes}


LOW = [0.10, 0.22, 0.31, 0.18, 0.27, 0.33, 0.21, 0.12, 0.29, 0.24]
HIGH = [value + 0.2 + 0.01 * (at % 3) for at, value in enumerate(LOW)]
NEAR = [value + (0.05 if at % 2 else -0.05) for at, value in enumerate(HIGH)]


def test_a_run_that_is_better_beyond_the_noise_wins() -> None:
    winner, why = find_winner({"a": run(*LOW), "b": run(*HIGH)})
    assert winner == "b" and "10 validation examples, beyond the noise" in why


def test_there_is_no_winner_inside_the_noise() -> None:
    winner, why = find_winner({"a": run(*LOW), "b": run(*HIGH), "c": run(*NEAR)})
    assert winner == "" and "inside the noise" in why
    assert "over c " in why or "over b " in why


def test_equal_runs_have_no_winner() -> None:
    assert find_winner({"a": run(*LOW), "b": run(*LOW)})[0] == ""


def test_more_runs_demand_more() -> None:
    """A lead that counts between two runs is luck among ten: p is 2 / 2^6 = 0.031, with 45 pairs to compare."""
    ahead = [value + 0.1 for value in LOW[:6]]
    pair = {"a": run(*LOW[:6]), "b": run(*ahead)}
    assert find_winner(pair)[0] == "b"
    many = {f"a{number}": run(*LOW[:6]) for number in range(9)} | {"b": run(*ahead)}
    assert find_winner(many)[0] == ""


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (run(*HIGH, digest="w"), "different validation data"),
        (run(*HIGH, metric="rouge1_f1"), "scored in different ways"),
        (run(*HIGH, selection=SELECTION), "the test split chooses nothing"),
        (run(), "the test split chooses nothing"),
    ],
)
def test_runs_that_cannot_be_compared_have_no_winner(other: dict[str, Any], reason: str) -> None:
    winner, why = find_winner({"a": run(*LOW), "b": other})
    assert winner == "" and reason in why


def test_a_row_has_figures_with_their_interval() -> None:
    row = sweep_row("epoch_count=2", run(*LOW))
    assert (row["run"], row["validation"], row["verdict"]) == ("epoch_count=2", "0.4200", "improved")
    assert row["difference"].startswith("+0.") and " to +" in row["95 % interval"]
    assert sweep_row("x", run(*LOW, selection=SELECTION))["validation"] == "-"


def test_the_whole_cost_is_the_sum_and_says_what_is_unknown() -> None:
    one = run(*LOW)
    unknown = {**one, "cost": {"actual": {"total": None, "known": 1.0}}}
    known, is_all = total_cost({"a": one, "b": one})
    assert known == pytest.approx(2 * one["cost"]["actual"]["total"]) and is_all
    assert total_cost({"a": unknown})[1] is False
