"""Schedules of specs: which are ours, what they say, and how that differs from what a spec says.

A schedule has no labels, so it is known by its display name and by the label of the pipeline job that it starts.
Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.schedules
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gemtune.errors import ServiceError, SpecError, shown
from gemtune.labels import SPEC_LABEL
from gemtune.vertex import Rest

DEFAULT_ACCOUNT = "-compute@developer.gserviceaccount.com"
"""End of the account that the service takes where none is given, and may show then."""

FIELDS = {
    "cron": "cron",
    "start": "start_time",
    "end": "end_time",
    "max_run_count": "max_run_count",
    "max_concurrent_run_count": "max_concurrent_run_count",
    "max_concurrent_active_run_count": "max_concurrent_active_run_count",
    "queueing": "allow_queueing",
}
"""What `settings_of` calls a field of the schedule → what an update mask calls it."""

DERIVED_LABELS = ("labels.gemtune-", "labels.vertex-ai-", "labels.goog-")
"""How labels begin that no spec gives: ours follow from the rest of a schedule, others may be the service's own."""

Schedule = Mapping[str, Any]
"""A schedule as the service's JSON has it."""


def spec_of(schedule: Schedule) -> str:
    """Return the name of the spec that a schedule is for; empty if it is not one of ours."""
    job = schedule.get("createPipelineJobRequest", {}).get("pipelineJob", {})
    name = str(job.get("labels", {}).get(SPEC_LABEL, ""))
    return name if name == schedule["displayName"] else ""


def all_schedules(*, project: str, location: str) -> list[Schedule]:
    """Return the schedules of all specs, newest first; those of others are left out."""
    found = Rest(project, location).pages("schedules", "schedules", pageSize=100)
    return [schedule for schedule in found if spec_of(schedule)]


def schedule_of(spec: str, *, project: str, location: str) -> Schedule | None:
    """Return the schedule of a spec, or None.

    Raises:
        ServiceError: There are several, and only a person knows which one is meant.
    """
    found = schedules_of(spec, project=project, location=location)
    if len(found) > 1:
        names = ", ".join(each["name"] for each in found)
        next = "delete the others in the console, or all with `gemtune schedule delete`, and apply again"
        raise ServiceError(f"{spec}: {len(found)} schedules, expected one: {names}", next=next)
    return found[0] if found else None


def schedules_of(spec: str, *, project: str, location: str) -> list[Schedule]:
    """Return all schedules of a spec, oldest first: more than one only while two people apply it at once."""
    found = [each for each in all_schedules(project=project, location=location) if spec_of(each) == spec]
    return sorted(found, key=lambda each: (each["createTime"], each["name"]))


def namesakes(wanted: Schedule, schedules: Iterable[Schedule]) -> list[str]:
    """Return the specs whose schedules say the same as one, but for the spec's name: it may have been renamed."""
    return [spec_of(each) for each in schedules if differences(each, wanted).keys() == {"parameters.name"}]


def settings_of(schedule: Schedule) -> dict[str, Any]:
    """Return what a schedule says, flat and in the words of a spec; what is not set is left out."""
    job = schedule["createPipelineJobRequest"]["pipelineJob"]
    runtime, account = job.get("runtimeConfig", {}), job.get("serviceAccount", "")
    settings = {
        "cron": schedule.get("cron"),
        "start": _moment(schedule.get("startTime", "")),
        "end": _moment(schedule.get("endTime", "")),
        "max_run_count": int(schedule.get("maxRunCount", 0)),
        "max_concurrent_run_count": int(schedule.get("maxConcurrentRunCount", 0)),
        "max_concurrent_active_run_count": int(schedule.get("maxConcurrentActiveRunCount", 0)),
        "queueing": "yes" if schedule.get("allowQueueing") else "no",
        "service_account": "" if account.endswith(DEFAULT_ACCOUNT) else account,
        "network": job.get("network"),
        "kms_key": job.get("encryptionSpec", {}).get("kmsKeyName"),
        "pipeline_root": runtime.get("gcsOutputDirectory"),
        "failure_policy": str(runtime.get("failurePolicy", "")).removeprefix("PIPELINE_FAILURE_POLICY_FAIL_").lower(),
        "pipeline": _digest(job.get("pipelineSpec", {})),
        **{f"labels.{key}": value for key, value in job.get("labels", {}).items()},
    }
    given = {key: value for key, value in settings.items() if value}
    parameters = runtime.get("parameterValues", {})
    return {**given, **{f"parameters.{key}": _number(parameters[key]) for key in sorted(parameters)}}


def differences(existing: Schedule, wanted: Schedule) -> dict[str, tuple[Any, Any]]:
    """Return setting → (what is, what is wanted) for all that is not as wanted; None is not set.

    A start that the spec does not name is when the schedule was created, and stays.
    """
    old, new = settings_of(existing), settings_of(wanted)
    if "start" not in new:
        old.pop("start", None)
    keys = [key for key in {**new, **old} if not key.startswith(DERIVED_LABELS)]
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def check_update(existing: Schedule, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse what the service does not do to a schedule that is there.

    Source: UpdateScheduleRequest in google/cloud/aiplatform_v1/types/schedule_service.py.

    Raises:
        SpecError: The schedule is completed, or something is to be taken away from it.
    """
    again = "`gemtune schedule delete`, then apply again"
    if existing.get("state") == "COMPLETED":
        raise SpecError(f"{existing['displayName']}: the schedule is completed, expected one to change", next=again)
    if unset := [key for key, (_, wanted) in changes.items() if key in FIELDS and wanted is None]:
        raise SpecError(f"submission.{unset[0]}: found nothing, and a schedule's cannot be taken away", next=again)


def check_updated(updated: Schedule, wanted: Schedule, changes: Iterable[str]) -> None:
    """Check that an update did what it was sent for.

    The mask names the whole request of the runs. Whether the service replaces it, or merges it as
    https://protobuf.dev/reference/protobuf/google.protobuf/#field-mask has it, is not verified live; merged, a label
    or an account that was taken away would stay.

    Args:
        updated: The schedule, as the service answered.
        wanted: What it should be.
        changes: Settings that were to change.

    Raises:
        ServiceError: Some of them did not.
    """
    left = differences(updated, wanted)
    if kept := [f"{key} {shown(left[key][0])}" for key in changes if key in left]:
        raise ServiceError(
            f"{updated['displayName']}: the service took the update and kept {', '.join(kept)}",
            next="`gemtune schedule delete`, then apply again",
        )


def _number(value: Any) -> Any:
    """Return a whole number as one: the service's JSON may say 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat() if text else ""


def _digest(document: Mapping[str, Any]) -> str:
    """Return 12 hex characters of a JSON object; 1 and 1.0 are the same number."""
    if not document:
        return ""
    canonical = json.dumps(json.loads(json.dumps(document), parse_int=float), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
