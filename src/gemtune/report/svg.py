"""Figures as SVG elements of a page: colours follow the page's theme, text stays text, and no style is inline.

The report's Content-Security-Policy allows no style attributes, so what matplotlib writes into them becomes attributes
of their own (https://www.w3.org/TR/SVG2/styling.html#PresentationAttributes).
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from gemtune.report.canvas import BASELINE, CANDIDATE, FAINT, INK, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {INK: "currentColor", FAINT: "var(--faint)", BASELINE: "var(--baseline)", CANDIDATE: "var(--candidate)"}
_FONT = re.compile(r"(?:(\w+) )?([\d.]+)px .*")


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element; equal figures give equal text.

    The page sets the font and the CSS variables --faint, --baseline and --candidate. Ids carry the figure's label, so
    that several figures can stand on one page.
    """
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    label = str(figure.get_label())
    svg = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    prefix = re.sub(r"\W+", "-", label.lower())
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r' style="([^"]*)"', lambda match: _attributes(match[1]), svg)
    # `stroke-linejoin` was in the style element, which would reach the whole page.
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" stroke-linejoin="round" ', 1)
    for color, css in _COLORS.items():
        svg = svg.replace(color, css)
    return svg


def _attributes(style: str) -> str:
    """Return the declarations of a style attribute as attributes.

    >>> _attributes("fill: none; font: 700 10px 'DejaVu Sans'")
    ' fill="none" font-weight="700" font-size="10"'
    """
    found: dict[str, str] = {}
    for declaration in filter(None, map(str.strip, style.split(";"))):
        name, _, value = declaration.partition(": ")
        if name == "font" and (font := _FONT.fullmatch(value)):
            found |= {"font-weight": font[1]} if font[1] else {}
            found["font-size"] = font[2]
        else:
            found[name] = value
    return "".join(f' {name}="{value}"' for name, value in found.items())
