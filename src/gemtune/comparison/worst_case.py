"""Would the verdict stand if the examples without a score had been as bad for it as they could be?

They are left out of the difference. That is only harmless while they are few: a model that fails on its hard examples
looks better than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemtune.comparison.decision import verdict_of
from gemtune.comparison.resampling import CorpusPair, bootstrap
from gemtune.comparison.sides import MISSING
from gemtune.comparison.statistics import t_interval
from gemtune.generation.outcomes import FAILED, REJECTED
from gemtune.metrics.corpus import count_rows, counts_of_extreme, has_counts
from gemtune.metrics.definitions import Metric
from gemtune.records import Record

LOST = (REJECTED, FAILED, MISSING)
"""Causes that leave open what the model would have scored. Any other is the reference's: no answer scores."""


def worst_case(
    metric: Metric, baseline: Sequence[Record], candidate: Sequence[Record], verdict: str
) -> dict[str, Any] | None:
    """Return the difference with the value worst for the verdict where a score is missing.

    Args:
        metric: The primary metric.
        baseline: Records of `scores.jsonl`, one for each example.
        candidate: The same, in the same order.
        verdict: Of the examples that have scores on both sides.

    Returns:
        unscored, difference, low, high and verdict; None if there is nothing to turn: no example lacks a score, or
        the verdict is neither improved nor regressed.
    """
    pairs = list(zip(baseline, candidate, strict=True))
    unscored = sum("unscored" in (before["status"], after["status"]) for before, after in pairs)
    if not unscored or verdict not in ("improved", "regressed"):
        return None
    # The side that the verdict is against gets the best value, the other the worst.
    extremes = (verdict == "improved", verdict == "regressed")
    found = _mean(metric, pairs, extremes) if metric.statistic == "mean" else _corpus(metric.name, pairs, extremes)
    return {"unscored": unscored, **found, "verdict": verdict_of({"name": metric.name, "n": len(pairs), **found})}


def _mean(metric: Metric, pairs: Sequence[tuple[Record, Record]], extremes: tuple[bool, bool]) -> dict[str, Any]:
    import numpy as np

    values = [[_value(metric, score, is_best) for score, is_best in zip(pair, extremes, strict=True)] for pair in pairs]
    differences = [after - before for before, after in values if before is not None and after is not None]
    interval = t_interval(np.asarray(differences))
    return {"difference": interval.mean, "low": interval.low, "high": interval.high}


def _value(metric: Metric, score: Record, is_best: bool) -> float | None:
    if score["status"] != "unscored":
        value: float | None = score["metrics"].get(metric.name)
        return value
    is_high = (is_best and score["cause"] in LOST) == (metric.direction == "higher")
    return {"share": 1.0, "points": 100.0}[metric.unit] if is_high else 0.0


def _corpus(name: str, pairs: Sequence[tuple[Record, Record]], extremes: tuple[bool, bool]) -> dict[str, Any]:
    """Do it for counts. Where no side has any, nothing was counted of the reference, and nothing can be added."""
    sides: list[list[dict[str, Any]]] = [[], []]
    for pair in pairs:
        known = next((score["counts"] for score in pair if has_counts(name, score["counts"])), None)
        for counts, score, is_best in zip(sides, pair, extremes, strict=True):
            if known:
                is_scored = score["status"] != "unscored"
                counts.append(score["counts"] if is_scored else counts_of_extreme(name, known, is_best=is_best))
    (before, figure), (after, _) = (count_rows(name, counts) for counts in sides)
    pair_of_counts = CorpusPair(before, after, figure)
    (interval,) = bootstrap([pair_of_counts])
    return {"difference": pair_of_counts.difference, "low": interval.low, "high": interval.high}
