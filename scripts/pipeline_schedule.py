"""The schedule of a spec as the SDK sends it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gemtune.spec import TuningSpec
from scripts.pipeline_job import pipeline_job
from scripts.target import Target


class WantedSchedule:
    """What a spec wants of its schedule; nothing is sent yet. Making one imports the SDK, which takes seconds.

    Args:
        spec: What to run, and when.
        parameters: Values of the pipeline's parameters.
        template: Compiled pipeline.
        target: Where to run it.
    """

    def __init__(self, spec: TuningSpec, parameters: Mapping[str, Any], template: Path, target: Target) -> None:
        job = pipeline_job(spec, parameters, template, target)
        from google.cloud import aiplatform

        self._schedule = aiplatform.PipelineJobSchedule(pipeline_job=job, display_name=spec.name)
        fill(self._schedule._gca_resource, spec)

    def document(self) -> dict[str, Any]:
        """Return it as the service's JSON has it."""
        return json_of(self._schedule._gca_resource)

    def create(self) -> str:
        """Create the schedule and return its name."""
        resource = self._schedule._gca_resource
        created = self._schedule.api_client.create_schedule(parent=self._schedule._parent, schedule=resource)
        return str(created.name)

    def update(self, name: str, fields: Sequence[str]) -> dict[str, Any]:
        """Change fields of a schedule that is there, and return it as the service answered.

        The SDK's own `update` cannot change what a schedule runs.
        """
        resource = self._schedule._gca_resource
        resource.name = name
        client = self._schedule.api_client
        return json_of(client.update_schedule(schedule=resource, update_mask={"paths": list(fields)}))


def json_of(resource: Any) -> dict[str, Any]:
    """Return a message of the SDK as the service's JSON has it."""
    from google.protobuf.json_format import MessageToDict

    return dict(MessageToDict(type(resource).pb(resource)))


def fill(resource: Any, spec: TuningSpec) -> None:
    """Put into a schedule what the SDK takes only when it creates one, or not at all."""
    submission, job = spec.submission, resource.create_pipeline_job_request.pipeline_job
    job.display_name = spec.name
    job.service_account, job.network = submission.service_account, submission.network
    resource.cron = submission.cron_with_zone()
    resource.max_concurrent_run_count = resource.max_concurrent_active_run_count = 1
    resource.max_run_count = submission.max_run_count
    if start := submission.start_time():
        resource.start_time = start
    if end := submission.end_time():
        resource.end_time = end
