"""Tune a model: at most one paid job for the same data, model and settings, however often it is asked for.

The service bills training tokens and cannot be told that two requests are one. So each request has a fingerprint,
jobs carry it as a label, and a lock decides who creates (`gemtune.tuning.locks`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gemtune.catalog import Catalog
from gemtune.labels import FINGERPRINT_LABEL, RUN_LABEL, label_value
from gemtune.serving import base_model_of, resolve_version
from gemtune.storage import Storage
from gemtune.tuning.account import dropped_examples, training_cost
from gemtune.tuning.jobs import TuningJobs, pauses
from gemtune.tuning.locks import Lock, obtain
from gemtune.tuning.record import describe
from gemtune.tuning.request import TuningRequest, check_request, fingerprint


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
