"""Who may create the tuning job of a fingerprint: one object in Cloud Storage, written with preconditions.

The tuning service has no idempotency key, so two runs that start together, or one that is killed between creating
a job and writing its name down, would pay twice. The lock names the run that creates, then the job it created.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from gemtune.errors import ServiceError, TuningJobError
from gemtune.generation.failures import failure_of
from gemtune.labels import FINGERPRINT_LABEL
from gemtune.storage import Storage
from gemtune.tuning.causes import cause_of
from gemtune.tuning.jobs import TuningJobs
from gemtune.tuning.request import TuningRequest
from gemtune.vertex import Rest, location_of

STALE = timedelta(minutes=15)
"""Creating a job takes seconds; an owner that has not named its job, nor renewed the lock, for so long is gone."""

_RUN_IS_OVER = frozenset({"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"})


@dataclass(frozen=True, kw_only=True)
class Holder:
    """What is written in a lock."""

    run: str
    """Full resource name of the pipeline job that creates, or created, the tuning job; empty: nobody."""

    since: str
    """When it was taken, or last renewed, ISO 8601."""

    tuning_job: str = ""
    """The job that was created; empty while there is none."""

    token: str
    """Random, so that an owner knows its own lock even beside a retry of its own run."""


class Lock:
    """The lock of one fingerprint.

    Args:
        uri: Where it is kept.
        run: Full resource name of the pipeline job that wants it.
        project: Google Cloud project that asks after other runs.
        storage: Where it is kept.
        now: Tells the time, UTC.
    """

    def __init__(self, uri: str, *, run: str, project: str, storage: Storage, now: Callable[[], datetime]) -> None:
        self.uri = uri
        self._run = run
        self._project = project
        self._storage = storage
        self._now = now
        self._token = uuid.uuid4().hex

    def holder(self) -> Holder | None:
        """Return what is written in the lock, or None."""
        found = self._storage.read_versioned(self.uri)
        return Holder(**json.loads(found[0])) if found else None

    def claim(self, seen: Holder | None) -> bool:
        """Take the lock from `seen`, and return False, changing nothing, if somebody else was quicker.

        Args:
            seen: Who held it when the caller decided that it may be taken.
        """
        if seen is None:
            return self._storage.create_text(self.uri, self._text())
        return self._replace(seen.token)

    def renew(self) -> bool:
        """Say that the owner is alive; return False if the lock was lost."""
        return self._replace(self._token)

    def record(self, tuning_job: str) -> bool:
        """Write down the job that was created; return False if the lock was lost."""
        return self._replace(self._token, tuning_job=tuning_job)

    def release(self) -> bool:
        """Let the next one in at once: no job was created."""
        return self._replace(self._token, run="")

    def is_abandoned(self, holder: Holder) -> bool:
        """Return whether the holder, which has named no job, will not name one any more.

        A retry of the same step counts as the same run: its earlier attempt is dead.
        """
        if holder.run in ("", self._run) or self._now() - datetime.fromisoformat(holder.since) > STALE:
            return True
        try:
            found = Rest(self._project, location_of(holder.run)).get(holder.run)
        except ServiceError:
            # A run that cannot be read (started elsewhere, deleted) is judged by its age alone.
            return False
        return found.get("state") in _RUN_IS_OVER

    def _replace(self, token: str, *, tuning_job: str = "", run: str | None = None) -> bool:
        found = self._storage.read_versioned(self.uri)
        if found is None or Holder(**json.loads(found[0])).token != token:
            return False
        return self._storage.replace_text(self.uri, self._text(tuning_job=tuning_job, run=run), found[1])

    def _text(self, *, tuning_job: str = "", run: str | None = None) -> str:
        run = self._run if run is None else run
        holder = Holder(run=run, since=self._now().isoformat(), tuning_job=tuning_job, token=self._token)
        return json.dumps(asdict(holder), indent=1, sort_keys=True)


def obtain(request: TuningRequest, labels: Mapping[str, str], jobs: TuningJobs, lock: Lock, *, only_run: str) -> Any:
    """Return the job that the lock names, or one with the fingerprint, or a new one.

    Jobs are looked for again once the lock is held: its former owner may have created one and died before saying so.

    Args:
        request: What to tune.
        labels: Labels of a new job; the fingerprint is one of them.
        jobs: The jobs there are.
        lock: The lock of the fingerprint.
        only_run: Run label that an existing job must have to be taken; empty for any.

    Raises:
        TuningJobError: The service refuses the request, or the deadline came.
    """
    key = labels[FINGERPRINT_LABEL]
    while True:
        holder = lock.holder()
        named = holder.tuning_job if holder else ""
        if job := (jobs.usable(named, only_run) if named else None) or jobs.find(key, only_run):
            print(f"tune: {job.name} is the same request; nothing is created", file=sys.stderr, flush=True)
            return job
        may_claim = holder is None or bool(named) or lock.is_abandoned(holder)
        if may_claim and lock.claim(holder):
            job = jobs.find(key, only_run) or _create(request, labels, jobs, lock, only_run=only_run)
            if job:
                lock.record(job.name)
                return job
        else:
            run = holder.run.rpartition("/")[2] if holder else "another run"
            print(f"tune: {run} is creating the same tuning job; waiting for it", file=sys.stderr, flush=True)
            jobs.pause(f"{lock.uri}: still held by {run}", "nothing was created: run again, or delete the lock")


def _create(
    request: TuningRequest, labels: Mapping[str, str], jobs: TuningJobs, lock: Lock, *, only_run: str
) -> Any | None:
    """Create the job; None if the lock was lost on the way.

    A request that failed may still have created its job, so before it is repeated the job is looked for.
    """
    while True:
        try:
            return jobs.create(request, labels)
        except Exception as error:
            failure = failure_of(error)
            if failure.is_final:
                lock.release()
                raise TuningJobError(f"{jobs.parent}: {failure.error}", next=cause_of(failure.error)) from error
        status = "waiting for quota" if failure.error.startswith("429") else "not created yet"
        print(f"tune: {status} ({failure.error}); asking again", file=sys.stderr, flush=True)
        jobs.pause(f"{jobs.parent}: {failure.error}", f"nothing is running: {cause_of(failure.error)}")
        if job := jobs.find(labels[FINGERPRINT_LABEL], only_run):
            return job
        if not lock.renew():
            return None
