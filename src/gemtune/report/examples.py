"""The examples of the report: what is shown of each, which are shown, and how they travel inside the page.

Prompts and answers are hostile text: someone else wrote them, and they are shown on a page that a colleague opens.
Characters that are invisible or reorder what follows them are replaced by ones that can be seen; what is embedded as
JSON cannot end the element that holds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gemtune.metrics.definitions import METRICS, ranking_metric
from gemtune.records import Record
from gemtune.report.differences import mark_differences

if TYPE_CHECKING:
    from gemtune.comparison.sides import Side

MOST_ROWS = 2_000
"""Examples that the page holds; of more, those with the largest differences."""

MOST_SHOWN = 20
"""Largest gains, and as many largest losses, that can be read without scripts."""

MOST_CHARACTERS = 20_000
"""Of one text; the rest is counted."""

MOST_IN_ALL = 10_000_000
"""Characters of all embedded texts together: the longest are cut first."""

TEXTS = ("prompt_text", "reference", "baseline_text", "candidate_text")

# Control characters but newline and tab, lone surrogates, and what changes the direction of the text after it.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def example_rows(examples: Sequence[Record], baseline: Side, candidate: Side, primary: str) -> list[dict[str, Any]]:
    """Return what the report shows of each example: texts, outcomes, and scores.

    Scores are those of the primary metric; where that is a corpus statistic, of a mean that stands for it. Scores,
    difference and gain (the difference, turned so that more is better) are None where an example is unscored.
    """
    ranking = ranking_metric(primary, candidate.task)
    better = -1 if METRICS[ranking].direction == "lower" else 1
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
        row["gain"] = None if row["difference"] is None else better * row["difference"]
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


def select_rows(rows: Sequence[Mapping[str, Any]], label: str = "candidate") -> list[dict[str, Any]]:
    """Return the rows that the page holds, in their order, cut to size, made visible and with differences marked.

    Args:
        rows: From `example_rows`.
        label: What a flag calls the candidate.
    """
    kept = sorted(range(len(rows)), key=lambda i: -abs(rows[i]["gain"] or 0))[:MOST_ROWS]
    chosen = [rows[i] for i in sorted(kept)]
    most = fitting_length([len(row[key]) for row in chosen for key in TEXTS])
    return [_shown(row, most, label) for row in chosen]


def _shown(row: Mapping[str, Any], most: int, label: str) -> dict[str, Any]:
    safe = {key: visible(value, most) for key, value in row.items()}
    marked = mark_differences(safe["reference"], safe["baseline_text"], safe["candidate_text"])
    texts = {"reference": marked["reference"], **{f"{side}_text": marked[side] for side in ("baseline", "candidate")}}
    outcomes = {"baseline": safe["baseline_outcome"], label: safe["candidate_outcome"]}
    flag = ", ".join(f"{name} {outcome}" for name, outcome in outcomes.items() if outcome != "answered")
    return {**safe, **texts, "prompt_text": [safe["prompt_text"]], "excerpt": safe["reference"][:160], "flag": flag}


def fitting_length(lengths: Sequence[int], in_all: int = MOST_IN_ALL) -> int:
    """Return the length to cut texts to so that together they fit; at most MOST_CHARACTERS.

    >>> fitting_length([10, 10, 500, 900], in_all=220)
    100
    """
    left = in_all
    for number, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - number)
        if length > share:
            return min(share, MOST_CHARACTERS)
        left -= length
    return MOST_CHARACTERS


def largest(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows that can be read without scripts: largest gains, largest losses, others if there is room."""
    ranked = sorted((row for row in rows if row["gain"]), key=lambda row: -row["gain"])
    gains = [row for row in ranked if row["gain"] > 0][:MOST_SHOWN]
    losses = [row for row in reversed(ranked) if row["gain"] < 0][:MOST_SHOWN]
    room = max(0, MOST_SHOWN - len(gains) - len(losses))
    groups = {
        "Largest gains": gains,
        "Largest losses": losses,
        "No difference, or not scored": [row for row in rows if not row["gain"]][:room],
    }
    return {name: those for name, those in groups.items() if those}


def embed(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Return rows as JSON that may stand inside a script element: nothing in it can end the element or start another.

    >>> embed([{"id": "</script>"}])
    '[{"id":"\\u003c/script\\u003e"}]'
    """
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def visible(value: Any, most: int = MOST_CHARACTERS) -> Any:
    """Return a text in which every character that hides or deceives shows its code point; other values as they are.

    >>> visible("a" + chr(0x202E) + "b")
    'a[U+202E]b'
    """
    if type(value) is not str:  # Markup is a str, too, and is already safe
        return value
    text = value.replace("\r\n", "\n")
    more = len(text) - most
    if more > 0:
        text = f"{text[:most]} [… {more:,} more characters]"
    return _UNSAFE.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)
