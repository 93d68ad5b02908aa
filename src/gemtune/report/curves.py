"""The figure of how tuning went: loss and accuracy by step, with the checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gemtune.records import Record
from gemtune.report.canvas import CANDIDATE, INK, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = {
    "loss": ("total_loss", "Loss", "mean loss per token"),
    "accuracy": ("fraction_of_correct_next_step_preds", "Accuracy", "share of tokens right"),
}
"""Quantity → the service's metric name after `train_` or `eval_`, title, axis label.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune_gemini/tune-gemini-overview
"""


@style()
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
    figure, axes = panels(len(quantities), f"{' and '.join(CURVES[each][1] for each in quantities)} while tuning")
    steps = sorted(int(checkpoint["step"]) for checkpoint in checkpoints if checkpoint.get("step"))
    for panel, quantity in zip(axes, quantities, strict=True):
        suffix, title, label = CURVES[quantity]
        _curve(panel, points, suffix, steps)
        panel.set_title(title)
        panel.set_ylabel(label)
    return figure


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
