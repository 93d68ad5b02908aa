"""How a run ended, in a few lines: for the exit step's log, for a webhook, and for whoever follows a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from gemtune.errors import GemtuneError, ServiceError, StorageError
from gemtune.job_parameters import read_parameters
from gemtune.runs.cancelling import cancel_batch_jobs, cancel_tuning_jobs
from gemtune.runs.experiment import experiment_of, log_run
from gemtune.runs.webhook import send
from gemtune.storage import Storage
from gemtune.vertex import console_url, object_url


def run_uri(bucket: str, job_id: str, file: str = "") -> str:
    """Return where a run leaves what people look for afterwards: report, comparison, failure."""
    return f"gs://{bucket}/gemtune/runs/{job_id}/{file}"


def tell(
    *,
    name: str,
    job: str,
    state: str,
    project: str,
    bucket: str,
    parameters: Mapping[str, Any],
    webhook_secret: str,
    experiment: str = "",
    error: str = "",
) -> None:
    """Do what the exit step is for: cancel what a broken run left behind, log the run, and say how it ended.

    What goes wrong here is said in the log and nowhere else: it must not turn a good run into a failed one.

    Args:
        name: Name of the tuning spec.
        job: Resource name of the pipeline job.
        state: State of the run as the pipeline service gives it, for instance SUCCEEDED.
        project: Google Cloud project of the run.
        bucket: Bucket of the pipeline.
        parameters: Parameters of the run that say where its tuning job is.
        webhook_secret: Secret with the address of a webhook; empty for none.
        experiment: Vertex AI experiment to log the run in; empty for one with the spec's name.
        error: What the pipeline service says of a run that failed.
    """
    job_id = job.rpartition("/")[2]
    cancelled: list[str] = []
    if state != "SUCCEEDED":
        steps = {
            "tuning": partial(cancel_tuning_jobs, job_id, project=project, parameters=parameters),
            "batch": partial(cancel_batch_jobs, job_id, project=project, parameters=parameters),
        }
        for kind, cancel in steps.items():
            try:
                cancelled += cancel()
            except GemtuneError as failed:
                print(f"Notification: {kind} jobs of this run may go on: {failed}", file=sys.stderr, flush=True)
    message = outcome_message(
        name=name,
        job=job,
        state=state,
        project=project,
        bucket=bucket,
        cancelled=cancelled,
        storage=Storage(project),
        error=error,
    )
    message += f"\n{experiment_line(experiment_of(experiment, name), job, state, project, bucket)}"
    print(message, flush=True)
    if webhook_secret:
        try:
            send(webhook_secret, message, project=project)
        except ServiceError as failed:
            print(f"Notification: not sent: {failed}", file=sys.stderr, flush=True)


def experiment_line(experiment: str, job: str, state: str, project: str, bucket: str) -> str:
    """Log a run in its experiment, and return where it is, or why it is not there."""
    try:
        comparison = read_json(run_uri(bucket, job.rpartition("/")[2], "comparison.json"), Storage(project))
        parameters = read_parameters(job)
        logged = log_run(experiment, job=job, state=state, parameters=parameters, comparison=comparison)
    except Exception as error:  # Whatever it is, the run is as good as it was.
        print(f"Notification: not logged in experiment {experiment}: {error}", file=sys.stderr, flush=True)
        return f"experiment: this run is not in {experiment}: {error}"
    return f"experiment: {console_url(logged, project) or logged}"


def outcome_message(
    *,
    name: str,
    job: str,
    state: str,
    project: str,
    bucket: str,
    cancelled: Iterable[str],
    storage: Storage,
    error: str = "",
) -> str:
    """Return how a run ended: decision, reasons, numbers, cost and links, or the failed step, its cause and what next.

    Args:
        name: Name of the tuning spec.
        job: Resource name of the pipeline job.
        state: State of the run as the pipeline service gives it.
        project: Google Cloud project of the run.
        bucket: Bucket of the pipeline.
        cancelled: Tuning and batch jobs that were cancelled because the run did not succeed.
        storage: Where the steps left their results.
        error: What the service says of the run, for the case that no step left a cause.
    """
    job_id = job.rpartition("/")[2]
    comparison = read_json(run_uri(bucket, job_id, "comparison.json"), storage)
    lines = [f"{name} {job_id}: {state}"]
    if state != "SUCCEEDED":
        lines += cause_lines(run_uri(bucket, job_id, "failure.json"), storage, error)
        lines += [f"cancelled: {tuning_job}" for tuning_job in cancelled]
    if comparison:
        lines += [decision_line(comparison), *comparison["reasons"][1:], metric_line(comparison)]
    lines.append(cost_line(comparison))
    if comparison:
        lines.append(f"report: {object_url(run_uri(bucket, job_id, 'report.html'))}")
    return "\n".join([*lines, f"run: {console_url(job, project) or job}"])


def cause_lines(uri: str, storage: Storage, error: str) -> list[str]:
    """Return what the failed step left at a URI, as `failure_lines` does, or why it may have been unable to."""
    try:
        found = storage.read_versioned(uri)
    except StorageError as unreadable:
        return [f"no step left a cause: {unreadable}"]
    return failure_lines(json.loads(found[0]) if found else None, error)


def failure_lines(failure: dict[str, Any] | None, error: str = "") -> list[str]:
    """Return the task that failed, its cause, and what to do next; without a cause, what the service says."""
    if not failure:
        return [error or "no step left a cause: see the log of the failed task"]
    next_step = [f"next: {failure['next']}"] if failure["next"] else []
    return [f"{failure['task']} failed: {failure['message']}", *next_step]


def cost_line(comparison: dict[str, Any] | None) -> str:
    """Return what the run has cost, in USD; it is added up in the comparison."""
    if not comparison:
        return "cost: not added up, the run ended before its comparison"
    cost = comparison["cost"]["actual"]
    if cost["unknown"]:
        return f"cost: at least ${cost['known']:.4f}; no price is known for {', '.join(cost['unknown'])}"
    return f"cost: ${cost['total']:.4f} at the catalogue's prices"


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
