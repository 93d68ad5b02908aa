"""What a request for a schedule must hold, and which fields an update changes.

Faithful: required fields, integer enums and counts as strings, output-only fields ignored, an updateMask with nested
paths, fields that were set cannot be unset.
Not modelled: schedules of notebooks; a mask of `*`. The wording of errors is not verified live.
Assumed: the pipeline job of the request is checked when the schedule is created, not only when it runs; what a mask
names is replaced as a whole, while protobuf's own rule for a mask that ends in a message is to merge.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/reference/rest/v1/projects.locations.schedules.
"""

import copy
from datetime import UTC, datetime
from typing import Any

from emulator import cron
from emulator.errors import invalid_argument
from emulator.json_fields import Schema, camel_case, read_fields
from emulator.pipeline_jobs import spec_of
from emulator.pipeline_requests import checked_runtime, checked_spec
from emulator.state import State

COUNTS = ("maxRunCount", "maxConcurrentRunCount", "maxConcurrentActiveRunCount")
PIPELINE_JOB: dict[str, Schema] = {
    "displayName": "string",
    "pipelineSpec": "map",
    "runtimeConfig": "map",
    "labels": "map",
    "serviceAccount": "string",
    "network": "string",
    "reservedIpRanges": ["string"],
    "encryptionSpec": {"kmsKeyName": "string"},
    "templateUri": "string",
    "preflightValidations": "bool",
}
FIELDS: dict[str, Schema] = {
    "displayName": "string",
    "cron": "string",
    "startTime": "string",
    "endTime": "string",
    **dict.fromkeys(COUNTS, "int64"),
    "allowQueueing": "bool",
    "createPipelineJobRequest": {"parent": "string", "pipelineJob": PIPELINE_JOB, "pipelineJobId": "string"},
}
OUTPUT_ONLY = (
    "name",
    "state",
    "createTime",
    "updateTime",
    "nextRunTime",
    "lastPauseTime",
    "lastResumeTime",
    "startedRunCount",
    "catchUp",
    "lastScheduledRunResponse",
)
FREE_KEYS = {"labels", "parameterValues", "pipelineSpec"}
"""Below them, names are the user's, not fields."""


def read_request(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Schedule that a client may set; those at their default are left out.

    Raises:
        ApiError: 400, a field is unknown or of the wrong type.
    """
    fields = read_fields(sent, FIELDS | dict.fromkeys(OUTPUT_ONLY, "any"), "schedule")
    defaults = ("", "0", False)
    return {name: value for name, value in fields.items() if name in FIELDS and value not in defaults}


def checked(state: State, schedule: dict[str, Any], location: str) -> dict[str, Any]:
    """Return a schedule as the service keeps it.

    Raises:
        ApiError: 400, a field is missing or wrong.
    """
    for field in ("displayName", "cron", "maxConcurrentRunCount", "createPipelineJobRequest"):
        if field not in schedule:
            raise invalid_argument("Required field is not set.", f"schedule.{field}")
    if len(schedule["displayName"]) > 128:
        raise invalid_argument("The display name is longer than 128 characters.", "schedule.display_name")
    for field in COUNTS:
        if int(schedule.get(field, 1)) < 1:
            raise invalid_argument(f"{field} is {schedule[field]}, expected a positive count.", f"schedule.{field}")
    check_cron(schedule["cron"], state.clock.now())
    request = checked_job_request(state, schedule["createPipelineJobRequest"], location)
    return {**schedule, **checked_times(schedule, state.clock.now()), "createPipelineJobRequest": request}


def checked_times(schedule: dict[str, Any], now: datetime) -> dict[str, str]:
    """Return the start and the end of a schedule, as far as it has them."""
    times: dict[str, str] = {}
    for field in ("startTime", "endTime"):
        if field in schedule:
            times[field] = checked_time(schedule[field], field)
    start = read_time(times["startTime"]) if "startTime" in times else now
    if "endTime" in times and read_time(times["endTime"]) <= max(start, now):
        raise invalid_argument("end_time must be after start_time and in the future.", "schedule.end_time")
    return times


def check_cron(text: str, now: datetime) -> None:
    """Refuse an expression that cannot be read, or that never runs."""
    try:
        comes = cron.parse(text).after(now)
    except ValueError as error:
        raise invalid_argument(f"Invalid cron schedule: {error}.", "schedule.cron") from error
    if comes is None:
        raise invalid_argument(f"Invalid cron schedule: {text!r} names a date that never comes.", "schedule.cron")


def checked_job_request(state: State, request: dict[str, Any], location: str) -> dict[str, Any]:
    """Return the CreatePipelineJobRequest of a schedule."""
    field = "schedule.create_pipeline_job_request"
    given = str(request.get("parent", "")).replace(f"projects/{state.project}/", f"projects/{state.number}/")
    if given != location:
        raise invalid_argument(f"The parent is {given!r}, expected {location!r}.", f"{field}.parent")
    if request.get("pipelineJobId"):
        raise invalid_argument(
            "The pipeline job id must not be set: every run gets its own.", f"{field}.pipeline_job_id"
        )
    job = request.get("pipelineJob", {})
    sent = job.get("runtimeConfig", {})
    runtime = checked_runtime(checked_spec(spec_of(state, job)[0]), sent)
    if not sent.get("failurePolicy"):
        del runtime["failurePolicy"]
    return {"parent": location, "pipelineJob": {**job, "runtimeConfig": runtime}}


def changed(schedule: dict[str, Any], sent: dict[str, Any], mask: str) -> dict[str, Any]:
    """Return a schedule with the fields that an updateMask names taken from `sent`.

    Raises:
        ApiError: 400, the mask is missing, names no field, or one that would lose its value.
    """
    paths = [path for path in mask.split(",") if path]
    if not paths:
        raise invalid_argument("Required field is not set.", "update_mask")
    result = copy.deepcopy(schedule)
    for path in paths:
        parts = field_path(path)
        if parts[0] in FIELDS:
            change(result, sent, parts, path)
        elif parts[0] not in OUTPUT_ONLY:
            raise invalid_argument(f"Invalid field in the update mask: {path}.", "update_mask")
    return result


def field_path(path: str) -> list[str]:
    """Return the JSON names in a path of a mask.

    >>> field_path("create_pipeline_job_request.pipeline_job.labels.my_team")
    ['createPipelineJobRequest', 'pipelineJob', 'labels', 'my_team']
    """
    parts: list[str] = []
    for part in path.split("."):
        parts.append(part if FREE_KEYS & set(parts) else camel_case(part))
    return parts


def change(target: dict[str, Any], source: dict[str, Any], parts: list[str], path: str) -> None:
    """Take over the value at one path."""
    *above, last = parts
    for part in above:
        target, source = target.setdefault(part, {}), source.get(part, {})
        if not isinstance(target, dict) or not isinstance(source, dict):
            raise invalid_argument(f"Invalid field in the update mask: {path}.", "update_mask")
    if last in source:
        target[last] = source[last]
    elif target.get(last) is True:
        del target[last]
    elif last in target:
        raise invalid_argument(f"{path} has a value and cannot be unset.", f"schedule.{path}")


def checked_time(text: str, field: str) -> str:
    """Return a time in UTC as the service writes it."""
    try:
        return write_time(read_time(text))
    except ValueError as error:
        raise invalid_argument(f"Field '{field}', Illegal timestamp format: {text!r}.", f"schedule.{field}") from error


def read_time(text: str) -> datetime:
    """Return the moment of an RFC 3339 time.

    Raises:
        ValueError: It is none, or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return moment.astimezone(UTC)


def write_time(moment: datetime) -> str:
    """Return a moment as RFC 3339 with as many digits of a second as it needs.

    >>> write_time(datetime(2026, 12, 7, 2, tzinfo=UTC))
    '2026-12-07T02:00:00Z'
    """
    return moment.isoformat().replace("+00:00", "Z")
