"""What the worker relies on in kfp.local, how it changes a spec, and how it dies."""

# mypy: disable-error-code="untyped-decorator"

import inspect
import json
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl
from kfp.dsl import component_factory
from kfp.local import executor_input_utils, importer_handler, subprocess_task_handler, task_dispatcher
from kfp.local.orchestrator import dag_orchestrator, enhanced_dag_orchestrator, task_executor

from emulator import pipeline_spec
from emulator.pipeline_spec import SpecError, adapt, fill_placeholders, requirements
from emulator.pipeline_tasks import TaskTree


@dsl.component(
    base_image="python:3.11-slim", packages_to_install=["packaging"], pip_index_urls=["https://index/simple"]
)
def decide(text: str, verdict: dsl.OutputPath(str)) -> None:  # type: ignore[valid-type]
    pass


@dsl.component(base_image="python:3.11-slim", packages_to_install=["pandas==1.0", "numpy"])
def outdated(text: str) -> None:
    pass


@dsl.component(base_image="python:3.11-slim")
def call_back(port: int) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", port)) as test:
        test.recv(1)


@dsl.pipeline(name="branches")
def branches(text: str) -> None:
    decided = decide(text=text)
    with dsl.If(decided.outputs["verdict"] == "yes"):
        decide(text="inside")
    with dsl.ParallelFor(["a", "b"]) as item:
        decide(text=item)


@dsl.pipeline(name="old")
def old() -> None:
    outdated(text="x")


@dsl.pipeline(name="calls-back")
def calls_back(port: int) -> None:
    call_back(port=port)


def compiled(pipeline: Any, folder: Path) -> dict[str, Any]:
    compiler.Compiler().compile(pipeline, str(folder / "pipeline.yaml"))
    spec: dict[str, Any] = yaml.safe_load((folder / "pipeline.yaml").read_text())
    return spec


def test_kfp_local_still_calls_the_functions_that_the_worker_replaces() -> None:
    arguments = {"task_name", "task_spec", "pipeline_resource_name", "components", "executors", "io_store"}
    assert arguments <= set(inspect.signature(task_executor.execute_single_task).parameters)
    for orchestrator in (dag_orchestrator, enhanced_dag_orchestrator):
        assert "task_executor.execute_single_task(" in inspect.getsource(orchestrator)
    spawn = inspect.signature(subprocess_task_handler.run_local_subprocess)
    assert list(spawn.parameters) == ["full_command", "env_vars"]
    assert "= run_local_subprocess(" in inspect.getsource(subprocess_task_handler.SubprocessTaskHandler.run)
    root = inspect.signature(executor_input_utils.construct_local_task_root)
    assert list(root.parameters) == ["pipeline_root", "pipeline_resource_name", "task_resource_name"]
    for caller in (task_dispatcher, importer_handler):
        assert "executor_input_utils.construct_local_task_root(" in inspect.getsource(caller)
    assert component_factory.EXECUTOR_MODULE == pipeline_spec.LIGHTWEIGHT


def test_a_step_installs_nothing_where_all_is_installed(tmp_path: Path) -> None:
    spec = compiled(branches, tmp_path)
    command = spec["deploymentSpec"]["executors"]["exec-decide"]["container"]["command"]
    wanted = [f"kfp=={version('kfp')}", 'typing-extensions>=3.7.4,<5; python_version<"3.9"']
    assert list(requirements(command[2])) == ["packaging", *wanted]
    adapt(spec)
    assert spec["deploymentSpec"]["executors"]["exec-decide"]["container"]["command"] == command[3:]


def test_a_package_of_another_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=rf"outdated: it installs pandas==1\.0, found pandas {version('pandas')}"):
        adapt(compiled(old, tmp_path))


@pytest.mark.parametrize("text", ["no-such-package==1", "kfp @ https://index/kfp.whl", "git+https://index/kfp"])
def test_a_requirement_that_nothing_installed_meets_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="step: it installs"):
        pipeline_spec.check_installed("step", text)


def test_a_condition_names_the_task_whose_output_it_reads(tmp_path: Path) -> None:
    spec = compiled(branches, tmp_path)
    adapt(spec)
    policy = spec["root"]["dag"]["tasks"]["condition-1"]["triggerPolicy"]
    assert policy["condition"] == "inputs.parameter_values['pipelinechannel--decide--verdict'] == 'yes'"


def test_placeholders_are_filled_wherever_they_stand() -> None:
    document = {"args": ["--job={{$.pipeline_job_name}}", "{{$}}"], "text": 'a "{{$.pipeline_job_name}}"'}
    filled = fill_placeholders(document, {"pipeline_job_name": 'job "1"'})
    assert filled == {"args": ['--job=job "1"', "{{$}}"], "text": 'a "job "1""'}


def test_states_of_dags_follow_from_their_tasks(tmp_path: Path) -> None:
    reports: list[dict[str, Any]] = []
    tree = TaskTree(compiled(branches, tmp_path), "run", reports.append)

    def states() -> dict[str, str]:
        return {task.path: task.state for task in tree.root.descendants()}

    first = tree.start("decide", "comp-decide")
    tree.end(first, "SUCCEEDED")
    for iteration in ("for-loop-3-iteration-0", "for-loop-3-iteration-1"):
        tree.end(tree.start("decide-3", "comp-decide-3", iteration), "SUCCEEDED")
        assert states()["for-loop-3"] == "RUNNING"
    inside = tree.start("decide-2", "comp-decide-2")
    assert states()["condition-1"] == "RUNNING"
    tree.end(inside, "FAILED", error={"code": 9, "message": "decide: no"})
    tree.close()
    assert states() | {"condition-1": "FAILED", "condition-1/decide-2": "FAILED", "for-loop-3": "SUCCEEDED"} == states()
    error = next(report["error"] for report in reports if report["taskName"] == "condition-1" and "error" in report)
    assert error["message"] == "The DAG failed because some tasks failed. The failed tasks are: [decide-2]."
    assert len({report["taskId"] for report in reports}) == len(states())


def test_a_worker_and_its_steps_die_with_the_emulator(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        job = {
            "name": "projects/1/locations/l/pipelineJobs/j",
            "spec": compiled(calls_back, tmp_path),
            "parameters": {"port": listener.getsockname()[1]},
            "fail_fast": False,
            "run_id": "run",
            "bucket_folder": str(tmp_path / "gcs"),
            "output_folder": str(tmp_path / "gcs/bucket/1/j"),
            "cache": str(tmp_path / "cache"),
        }
        (tmp_path / "job.json").write_text(json.dumps(job))
        command = [sys.executable, "-m", "emulator.pipeline_worker", str(tmp_path)]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
        ) as worker:
            step, _ = listener.accept()
            assert worker.stdin
            worker.stdin.close()
            assert step.recv(1) == b""
        assert worker.returncode == -9
