"""The report: one HTML page that shows a comparison, opens without a network and prints.

Prompts and answers are hostile text: someone else wrote them, and they are shown on a page that a colleague opens.
So everything is escaped, the page has no script and forbids every request by its Content-Security-Policy, and
characters that are invisible or reorder what follows them are replaced by ones that can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemtune.metrics.definitions import METRICS, ranking_metric
from gemtune.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gemtune.comparison.sides import Side

MOST_EXAMPLES = 60
MOST_CHARACTERS = 20_000
"""Of one text; the rest is counted. A page of 60 examples stays below 5 MB."""

MINUS, NONE = "\u2212", "\u2013"

# Control characters but newline and tab, lone surrogates, and what changes the direction of the text after it.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def render(
    comparison: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], figures: Mapping[str, Sequence[Figure]]
) -> str:
    """Return the report as one HTML page.

    Args:
        comparison: `comparison.json`.
        rows: All examples, from `example_rows`; those with the largest differences are shown.
        figures: From `gemtune.report.plots.report_figures`.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from gemtune.report.plots import to_svg

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=visible, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        {
            "signed": signed,
            "decimal": decimal,
            "p_value": p_value,
            "percent": percent,
            "money": money,
            "title": title,
            "plain": plain,
        }
    )
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return template.render(
        c=comparison,
        primary=comparison["metrics"][0],
        label="Tuned" if comparison["tuning"] else "Candidate",
        groups=select_rows(rows),
        ranking=ranking_metric(comparison["primary_metric"], comparison["task"]),
        total=len(rows),
        figures={name: [Markup(to_svg(figure)) for figure in those] for name, those in figures.items()},
    )


def example_rows(examples: Sequence[Record], baseline: Side, candidate: Side, primary: str) -> list[dict[str, Any]]:
    """Return what the report shows of each example: texts, outcomes, and scores.

    Scores are those of the primary metric; where that is a corpus statistic, of a mean that stands for it. Scores and
    difference are None where an example is unscored.
    """
    ranking = ranking_metric(primary, candidate.task)
    sides = {}
    for name, side in {"baseline": baseline, "candidate": candidate}.items():
        scores = {record["id"]: record["metrics"].get(ranking) for record in side.scores}
        sides[name] = {record["id"]: (record, scores[record["id"]]) for record in side.predictions}
    rows = []
    for example in examples:
        row = {
            "id": example["id"],
            "prompt_text": prompt_text(example["prompt"]),
            "reference": example["reference"],
            "language": example.get("language") or "",
        }
        for name, records in sides.items():
            prediction, score = records[example["id"]]
            row |= {
                f"{name}_text": prediction["text"] or "",
                f"{name}_outcome": prediction["outcome"],
                f"{name}_score": score,
            }
        before, after = row["baseline_score"], row["candidate_score"]
        row["difference"] = None if before is None or after is None else after - before
        rows.append(row)
    return rows


def prompt_text(prompt: Mapping[str, Any]) -> str:
    """Return a prompt as a reader sees it; turns are named when there are several, and files by their address.

    >>> prompt_text({"contents": [{"role": "user", "parts": [{"text": "Sum up:"}, {"text": " rain."}]}]})
    'Sum up: rain.'
    """
    turns = [(turn.get("role", "user"), turn.get("parts", [])) for turn in prompt["contents"]]
    if instruction := prompt.get("systemInstruction"):
        turns.insert(0, ("system", instruction.get("parts", [])))
    texts = ["".join(_part_text(part) for part in parts) for _, parts in turns]
    if len(turns) == 1:
        return texts[0]
    return "\n\n".join(f"[{role}] {text}" for (role, _), text in zip(turns, texts, strict=True))


def _part_text(part: Mapping[str, Any]) -> str:
    return str(part["text"]) if "text" in part else f"[{part.get('fileData', {}).get('fileUri', ', '.join(part))}]"


def select_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the examples to show: largest gains, largest losses, and some without a difference if there is room."""
    ranked = sorted((row for row in rows if row["difference"] is not None), key=lambda row: -row["difference"])
    gains = [row for row in ranked if row["difference"] > 0]
    losses = [row for row in reversed(ranked) if row["difference"] < 0]
    half = MOST_EXAMPLES // 2
    gains = gains[: max(half, MOST_EXAMPLES - len(losses))]
    losses = losses[: MOST_EXAMPLES - len(gains)]
    others = [row for row in rows if not row["difference"]][: MOST_EXAMPLES - len(gains) - len(losses)]
    groups = {"Largest gains": gains, "Largest losses": losses, "No difference, or not scored": others}
    return {name: those for name, those in groups.items() if those}


def visible(value: Any) -> Any:
    """Return a text in which every character that hides or deceives shows its code point; other values as they are.

    >>> visible("a" + chr(0x202E) + "b")
    'a[U+202E]b'
    """
    if type(value) is not str:  # Markup is a str, too, and is already safe
        return value
    text = value.replace("\r\n", "\n")
    more = len(text) - MOST_CHARACTERS
    if more > 0:
        text = f"{text[:MOST_CHARACTERS]} [… {more:,} more characters]"
    return _UNSAFE.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


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


def money(value: float | None) -> str:
    """Return an amount of US dollars; four decimals under one dollar, because answers cost fractions of a cent."""
    return "unknown" if value is None else f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"
