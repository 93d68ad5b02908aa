"""The two sides of a comparison: what one model did on the test split, with one record for every example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gemtune.catalog import base_id
from gemtune.comparison.measurements import chance, distribution
from gemtune.errors import ComparisonError
from gemtune.generation.outcomes import FAILED
from gemtune.metrics.definitions import metrics_of
from gemtune.records import Record

MISSING = "missing"
"""Cause of an example that a side has no record of."""


class Side(NamedTuple):
    """What one model did on the test split."""

    model: str
    """Base model id, or full resource name of the endpoint that answered."""
    predictions: Sequence[Record]
    scores: Sequence[Record]
    signature: str
    """How the scores came about, from `gemtune.metrics.scoring.score`."""
    paid: Mapping[str, int]
    """Tokens this run paid for: prompt_tokens, output_tokens, thinking_tokens. Stored answers were paid for before."""
    task: str = "summarization"
    """What the scores measure."""
    base_model: str = ""
    """Id of the base model behind the model; empty if unknown."""
    settings: Mapping[str, Any] = {}
    """How the model was asked, from `gemtune.generation.settings.settings_as_sent`; empty if unknown."""
    prompts: str = ""
    """Sha256 of the file of prompts that it answered; empty if unknown."""


def complete(examples: Sequence[Record], sides: Mapping[str, Side]) -> tuple[dict[str, Side], list[str]]:
    """Return both sides with one prediction and one score for each example, in their order, and what was wrong.

    An example without a record counts as one whose answer failed: it is in every count, and has no score.

    Args:
        examples: Records of `test.jsonl`.
        sides: The sides by name, with their records in any order.

    Raises:
        ComparisonError: There are no examples.
    """
    if not examples:
        raise ComparisonError("test split: no examples, expected at least one", next="add test data")
    ids = [example["id"] for example in examples]
    wrong: dict[str, dict[str, list[str]]] = {MISSING: {}, "surplus": {}, "repeated": {}}
    for name, side in sides.items():
        for kind, records in {"predictions": side.predictions, "scores": side.scores}.items():
            for problem, those in _wrong_ids(ids, records).items():
                if those:
                    wrong[problem][f"{name} {kind}"] = those
    filled = {
        name: side._replace(
            predictions=_one_each(ids, side.predictions, _failed), scores=_one_each(ids, side.scores, _unscored)
        )
        for name, side in sides.items()
    }
    return filled, [_describe(problem, places, len(ids)) for problem, places in wrong.items() if places]


def summarize(side: Side) -> dict[str, Any]:
    """Return what a model did: outcomes, causes, tokens, served versions, settings, and where its scores lie."""
    causes = {
        status: _counts(record["cause"] for record in side.scores if record["status"] == status)
        for status in ("zero", "unscored")
    }
    return {
        "model": side.model,
        "base_model": side.base_model,
        "settings": dict(side.settings),
        "prompts": side.prompts,
        "signature": side.signature,
        "model_versions": _counts(record["model_version"] for record in side.predictions if record["model_version"]),
        "outcomes": _counts(record["outcome"] for record in side.predictions),
        "causes": causes,
        "unscored": sum(causes["unscored"].values()),
        "tokens": {
            kind: sum(record[f"{kind}_tokens"] or 0 for record in side.predictions)
            for kind in ("prompt", "output", "thinking")
        },
        "distributions": {name: distribution(metric, side.scores) for name, metric in metrics_of(side.task).items()},
        "chance": chance(side.scores),
    }


def base_model_of(side: Side) -> str:
    """Return the id of the base model behind a side; empty if nothing tells, as it may be of a tuned model."""
    return base_id(side.base_model or ("" if is_tuned_model(side.model) else side.model))


def is_tuned_model(name: str) -> bool:
    """Return whether a model's name is that of an endpoint or a model in a project, and not of a base model."""
    return name.startswith("projects/") and "/publishers/" not in name


def _wrong_ids(ids: Sequence[str], records: Sequence[Record]) -> dict[str, list[str]]:
    found = Counter(record["id"] for record in records)
    return {
        MISSING: [each for each in ids if each not in found],
        "surplus": sorted(found.keys() - set(ids)),
        "repeated": [each for each, count in found.items() if count > 1],
    }


def _one_each(ids: Sequence[str], records: Sequence[Record], absent: Callable[[str], Record]) -> list[Record]:
    by_id = {record["id"]: record for record in reversed(records)}
    return [by_id.get(each) or absent(each) for each in ids]


def _failed(id: str) -> Record:
    counts = dict.fromkeys(("prompt_tokens", "output_tokens", "thinking_tokens"), 0)
    return {"id": id, "outcome": FAILED, "text": "", "model_version": "", **counts}


def _unscored(id: str) -> Record:
    return {"id": id, "status": "unscored", "cause": MISSING, "metrics": {}, "counts": {}}


def _describe(problem: str, places: Mapping[str, Sequence[str]], total: int) -> str:
    ids = sorted({each for those in places.values() for each in those})
    named = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
    where = f"{problem} {'from' if problem == MISSING else 'in'} {', '.join(places)} ({named})"
    next = "generate and score both sides again on this test split"
    return f"{len(ids)} of {total} examples {where}, expected one record of each on both sides: {next}"


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
