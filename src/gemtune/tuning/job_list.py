"""The tuning jobs of a project as people look at them: state, model, data, age, cost, what to do about a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from gemtune.catalog import Catalog
from gemtune.errors import SpecError, TuningJobError
from gemtune.labels import RUN_LABEL, SPEC_LABEL
from gemtune.tuning.account import dropped_examples, training_cost
from gemtune.tuning.causes import cause_of
from gemtune.tuning.jobs import ENDED_STATES, TuningJobs, pauses, spelled, state_of
from gemtune.tuning.record import describe
from gemtune.vertex import console_url

PATIENCE_SECONDS = 60.0


class JobList:
    """The tuning jobs of a project in several locations.

    Args:
        project: Google Cloud project.
        locations: Regions to look in.
        catalog: Prices, and what a base model is.
        sleep: Waits while the service is busy.
    """

    def __init__(
        self, project: str, locations: Iterable[str], catalog: Catalog, sleep: Callable[[float], object]
    ) -> None:
        self._project = project
        self._catalog = catalog
        self._jobs = {each: TuningJobs(project, each, pauses(sleep, PATIENCE_SECONDS)) for each in locations}

    def rows(self, now: datetime) -> list[dict[str, Any]]:
        """Return every job, newest first, as `summarize` does.

        Raises:
            TuningJobError: The jobs of a location cannot be listed.
        """
        found = [job for jobs in self._jobs.values() for job in jobs.all()]
        rows = [summarize(job, now, self._project, self._catalog) for job in found]
        return sorted(rows, key=lambda row: str(row["create_time"]), reverse=True)

    def find(self, name: str) -> str:
        """Return the full resource name of a job.

        Args:
            name: Full resource name, or the id at its end.

        Raises:
            SpecError: No location has such a job.
        """
        names = [str(job.name) for jobs in self._jobs.values() for job in jobs.all()]
        matches = [each for each in names if each.rpartition("/")[2] == name.rpartition("/")[2]]
        if not matches:
            where = ", ".join(self._jobs)
            raise SpecError(f"tuning job {name}: not found in {where}", next="see `gemtune jobs list`")
        return matches[0]

    def show(self, name: str, now: datetime) -> dict[str, Any]:
        """Return one job, by its full resource name, as `summarize` does."""
        return summarize(self._at(name).get(name), now, self._project, self._catalog)

    def cancel(self, name: str) -> str:
        """Cancel a job, by its full resource name, and return its state.

        Raises:
            TuningJobError: It has ended already.
        """
        state = state_of(self._at(name).get(name))
        if state in ENDED_STATES:
            raise TuningJobError(f"{name}: is {state}, expected one that has not ended")
        self._at(name).cancel(name)
        return state_of(self._at(name).get(name))

    def _at(self, name: str) -> TuningJobs:
        return self._jobs[name.split("/")[3]]


def summarize(job: Any, now: datetime, project: str, catalog: Catalog) -> dict[str, Any]:
    """Return a job as `gemtune.tuning.record.describe` does, with what a person asks about it.

    Args:
        job: As google-genai gives it.
        now: Now, to tell its age.
        project: Project id for the link to the console.
        catalog: Prices.

    Returns:
        The fields of `describe`, with sub_state, pre_tuned_model, spec and run (whose labels it carries), train_uri,
        validation_uri, age_seconds, cost_usd (None while tokens or prices are not known), error, next, console,
        warnings.
    """
    data = job.supervised_tuning_spec
    found = describe(job)
    said = f"code {job.error.code}: {job.error.message}" if job.error else ""
    return {
        **found,
        "sub_state": spelled(job.tuning_job_state),
        "pre_tuned_model": (job.pre_tuned_model and job.pre_tuned_model.tuned_model_name) or "",
        "spec": found["labels"].get(SPEC_LABEL, ""),
        "run": found["labels"].get(RUN_LABEL, ""),
        "train_uri": (data and data.training_dataset_uri) or "",
        "validation_uri": (data and data.validation_dataset_uri) or "",
        "age_seconds": round((now - job.create_time).total_seconds()) if job.create_time else None,
        "cost_usd": training_cost(found, found["base_model"], catalog),
        "error": said,
        "next": cause_of(said) if said else "",
        "console": console_url(job.name, project),
        "warnings": dropped_examples(found),
    }
