"""gemtune.comparison.decision: verdicts from intervals, decisions with reasons."""

from typing import Any

import pytest

from gemtune.comparison.decision import Decision, Limits, decide, verdict_of
from gemtune.errors import ComparisonError

ANSWERED = {"baseline": {"answered": 100}, "candidate": {"answered": 100}}


def metric(low: float | None, high: float | None, n: int = 100, name: str = "rougeL_f1") -> dict[str, Any]:
    difference = None if low is None or high is None else (low + high) / 2
    values = {"baseline": 0.2, "candidate": 0.25, "difference": difference, "smallest_detectable": 0.03}
    return {"name": name, "n": n, "low": low, "high": high, **values}


def decided(low: float, high: float, *, outcomes: Any = ANSWERED, guard: Any = None, **limits: Any) -> Decision:
    metrics = {"rougeL_f1": metric(low, high), "rouge2_f1": guard or metric(low, high, name="rouge2_f1")}
    return decide(metrics, outcomes, ["a", "a"], Limits(**limits))


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
    expected = "ROUGE-L F1 rises by 0.030 (95 % interval +0.010 to +0.050), from 0.200 to 0.250 over 100 examples"
    assert decided(0.01, 0.05).reasons == [expected]
    assert "falls by 0.030" in decided(-0.05, -0.01).reasons[0]
    assert "differences under about 0.030 stay hidden in 100 examples" in decided(-0.01, 0.05).reasons[0]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_handful_of_pairs_shows_nothing(n: int) -> None:
    assert verdict_of(metric(None, None, n)) == "inconclusive"
    assert verdict_of(metric(0.1, 0.2, 6)) == "improved"


def test_no_pair_at_all_is_invalid() -> None:
    found = decide({"rougeL_f1": metric(None, None, 0)}, ANSWERED, ["a", "a"], Limits())
    assert (found.verdict, found.decision) == ("invalid", "hold")
    assert "no example has a score on both sides" in found.reasons[0]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("truncated", r"baseline: 6 of 100 answers (6.0%) were cut off by the token limit, expected at most 5.0%"),
        ("blocked", "baseline: 6 of 100 answers (6.0%) were blocked, expected at most 5.0%"),
        ("rejected", "baseline: 6 of 100 answers (6.0%) never came, expected at most 2.0%"),
        ("failed", "baseline: 6 of 100 answers (6.0%) never came, expected at most 2.0%"),
    ],
)
def test_an_unfair_side_makes_the_comparison_invalid(outcome: str, reason: str) -> None:
    outcomes = {"baseline": {"answered": 94, outcome: 6}, "candidate": {"answered": 100}}
    found = decided(0.01, 0.05, outcomes=outcomes)
    assert (found.verdict, found.decision) == ("invalid", "hold")
    assert found.reasons[0].startswith(reason)
    assert found.reasons[0].count(": ") == 2  # where, what, and what to change


def test_a_share_at_its_limit_is_fair() -> None:
    outcomes = {"baseline": {"answered": 95, "truncated": 5}, "candidate": {"answered": 98, "failed": 2}}
    assert decided(0.01, 0.05, outcomes=outcomes).verdict == "improved"


def test_different_signatures_cannot_be_compared() -> None:
    found = decide({"rougeL_f1": metric(0.01, 0.05)}, ANSWERED, ["tok:a", "tok:b"], Limits())
    assert found.verdict == "invalid"
    assert "tok:a and tok:b" in found.reasons[0]


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
    found = decide({"repetition": fallen}, ANSWERED, ["a", "a"], Limits(primary_metric="repetition"))
    assert found.decision == "promote"
    assert found.reasons[0].startswith("Repeated 4-grams falls by 0.030")


def test_a_guard_where_less_is_better_holds_when_it_may_have_risen() -> None:
    metrics = {"rougeL_f1": metric(0.01, 0.05), "repetition": metric(-0.01, 0.03, name="repetition")}
    guarded = Limits(guard_metrics={"repetition": -0.02})
    assert decide(metrics, ANSWERED, ["a", "a"], guarded).decision == "hold"
    metrics["repetition"] = metric(-0.03, 0.01, name="repetition")
    assert decide(metrics, ANSWERED, ["a", "a"], guarded).decision == "promote"
