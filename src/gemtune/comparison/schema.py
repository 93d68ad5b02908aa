"""What `comparison.json` holds, key by key: the source of compiled/comparison.schema.json.

Only checks and documentation read this module. The step that writes the document builds plain values
(`gemtune.comparison.document`), and a test holds them against these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gemtune.comparison.side_schema import Count, Share, SideOfComparison, Table

Usd = Annotated[float, Field(ge=0)]
Verdict = Literal["improved", "regressed", "inconclusive", "invalid"]


class Metric(Table):
    """One metric of both models over the examples that both have a score of."""

    name: str
    """Name of the metric, the same as in scores.jsonl."""
    statistic: Literal["mean", "corpus"]
    """A mean over examples, or one figure from the counts of all examples together."""
    direction: Literal["higher", "lower", "neither"]
    """Which is better; neither: the metric describes answers without judging them."""
    unit: Literal["share", "points", "ratio"]
    """share: 0 to 1; points: 0 to 100; ratio: 0 or more."""
    n: Count
    """Examples behind the figures."""
    unscored: Count
    """Examples left out, because a side has no score."""
    baseline: float | None
    """Figure of the baseline."""
    candidate: float | None
    """Figure of the candidate."""
    difference: float | None
    """Candidate minus baseline."""
    low: float | None
    """Low end of the difference's 95 % interval: Student t of the paired differences, or a paired bootstrap."""
    high: float | None
    """High end."""
    p: Share | None
    """Two-sided p: sign flips of the paired differences, or approximate randomisation."""
    p_adjusted: Share | None
    """p corrected for being one of several metrics (max-T); that of the primary metric is its p."""
    wins: Count | None
    """Examples that the candidate does better; None where there are no scores of single examples."""
    ties: Count | None
    """Examples without a difference."""
    losses: Count | None
    """Examples that the candidate does worse."""
    smallest_detectable: float | None
    """Difference that so many examples show in four cases of five."""
    effect_size: float | None
    """Cohen's d_z: the mean difference in standard deviations of the differences."""
    examples_needed: Count | None
    """Examples that would show the difference seen in four cases of five."""


class GuardMetric(Table):
    """A metric that must not get worse."""

    name: str
    baseline: float | None
    candidate: float | None
    limit: float
    """Lowest low end of the gain to accept."""
    passed: bool


class FairnessGuard(Table):
    """One condition of equal treatment; one that is not passed makes the verdict invalid."""

    name: Literal[
        "examples",
        "prompts",
        "settings",
        "thinking",
        "scoring",
        "truncated",
        "blocked",
        "empty",
        "unscored",
        "model_version",
        "contamination",
    ]
    title: str
    """Name for people."""
    unit: Literal["share", "text"]
    """Whether baseline, candidate and limit are shares, 0 to 1, or texts."""
    baseline: Share | str | None
    """Found on the baseline's side; None if unknown."""
    candidate: Share | str | None
    """Found on the candidate's side; None if unknown."""
    limit: Share | str
    """Largest share to accept, or what is expected."""
    passed: bool
    problems: list[str]
    """What was found, what was expected, and what to change; empty if passed."""


class AnsweredByBoth(Table):
    """The primary metric over the examples that both sides answered with text."""

    n: Count
    difference: float | None
    low: float | None
    high: float | None


class WorstCase(Table):
    """The primary metric with the worst value for every example without a score."""

    unscored: Count
    """Examples without a score on a side."""
    difference: float
    low: float | None
    high: float | None
    verdict: Verdict
    """If it is not that of the scored pairs, the comparison is inconclusive."""


class Account(Table):
    """What became of the records of one split: read = used + sampled out + rejected."""

    read: Count
    used: Count
    sampled_out: Count
    rejected: dict[str, Count]
    """Rule → records."""


class Cost(Table):
    """What the run costs, in USD at the catalogue's prices."""

    estimated: dict[str, Any] | None
    """Before anything was paid: by term, total, low and high; None where nothing was estimated."""
    actual: dict[str, Usd | list[str] | None]
    """tuning, selection, baseline, candidate, total, known; None without a known price, and these are `unknown`."""


class Models(Table):
    """Who was compared."""

    base_model: str
    baseline: str
    candidate: str


class Comparison(Table):
    """gemtune.comparison/1: two models on the same examples, the verdict, and all that it rests on."""

    schema_: Literal["gemtune.comparison/1"] = Field(alias="schema")
    """Name and version of this document."""
    verdict: Verdict
    """improved: the interval is above 0; regressed: below; invalid: the sides were not treated alike."""
    decision: Literal["promote", "hold"]
    """promote: improved by at least minimum_improvement, and every guard metric is kept."""
    reasons: Annotated[list[str], Field(min_length=1)]
    """Why; the first is the verdict's."""
    notices: list[str]
    """What a reader must know besides."""
    task: str
    """What the models do, which decides the metrics."""
    primary_metric: str
    """The metric that decides, declared before the run; the first of `metrics`."""
    metrics: Annotated[list[Metric], Field(min_length=1)]
    answered_by_both: AnsweredByBoth
    worst_case: WorstCase | None
    """None if every example has a score on both sides, or the verdict is neither improved nor regressed."""
    guards: list[GuardMetric]
    fairness: list[FairnessGuard]
    """Always all of them, in one order."""
    sides: dict[Literal["baseline", "candidate"], SideOfComparison]
    signature: str
    """How the answers were scored."""
    ledger: dict[str, Account]
    """Split → its account."""
    sources: dict[str, str]
    """URI of a source → its format."""
    cost: Cost
    models: Models
    tuning: dict[str, Any]
    """The finished tuning job; empty if nothing was tuned."""
    selection: dict[str, Any]
    """gemtune.selection/1: the checkpoint that is the candidate, and why; empty if nothing was tuned."""
    digests: dict[str, str]
    """Split → sha256 of its file."""
    spec: dict[str, Any]
    """The parameters of the pipeline job."""
    job: str
    """Resource name of the pipeline job."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of comparison.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Comparison.model_json_schema()}
