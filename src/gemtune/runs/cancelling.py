"""Cancel a run, and the tuning and batch jobs that it created and did not see to their end: they go on, billed.

KFP's start script does not pass SIGTERM on, so a step that is cancelled cannot do it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gemtune import catalog as catalogs
from gemtune.errors import ServiceError
from gemtune.job_parameters import parameters_of
from gemtune.labels import RUN_LABEL, label_value
from gemtune.runs.pipeline_jobs import ENDED_RUN_STATES
from gemtune.serving import asking_locations
from gemtune.tuning.jobs import ENDED_STATES
from gemtune.tuning.request import location_for
from gemtune.vertex import CallError, Rest, location_of

PATIENCE_SECONDS = 600.0
"""How long a cancelled run may take to end; until then it may still create a job."""

POLL_SECONDS = 1.0


def cancel_run(name: str, *, project: str, sleep: Callable[[float], object] = time.sleep) -> tuple[str, list[str]]:
    """Cancel a pipeline job and its unfinished tuning and batch jobs; return the state it ended in, and those jobs.

    A run that has ended is looked through as well: it may have given up waiting for them.

    Args:
        name: Resource name of the pipeline job.
        project: Project id of the pipeline job.
        sleep: Waits between two looks.

    Raises:
        ServiceError: There is no such run, or it does not end in time.
    """
    service = Rest(project, location_of(name))
    job = service.get(name)
    if job["state"] not in ENDED_RUN_STATES:
        _cancel(service, name)
    cancelled: list[str] = []
    for _ in range(round(PATIENCE_SECONDS / POLL_SECONDS)):
        state = service.get(name)["state"]
        parameters = parameters_of(job)
        job_id, project = name.rpartition("/")[2], parameters["project"]
        cancelled += cancel_tuning_jobs(job_id, project=project, parameters=parameters)
        cancelled += cancel_batch_jobs(job_id, project=project, parameters=parameters)
        if state in ENDED_RUN_STATES:
            return str(state), cancelled
        sleep(POLL_SECONDS)
    raise ServiceError(f"{name}: still {state} after {PATIENCE_SECONDS:.0f} s", next="look at it in the console")


def cancel_tuning_jobs(job_id: str, *, project: str, parameters: Mapping[str, Any]) -> list[str]:
    """Cancel every unfinished tuning job labelled with a run, and return their names.

    A job that the run took over from another run carries that run's label, and is left alone. Labels are compared
    here: whether the service can filter tuning jobs by label is not verified live.

    Args:
        job_id: Id of the pipeline job.
        project: Google Cloud project of the tuning jobs.
        parameters: Parameters of the run; base_model, pre_tuned_model, tuning_location, location and
            catalog_overrides say where its tuning job is.

    Raises:
        ServiceError: Jobs cannot be listed, or one cannot be cancelled.
        SpecError: The parameters name no region.
    """
    location = location_for(
        base_model=parameters["base_model"],
        pre_tuned_model=parameters.get("pre_tuned_model", ""),
        tuning_location=parameters.get("tuning_location", ""),
        location=parameters["location"],
        catalog=catalogs.load(parameters["catalog_overrides"]),
    )
    service = Rest(project, location)
    jobs = service.pages("tuningJobs", "tuningJobs", pageSize=100)
    ours = [job for job in jobs if job.get("labels", {}).get(RUN_LABEL) == label_value(job_id)]
    return _cancel_unfinished(service, ours)


def cancel_batch_jobs(job_id: str, *, project: str, parameters: Mapping[str, Any]) -> list[str]:
    """Cancel every unfinished batch prediction job labelled with a run, and return their names.

    A job that the run took over from another run carries that run's label, and is left alone.

    Args:
        job_id: Id of the pipeline job.
        project: Google Cloud project of the batch jobs.
        parameters: Parameters of the run; location, tuning_location, inference_location and catalog_overrides say
            where its batch jobs may be.

    Raises:
        ServiceError: Jobs cannot be listed, or one cannot be cancelled.
    """
    catalog = catalogs.load(parameters["catalog_overrides"])
    named = (parameters.get(key, "") for key in ("location", "tuning_location", "inference_location"))
    cancelled = []
    for location in sorted(asking_locations(catalog, *named)):
        service = Rest(project, location)
        jobs = service.pages("batchPredictionJobs", "batchPredictionJobs", pageSize=100)
        ours = [job for job in jobs if job.get("labels", {}).get(RUN_LABEL) == label_value(job_id)]
        cancelled += _cancel_unfinished(service, ours)
    return cancelled


def _cancel_unfinished(service: Rest, jobs: Iterable[Mapping[str, Any]]) -> list[str]:
    unfinished = [job["name"] for job in jobs if job["state"] not in ENDED_STATES | {"JOB_STATE_CANCELLING"}]
    return [name for name in unfinished if _cancel(service, name)]


def _cancel(service: Rest, name: str) -> bool:
    """Cancel a job; False if it ended in between."""
    try:
        service.post(f"{name}:cancel", {})
    except CallError as error:
        if error.code == 400 and service.get(name).get("state") in ENDED_STATES | ENDED_RUN_STATES:
            return False
        raise
    return True
