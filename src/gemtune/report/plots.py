"""Figures of the report: where scores lie, how they differ, and which the report shows."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gemtune.metrics.definitions import METRICS, TASKS, ranking_metric
from gemtune.records import Record
from gemtune.report.canvas import BASELINE, CANDIDATE, FAINT, INK, panels, style
from gemtune.report.curves import CURVES, curve_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style()
def score_figure(
    baseline: Sequence[Record],
    candidate: Sequence[Record],
    metrics: Sequence[str],
    *,
    candidate_label: str = "tuned",
) -> Figure:
    """Return how the scores of both sides are distributed, one panel a metric, means marked.

    Args:
        baseline: Records of the baseline's `scores.jsonl`; what is unscored on either side is left out.
        candidate: The same of the candidate.
        metrics: Which metrics to show, all of them means.
        candidate_label: What the legend calls the candidate.
    """
    figure, those = panels(len(metrics), f"Distribution of {', '.join(METRICS[name].title for name in metrics)}")
    for panel, name in zip(those, metrics, strict=True):
        pairs = _pairs(baseline, candidate, name)
        _histogram(panel, [before for before, _ in pairs], [after for _, after in pairs], candidate_label)
        panel.set_title(METRICS[name].title)
    return figure


@style()
def scatter_figure(
    baseline: Sequence[Record], candidate: Sequence[Record], metric: str, candidate_label: str
) -> Figure:
    """Return every example's two scores against each other; the larger a dot, the more examples lie there.

    Scores are gathered on a grid of 50 by 50, so that labels which are 0 or 1 show how many they are, and 100,000
    examples draw no more than 2,500 dots.

    Args:
        baseline: Records of the baseline's `scores.jsonl`; what is unscored on either side is left out.
        candidate: The same of the candidate.
        metric: Which metric to show, a mean.
        candidate_label: What the axis calls the candidate.
    """
    figure, (axes,) = panels(1, f"{METRICS[metric].title} of each example on both sides", height=3.6)
    pairs = _pairs(baseline, candidate, metric)
    most = _top([score for pair in pairs for score in pair])
    dots = Counter((round(x / most * 50), round(y / most * 50)) for x, y in pairs)
    largest = max(dots.values(), default=1)
    axes.plot([0, most], [0, most], color=FAINT, linewidth=1, zorder=0)
    for color, sign, marker in ((CANDIDATE, 1, "o"), (BASELINE, -1, "s"), (INK, 0, "D")):
        there = [(x, y) for x, y in sorted(dots) if (y > x) - (y < x) == sign]
        sizes = [max(8, 14 * dots[dot] * min(1, 22 / largest)) for dot in there]
        xs, ys = ([at * most / 50 for at in axis] for axis in (zip(*there, strict=True) if there else ((), ())))
        axes.scatter(xs, ys, sizes, color=color, alpha=0.55, linewidths=0, marker=marker)
    axes.set_xlim(-0.03 * most, 1.03 * most)
    axes.set_ylim(-0.03 * most, 1.03 * most)
    axes.set_aspect("equal")
    axes.set_xlabel(f"{METRICS[metric].title}, baseline")
    axes.set_ylabel(f"{METRICS[metric].title}, {candidate_label}")
    return figure


@style()
def difference_figure(metrics: Sequence[Mapping[str, Any]], primary: str) -> Figure:
    """Return the difference of metrics with its 95 % interval; the primary metric is first and filled.

    Only metrics of the primary one's unit and direction: others would need an axis of their own.

    Args:
        metrics: `metrics` of `comparison.json`.
        primary: The metric that decides.
    """
    from matplotlib.ticker import MaxNLocator

    axis = (METRICS[primary].unit, METRICS[primary].direction)
    shown = [each for each in metrics if each["low"] is not None and (each["unit"], each["direction"]) == axis]
    figure, (axes,) = panels(1, "Difference of each metric with its interval", height=1.1 + 0.27 * len(shown))
    axes.axvline(0, color=INK, linewidth=1)
    for row, metric in enumerate(shown):
        is_primary = metric["name"] == primary
        color, width = (CANDIDATE, 2.6) if is_primary else (INK, 1.4)
        axes.hlines(row, metric["low"], metric["high"], color=color, linewidth=width)
        face = color if is_primary else "none"
        axes.plot(metric["difference"], row, "o", markersize=7, markerfacecolor=face, markeredgecolor=color)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_yticks(range(len(shown)), [METRICS[metric["name"]].title for metric in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"difference ({METRICS[primary].unit}), with 95 % interval")
    return figure


def report_figures(
    comparison: Mapping[str, Any], baseline: Sequence[Record], candidate: Sequence[Record], curves: Iterable[Record]
) -> dict[str, list[Figure]]:
    """Return the figures of the report by section, one panel each, so that they flow on a narrow screen.

    Args:
        comparison: `comparison.json`.
        baseline: Records of the baseline's `scores.jsonl`.
        candidate: The same of the candidate.
        curves: Records of `curves.jsonl`; without any there is no figure of them.
    """
    points, tuning = list(curves), comparison["tuning"]
    label, ranking = (
        "tuned" if tuning else "candidate",
        ranking_metric(comparison["primary_metric"], comparison["task"]),
    )
    shown = sorted(TASKS[comparison["task"]].shown, key=lambda name: name != ranking)
    return {
        "difference": [difference_figure(comparison["metrics"], comparison["primary_metric"])],
        "scatter": [scatter_figure(baseline, candidate, ranking, label)],
        "score": [score_figure(baseline, candidate, [name], candidate_label=label) for name in shown],
        "curve": [curve_figure(points, tuning.get("checkpoints", []), [each]) for each in CURVES if points],
    }


@style()
def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _pairs(baseline: Sequence[Record], candidate: Sequence[Record], metric: str) -> list[tuple[float, float]]:
    """Return both scores of each example that has them."""
    before, after = (
        {each["id"]: each["metrics"][metric] for each in side if metric in each["metrics"]}
        for side in (baseline, candidate)
    )
    return [(before[id], after[id]) for id in sorted(before.keys() & after.keys())]


def _top(scores: Sequence[float]) -> float:
    """Return the first tenth that holds every score, at least 0.1."""
    return max(1, math.ceil(max(scores, default=1) * 10)) / 10


def _histogram(axes: Axes, baseline: Sequence[float], candidate: Sequence[float], candidate_label: str) -> None:
    """Draw both distributions over one set of bins, the baseline filled and the candidate outlined."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    edges = np.linspace(0, _top([*baseline, *candidate]), 21).tolist()
    axes.hist(baseline, edges, histtype="stepfilled", facecolor=BASELINE, alpha=0.32)
    axes.hist(candidate, edges, histtype="step", edgecolor=CANDIDATE, linewidth=1.8)
    for values, label, dashes, color in (
        (baseline, "baseline", "--", BASELINE),
        (candidate, candidate_label, "-", CANDIDATE),
    ):
        mean = float(np.mean(values)) if values else math.nan
        axes.axvline(mean, color=color, linestyle=dashes, linewidth=1.4, label=f"{label}, mean {mean:.3f}")
    # Above the axes, because means are marked over their whole height.
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), fontsize=9, handlelength=1.4, labelspacing=0.2)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("score of one example")
    axes.set_ylabel("examples")
