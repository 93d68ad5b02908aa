"""gemtune.comparison.decision: verdicts from intervals, decisions with reasons."""

from typing import Any

import pytest

from gemtune.comparison.decision import Decision, Limits, decide, verdict_of
from gemtune.comparison.guard import Guard
from gemtune.errors import ComparisonError


def metric(low: float | None, high: float | None, n: int = 100, name: str = "rougeL_f1") -> dict[str, Any]:
    difference = None if low is None or high is None else (low + high) / 2
    values: dict[str, Any] = {"baseline": 0.2, "candidate": 0.25, "difference": difference, "smallest_detectable": 0.03}
    values |= {"unscored": 100 - n, "examples_needed": 120}
    return {"name": name, "n": n, "low": low, "high": high, **values}


def decided(low: float, high: float, *, guard: Any = None, worst_case: Any = None, **limits: Any) -> Decision:
    metrics = {"rougeL_f1": metric(low, high, 98), "rouge2_f1": guard or metric(low, high, name="rouge2_f1")}
    return decide(metrics, Limits(**limits), worst_case=worst_case)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "decision"),
    [
        (0.01, 0.05, "improved", "promote"),
        (-0.05, -0.01, "regressed", "hold"),
        (-0.01, 0.05, "inconclusive", "hold"),
        (0.0, 0.05, "inconclusive", "hold"),
        (-0.05, 0.0, "inconclusive", "hold"),
    ],
)
def test_the_interval_decides(low: float, high: float, verdict: str, decision: str) -> None:
    found = decided(low, high)
    assert (found.verdict, found.decision) == (verdict, decision)
    assert len(found.reasons) == 1


def test_the_first_reason_states_the_difference_with_its_interval() -> None:
    expected = "ROUGE-L F1 rises by 0.030 (95 % interval +0.010 to +0.050), from 0.200 to 0.250 over 98 examples"
    assert decided(0.01, 0.05).reasons == [expected]
    assert "falls by 0.030" in decided(-0.05, -0.01).reasons[0]
    hidden = "differences under about 0.030 stay hidden in 98 examples, and one like this takes 120"
    assert hidden in decided(-0.01, 0.05).reasons[0]


def test_equal_scores_on_every_example_do_not_claim_that_the_smallest_difference_would_show() -> None:
    equal = {**metric(0.0, 0.0), "baseline": 0.0, "candidate": 0.0, "smallest_detectable": 0.0, "examples_needed": None}
    reason = decide({"rougeL_f1": equal}, Limits()).reasons[0]
    assert reason == "ROUGE-L F1 is 0.000 on both sides over 100 examples: no score differs"


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_handful_of_pairs_shows_nothing(n: int) -> None:
    assert verdict_of(metric(None, None, n)) == "inconclusive"
    assert verdict_of(metric(0.1, 0.2, 6)) == "improved"


def test_no_pair_at_all_is_invalid() -> None:
    found = decide({"rougeL_f1": metric(None, None, 0)}, Limits())
    assert (found.verdict, found.decision) == ("invalid", "hold")
    assert "no example has a score on both sides" in found.reasons[0]


def test_a_guard_that_is_not_passed_makes_the_comparison_invalid_for_its_reasons_alone() -> None:
    passed = Guard("blocked", "Blocked", "share", [0.0, 0.0], 0.05)
    failed = Guard("truncated", "Cut off", "share", [0.5, 0.0], 0.05, ["baseline: cut off", "and again"])
    found = decide({"rougeL_f1": metric(0.01, 0.05)}, Limits(), fairness=[passed, failed])
    assert (found.verdict, found.decision) == ("invalid", "hold")
    assert found.reasons == ["baseline: cut off", "and again"]


def test_a_verdict_that_hangs_on_examples_without_a_score_is_inconclusive() -> None:
    worst = {"unscored": 2, "difference": 0.01, "low": -0.02, "high": 0.04, "verdict": "inconclusive"}
    found = decided(0.01, 0.05, worst_case=worst)
    assert (found.verdict, found.decision) == ("inconclusive", "hold")
    assert found.reasons == [
        "2 of 100 examples have no score on a side: with the worst value for all of them ROUGE-L F1 differs by +0.010 "
        "(95 % interval -0.020 to +0.040), which is inconclusive: read their causes in scores.jsonl, and run again",
        "ROUGE-L F1 rises by 0.030 (95 % interval +0.010 to +0.050), from 0.200 to 0.250 over 98 examples",
    ]
    assert decided(0.01, 0.05, worst_case={**worst, "verdict": "improved"}).verdict == "improved"


def test_an_improvement_too_small_is_held() -> None:
    found = decided(0.01, 0.05, minimum_improvement=0.02)
    assert (found.verdict, found.decision) == ("improved", "hold")
    assert found.reasons[1] == "the interval's low end +0.010 is under minimum_improvement +0.020"
    assert decided(0.02, 0.05, minimum_improvement=0.02).decision == "promote"


def test_a_guard_that_may_have_lost_too_much_holds() -> None:
    guard = metric(-0.02, 0.03, name="rouge2_f1")
    held = decided(0.01, 0.05, guard=guard, guard_metrics={"rouge2_f1": -0.01})
    assert (held.verdict, held.decision) == ("improved", "hold")
    assert held.guards == [{"name": "rouge2_f1", "baseline": 0.2, "candidate": 0.25, "limit": -0.01, "passed": False}]
    assert "ROUGE-2 F1 may have lost more than the 0.010" in held.reasons[1]
    assert decided(0.01, 0.05, guard=guard, guard_metrics={"rouge2_f1": -0.02}).decision == "promote"


def test_a_metric_that_is_not_measured_is_named() -> None:
    expected = r"primary_metric: `rougeL`, expected a metric of the task chat: rouge1_f1.* did you mean `rougeL_f1`"
    with pytest.raises(ComparisonError, match=expected):
        Limits(primary_metric="rougeL").check("chat")
    with pytest.raises(ComparisonError, match="guard_metrics: `bleu`"):
        Limits(guard_metrics={"bleu": -0.1}).check("summarization")


def test_precision_alone_never_decides() -> None:
    with pytest.raises(ComparisonError, match="expected `rouge1_f1`: precision alone rewards saying little"):
        Limits(primary_metric="rouge1_precision").check("summarization")


def test_where_less_is_better_a_fall_is_an_improvement() -> None:
    fallen = metric(-0.05, -0.01, name="repetition")
    assert verdict_of(fallen) == "improved"
    assert verdict_of(metric(0.01, 0.05, name="repetition")) == "regressed"
    found = decide({"repetition": fallen}, Limits(primary_metric="repetition"))
    assert found.decision == "promote"
    assert found.reasons[0].startswith("Repeated 4-grams falls by 0.030")


def test_a_guard_where_less_is_better_holds_when_it_may_have_risen() -> None:
    metrics = {"rougeL_f1": metric(0.01, 0.05), "repetition": metric(-0.01, 0.03, name="repetition")}
    guarded = Limits(guard_metrics={"repetition": -0.02})
    assert decide(metrics, guarded).decision == "hold"
    metrics["repetition"] = metric(-0.03, 0.01, name="repetition")
    assert decide(metrics, guarded).decision == "promote"
