"""gemtune.comparison.worst_case: whether a verdict hangs on the examples that have no score."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from gemtune.comparison.decision import Limits
from gemtune.comparison.document import compare_scores
from gemtune.comparison.sides import Side
from gemtune.comparison.worst_case import worst_case
from gemtune.metrics.definitions import METRICS
from gemtune.records import Record
from tests.gemtune.made_run import compare, examples, side

RECORDS = examples([f"the answer to number {n}" for n in range(100)])
GOOD = [record["reference"] for record in RECORDS]
ACCURACY = METRICS["accuracy"]


def scores(values: list[float | str], name: str = "accuracy") -> list[Record]:
    """Return score records; a text is the cause of one without a score."""
    return [
        {"id": f"e{n}", "status": "unscored", "cause": value, "metrics": {}, "counts": {}}
        if isinstance(value, str)
        else {"id": f"e{n}", "status": "scored", "cause": "", "metrics": {name: value}, "counts": {}}
        for n, value in enumerate(values)
    ]


def made(task: str, worse: int, lost: int, *, is_baseline_lost: bool = False) -> tuple[Side, Side]:
    """Return a baseline with so many wrong answers and a perfect candidate; so many answers of one side failed."""
    wrong: list[str | None] = ["something else"] * worse
    before, after = [*wrong, *GOOD[worse:]], list[str | None](GOOD)
    failed = dict.fromkeys(range(100 - lost, 100), "failed")
    outcomes = (failed, None) if is_baseline_lost else (None, failed)
    model = "gemini-3.1-flash-lite"
    return side(RECORDS, before, task=task, model=model, outcomes=outcomes[0]), side(
        RECORDS, after, task=task, model=model, outcomes=outcomes[1]
    )


def judge(sides: tuple[Side, Side], primary: str, **limits: Any) -> dict[str, Any]:
    return compare(RECORDS, *sides, limits=Limits(primary_metric=primary, max_unscored_share=1.0, **limits))


def test_the_difference_is_that_of_scores_with_the_worst_values_filled_in() -> None:
    before: list[float | str] = [0.2, 0.3, 0.4, "failed", 0.1, "failed"]
    after: list[float | str] = [0.5, 0.5, 0.9, 0.3, "rejected", "missing"]
    found = worst_case(ACCURACY, scores(before), scores(after), "improved")
    filled = scipy.stats.ttest_rel([0.5, 0.5, 0.9, 0.3, 0, 0], [0.2, 0.3, 0.4, 1, 0.1, 1])
    interval = filled.confidence_interval(0.95)
    assert found is not None and found["unscored"] == 3
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high))
    turned = worst_case(ACCURACY, scores(after), scores(before), "regressed")
    assert turned is not None and turned["difference"] == pytest.approx(-found["difference"])


def test_the_worst_of_points_is_100_and_of_less_is_better_1() -> None:
    points = worst_case(
        METRICS["sentence_chrf2"],
        scores([50.0, "failed"], "sentence_chrf2"),
        scores([50.0, 60.0], "sentence_chrf2"),
        "improved",
    )
    assert points is not None and points["difference"] == -20
    repeated = worst_case(
        METRICS["repetition"], scores([0.5, 0.5], "repetition"), scores([0.5, "failed"], "repetition"), "improved"
    )
    assert repeated is not None and repeated["difference"] == 0.25  # 1 instead of 0.5: more repetition is worse


def test_where_the_reference_is_to_blame_no_answer_could_have_scored() -> None:
    cause = "reference without tokens"
    found = worst_case(ACCURACY, scores([0.2, 0.3, cause]), scores([0.5, 0.6, cause]), "improved")
    assert found is not None and found["difference"] == pytest.approx(0.2)  # 0 on both sides of the third


@pytest.mark.parametrize("verdict", ["inconclusive", "invalid"])
def test_there_is_no_worst_case_where_no_verdict_can_turn(verdict: str) -> None:
    assert worst_case(ACCURACY, scores([0.2, "failed"]), scores([0.5, 0.6]), verdict) is None
    assert worst_case(ACCURACY, scores([0.2, 0.3]), scores([0.5, 0.6]), "improved") is None


@pytest.mark.parametrize("is_baseline_lost", [False, True])
@pytest.mark.parametrize(
    ("task", "primary"),
    [
        ("extractive_qa", "exact_match"),
        ("classification", "accuracy"),
        ("classification", "macro_f1"),
        ("translation", "bleu"),
        ("translation", "chrf2"),
    ],
)
def test_a_few_unscored_examples_leave_a_clear_verdict_and_turn_a_close_one(
    task: str, primary: str, is_baseline_lost: bool
) -> None:
    clear = judge(made(task, 60, 2, is_baseline_lost=is_baseline_lost), primary)
    assert (clear["verdict"], clear["worst_case"]["verdict"]) == ("improved", "improved")
    assert clear["worst_case"]["unscored"] == 2
    close = judge(made(task, 8, 30), primary)
    assert close["verdict"] == "inconclusive" and close["decision"] == "hold"
    assert close["worst_case"]["verdict"] == "regressed"
    assert close["reasons"][0].startswith("30 of 100 examples have no score on a side: with the worst value for all")
    assert "rises by" in close["reasons"][1]


def test_a_regression_that_hangs_on_unscored_examples_is_inconclusive_too() -> None:
    baseline, candidate = made("extractive_qa", 8, 30)
    found = judge((candidate, baseline), "exact_match")
    assert (found["verdict"], found["worst_case"]["verdict"]) == ("inconclusive", "improved")


def test_an_example_that_both_sides_lost_counts_against_the_verdict_also_in_a_corpus_statistic() -> None:
    baseline, candidate = made("translation", 60, 5)
    lost = {record["id"]: record for record in candidate.scores[95:]}
    both = baseline._replace(scores=[lost.get(each["id"], each) for each in baseline.scores])
    scored = compare_scores(both, candidate, "chrf2")["chrf2"]
    found = worst_case(METRICS["chrf2"], both.scores, candidate.scores, "improved")
    assert found is not None and found["unscored"] == scored["unscored"] == 5
    assert found["difference"] < scored["difference"] - 1


@pytest.mark.parametrize(("task", "primary", "top"), [("classification", "macro_f1", 1), ("translation", "bleu", 100)])
def test_the_best_and_the_worst_counts_have_the_best_and_the_worst_figure(task: str, primary: str, top: float) -> None:
    baseline, candidate = made(task, 0, 100)
    for score in baseline.scores:
        score |= {"status": "unscored", "cause": "failed"}
    found = worst_case(METRICS[primary], baseline.scores, candidate.scores, "improved")
    assert found is not None and found["difference"] == pytest.approx(-top)
    assert not np.isnan(found["low"])
