"""The report: one HTML page that shows a comparison, opens without a network and prints.

Prompts and answers are hostile text. Everything is escaped, and the Content-Security-Policy lets nothing run or style
but the page's own script and style, by their digests; there is nothing that the page may request. Without scripts, as
in a viewer that forbids them, everything but the larger part of the examples is there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemtune.metrics.definitions import METRICS, ranking_metric
from gemtune.report.examples import MOST_CHARACTERS, embed, largest, select_rows, visible
from gemtune.vertex import console_url, object_url

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MINUS, NONE = "\u2212", "\u2013"
_RESOURCE = re.compile(r"projects/[\w.:-]+/locations/[\w-]+/[A-Za-z]+/[\w.@-]+")
_COMPUTED_WITH = ("numpy", "scipy", "matplotlib")


def render(
    comparison: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Sequence[Figure]],
    files: Mapping[str, str] | None = None,
) -> str:
    """Return the report as one HTML page.

    Args:
        comparison: `comparison.json`.
        rows: All examples, from `gemtune.report.examples.example_rows`.
        figures: From `gemtune.report.plots.report_figures`.
        files: What a file of the run holds → its gs:// URI; there a reader finds what the page has no room for.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from gemtune.report.svg import to_svg

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=partial(visible, most=MOST_CHARACTERS + 100),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (as_json, signed, decimal, p_value, percent, money, title, plain, guarded, typeset)
    environment.filters.update({each.__name__: each for each in filters})
    project = str(comparison["spec"].get("project", ""))
    environment.filters.update({"console": partial(console_page, project=project), "object_page": object_page})
    own = {name: Path(__file__).with_suffix(f".{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    label = "Tuned" if comparison["tuning"] else "Candidate"
    chosen = select_rows(rows, label.lower())
    return environment.from_string(own["html"]).render(
        c=comparison,
        primary=comparison["metrics"][0],
        label=label,
        rows=chosen,
        data=Markup(embed(chosen)),
        groups=largest(chosen),
        languages=counted(row["language"] for row in chosen if row["language"]),
        outcomes=counted(outcome for row in chosen for outcome in outcomes_of(row)),
        ranking=ranking_metric(comparison["primary_metric"], comparison["task"]),
        total=len(rows),
        figures={name: [Markup(to_svg(figure)) for figure in those] for name, those in figures.items()},
        files=files or {},
        computed_with=computed_with(),
        style=Markup(own["css"]),
        script=Markup(own["js"]),
        policy=content_security_policy(own["css"], own["js"]),
    )


def content_security_policy(style: str, script: str) -> str:
    """Return a policy that allows one script and one style, by the digest of their text, and no request at all."""
    sources = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    allowed = "script-src 'sha256-{}'; style-src 'sha256-{}'".format(*sources)
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def outcomes_of(row: Mapping[str, Any]) -> set[str]:
    """Return the outcomes of a row's two answers."""
    return {row["baseline_outcome"], row["candidate_outcome"]}


def counted(values: Any) -> list[tuple[str, int]]:
    """Return values with how often each is there, sorted by name."""
    return sorted(Counter(values).items())


def computed_with() -> str:
    """Return the versions of what computed the figures."""
    from importlib.metadata import version

    libraries = [f"{name} {version(name)}" for name in _COMPUTED_WITH]
    return ", ".join([f"Python {sys.version.split()[0]}", *libraries])


def console_page(resource: str, project: str) -> str:
    """Return the console's page of a resource; empty if it has none, or its name is not one."""
    return console_url(resource, project) if _RESOURCE.fullmatch(resource) else ""


def object_page(uri: str) -> str:
    """Return where a browser opens an object of the run; empty if there is no such place, as on the emulator."""
    address = object_url(uri) if uri.startswith("gs://") else ""
    return address if address.startswith("https://") else ""


def object_of(path: str) -> str:
    """Return the gs:// URI of an artifact from where a step finds it.

    A stand-in gives a step local URIs, so the path is what to go by; its buckets lie below a folder `gcs`, too.
    Source: kfp/dsl/types/artifact_types.py, where the path of gs://BUCKET/x is /gcs/BUCKET/x.

    >>> object_of("/gcs/bucket/root/1/job/score_2/scores")
    'gs://bucket/root/1/job/score_2/scores'
    """
    name = path.partition("/gcs/")[2]
    return f"gs://{name}" if name else path


def as_json(value: Any) -> str:
    """Return a parameter's value as a spec may hold it; text as it is, and a dash where it is empty.

    >>> as_json(4.0), as_json("text"), as_json([])
    ('4', 'text', '[]')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a pipeline job holds every number as a float
    return (value or NONE) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def typeset(sentence: str) -> str:
    """Return a sentence whose negative numbers have a minus sign.

    >>> typeset("from -0.92 to 1-2").split()[1] == MINUS + "0.92"
    True
    """
    return re.sub(r"(?<!\S)(\(?)-(?=\d)", rf"\g<1>{MINUS}", sentence)


def title(name: str) -> str:
    """Return a metric's name as people write it."""
    return METRICS[name].title


def signed(value: float | None) -> str:
    """Return a difference with its sign and three decimals.

    >>> signed(0.0512)
    '+0.051'
    """
    return NONE if value is None else f"{value:+.3f}".replace("-", MINUS)


def decimal(value: float | None) -> str:
    """Return a number with three decimals."""
    return NONE if value is None else f"{value:.3f}".replace("-", MINUS)


def p_value(value: float | None) -> str:
    """Return a p-value; 9,999 flips do not tell smaller ones apart."""
    return NONE if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def plain(value: float | None) -> str:
    """Return a count, or a dash where there is none to give."""
    return NONE if value is None else f"{value:,}"


def percent(count: int, total: int) -> str:
    """Return a share of a total."""
    return NONE if not total else f"{100 * count / total:.1f} %"


def guarded(value: float | str | None, unit: str) -> str:
    r"""Return what a guard of equal treatment found: a share, a text, or that it is not known.

    >>> guarded(0.125, "share"), guarded(None, "share"), guarded("", "text")
    ('12.5\xa0%', 'not known', 'not known')
    """
    if value is None or value == "":
        return "not known"
    return f"{value:.1%}".replace("%", "\u00a0%") if unit == "share" else str(value)


def money(value: float | None) -> str:
    """Return an amount of US dollars; four decimals under one dollar, because answers cost fractions of a cent."""
    return "unknown" if value is None else f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"
