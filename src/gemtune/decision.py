"""From statistics to a verdict (is the candidate better?), and from the verdict to a decision (does it take over?).

The verdict reads the interval of the one primary metric that was declared beforehand. It is `invalid` when the two
sides were not treated alike: a baseline cut off by its token limit loses to anything. The decision is `promote` only
for an improvement that is large enough and costs no guard metric more than it is allowed to lose; else `hold`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gemtune.errors import ComparisonError, did_you_mean
from gemtune.metrics import BLOCKED, FAILED, METRICS, REJECTED, TRUNCATED

MINIMUM_PAIRS = 6
"""Fewer pairs show nothing: even if all of them agree, one time in 16 they do so by chance (2 / 2^5 > 5 %)."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the spec demands of a comparison before it decides anything."""

    primary_metric: str = "rougeL_f1"
    minimum_improvement: float = 0.0
    """Smallest gain worth promoting, in the primary metric's unit; the interval's low end must reach it."""
    guard_metrics: Mapping[str, float] = field(default_factory=dict)
    """Metric → loss it is allowed: the low end of its difference must not be under minus that."""
    max_truncated_share: float = 0.05
    max_blocked_share: float = 0.05
    max_unscored_share: float = 0.02

    def check(self) -> None:
        """Refuse metrics that are not measured.

        Raises:
            ComparisonError: The primary metric or a guard metric is unknown.
        """
        for key, names in {"primary_metric": [self.primary_metric], "guard_metrics": list(self.guard_metrics)}.items():
            for name in names:
                if name not in METRICS:
                    raise ComparisonError(
                        f"{key}: `{name}` is not measured, expected one of {', '.join(METRICS)}"
                        + did_you_mean(name, METRICS)
                    )


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
    outcomes: Mapping[str, Mapping[str, int]],
    signatures: Sequence[str],
    limits: Limits,
) -> Decision:
    """Return verdict and decision.

    Args:
        metrics: Metric name → its entry of `comparison.json`.
        outcomes: Side (`baseline`, `candidate`) → outcome → number of examples.
        signatures: How each side was scored.
        limits: What the spec demands.
    """
    primary = metrics[limits.primary_metric]
    guards = check_guards(metrics, limits)
    if unfair := unfair_reasons(outcomes, signatures, limits):
        return Decision(verdict="invalid", decision="hold", reasons=unfair, guards=guards)
    if not primary["n"]:
        reason = "no example has a score on both sides: read the causes in scores.jsonl"
        return Decision(verdict="invalid", decision="hold", reasons=[reason], guards=guards)
    verdict = verdict_of(primary)
    against = objections(verdict, primary, guards, limits)
    return Decision(
        verdict=verdict,
        decision="hold" if against or verdict != "improved" else "promote",
        reasons=[describe_difference(verdict, primary), *against],
        guards=guards,
    )


def verdict_of(metric: Mapping[str, Any]) -> str:
    """Return what the interval of a difference says, for a metric of which more is better.

    >>> verdict_of({"n": 50, "low": 0.01, "high": 0.05})
    'improved'
    """
    if metric["n"] < MINIMUM_PAIRS or metric["low"] <= 0 <= metric["high"]:
        return "inconclusive"
    return "improved" if metric["low"] > 0 else "regressed"


def unfair_reasons(outcomes: Mapping[str, Mapping[str, int]], signatures: Sequence[str], limits: Limits) -> list[str]:
    """Return why the two sides cannot be compared, each with what to change; empty if they can."""
    rules = [
        (
            "were cut off by the token limit",
            [TRUNCATED],
            "max_truncated_share",
            "raise max_output_tokens, or lower thinking",
        ),
        ("were blocked", [BLOCKED], "max_blocked_share", "look at their prompts, or change safety_threshold"),
        (
            "never came",
            [REJECTED, FAILED],
            "max_unscored_share",
            "read their errors in predictions.jsonl and run again",
        ),
    ]
    found = []
    for side, counts in outcomes.items():
        total = sum(counts.values())
        for what, kinds, key, remedy in rules:
            count, limit = sum(counts.get(kind, 0) for kind in kinds), getattr(limits, key)
            if count > limit * total:
                share = f"{count} of {total} answers ({count / total:.1%})"
                found.append(f"{side}: {share} {what}, expected at most {limit:.1%} ({key}): {remedy}")
    if len(set(signatures)) > 1:
        found.append(f"scored in different ways, {' and '.join(signatures)}: score both sides with one rouge_profile")
    return found


def check_guards(metrics: Mapping[str, Mapping[str, Any]], limits: Limits) -> list[dict[str, Any]]:
    """Return each guard metric with its result; a guard without an interval does not pass."""
    return [
        {
            "name": name,
            "baseline": metrics[name]["baseline"],
            "candidate": metrics[name]["candidate"],
            "limit": -allowance,
            "passed": metrics[name]["low"] is not None and metrics[name]["low"] >= -allowance,
        }
        for name, allowance in limits.guard_metrics.items()
    ]


def objections(
    verdict: str, primary: Mapping[str, Any], guards: Sequence[Mapping[str, Any]], limits: Limits
) -> list[str]:
    """Return why an improvement is not promoted; empty for any other verdict."""
    if verdict != "improved":
        return []
    found = []
    if primary["low"] < limits.minimum_improvement:
        wanted = f"minimum_improvement {limits.minimum_improvement:+.3f}"
        found.append(f"the interval's low end {primary['low']:+.3f} is under {wanted}")
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
        detectable = f"differences under about {metric['smallest_detectable']:.3f} stay hidden in {n} examples"
        return f"{title} differs by {metric['difference']:+.3f} ({interval}), {means}; {detectable}"
    verb = "rises" if verdict == "improved" else "falls"
    return f"{title} {verb} by {abs(metric['difference']):.3f} ({interval}), {means}"
