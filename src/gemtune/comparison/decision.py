"""From statistics to a verdict (is the candidate better?), and from the verdict to a decision (does it take over?).

The verdict reads the interval of the one primary metric that was declared beforehand. It is `invalid` when the two
sides were not treated alike, and `inconclusive` when it hangs on the examples that have no score. The decision is
`promote` only for an improvement that is large enough and costs no guard metric more than it is allowed to lose; else
`hold`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gemtune.comparison.guard import Guard
from gemtune.comparison.sample_size import MINIMUM_PAIRS
from gemtune.errors import ComparisonError
from gemtune.metrics.definitions import METRICS, guard_problem, primary_problem


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the spec demands of a comparison before it decides anything."""

    primary_metric: str = "rougeL_f1"
    minimum_improvement: float = 0.0
    """Smallest gain worth promoting, in the primary metric's unit; the interval's low end must reach it."""
    guard_metrics: Mapping[str, float] = field(default_factory=dict)
    """Metric → lowest low end of its gain to accept, such as -0.01."""
    max_truncated_share: float = 0.05
    max_blocked_share: float = 0.05
    """Also of empty answers."""
    max_unscored_share: float = 0.02
    max_contaminated_share: float = 0.05
    """Of test examples that are nearly equal to a training example; no key of the spec."""

    def check(self, task: str) -> None:
        """Refuse metrics that cannot decide or guard.

        Raises:
            ComparisonError: The task does not measure a metric, or it says nothing about which model is better.
        """
        problems = {"primary_metric": {self.primary_metric: primary_problem(self.primary_metric, task)}}
        problems["guard_metrics"] = {name: guard_problem(name, task) for name in self.guard_metrics}
        for key, found in problems.items():
            for name, expected in found.items():
                if expected:
                    raise ComparisonError(f"{key}: `{name}`, expected {expected}")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a comparison comes to. The first reason is the verdict's; there always is one."""

    verdict: str
    """improved, regressed, inconclusive, or invalid."""
    decision: str
    """promote or hold."""
    reasons: list[str]
    guards: list[dict[str, Any]]


def decide(
    metrics: Mapping[str, Mapping[str, Any]],
    limits: Limits,
    *,
    fairness: Sequence[Guard] = (),
    worst_case: Mapping[str, Any] | None = None,
) -> Decision:
    """Return verdict and decision.

    Args:
        metrics: Metric name → its entry of `comparison.json`.
        limits: What the spec demands.
        fairness: Whether both sides were treated alike.
        worst_case: The primary metric with the worst value for every example without a score; None without such.
    """
    primary = metrics[limits.primary_metric]
    guards = check_guards(metrics, limits)
    unfair = [problem for guard in fairness for problem in guard.problems]
    if not unfair and not primary["n"]:
        unfair = ["no example has a score on both sides: read the causes in scores.jsonl"]
    if unfair:
        return Decision(verdict="invalid", decision="hold", reasons=unfair, guards=guards)
    verdict = verdict_of(primary)
    reason = describe_difference(verdict, primary)
    if worst_case and worst_case["verdict"] != verdict:
        reasons = [describe_worst_case(worst_case, primary), reason]
        return Decision(verdict="inconclusive", decision="hold", reasons=reasons, guards=guards)
    against = objections(verdict, primary, guards, limits)
    return Decision(
        verdict=verdict,
        decision="hold" if against or verdict != "improved" else "promote",
        reasons=[reason, *against],
        guards=guards,
    )


def verdict_of(metric: Mapping[str, Any]) -> str:
    """Return what the interval of a difference says.

    >>> verdict_of({"name": "rougeL_f1", "n": 50, "low": 0.01, "high": 0.05})
    'improved'
    """
    low, high = gain_of(metric)
    if metric["n"] < MINIMUM_PAIRS or low is None or high is None or low <= 0 <= high:
        return "inconclusive"
    return "improved" if low > 0 else "regressed"


def gain_of(metric: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the interval of a difference, turned so that more is better.

    >>> gain_of({"name": "repetition", "low": 0.01, "high": 0.05})
    (-0.05, -0.01)
    """
    low, high = metric["low"], metric["high"]
    if low is None or METRICS[metric["name"]].direction != "lower":
        return low, high
    return -high, -low


def check_guards(metrics: Mapping[str, Mapping[str, Any]], limits: Limits) -> list[dict[str, Any]]:
    """Return each guard metric with its result; a guard without an interval does not pass."""
    guards = []
    for name, limit in limits.guard_metrics.items():
        sides = {side: metrics[name][side] for side in ("baseline", "candidate")}
        low, _ = gain_of(metrics[name])
        guards.append({"name": name, **sides, "limit": limit, "passed": low is not None and low >= limit})
    return guards


def objections(
    verdict: str, primary: Mapping[str, Any], guards: Sequence[Mapping[str, Any]], limits: Limits
) -> list[str]:
    """Return why an improvement is not promoted; empty for any other verdict."""
    if verdict != "improved":
        return []
    found = []
    low, _ = gain_of(primary)
    if low is not None and low < limits.minimum_improvement:
        wanted = f"minimum_improvement {limits.minimum_improvement:+.3f}"
        found.append(f"the interval's low end {low:+.3f} is under {wanted}")
    for guard in guards:
        if not guard["passed"]:
            title = METRICS[guard["name"]].title
            found.append(f"{title} may have lost more than the {-guard['limit']:.3f} that guard_metrics allows it")
    return found


def describe_difference(verdict: str, metric: Mapping[str, Any]) -> str:
    """Return the verdict's reason: the difference with its interval, in one clause."""
    title, n = METRICS[metric["name"]].title, metric["n"]
    if n < MINIMUM_PAIRS:
        return f"{n} examples with a score on both sides cannot show a difference, expected at least {MINIMUM_PAIRS}"
    interval = f"95 % interval {metric['low']:+.3f} to {metric['high']:+.3f}"
    means = f"from {metric['baseline']:.3f} to {metric['candidate']:.3f} over {n} examples"
    if verdict == "inconclusive":
        if not metric["smallest_detectable"]:  # without spread there is no estimate of what would show
            return f"{title} is {metric['baseline']:.3f} on both sides over {n} examples: no score differs"
        detectable = f"differences under about {metric['smallest_detectable']:.3f} stay hidden in {n} examples"
        needed = f", and one like this takes {metric['examples_needed']:,}" if metric["examples_needed"] else ""
        return f"{title} differs by {metric['difference']:+.3f} ({interval}), {means}; {detectable}{needed}"
    verb = "rises" if metric["difference"] > 0 else "falls"
    return f"{title} {verb} by {abs(metric['difference']):.3f} ({interval}), {means}"


def describe_worst_case(worst_case: Mapping[str, Any], primary: Mapping[str, Any]) -> str:
    """Return why the examples without a score leave the verdict open, and what to do."""
    title, count = METRICS[primary["name"]].title, worst_case["unscored"]
    scored = f"{count} of {primary['n'] + primary['unscored']} examples have no score on a side"
    interval = f"95 % interval {worst_case['low']:+.3f} to {worst_case['high']:+.3f}"
    found = f"with the worst value for all of them {title} differs by {worst_case['difference']:+.3f} ({interval})"
    return f"{scored}: {found}, which is {worst_case['verdict']}: read their causes in scores.jsonl, and run again"
