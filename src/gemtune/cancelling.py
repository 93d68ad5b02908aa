"""Cancel the tuning jobs that a run has created and not seen to their end: they go on, and are billed, without it.

KFP's start script does not pass SIGTERM on, so a step that is cancelled cannot do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune import catalog as catalogs
from gemtune.tuning import label_value
from gemtune.tuning_jobs import ENDED_STATES, RUN_LABEL
from gemtune.vertex import CallError, Rest


def cancel_tuning_jobs(job_id: str, *, project: str, parameters: Mapping[str, Any]) -> list[str]:
    """Cancel every unfinished tuning job labelled with a run, and return their names.

    A job that the run took over from another run carries that run's label, and is left alone. Labels are compared
    here: whether the service can filter tuning jobs by label is not verified live.

    Args:
        job_id: Id of the pipeline job.
        project: Google Cloud project of the tuning jobs.
        parameters: Parameters of the run; base_model, tuning_location, location and catalog_overrides say where its
            tuning job is.

    Raises:
        ServiceError: Jobs cannot be listed, or one cannot be cancelled.
        SpecError: The parameters name no region.
    """
    wanted = (parameters[key] for key in ("base_model", "tuning_location", "location"))
    service = Rest(project, catalogs.load(parameters["catalog_overrides"]).tuning_location(*wanted))
    jobs = service.pages("tuningJobs", "tuningJobs", pageSize=100)
    ours = [job for job in jobs if job.get("labels", {}).get(RUN_LABEL) == label_value(job_id)]
    unfinished = [job["name"] for job in ours if job["state"] not in ENDED_STATES | {"JOB_STATE_CANCELLING"}]
    return [name for name in unfinished if _cancel(service, name)]


def _cancel(service: Rest, name: str) -> bool:
    """Cancel a job; False if it ended in between."""
    try:
        service.post(f"{name}:cancel", {})
    except CallError as error:
        if error.code == 400 and service.get(name).get("state") in ENDED_STATES:
            return False
        raise
    return True
