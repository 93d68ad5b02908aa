"""Tune a model: at most one paid job for the same data, model and settings, however often it is asked for.

The service bills training tokens and cannot be told that two requests are one. So each request has a fingerprint,
jobs carry it as a label, and a lock decides who creates (`gemtune.tuning.locks`).
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gemtune.catalog import Catalog, base_id
from gemtune.errors import DataError, SpecError
from gemtune.labels import RUN_LABEL, label_value
from gemtune.records import to_line
from gemtune.serving import base_model_of, resolve_version
from gemtune.storage import Storage
from gemtune.tuning.account import dropped_examples, training_cost
from gemtune.tuning.jobs import FINGERPRINT_LABEL, TuningJobs, pauses
from gemtune.tuning.locks import Lock, obtain
from gemtune.tuning.record import describe
from gemtune.vertex import base_url, location_of


@dataclass(frozen=True, kw_only=True)
class TuningRequest:
    """What a tuning job is asked for. Empty and 0 leave a choice to the service."""

    train_uri: str
    """Training dataset, as gs://.../<sha256>.jsonl."""

    validation_uri: str = ""
    base_model: str = ""
    pre_tuned_model: str = ""
    """Tuned model to tune further instead of the base model: projects/.../models/ID@VERSION, or its tuning job."""

    pre_tuned_checkpoint_id: str = ""
    epoch_count: int = 0
    """Passes over the training dataset."""

    adapter_size: int = 0
    learning_rate_multiplier: float = 0.0
    export_last_checkpoint_only: bool = False
    tuned_model_display_name: str = ""
    description: str = ""
    kms_key_name: str = ""
    service_account: str = ""
    """E-mail of the account the job runs as."""

    labels: Mapping[str, str] = field(default_factory=dict)


def fingerprint(request: TuningRequest, location: str) -> str:
    """Return 40 hex characters that are equal exactly when the same tuned model would come out.

    Names, labels, the account it runs as and where the datasets are stored do not count; their contents do.

    Args:
        request: What is asked for; a pre-tuned model with its version.
        location: Region of the tuning job.

    Raises:
        DataError: A dataset's name is not its digest.
    """
    source: dict[str, Any] = {"base_model": base_id(request.base_model)}
    if request.pre_tuned_model:
        # The project is left out: the service writes its number where people write its id.
        model = request.pre_tuned_model.partition("/locations/")[2]
        source = {"pre_tuned_model": model, "checkpoint": request.pre_tuned_checkpoint_id}
    content = source | {
        "train": _digest(request.train_uri),
        "validation": _digest(request.validation_uri) if request.validation_uri else "",
        "epoch_count": request.epoch_count,
        "adapter_size": request.adapter_size,
        "learning_rate_multiplier": float(request.learning_rate_multiplier),
        "export_last_checkpoint_only": request.export_last_checkpoint_only,
        "location": location,
        "kms_key_name": request.kms_key_name,
    }
    return hashlib.sha256(to_line(content).encode()).hexdigest()[:40]


def location_for(
    *, base_model: str, pre_tuned_model: str, tuning_location: str, location: str, catalog: Catalog
) -> str:
    """Return the region of a tuning job: where the pre-tuned model is, or what the catalogue says.

    Args:
        base_model: Base model to tune.
        pre_tuned_model: Tuned model to tune further instead; empty for none.
        tuning_location: Region that the spec asks for; empty for none.
        location: Region of the pipeline.
        catalog: Knows where each model is tuned.
    """
    if pre_tuned_model and not tuning_location:
        return location_of(pre_tuned_model)
    return catalog.tuning_location(base_model, tuning_location, location)


def tune(
    request: TuningRequest,
    *,
    project: str,
    location: str,
    bucket: str,
    job_id: str,
    deadline_hours: float,
    force_retune: bool,
    storage: Storage,
    catalog: Catalog,
    pipeline_location: str = "",
    sleep: Callable[[float], object] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    """Return a finished tuning job for the request: an earlier one, one under way, or a new one.

    Args:
        request: What to tune.
        project: Google Cloud project that pays.
        location: Region of the tuning job.
        bucket: Bucket of the lock.
        job_id: Id of the pipeline job that asks.
        deadline_hours: How long to wait in all.
        force_retune: Tune anew even if there is such a job; one of this very run is taken up all the same.
        storage: Where the lock is.
        catalog: What each model supports.
        pipeline_location: Location of the pipeline job, by default `location`: tells whether a run is over.
        sleep: Waits.
        now: Tells the time, UTC.

    Returns:
        The job as `describe` does, with `fingerprint`, `reused`: whether another run paid, and `cost_usd`: its price.

    Raises:
        SpecError: The model does not support what is asked for.
        TuningJobError: No job could be created, or it failed, or the deadline came; the message says which.
    """
    if request.pre_tuned_model:
        tuned = resolve_version(request.pre_tuned_model, project=project)
        request = replace(request, pre_tuned_model=tuned, base_model=base_model_of(tuned, project=project))
    check_request(request, location, catalog)
    if request.base_model:
        for warning in catalog.warnings(request.base_model, now().date(), tuning_location=location):
            print(f"tune: {warning}", file=sys.stderr)
    key, run = fingerprint(request, location), label_value(job_id)
    labels = {name: label_value(value) for name, value in request.labels.items()}
    labels |= {RUN_LABEL: run, FINGERPRINT_LABEL: key}
    jobs = TuningJobs(project, location, pauses(sleep, deadline_hours * 3600))
    owner = f"projects/{project}/locations/{pipeline_location or location}/pipelineJobs/{job_id}"
    lock = Lock(f"gs://{bucket}/gemtune/locks/{key}.json", run=owner, project=project, storage=storage, now=now)
    job = obtain(request, labels, jobs, lock, only_run=run if force_retune else "")
    record = describe(jobs.wait(job))
    for warning in dropped_examples(record):
        print(f"tune: {warning}", file=sys.stderr, flush=True)
    cost = training_cost(record, record["base_model"], catalog)
    return record | {"fingerprint": key, "reused": record["labels"].get(RUN_LABEL) != run, "cost_usd": cost}


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


def check_request(request: TuningRequest, location: str, catalog: Catalog) -> None:
    """Refuse what is known to fail, naming what works, before anything is paid or locked.

    Raises:
        SpecError: The model does not support what is asked for.
    """
    if request.pre_tuned_model and (found := location_of(request.pre_tuned_model)) != location:
        raise SpecError(f"tuning_location: {location}, expected {found}, where {request.pre_tuned_model} is")
    model = catalog.find(request.base_model)
    if model is None:
        return
    if model.tuning_regions and location not in model.tuning_regions:
        raise SpecError(f"tuning_location: {location}, expected {_listed(model.tuning_regions)} for {model.id}")
    if request.adapter_size and model.adapter_sizes and request.adapter_size not in model.adapter_sizes:
        raise SpecError(f"adapter_size: {request.adapter_size}, expected {_listed(model.adapter_sizes)} for {model.id}")
    if request.kms_key_name and model.cmek is False:
        keyed = [known.id for known in catalog.models.values() if known.cmek]
        raise SpecError(f"kms_key_name: given, expected none for {model.id}", next=f"keys work with {_listed(keyed)}")


def _listed(values: Any) -> str:
    return "one of " + ", ".join(str(value) for value in values)


def _digest(uri: str) -> str:
    match = re.search(r"/([0-9a-f]{64})\.jsonl$", uri)
    if match is None:
        raise DataError(f"{uri}: name is no digest, expected gs://.../<sha256>.jsonl", next="upload it by content")
    return match[1]


def _address(resource_name: str) -> str:
    return f"{base_url(location_of(resource_name))}/v1/{resource_name}"
