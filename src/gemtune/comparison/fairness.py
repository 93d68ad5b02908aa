"""Were the two sides treated alike? A baseline cut off by its token limit loses to anything.

Every guard is in `comparison.json` with both sides' figures, passed or not; one that is not passed makes the verdict
`invalid`, and says what to change. What is not known (an older prediction has no settings) is not held against a side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gemtune.comparison.decision import Limits
from gemtune.comparison.guard import Guard
from gemtune.comparison.served_versions import check_versions
from gemtune.comparison.sides import Side
from gemtune.generation.outcomes import BLOCKED, EMPTY, FAILED, REJECTED, TRUNCATED
from gemtune.metrics.definitions import METRICS

EQUAL = "the same on both sides"


def check_fairness(
    sides: Mapping[str, Side],
    summaries: Mapping[str, Mapping[str, Any]],
    limits: Limits,
    *,
    examples: int,
    mismatches: Sequence[str] = (),
    prompts: str = "",
    near_duplicates: Mapping[str, int] | None = None,
) -> list[Guard]:
    """Return every guard of equal treatment, in the order in which a reader wants them.

    Args:
        sides: `baseline` and `candidate`, complete.
        summaries: Of both, from `gemtune.comparison.sides.summarize`.
        limits: What the spec demands.
        examples: Number of examples of the test split.
        mismatches: What was wrong with the examples of the sides.
        prompts: Sha256 of the test split; empty if unknown.
        near_duplicates: Test examples `found` nearly equal to a training example, of how many `searched`; None if
            no training data was read, or no side is tuned.
    """
    return [
        _examples(summaries, examples, mismatches),
        _prompts(sides, prompts),
        _settings(sides),
        _thinking(sides, summaries),
        _scoring(sides, limits.primary_metric),
        *_shares(summaries, limits),
        check_versions(sides, summaries),
        _contamination(near_duplicates, limits.max_contaminated_share),
    ]


def _examples(summaries: Mapping[str, Mapping[str, Any]], examples: int, mismatches: Sequence[str]) -> Guard:
    lost = (summaries[name]["causes"]["unscored"].get("missing", 0) for name in ("baseline", "candidate"))
    found = [f"{examples - count} of {examples}" for count in lost]
    return Guard("examples", "Examples", "text", found, "all, once on each side", mismatches)


def _prompts(sides: Mapping[str, Side], expected: str) -> Guard:
    found = [side.prompts for side in sides.values()]
    problems = []
    if len({*found, expected} - {""}) > 1:
        digests = " and ".join(digest[:12] or "unknown" for digest in found)
        wanted = f"expected {expected[:12] or 'one'}, the test split, on both"
        problems = [f"prompts: the sides answered {digests}, {wanted}: generate both sides on this test split"]
    return Guard("prompts", "Prompts, sha256", "text", [each or None for each in found], EQUAL, problems)


def _settings(sides: Mapping[str, Side]) -> Guard:
    """Compare the settings as they were sent: a model that takes no temperature was asked in another way."""
    baseline, candidate = (_without_thinking(side.settings) for side in sides.values())
    problems = []
    for name in sorted(baseline.keys() & candidate.keys()):
        before, after = baseline[name], candidate[name]
        if before == after:
            continue
        next = "generate both sides by one spec"
        if -1 in (before, after):
            next = f"set {name} to -1 (one model takes none), or compare models that both take it"
        found = f"{_shown(before)} for the baseline and {_shown(after)} for the candidate"
        problems.append(f"settings: {name} is {found}, expected the same: {next}")
    return Guard("settings", "Generation settings", "text", [_listed(baseline), _listed(candidate)], EQUAL, problems)


def _listed(settings: Mapping[str, Any]) -> str | None:
    return ", ".join(f"{name} {_shown(value)}" for name, value in sorted(settings.items())) or None


def _without_thinking(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "thinking"}


def _shown(value: Any) -> str:
    """Return a setting for people; numbers come back from the service as floats, whole ones too."""
    if value in (-1, "", []):
        return "left to the service"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _thinking(sides: Mapping[str, Side], summaries: Mapping[str, Mapping[str, Any]]) -> Guard:
    policies = [str(side.settings.get("thinking", "")) for side in sides.values()]
    tokens = [int(summary["tokens"]["thinking"]) for summary in summaries.values()]
    next = "set thinking to minimal, or to one level or budget for both"
    problems = []
    if "" not in policies and len(set(policies)) > 1:
        problems = [f"thinking: {policies[0]} for the baseline and {policies[1]} for the candidate: {next}"]
    elif set(policies) == {"default"} and sum(count > 0 for count in tokens) == 1:
        spent = f"{tokens[0]:,} thinking tokens for the baseline and {tokens[1]:,} for the candidate"
        problems = [f"thinking: {spent}, as each model's own default has it, expected both or neither to think: {next}"]
    return Guard("thinking", "Thinking", "text", [each or None for each in policies], EQUAL, problems)


def _scoring(sides: Mapping[str, Side], primary: str) -> Guard:
    """Find two statistics: another signature, or scores that do not have the primary metric."""
    signatures = [side.signature for side in sides.values()]
    problems = []
    if len(set(signatures)) > 1:
        next = "score both sides with one rouge_profile"
        problems.append(f"scoring: scored in different ways, {' and '.join(signatures)}, expected one: {next}")
    names = {name: _measured(side) for name, side in sides.items()}
    if (
        METRICS[primary].statistic == "mean"
        and all(names.values())
        and any(primary not in each for each in names.values())
    ):
        found = " and ".join(f"{', '.join(sorted(each)[:3])} of the {name}" for name, each in names.items())
        next = f"score both sides by {primary}"
        problems.append(f"scoring: two statistics are compared, {found}, expected {primary} of both: {next}")
    return Guard("scoring", "Scored by", "text", signatures, EQUAL, problems)


def _measured(side: Side) -> set[str]:
    return {name for record in side.scores for name in record["metrics"]}


def _shares(summaries: Mapping[str, Mapping[str, Any]], limits: Limits) -> list[Guard]:
    """Judge the answers that say more about the way of asking than about the model."""
    again = "read their errors in predictions.jsonl and run again"
    if not any(
        summary["causes"]["unscored"].get(cause) for summary in summaries.values() for cause in (REJECTED, FAILED)
    ):
        again = "read their causes in scores.jsonl, and correct their references"
    rules = [
        (
            TRUNCATED,
            "Cut off",
            "were cut off by the token limit",
            "truncated",
            "raise max_output_tokens, or lower thinking",
        ),
        (BLOCKED, "Blocked", "were blocked", "blocked", "look at their prompts, or change safety_threshold"),
        (
            EMPTY,
            "Empty",
            "are empty",
            "blocked",
            "look at their prompts, and for stop_sequences that end an answer at once",
        ),
        ("unscored", "Without a score", "have no score", "unscored", again),
    ]
    guards = []
    for kind, title, what, key, next in rules:
        limit: float = getattr(limits, f"max_{key}_share")
        shares, problems = [], []
        for side, summary in summaries.items():
            total, count = sum(summary["outcomes"].values()), _count(summary, kind)
            shares.append(count / total)
            if count > limit * total:
                found = f"{count} of {total} answers ({count / total:.1%}) {what}"
                problems.append(f"{side}: {found}, expected at most {limit:.1%} (max_{key}_share): {next}")
        guards.append(Guard(kind, title, "share", shares, limit, problems))
    return guards


def _count(summary: Mapping[str, Any], kind: str) -> int:
    if kind == "unscored":
        return int(summary["unscored"])
    # An answer of white space only is empty, too, and only the scores say so.
    return int(summary["causes"]["zero"].get(kind, 0) if kind == EMPTY else summary["outcomes"].get(kind, 0))


def _contamination(near_duplicates: Mapping[str, int] | None, limit: float) -> Guard:
    """Judge the share of test examples that are nearly trained on; exact copies never come this far."""
    found, searched = (near_duplicates or {}).get("found", 0), (near_duplicates or {}).get("searched", 0)
    share = found / searched if searched else None
    problems = []
    if share is not None and share > limit:
        what = f"{found} of {searched} test examples ({share:.1%}) are nearly equal to a training example"
        next = "remove them from one of the two (findings.jsonl has the lines); text that all prompts share belongs in"
        problems = [f"test split: {what}, expected at most {limit:.1%}: {next} system_instruction"]
    return Guard("contamination", "Nearly trained on", "share", [share, share], limit, problems)
