"""Figures of the report: where scores lie, how they differ, how tuning went.

Drawn with matplotlib (imported inside the functions: it takes a second), without pyplot, so nothing is global.
Baseline is orange and candidate blue, which every common colour blindness tells apart; fill, line style and label say
the same again. As SVG (`gemtune.report.svg`) colours follow the page; as PNG they are fixed.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gemtune.metrics.definitions import METRICS, TASKS, ranking_metric
from gemtune.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, BASELINE, CANDIDATE = "#3d4148", "#c9c5bb", "#b8651b", "#1f6fb5"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "gemtune",
}

CURVES = {
    "loss": ("total_loss", "Loss", "mean loss per token"),
    "accuracy": ("fraction_of_correct_next_step_preds", "Accuracy", "share of tokens right"),
}
"""Quantity → the service's metric name after `train_` or `eval_`, title, axis label.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune_gemini/tune-gemini-overview
"""


@contextmanager
def _style() -> Iterator[None]:
    from matplotlib import rc_context

    with rc_context(STYLE):
        yield


@_style()
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
    figure, panels = _panels(len(metrics), f"Distribution of {', '.join(METRICS[name].title for name in metrics)}")
    for panel, name in zip(panels, metrics, strict=True):
        pairs = _pairs(baseline, candidate, name)
        _histogram(panel, [before for before, _ in pairs], [after for _, after in pairs], candidate_label)
        panel.set_title(METRICS[name].title)
    return figure


@_style()
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
    figure, (axes,) = _panels(1, f"{METRICS[metric].title} of each example on both sides", height=3.6)
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


@_style()
def difference_figure(metrics: Sequence[Mapping[str, Any]], primary: str) -> Figure:
    """Return the difference of metrics with its 95 % interval; the primary metric is first and filled.

    Only metrics of the primary one's unit and direction: others would need an axis of their own.

    Args:
        metrics: `metrics` of `comparison.json`.
        primary: The metric that decides.
    """
    axis = (METRICS[primary].unit, METRICS[primary].direction)
    shown = [each for each in metrics if each["low"] is not None and (each["unit"], each["direction"]) == axis]
    figure, (axes,) = _panels(1, "Difference of each metric with its interval", height=1.1 + 0.27 * len(shown))
    axes.axvline(0, color=INK, linewidth=1)
    for row, metric in enumerate(shown):
        is_primary = metric["name"] == primary
        color, width = (CANDIDATE, 2.6) if is_primary else (INK, 1.4)
        axes.hlines(row, metric["low"], metric["high"], color=color, linewidth=width)
        face = color if is_primary else "none"
        axes.plot(metric["difference"], row, "o", markersize=7, markerfacecolor=face, markeredgecolor=color)
    axes.set_yticks(range(len(shown)), [METRICS[metric["name"]].title for metric in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"difference ({METRICS[primary].unit}), with 95 % interval")
    return figure


@_style()
def curve_figure(
    curves: Iterable[Record], checkpoints: Sequence[Mapping[str, Any]] = (), quantities: Sequence[str] = tuple(CURVES)
) -> Figure:
    """Return how loss and token accuracy went while tuning, with the checkpoints marked.

    Args:
        curves: Records of `curves.jsonl`.
        checkpoints: Each with its `step`, as the tuning job lists them.
        quantities: Keys of CURVES, one panel each.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for record in curves:
        points.setdefault(record["metric"].lstrip("/"), []).append((int(record["step"]), float(record["value"])))
    figure, panels = _panels(len(quantities), f"{' and '.join(CURVES[each][1] for each in quantities)} while tuning")
    steps = sorted(int(checkpoint["step"]) for checkpoint in checkpoints if checkpoint.get("step"))
    for panel, quantity in zip(panels, quantities, strict=True):
        suffix, title, label = CURVES[quantity]
        _curve(panel, points, suffix, steps)
        panel.set_title(title)
        panel.set_ylabel(label)
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


@_style()
def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _panels(count: int, label: str, height: float = 2.7) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side, two in a row."""
    from matplotlib.figure import Figure

    columns = min(count, 2)
    rows = -(-count // 2)
    figure = Figure(figsize=(4.4 * columns, height * rows), layout="constrained", label=label)
    panels = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in panels[count:]:
        unused.remove()
    return figure, panels[:count]


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


def _curve(axes: Axes, points: Mapping[str, Sequence[tuple[int, float]]], suffix: str, steps: Sequence[int]) -> None:
    """Draw one quantity over the steps, for training and validation data."""
    looks: dict[str, tuple[str, dict[str, Any]]] = {
        f"train_{suffix}": ("training", {"color": INK, "linewidth": 1, "alpha": 0.6}),
        f"eval_{suffix}": ("validation", {"color": CANDIDATE, "linewidth": 1.8, "marker": "o", "markersize": 4}),
    }
    for name, (label, look) in looks.items():
        if values := sorted(points.get(name, [])):
            axes.plot([step for step, _ in values], [value for _, value in values], label=label, **look)
    for number, step in enumerate(steps):
        axes.axvline(step, color=INK, linestyle=":", linewidth=1, zorder=0, label="checkpoint" if number == 0 else None)
    if axes.get_legend_handles_labels()[1]:
        # Above the axes: checkpoints are marked over their whole height.
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=3, fontsize=9, columnspacing=0.8, handlelength=1.2
        )
    axes.set_xlabel("step")
