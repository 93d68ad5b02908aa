"""One model's figure in one metric, and one metric of two models: the only things that are compared.

Both are made from a `Metric` and score records. There is no way to put figures of two metrics into one pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from gemtune.comparison.resampling import CorpusPair
from gemtune.comparison.statistics import NO_DIFFERENCE, PairedDifference, describe, paired_differences
from gemtune.metrics.corpus import count_rows, has_counts
from gemtune.metrics.definitions import Metric
from gemtune.records import Record


class Measurement(NamedTuple):
    """A model's figure in a metric."""

    metric: Metric
    value: float | None
    n: int
    unscored: int

    @property
    def record(self) -> dict[str, Any]:
        """Return it as JSON: name, statistic, direction, unit, n, unscored, value."""
        metric = {key: value for key, value in self.metric._asdict().items() if key != "title"}
        return {**metric, "n": self.n, "unscored": self.unscored, "value": self.value}


def has_figure(metric: Metric, score: Record) -> bool:
    """Return whether a record of `scores.jsonl` has what a metric needs."""
    if metric.statistic == "mean":
        return metric.name in score["metrics"]
    return score["status"] != "unscored" and has_counts(metric.name, score["counts"])


def measure(metric: Metric, scores: Sequence[Record]) -> Measurement:
    """Return the figure of a metric over the records of `scores.jsonl` that have it."""
    if metric.statistic == "corpus":
        counts = [record["counts"] for record in scores if has_figure(metric, record)]
        if not counts:
            return Measurement(metric, None, 0, len(scores))
        rows, figure = count_rows(metric.name, counts)
        return Measurement(metric, float(figure(rows.sum(axis=0)[None])[0]), len(counts), len(scores) - len(counts))
    values = [record["metrics"][metric.name] for record in scores if has_figure(metric, record)]
    return Measurement(metric, fmean(values) if values else None, len(values), len(scores) - len(values))


def distribution(metric: Metric, scores: Sequence[Record]) -> dict[str, Any]:
    """Return n, mean, sd, min, quartiles and max of a metric over the examples that have it.

    A corpus statistic has one figure only, which is no mean: the others are None.
    """
    if metric.statistic == "mean":
        values = [record["metrics"][metric.name] for record in scores if has_figure(metric, record)]
        return {**describe(values)._asdict(), "value": fmean(values) if values else None}
    found = measure(metric, scores)
    return {**describe([])._asdict(), "n": found.n, "value": found.value}


def chance(scores: Sequence[Record]) -> dict[str, float]:
    """Return the mean of each metric that the answers reach against the references of other examples."""
    answered = (record["counts"] for record in scores if record["status"] != "unscored")
    found = [counts["chance"] for counts in answered if "chance" in counts]
    return {name: fmean(each[name] for each in found) for name in found[0]} if found else {}


class Pair(NamedTuple):
    """One metric of two models, over the examples that both sides have scores of."""

    metric: Metric
    baseline: Sequence[Record]
    candidate: Sequence[Record]

    def values(self, side: Sequence[Record]) -> list[float | None]:
        """Return the metric of each example of a side; None where it has none."""
        return [record["metrics"].get(self.metric.name) for record in side]

    @property
    def figures(self) -> tuple[float | None, float | None]:
        """Return the figure of both sides over the same examples."""
        both = zip(self.baseline, self.candidate, strict=True)
        complete = [pair for pair in both if all(has_figure(self.metric, score) for score in pair)]
        baseline, candidate = ([pair[side] for pair in complete] for side in (0, 1))
        return measure(self.metric, baseline).value, measure(self.metric, candidate).value

    @property
    def is_complete(self) -> bool:
        """Return whether every example has what the metric needs on both sides."""
        return all(has_figure(self.metric, score) for score in (*self.baseline, *self.candidate))

    @property
    def counts(self) -> CorpusPair:
        """Return the counts of a corpus statistic."""
        sides = [[record["counts"] for record in side] for side in (self.baseline, self.candidate)]
        (before, figure), (after, _) = (count_rows(self.metric.name, side) for side in sides)
        return CorpusPair(before, after, figure)


def paired(
    metrics: Mapping[str, Metric], baseline: Mapping[str, Record], candidate: Mapping[str, Record]
) -> dict[str, Pair]:
    """Return each metric of two models; examples that are unscored on either side are left out of all of them.

    Args:
        metrics: The task's metrics.
        baseline: Example id → record of `scores.jsonl`.
        candidate: The same of the candidate.
    """
    ids = [id for id in baseline if "unscored" not in (baseline[id]["status"], candidate[id]["status"])]
    sides = [[side[id] for id in ids] for side in (baseline, candidate)]
    return {name: Pair(metric, *sides) for name, metric in metrics.items()}


def differences(pairs: Mapping[str, Pair], primary: str) -> dict[str, PairedDifference]:
    """Return candidate minus baseline of every pair, with interval and p-value.

    A corpus statistic that some example has no counts for has no difference.
    """
    means = {name: pair for name, pair in pairs.items() if pair.metric.statistic == "mean"}
    corpus = {name: pair.counts for name, pair in pairs.items() if name not in means and pair.is_complete}
    found = paired_differences(
        {name: pair.values(pair.baseline) for name, pair in means.items()},
        {name: pair.values(pair.candidate) for name, pair in means.items()},
        primary=primary,
        corpus=corpus,
    )
    return {**dict.fromkeys(pairs, NO_DIFFERENCE), **found}


def entry(pair: Pair, found: PairedDifference, examples: int) -> dict[str, Any]:
    """Return one metric's entry of `comparison.json`.

    Wins are examples that the candidate does better: of repetition, those with less.

    Args:
        pair: The metric of both models.
        found: The statistics of its difference.
        examples: Number of examples, those without a score included.
    """
    metric = pair.metric
    before, after = pair.figures
    counts = (found.wins, found.ties, found.losses)
    if metric.direction != "higher":
        counts = counts[::-1] if metric.direction == "lower" else (None, None, None)
    return {
        "name": metric.name,
        "statistic": metric.statistic,
        "direction": metric.direction,
        "unit": metric.unit,
        "unscored": examples - found.n,
        "baseline": before,
        "candidate": after,
        **found._asdict(),
        **dict(zip(("wins", "ties", "losses"), counts, strict=True)),
    }
