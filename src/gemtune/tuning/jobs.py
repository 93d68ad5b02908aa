"""Tuning jobs as resources: create one, find the one that exists, wait for its end, explain how it failed.

API version v1beta1: sub-states and finished epochs exist only there.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/reference/rest/v1beta1/projects.locations.tuningJobs
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gemtune.errors import TuningJobError
from gemtune.generation.failures import failure_of
from gemtune.labels import FINGERPRINT_LABEL, RUN_LABEL
from gemtune.serving import TUNED_STATES
from gemtune.tuning.causes import cause_of
from gemtune.tuning.request import TuningRequest
from gemtune.vertex import console_url, genai_client, resource_exists

ADAPTER_SIZES = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN", 32: "THIRTY_TWO"}
"""Sizes by the end of their enum name, ADAPTER_SIZE_..."""

ENDED_STATES = TUNED_STATES | {"JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}
"""A paused job has not ended: it can be resumed."""

ON_DEADLINE = "the exit step cancels a job that this run created: allow more tuning_deadline_hours and run again"


def pauses(sleep: Callable[[float], object], limit_seconds: float) -> Iterator[float]:
    """Sleep 1 s, then half as long again each time, up to 30 s; yield the seconds slept so far, end at the limit."""
    delay, waited = 1.0, 0.0
    while waited < limit_seconds:
        sleep(delay)
        waited += delay
        delay = min(30.0, delay * 1.5)
        yield waited


class TuningJobs:
    """The tuning jobs of one location.

    Args:
        project: Google Cloud project.
        location: Region of the jobs.
        waits: Waits a little for each item; when it ends, patience is over.
    """

    def __init__(self, project: str, location: str, waits: Iterator[float]) -> None:
        self.parent = f"projects/{project}/locations/{location}/tuningJobs"
        self._project = project
        self._waits = waits
        self._client = genai_client(project, location, api_version="v1beta1")

    def pause(self, what: str, next_step: str) -> None:
        """Wait a little.

        Raises:
            TuningJobError: The deadline has come.
        """
        if next(self._waits, None) is None:
            raise TuningJobError(f"{what} when the deadline came (tuning_deadline_hours)", next=next_step)

    def usable(self, name: str, run: str) -> Any | None:
        """Return the named job if it is under way, or done with an endpoint that still exists.

        Args:
            name: Full resource name.
            run: Value of the run label that the job must have; empty for any.
        """
        job = self._get(name, may_be_missing=True)
        return job if job is not None and self._is_usable(job, run) else None

    def find(self, fingerprint: str, run: str) -> Any | None:
        """Return a usable job with the fingerprint, the newest one.

        Labels are compared here: whether the service can filter by them is not verified live.
        """
        ours = (job for job in self.all() if (job.labels or {}).get(FINGERPRINT_LABEL) == fingerprint)
        return next((job for job in ours if self._is_usable(job, run)), None)

    def all(self) -> list[Any]:
        """Return every job of the location, newest first."""
        jobs: list[Any] = self._read(self.parent, lambda: list(self._client.tunings.list(config={"page_size": 100})))
        return jobs

    def get(self, name: str) -> Any:
        """Return a job by its full resource name.

        Raises:
            TuningJobError: There is none.
        """
        return self._get(name)

    def cancel(self, name: str) -> None:
        """Cancel a job; it ends some time later.

        Raises:
            TuningJobError: There is none, or it has ended.
        """
        self._read(name, lambda: self._client.tunings.cancel(name=name))

    def create(self, request: TuningRequest, labels: Mapping[str, str]) -> Any:
        """Create a job, asking once; what goes wrong is raised as google-genai raises it."""
        from google.genai import types
        from google.genai.errors import ExperimentalWarning

        # google-genai has no field for it (2.34).
        body = {"serviceAccount": request.service_account} if request.service_account else None
        validation, key = request.validation_uri, request.kms_key_name
        config = types.CreateTuningJobConfig(
            tuned_model_display_name=request.tuned_model_display_name or None,
            description=request.description or None,
            validation_dataset=types.TuningValidationDataset(gcs_uri=validation) if validation else None,
            epoch_count=request.epoch_count or None,
            learning_rate_multiplier=request.learning_rate_multiplier or None,
            adapter_size=f"ADAPTER_SIZE_{ADAPTER_SIZES[request.adapter_size]}" if request.adapter_size else None,
            export_last_checkpoint_only=request.export_last_checkpoint_only or None,
            pre_tuned_model_checkpoint_id=request.pre_tuned_checkpoint_id or None,
            encryption_spec=types.EncryptionSpec(kms_key_name=key) if key else None,
            labels=dict(labels),
            http_options=types.HttpOptions(extra_body=body),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return self._client.tunings.tune(
                base_model=request.pre_tuned_model or request.base_model,
                training_dataset=types.TuningDataset(gcs_uri=request.train_uri),
                config=config,
            )

    def wait(self, job: Any) -> Any:
        """Return the job when it has a tuned model; say what changes on the way.

        Raises:
            TuningJobError: It ended without one, or had not ended by the deadline.
        """
        told = ""
        while True:
            if (line := _progress(job)) != told:
                print(line, file=sys.stderr, flush=True)
                told = line
            if state_of(job) in ENDED_STATES:
                self._require_success(job)
                return job
            self.pause(f"{job.name}: was still {state_of(job)}", ON_DEADLINE)
            job = self._get(job.name)

    def _get(self, name: str, *, may_be_missing: bool = False) -> Any:
        return self._read(name, lambda: self._client.tunings.get(name=name), may_be_missing=may_be_missing)

    def _is_usable(self, job: Any, run: str) -> bool:
        if run and (job.labels or {}).get(RUN_LABEL) != run:
            return False
        if state_of(job) not in TUNED_STATES:
            return state_of(job) not in ENDED_STATES | {"JOB_STATE_CANCELLING"}
        endpoint = job.tuned_model and job.tuned_model.endpoint
        return bool(endpoint) and resource_exists(endpoint, project=self._project)

    def _read(self, what: str, call: Callable[[], Any], *, may_be_missing: bool = False) -> Any:
        """Make a call that changes nothing, again and again while it fails for a reason that passes."""
        while True:
            try:
                return call()
            except Exception as error:
                failure = failure_of(error)
                if may_be_missing and failure.error.startswith("404"):
                    return None
                if failure.is_final:
                    raise TuningJobError(f"{what}: {failure.error}", next=cause_of(failure.error)) from error
            print(f"{what}: {failure.error}; asking again", file=sys.stderr, flush=True)
            self.pause(f"{what}: {failure.error}", ON_DEADLINE)

    def _require_success(self, job: Any) -> None:
        state = state_of(job)
        if state in TUNED_STATES and job.tuned_model and job.tuned_model.endpoint:
            return
        said = f"code {job.error.code}: {job.error.message}" if job.error else "without an endpoint or an error"
        cause = cause_of(said)
        if row := re.search(r"[Dd]ataset example (\d+)", said):
            cause += f"; it is line {row[1]} of {job.supervised_tuning_spec.training_dataset_uri}"
        page = console_url(job.name, self._project)
        next_step = f"{cause} (details: {page})" if page else cause
        raise TuningJobError(f"{job.name}: {state}, {said}, expected JOB_STATE_SUCCEEDED", next=next_step)


def state_of(job: Any) -> str:
    """Return the state as the API spells it."""
    return spelled(job.state) or "JOB_STATE_UNSPECIFIED"


def _progress(job: Any) -> str:
    words = [f"tune {job.name.rpartition('/')[2]}: {state_of(job)}"]
    if job.tuning_job_state:
        words.append(spelled(job.tuning_job_state).removeprefix("TUNING_JOB_STATE_"))
    if job.tuning_job_metadata and job.tuning_job_metadata.completed_epoch_count:
        words.append(f"{job.tuning_job_metadata.completed_epoch_count} epochs done")
    if job.tuning_job_metadata and job.tuning_job_metadata.completed_step_count:
        words.append(f"{job.tuning_job_metadata.completed_step_count} steps")
    if spelled(job.tuning_job_state).endswith("_WAITING_FOR_QUOTA"):
        words.append("starts when another tuning job of the project ends")
    if state_of(job) == "JOB_STATE_PAUSED":
        words.append("waits until somebody resumes or cancels it")
    return ", ".join(words)


def spelled(value: Any) -> str:
    """Return an enum value as the API spells it; empty for none."""
    return "" if value is None else str(getattr(value, "value", value))
