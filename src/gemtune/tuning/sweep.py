"""Several runs side by side: one table, and a winner only if the validation split can tell it from all the others.

The test split reports on every run and chooses none of them: the best of several by the test split would be better
there by luck alone. So the choice is made by the scores that the chosen checkpoints have on the validation split,
which runs with `checkpoint_selection: validation` have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gemtune.comparison.resampling import CONFIDENCE
from gemtune.comparison.statistics import paired_differences

Compared = Mapping[str, Mapping[str, Any]]
"""Run by its label → its `comparison.json`."""


def sweep_row(label: str, comparison: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a run; figures are those of the primary metric on the test split, with their interval."""
    metric = next(each for each in comparison["metrics"] if each["name"] == comparison["primary_metric"])
    selection, total = comparison["selection"], comparison["cost"]["actual"]["total"]
    tried = {str(point["checkpoint_id"]): point["mean"] for point in selection.get("checkpoints", [])}
    chosen = tried.get(str(selection.get("checkpoint_id")))
    interval = "-" if metric["low"] is None else f"{metric['low']:+.4f} to {metric['high']:+.4f}"
    return {
        "run": label,
        "validation": "-" if chosen is None else f"{chosen:.4f}",
        "baseline": _figure(metric["baseline"], "{:.4f}"),
        "tuned": _figure(metric["candidate"], "{:.4f}"),
        "difference": _figure(metric["difference"], "{:+.4f}"),
        "95 % interval": interval,
        "verdict": str(comparison["verdict"]),
        "decision": str(comparison["decision"]),
        "cost": "unknown" if total is None else f"${total:,.2f}",
    }


def total_cost(compared: Compared) -> tuple[float, bool]:
    """Return what all runs cost in USD as far as prices are known, and whether all are."""
    actual = [comparison["cost"]["actual"] for comparison in compared.values()]
    return sum(float(each["known"]) for each in actual), all(each["total"] is not None for each in actual)


def find_winner(compared: Compared) -> tuple[str, str]:
    """Return the run that the validation split tells from all others, or an empty text, and why.

    The run with the highest mean wins if its paired difference to every other run is significant at 5 %, corrected
    for all pairs that could have been compared (Bonferroni): the best of several is best by luck, too.
    """
    if len(compared) < 2:
        return "", "there is nothing to choose from"
    if reason := _not_comparable(compared):
        return "", reason
    scores = {label: comparison["selection"]["scores"] for label, comparison in compared.items()}
    ids = [id for id in next(iter(scores.values())) if all(id in each for each in scores.values())]
    if not ids:
        return "", "no validation example has a score in every run"
    columns = {label: [each[id] for id in ids] for label, each in scores.items()}
    best = max(columns, key=lambda label: sum(columns[label]))
    pairs = len(columns) * (len(columns) - 1) // 2
    rivals = [label for label in columns if label != best and not _is_beaten(columns[label], columns[best], pairs)]
    if rivals:
        noise = f"on {len(ids)} validation examples its lead over {', '.join(rivals)} is inside the noise"
        return "", f"{best} is ahead, but {noise}"
    return best, f"ahead of all others on {len(ids)} validation examples, beyond the noise"


def _not_comparable(compared: Compared) -> str:
    selections = [comparison["selection"] for comparison in compared.values()]
    if not all(selection.get("scores") for selection in selections):
        return "the test split chooses nothing, and only runs with checkpoint_selection: validation have other scores"
    if len({comparison["digests"].get("validation") for comparison in compared.values()}) > 1:
        return "the runs have different validation data"
    if len({(selection["metric"], selection["signature"]) for selection in selections}) > 1:
        return "the runs are scored in different ways"
    return ""


def _is_beaten(other: Sequence[float], best: Sequence[float], pairs: int) -> bool:
    found = paired_differences({"m": other}, {"m": best}, primary="m")["m"]
    return found.p is not None and (found.difference or 0) > 0 and found.p * pairs < 1 - CONFIDENCE


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
