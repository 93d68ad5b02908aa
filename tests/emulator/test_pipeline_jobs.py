"""Pipeline jobs through the plain official SDK; importing it takes seconds, so all its tests are in this file."""

# mypy: disable-error-code="untyped-decorator"

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import aiplatform
from google.cloud.aiplatform.utils import gcs_utils
from google.oauth2.credentials import Credentials
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import compiler, dsl

from emulator.serve import start
from emulator.state import State
from emulator.storage import read_object
from tests.conftest import Emulator

ROOT = "gs://gemtune-local/pipeline-root"
LOCATION = "projects/123456789012/locations/us-central1"
step = dsl.component(base_image="python:3.11-slim")


@step
def write_data(
    lines: int,
    data: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    decision: dsl.OutputPath(str),  # type: ignore[valid-type]
) -> None:
    from pathlib import Path

    Path(data.path).write_text("line\n" * lines)
    metrics.log_metric("lines", lines)
    Path(decision).write_text("promote")


@step
def note_surroundings(
    word: str,
    job_id: str,
    job: str,
    root: str,
    data: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Artifact],
    note: dsl.Output[dsl.HTML],
) -> None:
    import json
    import os
    from pathlib import Path

    found = {
        "word": word,
        "job_id": job_id,
        "job": job,
        "root": root,
        "path": note.path,
        "model": [model.uri, model.metadata],
    }
    found["data"] = Path(data.path).read_text()
    found["environment"] = dict(os.environ)
    Path(note.path).write_text(json.dumps(found))


@step
def say(text: str) -> None:
    print(text)


@step
def break_down(text: str, partial: dsl.Output[dsl.Dataset]) -> None:
    from pathlib import Path

    Path(partial.path).write_text("as far as it came")
    print(f"break_down: {text}")
    raise SystemExit(1)


@step
def wait_forever(port: int) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", port)) as test:
        test.recv(1)


@step
def note_status(status: dsl.PipelineTaskFinalStatus, note: dsl.Output[dsl.Artifact]) -> None:
    import json
    from pathlib import Path

    Path(note.path).write_text(json.dumps(vars(status)))


@dsl.container_component
def run_image() -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="gcr.io/some/image", command=["echo"])


@dsl.pipeline(name="decide")
def decide(lines: int, word: str = "done") -> None:
    with dsl.ExitHandler(note_status()):
        written = write_data(lines=lines)
        imported = dsl.importer(
            artifact_uri="https://us-central1-aiplatform.googleapis.com/v1/models/1",
            artifact_class=VertexModel,
            metadata={"resourceName": "models/1"},
        )
        noted = note_surroundings(
            word=word,
            job_id=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            job=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
            root=dsl.PIPELINE_ROOT_PLACEHOLDER,
            data=written.outputs["data"],
            model=imported.output,
        )
        noted.set_caching_options(False)
        with dsl.If(written.outputs["decision"] == "promote", name="promote"):
            say(text=word).set_display_name("taken")
        with dsl.Else():
            break_down(text="not taken")


@dsl.pipeline(name="two-fail")
def two_fail() -> None:
    with dsl.ExitHandler(note_status()):
        first = break_down(text="the first found nothing to do")
        break_down(text="the second found nothing to do")
        say(text="unreachable").after(first)


@dsl.pipeline(name="waits")
def waits(port: int) -> None:
    say(text="next").after(wait_forever(port=port))


@dsl.pipeline(name="contains")
def contains() -> None:
    run_image().after(say(text="hello"))


Submit = Callable[..., aiplatform.PipelineJob]


def use(state: State) -> None:
    aiplatform.init(
        project=state.project,
        location="us-central1",
        api_endpoint=state.url,
        api_transport="rest",
        credentials=Credentials(token=state.token),
    )


@pytest.fixture
def submit(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submit:
    # The SDK asks Resource Manager, which is not emulated, who owns the bucket.
    monkeypatch.setattr(gcs_utils, "create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist", lambda **_: None)
    use(emulator.state)

    def submit(pipeline: Any, job_id: str, **more: Any) -> aiplatform.PipelineJob:
        template = str(tmp_path / f"{pipeline.name}.yaml")
        compiler.Compiler().compile(pipeline, template)
        job = aiplatform.PipelineJob(
            display_name=pipeline.name, template_path=template, job_id=job_id, pipeline_root=ROOT, **more
        )
        job.submit()
        return job

    return submit


def wait_until(job: aiplatform.PipelineJob, *wanted: str) -> aiplatform.PipelineJob:
    deadline = time.monotonic() + 30
    while job.state.name.removeprefix("PIPELINE_STATE_") not in wanted:
        assert time.monotonic() < deadline, job.state
        time.sleep(0.05)
    return job


def ended(job: aiplatform.PipelineJob) -> aiplatform.PipelineJob:
    return wait_until(job, "SUCCEEDED", "FAILED", "CANCELLED")


class Waiting:
    """The step `wait_forever` of a job: it is there once it called, and gone once it hung up."""

    def __init__(self, listener: socket.socket, submit: Submit) -> None:
        self.job = submit(waits, "waits-1", parameter_values={"port": listener.getsockname()[1]})
        self.call, _ = listener.accept()
        wait_until(self.job, "RUNNING")

    def is_gone(self) -> bool:
        return self.call.recv(1) == b""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


def tasks(job: aiplatform.PipelineJob) -> dict[str, Any]:
    return {task.task_name: task for task in job.task_details}


def states(job: aiplatform.PipelineJob) -> dict[str, str]:
    return {name: task.state.name for name, task in tasks(job).items()}


def output(state: State, job: aiplatform.PipelineJob, task: str, name: str) -> bytes:
    return read_object(state, tasks(job)[task].outputs[name].artifacts[0].uri) or b""


def test_a_job_runs_every_kind_of_task(emulator: Emulator, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real/key.json")
    monkeypatch.setenv("GOOGLE_API_KEY", "real")
    job = submit(decide, "decide-1", parameter_values={"lines": 3, "word": "python3"}, labels={"team": "x"})
    assert job.resource_name == f"{LOCATION}/pipelineJobs/decide-1"
    assert ended(job).state.name == "PIPELINE_STATE_SUCCEEDED"
    assert states(job) == {
        "exit-handler-1": "SUCCEEDED",
        "write-data": "SUCCEEDED",
        "importer": "SUCCEEDED",
        "note-surroundings": "SUCCEEDED",
        "condition-branches-2": "SUCCEEDED",
        "condition-3": "SUCCEEDED",
        "say": "SUCCEEDED",
        "condition-4": "NOT_TRIGGERED",
        "break-down": "NOT_TRIGGERED",
        "note-status": "SUCCEEDED",
    }
    found = tasks(job)
    parents = {name: task.parent_task_id for name, task in found.items()}
    assert parents["write-data"] == found["exit-handler-1"].task_id
    assert parents["say"] == found["condition-3"].task_id
    assert parents["condition-3"] == found["condition-branches-2"].task_id
    assert not parents["exit-handler-1"]
    written = found["write-data"]
    assert written.create_time <= written.start_time <= written.end_time
    assert [status.state.name for status in written.pipeline_task_status] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert written.executor_detail.container_detail.main_job.startswith(f"{LOCATION}/customJobs/")
    folder = f"{ROOT}/123456789012/decide-1/write-data_{written.task_id}"
    data, metrics = (written.outputs[name].artifacts[0] for name in ("data", "metrics"))
    assert (data.uri, data.schema_title, data.display_name) == (f"{folder}/data", "system.Dataset", "data")
    assert (metrics.schema_title, dict(metrics.metadata)) == ("system.Metrics", {"lines": 3.0})
    assert read_object(emulator.state, data.uri) == b"line\nline\nline\n"
    assert read_object(emulator.state, f"{folder}/executor_output.json")
    model = found["importer"].outputs["artifact"].artifacts[0]
    assert (model.schema_title, dict(model.metadata)) == ("google.VertexModel", {"resourceName": "models/1"})

    note = json.loads(output(emulator.state, job, "note-surroundings", "note"))
    assert found["note-surroundings"].outputs["note"].artifacts[0].schema_title == "system.HTML"
    assert (note["job_id"], note["job"], note["root"]) == ("decide-1", job.resource_name, ROOT)
    assert (note["word"], note["data"]) == ("python3", "line\nline\nline\n")
    assert note["model"] == [model.uri, {"resourceName": "models/1"}]
    assert note["path"].split("/")[-3] == "decide-1"
    environment = note["environment"]
    assert {name for name in environment if name.startswith(("GOOGLE_", "GCE_", "CLOUDSDK_"))} == {
        "GOOGLE_VERTEX_BASE_URL",
        "GOOGLE_CLOUD_PROJECT",
        "GCE_METADATA_HOST",
        "GCE_METADATA_IP",
        "CLOUDSDK_CONFIG",
    }
    assert emulator.state.token not in environment.values()
    status = json.loads(output(emulator.state, job, "note-status", "note"))
    assert (status["state"], status["pipeline_job_resource_name"]) == ("SUCCEEDED", job.resource_name)

    assert [one.name for one in aiplatform.PipelineJob.list(filter='display_name="decide" AND labels.team=x')] == [
        "decide-1"
    ]
    assert aiplatform.PipelineJob.list(filter="labels.team=y") == []
    assert not aiplatform.PipelineJob.list(enable_simple_view=True)[0].gca_resource.job_detail.task_details
    with pytest.raises(Conflict, match="decide-1 already exists"):
        submit(decide, "decide-1", parameter_values={"lines": 3})

    again = ended(submit(decide, "decide-2", parameter_values={"lines": 3, "word": "other"}))
    assert {name: states(again)[name] for name in ("write-data", "note-surroundings", "say")} == {
        "write-data": "SKIPPED",
        "note-surroundings": "SUCCEEDED",
        "say": "SUCCEEDED",
    }
    assert tasks(again)["write-data"].outputs["data"].artifacts[0].uri == data.uri
    assert dict(tasks(again)["write-data"].outputs["metrics"].artifacts[0].metadata) == {"lines": 3.0}
    assert json.loads(output(emulator.state, again, "note-surroundings", "note"))["data"] == note["data"]
    assert [one.name for one in aiplatform.PipelineJob.list(order_by="create_time desc")] == ["decide-2", "decide-1"]


def test_a_failed_job_says_which_tasks_failed_and_why(emulator: Emulator, submit: Submit) -> None:
    slow = submit(two_fail, "slow")
    fast = submit(two_fail, "fast", failure_policy="fast")
    assert ended(slow).state.name == "PIPELINE_STATE_FAILED"
    assert states(slow) == {
        "exit-handler-1": "FAILED",
        "break-down": "FAILED",
        "break-down-2": "FAILED",
        "say": "NOT_TRIGGERED",
        "note-status": "SUCCEEDED",
    }
    error = tasks(slow)["break-down"].error
    assert (error.code, error.message) == (9, "break_down: the first found nothing to do")
    assert slow.gca_resource.error.code == 9
    failed = [name for name in states(slow) if name.startswith("break")]
    message = f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(failed)}]."
    assert slow.gca_resource.error.message == message
    status = json.loads(output(emulator.state, slow, "note-status", "note"))
    assert status == {
        "state": "FAILED",
        "pipeline_job_resource_name": slow.resource_name,
        "pipeline_task_name": "exit-handler-1",
        "error_code": 9,
        "error_message": message,
    }
    folder = f"{ROOT}/123456789012/slow/break-down_{tasks(slow)['break-down'].task_id}"
    assert read_object(emulator.state, f"{folder}/partial") == b"as far as it came"

    assert ended(fast).gca_resource.runtime_config.failure_policy.name == "PIPELINE_FAILURE_POLICY_FAIL_FAST"
    found = states(fast)
    assert sorted([found["break-down"], found["break-down-2"]]) == ["FAILED", "NOT_TRIGGERED"]
    assert found["note-status"] == "SUCCEEDED"


def test_a_cancelled_job_ends_with_its_steps_and_can_be_deleted(submit: Submit, listener: socket.socket) -> None:
    waiting = Waiting(listener, submit)
    job = waiting.job
    assert states(job) == {"wait-forever": "RUNNING", "say": "PENDING"}
    assert job.state.name == "PIPELINE_STATE_RUNNING"
    with pytest.raises(BadRequest, match="PIPELINE_STATE_RUNNING and cannot be deleted"):
        job.api_client.delete_pipeline_job(name=job.resource_name)
    job.cancel()
    assert waiting.is_gone()
    assert wait_until(job, "CANCELLED").has_failed is False
    assert states(job) == {"wait-forever": "CANCELLED", "say": "NOT_TRIGGERED"}
    with pytest.raises(BadRequest, match="is in state PIPELINE_STATE_CANCELLED and cannot be canceled"):
        job.cancel()
    job.delete()
    with pytest.raises(NotFound, match="waits-1 not found"):
        aiplatform.PipelineJob.get(job.resource_name)


def test_a_job_that_needs_a_container_fails_at_once_and_says_so(submit: Submit) -> None:
    job = ended(submit(contains, "contains-1"))
    assert states(job) == {"run-image": "FAILED", "say": "NOT_TRIGGERED"}
    expected = "run-image: it runs the container 'gcr.io/some/image', expected a lightweight Python component"
    assert job.gca_resource.error.message.startswith(expected)


def test_a_job_without_a_required_parameter_is_refused(submit: Submit) -> None:
    with pytest.raises(BadRequest, match="Required parameter 'lines' is missing"):
        submit(decide, "decide-1")
    assert aiplatform.PipelineJob.list() == []


def test_a_restarted_emulator_knows_which_jobs_were_interrupted(
    submit: Submit, listener: socket.socket, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    state = State(folder)
    server = start(state)
    use(state)
    waiting = Waiting(listener, submit)
    job = waiting.job
    before = state.get("pipelineJobs", job.resource_name)
    server.stop()
    state.close()
    assert waiting.is_gone()

    restarted = State(folder)
    server = start(restarted)
    use(restarted)
    stopped = aiplatform.PipelineJob.get(job.resource_name)
    # What a killed emulator leaves behind: a job that is at work, and nobody who works.
    assert before
    restarted.put("pipelineJobs", job.resource_name, before)
    killed = aiplatform.PipelineJob.get(job.resource_name)
    for found in (stopped, killed):
        assert found.gca_resource.state.name == "PIPELINE_STATE_FAILED"
        assert found.gca_resource.error.message == "interrupted: the emulator stopped"
    assert states(killed) == {"wait-forever": "FAILED", "say": "NOT_TRIGGERED"}
    server.stop()
    restarted.close()
