"""A tuning job as a record: what later steps, the report and lists need of it, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune.records import to_line
from gemtune.tuning.jobs import ADAPTER_SIZES, spelled, state_of
from gemtune.vertex import base_url, location_of

_TIMES = ("create_time", "start_time", "end_time")


def describe(job: Any) -> dict[str, Any]:
    """Return what later steps, the report and lists need of a job; counts that the service left out are 0."""
    spec = job.supervised_tuning_spec and job.supervised_tuning_spec.hyper_parameters
    data = job.tuning_data_stats and job.tuning_data_stats.supervised_tuning_data_stats
    base = job.base_model or (job.pre_tuned_model and job.pre_tuned_model.base_model)
    sizes = {f"ADAPTER_SIZE_{name}": size for size, name in ADAPTER_SIZES.items()}
    return {
        "tuning_job": job.name,
        "state": state_of(job),
        "model": getattr(job.tuned_model, "model", None) or "",
        "endpoint": getattr(job.tuned_model, "endpoint", None) or "",
        "base_model": base or "",
        "checkpoints": [_checkpoint(point) for point in getattr(job.tuned_model, "checkpoints", None) or []],
        "experiment": job.experiment or "",
        "labels": dict(job.labels or {}),
        "epoch_count": int(getattr(spec, "epoch_count", 0) or 0),
        "adapter_size": sizes.get(spelled(getattr(spec, "adapter_size", None)), 0),
        "learning_rate_multiplier": float(getattr(spec, "learning_rate_multiplier", 0) or 0),
        "example_count": int(getattr(data, "tuning_dataset_example_count", 0) or 0),
        "billable_tokens": int(getattr(data, "total_billable_token_count", 0) or 0),
        "step_count": int(getattr(data, "tuning_step_count", 0) or 0),
        "token_distributions": {
            side: _distribution(getattr(data, f"user_{side}_token_distribution", None)) for side in ("input", "output")
        },
        "dropped_example_count": int(getattr(data, "total_truncated_example_count", 0) or 0),
        "dropped_example_indices": [int(index) for index in getattr(data, "truncated_example_indices", None) or []],
        "dropped_example_reasons": list(getattr(data, "dropped_example_reasons", None) or []),
        **{name: moment.isoformat() if (moment := getattr(job, name)) else "" for name in _TIMES},
    }


def _distribution(found: Any) -> dict[str, float]:
    """Return where the token counts of the examples lie; empty if the service does not tell."""
    names = ("min", "p5", "median", "mean", "p95", "max")
    return {name: float(getattr(found, name)) for name in names if getattr(found, name, None) is not None}


def _checkpoint(point: Any) -> dict[str, Any]:
    return {
        "checkpoint_id": point.checkpoint_id or "",
        "epoch": int(point.epoch or 0),
        "step": int(point.step or 0),
        "endpoint": point.endpoint or "",
    }


def gcp_resources_of(job: Mapping[str, Any]) -> str:
    """Return the job as the console links it from a pipeline task.

    Source: google_cloud_pipeline_components.proto.gcp_resources_pb2. Of the types that the console also cancels with
    the task, TuningJob is none.
    """
    resource = {"resourceType": "TuningJob", "resourceUri": _address(job["tuning_job"])}
    return to_line({"resources": [resource]})


def model_uri_of(job: Mapping[str, Any]) -> str:
    """Return the address of the tuned model, which is what a VertexModel artifact has for a URI."""
    return _address(job["model"])


def summary_metrics(job: Mapping[str, Any], points: list[dict[str, Any]]) -> dict[str, float]:
    """Return the numbers of a job that its task shows: counts, price in USD, the last point of each curve."""
    cost = {} if job["cost_usd"] is None else {"cost_usd": float(job["cost_usd"])}
    counts = ("billable_tokens", "example_count", "dropped_example_count", "epoch_count", "step_count")
    last = {point["metric"]: point["value"] for point in sorted(points, key=lambda point: int(point["step"]))}
    numbers = {name: float(job[name]) for name in counts}
    return numbers | {"checkpoint_count": float(len(job["checkpoints"]))} | cost | last


def _address(resource_name: str) -> str:
    return f"{base_url(location_of(resource_name))}/v1/{resource_name}"
