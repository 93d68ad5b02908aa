"""What all figures share: colours, style, and the panels they are drawn on.

Drawn with matplotlib (imported inside the functions: it takes a second), without pyplot, so nothing is global.
Baseline is orange and candidate blue, which every common colour blindness tells apart; fill, line style, marker and
label say the same again. As SVG (`gemtune.report.svg`) colours follow the page; as PNG they are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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


@contextmanager
def style() -> Iterator[None]:
    """Draw and write figures in the style of the report."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        yield


def panels(count: int, label: str, height: float = 2.7) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side, two in a row."""
    from matplotlib.figure import Figure

    columns = min(count, 2)
    rows = -(-count // 2)
    figure = Figure(figsize=(4.4 * columns, height * rows), layout="constrained", label=label)
    panels = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in panels[count:]:
        unused.remove()
    return figure, panels[:count]
