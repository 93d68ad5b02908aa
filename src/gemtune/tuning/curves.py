"""Loss and accuracy of a tuning job, read from the TensorBoard behind its experiment.

Best effort: the numbers are for people, and nothing is decided by them.
Source: the notebook gemini/tuning/sft_gemini_summarization.ipynb of GoogleCloudPlatform/generative-ai; some users
report that the curves of their jobs could not be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from gemtune.errors import ServiceError
from gemtune.vertex import Rest, location_of


def read_curves(job: Mapping[str, Any], *, project: str) -> list[dict[str, Any]]:
    """Return the points of every curve, by metric and step; empty, with one line on stderr, if they cannot be had.

    Args:
        job: A finished tuning job, as `gemtune.tuning.tune.tune` returns it.
        project: Google Cloud project that asks.

    Returns:
        Records {metric, step, epoch, value, wall_time}; metric is the service's name without its slash
        (train_total_loss, eval_total_loss, ...), epoch is a fraction of passes, None if the job does not tell.
    """
    try:
        points = list(_points(job, project))
    except (ServiceError, LookupError, ValueError, TypeError) as error:
        print(f"tune: no curves ({type(error).__name__}: {error})", file=sys.stderr)
        return []
    return sorted(points, key=lambda point: (point["metric"], point["step"]))


def _points(job: Mapping[str, Any], project: str) -> Iterator[dict[str, Any]]:
    experiment = job["experiment"]
    rest = Rest(project, location_of(experiment))
    board = rest.get(experiment)["metadata"]["backing_tensorboard_resource"]
    runs = rest.pages(f"{board}/experiments/{experiment.rpartition('/')[2]}/runs", "tensorboardRuns")
    seen: set[str] = set()
    for run in runs:
        for series in rest.pages(f"{run['name']}/timeSeries", "tensorboardTimeSeries"):
            metric = str(series["displayName"]).lstrip("/")
            if metric not in seen:
                seen.add(metric)
                yield from _read_series(rest, series["name"], metric, job)


def _read_series(rest: Rest, name: str, metric: str, job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    # -1 asks for every point. Proto JSON leaves out a step or a value that is 0.
    data = rest.get(f"{name}:read", maxDataPoints=-1)["timeSeriesData"]
    steps, epochs = job.get("step_count") or 0, job.get("epoch_count") or 0
    for value in data.get("values", []):
        if "scalar" in value:
            step = int(value.get("step", 0))
            yield {
                "metric": metric,
                "step": step,
                "epoch": round(step / steps * epochs, 4) if steps and epochs else None,
                "value": float(value["scalar"].get("value", 0.0)),
                "wall_time": str(value.get("wallTime", "")),
            }
