"""Schedules and templates through the plain official SDK; importing it takes seconds, so all its tests are here."""

# mypy: disable-error-code="untyped-decorator"

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import google.auth
import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.auth.transport.requests import Request
from google.cloud import aiplatform, aiplatform_v1
from google.cloud.aiplatform.utils import gcs_utils
from kfp import compiler, dsl
from kfp.registry.registry_client import ApiAuth, RegistryClient

from emulator.storage import read_object
from tests.conftest import Emulator
from tests.emulator.scheduling import Api, until

ROOT = "gs://gemtune-local/pipeline-root"
DAY = 86400


@dsl.component(base_image="python:3.11-slim")
def note(word: str, time: str, said: dsl.Output[dsl.Artifact]) -> None:
    from pathlib import Path

    Path(said.path).write_text(f"{word} {time}")


@dsl.pipeline(name="greet")
def greet(word: str = "hi") -> None:
    note(word=word, time=dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER).set_caching_options(False)


@pytest.fixture
def template(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    # The SDK asks Resource Manager, which is not emulated, who owns the bucket.
    monkeypatch.setattr(gcs_utils, "create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist", lambda **_: None)
    emulator.today(datetime(2026, 11, 21, 12, tzinfo=UTC))
    credentials, _ = google.auth.default()
    aiplatform.init(
        project=emulator.project,
        location="us-central1",
        api_endpoint=emulator.url,
        api_transport="rest",
        credentials=credentials,
    )
    path = str(tmp_path / "greet.yaml")
    compiler.Compiler().compile(greet, path)
    return path


def job(template: str, **more: Any) -> aiplatform.PipelineJob:
    return aiplatform.PipelineJob(
        display_name="greeting",
        template_path=template,
        pipeline_root=ROOT,
        parameter_values={"word": "hello"},
        failure_policy="fast",
        labels={"gemtune-spec": "greet"},
        encryption_spec_key_name="projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
        **more,
    )


def every_monday(template: str, **more: Any) -> aiplatform.PipelineJobSchedule:
    schedule = aiplatform.PipelineJobSchedule(pipeline_job=job(template), display_name="weekly")
    schedule.create(cron="TZ=Europe/Berlin 0 3 * * 1", **more)
    return schedule


def ended(emulator: Emulator, schedule: aiplatform.PipelineJobSchedule, count: int) -> list[Any]:
    """Wait until that many runs have succeeded; return them, oldest first."""
    api = Api(emulator)

    def states() -> list[str]:
        return [run["state"] for run in api.runs(schedule.resource_name)]

    until(lambda: states() == ["PIPELINE_STATE_SUCCEEDED"] * count, f"not {count} runs")
    return [run.gca_resource for run in schedule.list_jobs(order_by="create_time", enable_simple_view=False)]


def succeeded(run: aiplatform.PipelineJob) -> bool:
    return bool(run.state.name == "PIPELINE_STATE_SUCCEEDED")


def said(emulator: Emulator, run: Any) -> bytes | None:
    task = aiplatform.PipelineJob.get(run.name).task_details[0]
    return read_object(emulator.state, task.outputs["said"].artifacts[0].uri)


def test_a_schedule_really_runs_until_its_count_is_reached(emulator: Emulator, template: str) -> None:
    schedule = every_monday(
        template,
        max_run_count=2,
        max_concurrent_active_run_count=1,
        start_time="2026-11-22T00:00:00Z",
        end_time="2027-11-22T00:00:00Z",
        service_account="tuner@gemtune-local.iam.gserviceaccount.com",
        network="projects/123456789012/global/networks/private",
    )
    assert schedule.gca_resource.next_run_time == datetime(2026, 11, 23, 2, tzinfo=UTC)
    emulator.advance(2 * DAY)
    ended(emulator, schedule, 1)
    assert (schedule.state.name, schedule.gca_resource.started_run_count) == ("ACTIVE", 1)
    emulator.advance(7 * DAY)
    runs = ended(emulator, schedule, 2)
    assert schedule.state.name == "COMPLETED"
    assert [said(emulator, run) for run in runs] == [b"hello 2026-11-23T02:00:00Z", b"hello 2026-11-30T02:00:00Z"]
    for run in runs:
        assert run.schedule_name == schedule.resource_name
        assert run.display_name == ""
        assert run.service_account == "tuner@gemtune-local.iam.gserviceaccount.com"
        assert run.network == "projects/123456789012/global/networks/private"
        assert run.encryption_spec.kms_key_name.endswith("cryptoKeys/k")
        assert run.labels["gemtune-spec"] == "greet"
        assert run.runtime_config.failure_policy.name == "PIPELINE_FAILURE_POLICY_FAIL_FAST"


def test_a_schedule_is_changed_paused_resumed_caught_up_and_deleted(emulator: Emulator, template: str) -> None:
    stranger = aiplatform.PipelineJobSchedule(pipeline_job=job(template), display_name="weekly")
    stranger.create(cron="0 0 1 1 *")
    theirs = Api(emulator).get(stranger.resource_name)
    schedule = every_monday(template, max_concurrent_active_run_count=1)
    schedule.update(cron="TZ=Europe/Berlin 0 3 * * *", max_run_count=9)
    again = aiplatform.PipelineJobSchedule.get(schedule.resource_name)
    assert (again.cron, again.max_run_count) == ("TZ=Europe/Berlin 0 3 * * *", 9)
    found = aiplatform.PipelineJobSchedule.list(filter='display_name="weekly"', order_by="create_time")
    assert [one.resource_name for one in found] == [stranger.resource_name, schedule.resource_name]
    schedule.pause()
    assert schedule.state.name == "PAUSED"
    emulator.advance(3 * DAY)
    assert schedule.list_jobs() == []
    schedule.api_client.resume_schedule(
        request=aiplatform_v1.ResumeScheduleRequest(name=schedule.resource_name, catch_up=True)
    )
    days = [f"hello 2026-11-{day}T02:00:00Z".encode() for day in (22, 23, 24)]
    assert [said(emulator, run) for run in ended(emulator, schedule, 3)] == days
    with pytest.raises(BadRequest, match="is ACTIVE and cannot be resumed"):
        schedule.resume()
    schedule.delete()
    with pytest.raises(NotFound):
        aiplatform.PipelineJobSchedule.get(schedule.resource_name)
    assert Api(emulator).get(stranger.resource_name) == theirs


class RegistryAtHome(urllib.request.HTTPSHandler):
    """Opens what https://LOCATION-kfp.pkg.dev would serve at the emulator instead."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def https_open(self, request: urllib.request.Request) -> Any:
        if not (request.host or "").endswith("-kfp.pkg.dev"):
            return super().https_open(request)
        at_home = urllib.request.Request(f"{self.url}/{request.full_url.removeprefix('https://')}")
        at_home.add_header("Authorization", request.get_header("Authorization", ""))
        return urllib.request.urlopen(at_home)


@pytest.fixture
def registry(emulator: Emulator) -> Iterator[RegistryClient]:
    urllib.request.install_opener(urllib.request.build_opener(RegistryAtHome(emulator.url)))
    credentials, _ = google.auth.default()
    credentials.refresh(Request())
    host = f"{emulator.url}/us-central1-kfp.pkg.dev/gemtune-local/gemtune-local"
    yield RegistryClient(host=host, auth=ApiAuth(credentials.token))
    urllib.request.install_opener(urllib.request.build_opener())


def test_a_job_runs_from_the_registry(emulator: Emulator, template: str, registry: RegistryClient) -> None:
    package, version = registry.upload_pipeline(template, tags=["v1"])
    address = f"https://us-central1-kfp.pkg.dev/gemtune-local/gemtune-local/{package}/v1"
    by_sdk = job(address, job_id="by-sdk")
    by_sdk.submit()
    # The console sends the address only.
    client = by_sdk.api_client
    by_console = client.create_pipeline_job(
        parent="projects/gemtune-local/locations/us-central1",
        pipeline_job=aiplatform_v1.PipelineJob(
            template_uri=address, runtime_config={"gcs_output_directory": ROOT, "parameter_values": {"word": "hello"}}
        ),
    )
    assert by_console.template_metadata.version == version
    assert by_console.pipeline_spec == by_sdk.gca_resource.pipeline_spec
    for name in (by_sdk.resource_name, by_console.name):
        started = aiplatform.PipelineJob.get(name)
        until(partial(succeeded, started), name)
        run = started.gca_resource
        assert run.template_uri == address
        assert (said(emulator, run) or b"").startswith(b"hello 2026-11-21T12:0")
