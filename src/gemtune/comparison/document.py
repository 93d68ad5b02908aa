"""The comparison of two models on the same examples: every number of the result, and where it comes from.

`build` is a pure function from the run's records to the document `gemtune.comparison/1`. Report, model card, promotion
and notification only read that document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gemtune.catalog import base_id
from gemtune.comparison.decision import Limits, decide, verdict_of
from gemtune.comparison.measurements import chance, differences, distribution, entry, paired
from gemtune.errors import ComparisonError
from gemtune.generation.outcomes import match_records
from gemtune.metrics.definitions import headline_first, metrics_of
from gemtune.prices import BATCH_PRICE
from gemtune.records import Record
from gemtune.tuning.account import tuning_costs, tuning_notices

if TYPE_CHECKING:
    from gemtune.catalog import Catalog

SCHEMA = "gemtune.comparison/1"
SOURCES = "sources"
"""Key of `ledger.json` that is no split: source URI → format."""
EMULATOR_SUFFIX = "-emulator"


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


def build(
    *,
    examples: Sequence[Record],
    baseline: Side,
    candidate: Side,
    limits: Limits,
    ledger: Mapping[str, Any],
    tuning: Mapping[str, Any],
    selection: Mapping[str, Any],
    spec: Mapping[str, Any],
    job: str,
    digests: Mapping[str, str],
    catalog: Catalog,
    estimated: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare two models on the same examples, and decide.

    Args:
        examples: Records of `test.jsonl`.
        baseline: The model in service.
        candidate: The model that asks to replace it.
        limits: What the spec demands before anything is promoted.
        ledger: `ledger.json`: what became of every source line, and the format of every source.
        tuning: The finished tuning job, as `gemtune.tuning.tune.tune` returns it; empty if nothing was tuned.
        selection: `gemtune.selection/1`: which checkpoint is the candidate, and why; empty likewise.
        spec: The pipeline's parameters.
        job: Resource name of the pipeline job.
        digests: Name of an input → its sha256.
        catalog: Where prices are known.
        estimated: What the run was expected to cost, from `gemtune.runs.cost.estimate`.

    Returns:
        `comparison.json`: plain JSON values, no NaN; what could not be computed is None.

    Raises:
        ComparisonError: The sides do not cover these examples or were scored for different tasks, or a metric of the
            limits is not measured.
    """
    if baseline.task != candidate.task:
        raise ComparisonError(f"scores: tasks {baseline.task} and {candidate.task}, expected one task on both sides")
    limits.check(candidate.task)
    sides = {"baseline": baseline, "candidate": candidate}
    summaries = {name: summarize_side(examples, side) for name, side in sides.items()}
    metrics = compare_scores(examples, baseline, candidate, limits.primary_metric)
    outcomes = {name: summary["outcomes"] for name, summary in summaries.items()}
    decided = decide(metrics, outcomes, [side.signature for side in sides.values()], limits)
    both = compare_answered(baseline, candidate, limits.primary_metric)
    base_model = str(tuning.get("base_model") or spec.get("base_model", ""))
    return {
        "schema": SCHEMA,
        "verdict": decided.verdict,
        "decision": decided.decision,
        "reasons": decided.reasons,
        "notices": [
            *model_notices(summaries, base_model),
            *tuning_notices(tuning, [side.paid for side in sides.values()]),
            *_pair_notices(metrics[limits.primary_metric], both),
        ],
        "task": candidate.task,
        "primary_metric": limits.primary_metric,
        "metrics": list(metrics.values()),
        "answered_by_both": both,
        "guards": decided.guards,
        "sides": summaries,
        "signature": candidate.signature,
        "ledger": {split: account for split, account in ledger.items() if split != SOURCES},
        "sources": dict(ledger.get(SOURCES, {})),
        "cost": {
            "estimated": estimated,
            "actual": actual_cost(
                sides, tuning, selection, base_model, catalog, in_batch=spec.get("generation_mode") == "batch"
            ),
        },
        "models": {"base_model": base_model, "baseline": baseline.model, "candidate": candidate.model},
        "tuning": dict(tuning),
        "selection": dict(selection),
        "digests": dict(digests),
        "spec": dict(spec),
        "job": job,
    }


def compare_scores(
    examples: Sequence[Record], baseline: Side, candidate: Side, primary: str
) -> dict[str, dict[str, Any]]:
    """Return every metric's entry of `comparison.json`, the primary one first.

    Examples that are unscored on either side are left out of all of them, and counted.
    """
    scores = (match_records(examples, side.scores, where="scores") for side in (baseline, candidate))
    pairs = paired(metrics_of(candidate.task), *scores)
    found = differences(pairs, primary)
    return {name: entry(pairs[name], found[name], len(examples)) for name in headline_first(pairs, primary)}


def compare_answered(baseline: Side, candidate: Side, primary: str) -> dict[str, Any]:
    """Return the primary metric's difference over the examples that both sides answered with text.

    It stands beside the main figure, which counts an answer that did not come as 0: when the two disagree, refusals
    and not wording make the difference.
    """
    scored = [
        {each["id"]: each for each in side.scores if each["status"] == "scored"} for side in (baseline, candidate)
    ]
    ids = sorted(scored[0].keys() & scored[1].keys())
    metric = {primary: metrics_of(candidate.task)[primary]}
    found = differences(paired(metric, *({id: side[id] for id in ids} for side in scored)), primary)[primary]
    return {"n": found.n, "difference": found.difference, "low": found.low, "high": found.high}


def summarize_side(examples: Sequence[Record], side: Side) -> dict[str, Any]:
    """Return what a model did: outcomes, causes, tokens, served versions, and where its scores lie."""
    predictions = match_records(examples, side.predictions, where="predictions").values()
    scores = match_records(examples, side.scores, where="scores").values()
    metrics = metrics_of(side.task)
    return {
        "model": side.model,
        "signature": side.signature,
        "model_versions": _counts(record["model_version"] for record in predictions if record["model_version"]),
        "outcomes": _counts(record["outcome"] for record in predictions),
        "causes": {
            status: _counts(record["cause"] for record in scores if record["status"] == status)
            for status in ("zero", "unscored")
        },
        "tokens": {
            kind: sum(record[f"{kind}_tokens"] or 0 for record in predictions)
            for kind in ("prompt", "output", "thinking")
        },
        "distributions": {name: distribution(metric, list(scores)) for name, metric in metrics.items()},
        "chance": chance(list(scores)),
    }


def actual_cost(
    sides: Mapping[str, Side],
    tuning: Mapping[str, Any],
    selection: Mapping[str, Any],
    base_model: str,
    catalog: Catalog,
    *,
    in_batch: bool = False,
) -> dict[str, Any]:
    """Return what this run costs at the catalogue's prices, in USD, by term.

    A term without a known price is None and named in `unknown`; the total is None, then. A tuning job or an answer
    that was taken over from an earlier run costs this one nothing.
    """
    terms = tuning_costs(tuning, selection, base_model, catalog)
    for name, side in sides.items():
        price = catalog.inference_cost(
            base_model if is_tuned_model(side.model) else side.model,
            side.paid["prompt_tokens"],
            side.paid["output_tokens"] + side.paid["thinking_tokens"],
            tuned=is_tuned_model(side.model),
        )
        terms[name] = price * BATCH_PRICE if in_batch and price is not None else price
    known = [value for value in terms.values() if value is not None]
    unknown = [name for name, value in terms.items() if value is None]
    return {**terms, "total": None if unknown else sum(known), "known": sum(known), "unknown": unknown}


def model_notices(summaries: Mapping[str, Mapping[str, Any]], base_model: str) -> list[str]:
    """Return what a reader must know about who answered."""
    notices = []
    versions = {name: list(summary["model_versions"]) for name, summary in summaries.items()}
    if any(version.endswith(EMULATOR_SUFFIX) for those in versions.values() for version in those):
        notices.append(
            "Answers come from the emulator's summariser, not from Gemini: "
            "the figures show the pipeline at work and say nothing about Gemini"
        )
    for name, summary in summaries.items():
        is_tuned = is_tuned_model(summary["model"])
        asked = base_id(base_model if is_tuned else summary["model"])
        # What a tuned endpoint gives as its version is not verified live: only another base id is told apart.
        known = [version for version in versions[name] if version.startswith("gemini-") or not is_tuned]
        others = [version for version in known if not version.startswith(asked)]
        if others:
            notices.append(f"{name}: the served model version is {', '.join(others)}, asked was {asked}")
        if len(versions[name]) > 1:
            notices.append(f"{name}: several model versions answered, {', '.join(versions[name])}")
    return notices


def _pair_notices(primary: Mapping[str, Any], both: Mapping[str, Any]) -> list[str]:
    notices = []
    if primary["unscored"]:
        out_of = f"{primary['unscored']} of {primary['unscored'] + primary['n']} examples"
        notices.append(f"Left out of every difference, because one side has no score: {out_of}")
    if primary["n"] and both["n"] and verdict_of(primary) != verdict_of({**primary, **both}):
        notices.append(
            f"Over the {both['n']} examples that both sides answered, the difference is {both['difference']:+.3f} and "
            f"the verdict would be {verdict_of({**primary, **both})}: answers that did not come make the difference"
        )
    return notices


def is_tuned_model(name: str) -> bool:
    """Return whether a model's name is that of an endpoint or a model in a project, and not of a base model."""
    return name.startswith("projects/") and "/publishers/" not in name


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
