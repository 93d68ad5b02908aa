"""The part of a spec that says where, how and when its pipeline job is created. None of it reaches the steps."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gemtune.cron import check_cron
from gemtune.errors import SpecError, did_you_mean, shown
from gemtune.resource_names import Folder, KmsKey, Network, ServiceAccount, matching

_LABEL_KEY = re.compile(r"(?!gemtune-)[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_CRON = re.compile(r"[0-9A-Za-z*/,-]+( +[0-9A-Za-z*/,-]+){4}")


class Submission(BaseModel):
    """Where, how and when the pipeline job is created."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    target: Literal["", "emulator", "vertex"] = ""
    """Where the spec runs: emulator or vertex; empty = the command line must say it, nothing paid starts by default."""
    project: str = ""
    """Project of the pipeline job; empty = the spec's project."""
    location: str = ""
    """Region of the pipeline job; empty = the spec's location."""
    bucket: str = ""
    """Bucket of the default pipeline root; empty = the spec's bucket."""
    pipeline_root: Folder = ""
    """gs:// folder of the job's artifacts; empty = gs://BUCKET/gemtune/pipeline-root."""
    service_account: ServiceAccount = ""
    """Service account that the steps run as; empty = the project's default compute account."""
    network: Network = ""
    """VPC network to peer with, projects/NUMBER/global/networks/NAME; empty = none."""
    kms_key: KmsKey = ""
    """Cloud KMS key for the pipeline job, projects/P/locations/L/keyRings/R/cryptoKeys/K; empty = Google's."""
    labels: dict[str, str] = {}
    """Labels of the pipeline job, lowercase; keys that start with gemtune- are ours."""
    failure_policy: Literal["fast", "slow"] = "fast"
    """After a failed step: fast (start no more steps) or slow (run what does not depend on it)."""
    cron: str = ""
    """When `gemtune schedule` starts runs: minute, hour, day of month, month, day of week; empty = no schedule."""
    time_zone: str = "UTC"
    """IANA time zone that `cron` is meant in, such as Europe/Berlin; also of `start` and `end` without an offset."""
    start: str = ""
    """No scheduled run before this time, ISO 8601; empty = from when the schedule is created."""
    end: str = ""
    """No scheduled run after this time, ISO 8601; empty = no end."""
    max_run_count: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The schedule is completed after so many runs; 0 = no limit."""
    catch_up: bool = False
    """Whether `gemtune schedule resume` makes up for the runs that were missed while paused."""

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, value: dict[str, str]) -> dict[str, str]:
        expected = "keys and values of up to 63 lowercase letters, digits, - and _; gemtune- is reserved"
        for key, text in value.items():
            matching(_LABEL_KEY, key, expected)
            matching(_LABEL_VALUE, text, expected)
        return value

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        expected = "five fields such as `0 3 * * 1`, without a time zone: that is submission.time_zone"
        if value:
            check_cron(matching(_CRON, value.strip(), expected))
        return value.strip()

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, value: str) -> str:
        known = available_timezones() - {"localtime"}  # that of this machine, which the service does not know
        if value not in known:
            raise ValueError(f"an IANA time zone such as Europe/Berlin{did_you_mean(value, known)}")
        return value

    @field_validator("start", "end")
    @classmethod
    def _check_time(cls, value: str) -> str:
        try:
            datetime.fromisoformat(value or "2026-12-01")
        except ValueError:
            raise ValueError("an ISO 8601 time such as 2026-12-01T03:00:00Z") from None
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        start, end = self.start_time(), self.end_time()
        if start and end and start >= end:
            raise SpecError(f"submission.end: {shown(self.end)}, expected a time after start, {shown(self.start)}")
        return self

    def start_time(self) -> datetime | None:
        """Return when the schedule starts, in UTC."""
        return self._moment(self.start)

    def end_time(self) -> datetime | None:
        """Return when the schedule ends, in UTC."""
        return self._moment(self.end)

    def cron_with_zone(self) -> str:
        """Return `cron` as the service takes it, with its time zone before it.

        Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.schedules
        """
        return f"TZ={self.time_zone} {self.cron}"

    def _moment(self, text: str) -> datetime | None:
        if not text:
            return None
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.time_zone))).astimezone(UTC)
