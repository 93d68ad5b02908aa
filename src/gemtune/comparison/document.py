"""The comparison of two models on the same examples: every number of the result, and where it comes from.

`build` is a pure function from the run's records to the document `gemtune.comparison/1`. Report, model card, promotion
and notification only read that document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gemtune.comparison.champion import champion_notices, hold_same_model
from gemtune.comparison.costs import actual_cost
from gemtune.comparison.decision import Limits, decide, verdict_of
from gemtune.comparison.fairness import check_fairness
from gemtune.comparison.measurements import differences, entry, paired
from gemtune.comparison.served_versions import EMULATOR_SUFFIX
from gemtune.comparison.sides import Side, complete, is_tuned_model, summarize
from gemtune.comparison.worst_case import worst_case
from gemtune.errors import ComparisonError
from gemtune.metrics.definitions import METRICS, headline_first, metrics_of
from gemtune.records import Record
from gemtune.tuning.account import tuning_notices

if TYPE_CHECKING:
    from gemtune.catalog import Catalog

SCHEMA = "gemtune.comparison/1"
SOURCES, NEAR_DUPLICATES = NO_SPLITS = ("sources", "near_duplicates")
"""Keys of `ledger.json` that are no splits: source URI → format, and split → {found, searched}."""


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
        ComparisonError: There are no examples, the sides were scored for different tasks, or a metric of the limits
            is not measured.
    """
    if baseline.task != candidate.task:
        raise ComparisonError(f"scores: tasks {baseline.task} and {candidate.task}, expected one task on both sides")
    limits.check(candidate.task)
    primary, base_model = limits.primary_metric, str((tuning or spec).get("base_model", ""))
    if is_tuned_model(candidate.model) and tuning:
        # An endpoint need not tell what it comes from; this one is the run's own.
        candidate = candidate._replace(base_model=candidate.base_model or base_model)
    sides, mismatches = complete(examples, {"baseline": baseline, "candidate": candidate})
    baseline, candidate = sides["baseline"], sides["candidate"]
    summaries = {name: summarize(side) for name, side in sides.items()}
    fairness = check_fairness(
        sides,
        summaries,
        limits,
        examples=len(examples),
        mismatches=mismatches,
        prompts=digests.get("test", ""),
        near_duplicates=_near_duplicates(ledger, sides),
    )
    metrics = compare_scores(baseline, candidate, primary)
    worst = worst_case(METRICS[primary], baseline.scores, candidate.scores, verdict_of(metrics[primary]))
    decided = decide(metrics, limits, fairness=fairness, worst_case=worst)
    decided = hold_same_model(decided, baseline.model, candidate.model)
    both = compare_answered(baseline, candidate, primary)
    return {
        "schema": SCHEMA,
        "verdict": decided.verdict,
        "decision": decided.decision,
        "reasons": decided.reasons,
        "notices": [
            *model_notices(summaries),
            *champion_notices(spec, baseline.model),
            *tuning_notices(tuning, [side.paid for side in sides.values()]),
            *_pair_notices(metrics[primary], both),
        ],
        "task": candidate.task,
        "primary_metric": primary,
        "metrics": list(metrics.values()),
        "answered_by_both": both,
        "worst_case": worst,
        "guards": decided.guards,
        "fairness": [guard.record for guard in fairness],
        "sides": summaries,
        "signature": candidate.signature,
        "ledger": {split: account for split, account in ledger.items() if split not in NO_SPLITS},
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


def compare_scores(baseline: Side, candidate: Side, primary: str) -> dict[str, dict[str, Any]]:
    """Return every metric's entry of `comparison.json`, the primary one first.

    Examples that are unscored on either side are left out of all of them, and counted.

    Args:
        baseline: Complete, with the examples in the same order as the candidate's.
        candidate: Likewise.
        primary: The metric that decides.
    """
    scores = ({record["id"]: record for record in side.scores} for side in (baseline, candidate))
    pairs = paired(metrics_of(candidate.task), *scores)
    found, total = differences(pairs, primary), len(baseline.scores)
    return {name: entry(pairs[name], found[name], total) for name in headline_first(pairs, primary)}


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


def _near_duplicates(ledger: Mapping[str, Any], sides: Mapping[str, Side]) -> Mapping[str, int] | None:
    """Return how many test examples are nearly trained on; None if no training data was read, or no side is tuned."""
    is_trained = any(is_tuned_model(side.model) for side in sides.values())
    found: Mapping[str, int] | None = ledger.get(NEAR_DUPLICATES, {}).get("test")
    return found if is_trained and ledger.get("train", {}).get("used") else None


def model_notices(summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what a reader must know about who answered."""
    versions = [version for summary in summaries.values() for version in summary["model_versions"]]
    if not any(version.endswith(EMULATOR_SUFFIX) for version in versions):
        return []
    return [
        "Answers come from the emulator's summariser, not from Gemini: "
        "the figures show the pipeline at work and say nothing about Gemini"
    ]


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
