"""Which checkpoint of a tuned model is judged: the last one, or the one that does best on the validation split.

The test split never chooses anything: a checkpoint chosen by it would be judged by the data that it was chosen by.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from gemtune.errors import DataError, ServiceError, SpecError
from gemtune.metrics.definitions import METRICS, ranking_metric
from gemtune.metrics.scoring import check_unscored, score
from gemtune.records import Record, read_records
from gemtune.serving import ServedModel
from gemtune.storage import Storage
from gemtune.vertex import location_of, resource_exists

SCHEMA = "gemtune.selection/1"
RULES = ("last", "validation")
TOKEN_COUNTS = ("prompt_tokens", "output_tokens", "thinking_tokens")

Answer = Callable[..., Mapping[str, Any]]
"""`gemtune.generation.generate.generate` with everything given but `served` and `output`."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How checkpoints are tried on the validation split: as the models are on the test split."""

    prompts_uri: str
    """The validation split in the form of the test split; empty if there is none."""

    answer: Answer
    metric: str
    """The primary metric of the run. One of the whole corpus has no standard error over examples: where it is one, the
    mean that stands for it decides."""

    task: str
    rouge_profile: str
    max_unscored_share: float
    """Largest share of requests that may have failed, 0 to 1."""

    project: str
    """Google Cloud project that asks."""

    storage: Storage
    folder: Path
    """Local folder for the predictions."""


def check_rule(rule: str, generation_mode: str = "online") -> None:
    """Check that there is such a rule, and that checkpoints can be asked in this way.

    Raises:
        SpecError: There is not, or they cannot.
    """
    if rule not in RULES:
        raise SpecError(f"checkpoint_selection: found {rule!r}, expected one of {', '.join(RULES)}")
    if rule == "validation" and generation_mode == "batch":
        raise SpecError(
            "checkpoint_selection: validation, expected last with generation_mode: batch, which asks a model's default "
            "checkpoint only",
            next="set generation_mode: online",
        )


def select(job: Mapping[str, Any], rule: str, trial: Trial) -> dict[str, Any]:
    """Return the checkpoint that is judged, as `gemtune.selection/1`.

    Args:
        job: A finished tuning job, as `gemtune.tuning.tune.tune` returns it.
        rule: `last`, or `validation`: every checkpoint answers the validation prompts, and `choose` decides.
        trial: How to try them.

    Returns:
        The chosen checkpoint with its score on every validation example, every checkpoint's figures, and the tokens
        that this run paid for. A single checkpoint is tried, too: its scores tell it from those of other runs.

    Raises:
        SpecError: There is no such rule.
        DataError: There is no validation example to choose by.
        ComparisonError: Too many requests failed for a fair choice.
    """
    check_rule(rule)
    points = [point for point in _served(job) if _is_there(point, trial.project)]
    if rule == "last" or not points:
        return select_last({**job, "checkpoints": points})
    examples = _examples(trial)
    metric = ranking_metric(trial.metric, trial.task)
    scores: list[list[Record]] = []
    paid = dict.fromkeys(TOKEN_COUNTS, 0)
    signature = ""
    for number, point in enumerate(points):
        output = trial.folder / f"{number}.jsonl"
        served = ServedModel(point["endpoint"], location_of(point["endpoint"]), str(job["base_model"]))
        summary = trial.answer(served=served, output=output)
        paid = {name: paid[name] + int(summary["paid"][name]) for name in TOKEN_COUNTS}
        answers = list(read_records(output))
        records, signature = score(examples, answers, task=trial.task, rouge_profile=trial.rouge_profile)
        check_unscored(records, trial.max_unscored_share)
        scores.append(records)
    figures = compare_checkpoints(points, scores, metric)
    chosen = choose(figures)
    answered = scores[points.index({key: chosen[key] for key in points[0]})]
    return _selection("validation", chosen, figures) | {
        "metric": metric,
        "signature": signature,
        "paid": paid,
        "unscored": len(examples) - figures[0]["n"],
        "scores": {
            record["id"]: round(record["metrics"][metric], 6) for record in answered if metric in record["metrics"]
        },
    }


def select_last(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the selection of the checkpoint that was trained longest.

    The job's own endpoint is that of the model's *default* checkpoint, which an earlier promotion may have changed.

    Args:
        job: A finished tuning job, as `gemtune.tuning.tune.tune` returns it.
    """
    last = max(_served(job), key=lambda point: int(point["step"]), default={"endpoint": job["endpoint"]})
    return _selection("last", last, [])


def compare_checkpoints(
    points: Sequence[Mapping[str, Any]], scores: Sequence[Sequence[Record]], metric: str
) -> list[dict[str, Any]]:
    """Return each checkpoint with its mean, and how far it is behind the best one, in the order of training.

    Only examples that have a score from every checkpoint count, so that all means are over the same ones. `behind` is
    the mean of the example-by-example differences to the best checkpoint and `behind_standard_error` the standard
    error of that mean: how hard an example is cancels out. `within` says whether the first is at most the second.
    """
    kept = [
        {record["id"]: record["metrics"][metric] for record in those if metric in record["metrics"]} for those in scores
    ]
    ids = [record["id"] for record in scores[0] if all(record["id"] in each for each in kept)]
    if not ids:
        raise DataError("checkpoint_selection: no validation example has a score from every checkpoint, expected one")
    sign = 1.0 if METRICS[metric].direction == "higher" else -1.0
    columns = [[each[id] for id in ids] for each in kept]
    best = max(columns, key=lambda column: sign * fmean(column))  # of equal ones the earliest
    figures = []
    for point, column in zip(points, columns, strict=True):
        behind = [sign * (theirs - ours) for theirs, ours in zip(best, column, strict=True)]
        figures.append(
            {
                **point,
                "n": len(ids),
                "mean": fmean(column),
                "standard_error": _standard_error(column),
                "behind": fmean(behind),
                "behind_standard_error": _standard_error(behind),
                "best": column is best,
                "within": fmean(behind) <= _standard_error(behind),
            }
        )
    return figures


def choose(figures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the earliest checkpoint that is within one standard error of the best one.

    Among checkpoints that the validation split cannot tell apart the one that was trained least is the safest: what
    it lacks in fit to the training data it cannot have overfitted.
    Source: Breiman et al. (1984), Classification and Regression Trees, 3.4.3; here with paired differences.
    """
    return next(point for point in figures if point["within"])


def selection_metrics(selection: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that the step shows: the chosen checkpoint, and each one's mean."""
    means = {f"checkpoint_{point['checkpoint_id']}": float(point["mean"]) for point in selection["checkpoints"]}
    return {name: float(selection[name]) for name in ("epoch", "step")} | means


def describe_choice(selection: Mapping[str, Any]) -> str:
    """Return the choice on one line."""
    name = f"checkpoint {selection['checkpoint_id'] or '(the only one)'}, epoch {selection['epoch']}"
    if not selection["checkpoints"]:
        return f"{name}: the last one"
    points = selection["checkpoints"]
    chosen = next(point for point in points if point["checkpoint_id"] == selection["checkpoint_id"])
    best = next(point for point in points if point["best"])
    return (
        f"{name}: the earliest of {len(points)} within one standard error of the best on {chosen['n']} validation "
        f"examples; {selection['metric']} {chosen['mean']:.4f}, best {best['mean']:.4f} (checkpoint "
        f"{best['checkpoint_id']})"
    )


def _examples(trial: Trial) -> list[Record]:
    trial.folder.mkdir(parents=True, exist_ok=True)
    prompts = trial.folder / "prompts.jsonl"
    if trial.prompts_uri:
        trial.storage.download(trial.prompts_uri, prompts)
        return list(read_records(prompts))
    raise DataError(
        "checkpoint_selection: validation, but there is no validation example, expected at least one",
        next="give validation_data, or a validation_fraction above 0",
    )


def _is_there(point: Mapping[str, Any], project: str) -> bool:
    """Return whether a checkpoint can still be asked: endpoints of a reused job may have been cleaned up since."""
    if resource_exists(str(point["endpoint"]), project=project):
        return True
    print(f"checkpoint {point['checkpoint_id']}: left out, {point['endpoint']} is gone", file=sys.stderr)
    return False


def _served(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the checkpoints that can be asked, in the order of training."""
    points = sorted(job["checkpoints"], key=lambda point: int(point["step"]))
    return [dict(point) for point in points if point["endpoint"]]


def _selection(rule: str, chosen: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not chosen["endpoint"]:
        raise ServiceError("checkpoint_selection: the tuned model has no endpoint", next="tune again: force_retune")
    return {
        "schema": SCHEMA,
        "rule": rule,
        "checkpoint_id": str(chosen.get("checkpoint_id", "")),
        "epoch": int(chosen.get("epoch", 0)),
        "step": int(chosen.get("step", 0)),
        "endpoint": str(chosen["endpoint"]),
        "checkpoints": [dict(point) for point in figures],
        "paid": dict.fromkeys(TOKEN_COUNTS, 0),
    }


def _standard_error(values: Sequence[float]) -> float:
    """Return the standard error of a mean; 0 for a single value, which has none."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
