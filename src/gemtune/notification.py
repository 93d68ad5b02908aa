"""How a run ended, in a few lines: for the exit step's log and for whoever is told."""

import json
from typing import Any

from gemtune.errors import StorageError
from gemtune.storage import Storage


def run_uri(bucket: str, job_id: str, file: str = "") -> str:
    """Return where a run leaves what people look for afterwards: report, comparison, failure."""
    return f"gs://{bucket}/gemtune/runs/{job_id}/{file}"


def outcome_message(*, name: str, job_id: str, state: str, bucket: str, storage: Storage) -> str:
    """Return how a run ended: decision, reasons and numbers, or the failed step with its cause and what next.

    Args:
        name: Name of the tuning spec.
        job_id: Id of the pipeline job.
        state: State of the run as the pipeline service gives it, for instance SUCCEEDED.
        bucket: Bucket of the pipeline.
        storage: Where the steps left their results.
    """
    if state == "SUCCEEDED" and (comparison := read_json(run_uri(bucket, job_id, "comparison.json"), storage)):
        lines = [decision_line(comparison), *comparison["reasons"], metric_line(comparison)]
        lines.append(f"report: {run_uri(bucket, job_id, 'report.html')}")
    elif failure := read_json(run_uri(bucket, job_id, "failure.json"), storage):
        lines = [f"{failure['task']} failed: {failure['message']}"]
        lines += [f"next: {failure['next']}"] if failure["next"] else []
    else:
        lines = ["no step left a cause: see the log of the failed task"]
    return "\n".join([f"{name} {job_id}: {state}", *lines])


def decision_line(comparison: dict[str, Any]) -> str:
    """Return the decision and its first reason on one line."""
    return f"{comparison['decision']}: {comparison['verdict']}, {comparison['reasons'][0]}"


def metric_line(comparison: dict[str, Any]) -> str:
    """Return the numbers of the primary metric on one line; too few pairs have no interval."""
    metric = next(each for each in comparison["metrics"] if each["name"] == comparison["primary_metric"])
    if metric["low"] is None:
        return f"{metric['name']}  no interval: {metric['n']} examples have a score on both sides"
    candidate = "tuned" if comparison["tuning"] else "candidate"
    return (
        f"{metric['name']}  baseline {metric['baseline']:.4f}  {candidate} {metric['candidate']:.4f}  "
        f"difference {metric['difference']:+.4f} [{metric['low']:+.4f}, {metric['high']:+.4f}]  n {metric['n']}"
    )


def read_json(uri: str, storage: Storage) -> dict[str, Any] | None:
    """Return a small JSON object, or None where there is none."""
    try:
        return dict(json.loads(storage.read_text(uri))) if storage.exists(uri) else None
    except StorageError:
        return None
