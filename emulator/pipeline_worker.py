"""The process that runs one pipeline job: python -m emulator.pipeline_worker FOLDER.

FOLDER holds job.json (see `main`) and receives logs. Every change of a task's state is one line of JSON on stdout;
the last line is the job's end. The process dies with whoever holds the other end of its stdin, and so do its steps.

Faithful: the received pipelineSpec is what runs, with caching per task and pipeline, retries, exit handlers and their
final status, conditions, loops, importers, and both failure policies. An output's path ends in
`{project number}/{job id}/{task name}_{task id}/{output}`.
Not modelled: independent tasks run one after the other, at most two iterations of a loop at once; machine types,
limits and time-outs; `dsl.OneOf` of artifacts; loops over an output that is not called `Output`; an optional input
without default that is left out; integers in f-strings (3 becomes 3.0); lists of integers from `dsl.Collected`
(floats); `{{$.pipeline_task_name}}` is the component's name.

kfp.local reports nothing while it runs. Three of its functions are replaced (`listen`); all its code calls them through
their modules. kfp is pinned, and a contract test fails if one of them moves.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulator.pipeline_spec import ALL_UPSTREAM_TASKS_COMPLETED, SpecError, adapt
from emulator.pipeline_tasks import FAILED_PRECONDITION, Task, TaskTree, dag_error

Report = Callable[[dict[str, Any]], None]

WITHOUT_FILE = {"system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics"}
"""Artifact types whose content is their metadata."""


def main(folder: Path) -> None:
    """Run FOLDER/job.json.

    Its keys: `name` (of the job), `spec` (placeholders filled), `parameters`, `fail_fast`, `run_id` (see TaskTree),
    `bucket_folder` (the local folder that stands for gs://), `output_folder` (the job's own, below it), `cache`.
    """
    report = reporter()
    threading.Thread(target=die_with_parent, daemon=True).start()
    job = json.loads((folder / "job.json").read_text())
    tree = TaskTree(job["spec"], job["run_id"], report)
    try:
        adapt(job["spec"])
        error = run(job, tree, folder)
    except SpecError as reason:
        # The job itself says why: on Vertex AI this could not have happened.
        error = {"code": FAILED_PRECONDITION, "message": str(reason)}
        refused = next(task for task in tree.root.descendants() if task.name == reason.task)
        tree.end(refused, "FAILED", error=error)
    tree.close()
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    report({"job": "FAILED", "error": error} if error else {"job": "SUCCEEDED"})


def reporter() -> Report:
    """Return the function that writes a line to stdout, and send whatever else is printed to stderr."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def report(record: dict[str, Any]) -> None:
        channel.write(json.dumps(record) + "\n")

    return report


def die_with_parent() -> None:
    """Wait until nobody holds the other end of stdin, then end this process and its steps."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def run(job: dict[str, Any], tree: TaskTree, folder: Path) -> dict[str, Any] | None:
    """Run the job with kfp.local and return its error, if it has one."""
    from google.protobuf import json_format
    from kfp import local
    from kfp.local import pipeline_orchestrator
    from kfp.pipeline_spec import pipeline_spec_pb2

    (folder / "tmp").mkdir(exist_ok=True)
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=job["output_folder"],
        workspace_root=str(folder / "workspace"),
        enable_caching=True,
        cache_root=job["cache"],
    )
    listen(Watcher(job, tree, folder))
    try:
        spec = json_format.ParseDict(job["spec"], pipeline_spec_pb2.PipelineSpec())
        pipeline_orchestrator.run_local_pipeline(spec, job["parameters"])
    except Exception as error:
        return dag_error(tree.root.failed()) if tree.root.failed() else {"code": 13, "message": str(error)}
    return None


def listen(watcher: "Watcher") -> None:
    """Let `watcher` take part in what kfp.local does.

    `execute_single_task` runs each call of a component, importers and cache hits included; `run_local_subprocess`
    starts each process; `construct_local_task_root` says where a task's outputs go.
    """
    from kfp.local import executor_input_utils, subprocess_task_handler
    from kfp.local.orchestrator import task_executor

    watcher.execute_single_task = task_executor.execute_single_task
    task_executor.execute_single_task = watcher.execute
    subprocess_task_handler.run_local_subprocess = watcher.spawn
    executor_input_utils.construct_local_task_root = watcher.task_root


class Watcher:
    """Runs each task as kfp.local would, and reports its states, its outputs and the cause of its failure."""

    execute_single_task: Callable[..., tuple[dict[str, Any], Any]]

    def __init__(self, job: dict[str, Any], tree: TaskTree, folder: Path) -> None:
        self._job = job
        self._tree = tree
        self._folder = folder
        # Iterations of a loop run in threads of their own.
        self._here = threading.local()

    def execute(self, *, task_name: str, task_spec: Any, components: Any, **rest: Any) -> tuple[dict[str, Any], Any]:
        """Run one call; an exception is a failure of the task, so that exit tasks still run."""
        from kfp.local import status

        if self._job["fail_fast"] and self._tree.root.failed() and not is_exit_task(task_spec):
            return {}, status.Status.FAILURE
        iteration = rest["pipeline_resource_name"].partition("/")[2]
        task = self._tree.start(task_name, task_spec.component_ref.name, iteration)
        self._here.task, self._here.spawned = task, False
        task_spec = self._with_final_status(task, task_spec)
        try:
            outputs, ended = self.execute_single_task(
                task_name=task_name, task_spec=task_spec, components=components, **rest
            )
        except Exception as error:
            with self._log(task).open("a") as log:
                log.write(f"{error}\n")
            outputs, ended = {}, status.Status.FAILURE
        self._end(task, components[task.component], outputs, ended == status.Status.SUCCESS)
        return outputs, ended

    def _end(self, task: Task, component: Any, outputs: dict[str, Any], succeeded: bool) -> None:
        if not succeeded:
            message = last_line(self._log(task))
            self._tree.end(task, "FAILED", error={"code": FAILED_PRECONDITION, "message": message}, ran=True)
            return
        definitions = component.output_definitions.artifacts
        found = {name: self._artifacts(definitions[name], outputs[name]) for name in definitions if name in outputs}
        is_importer = component.executor_label in self._importers()
        state = "SUCCEEDED" if self._here.spawned or is_importer else "SKIPPED"
        self._tree.end(task, state, outputs=found, ran=self._here.spawned)

    def _importers(self) -> set[str]:
        executors = self._job["spec"]["deploymentSpec"]["executors"]
        return {label for label, executor in executors.items() if "importer" in executor}

    def _artifacts(self, definition: Any, value: Any) -> list[dict[str, Any]]:
        """Describe an output as Vertex AI does: where it is, of which type, with what metadata."""
        schema = definition.artifact_type
        artifacts = value if isinstance(value, list) else [value]
        for artifact in artifacts:
            if schema.schema_title in WITHOUT_FILE and artifact.uri.startswith("/"):
                # kfp.local's cache takes an output without a file for one that was deleted.
                Path(artifact.uri).touch()
        return [
            {
                "uri": self._remote(artifact.uri),
                "schemaTitle": schema.schema_title,
                "schemaVersion": schema.schema_version,
                "metadata": artifact.metadata,
            }
            for artifact in artifacts
        ]

    def _remote(self, uri: str) -> str:
        folder = self._job["bucket_folder"] + "/"
        return "gs://" + uri.removeprefix(folder) if uri.startswith(folder) else uri

    def _with_final_status(self, task: Task, task_spec: Any) -> Any:
        """Give an exit task the status that Vertex AI would; kfp.local's own has neither job nor cause."""
        for name, source in task_spec.inputs.parameters.items():
            if source.HasField("task_final_status"):
                copy = type(task_spec)()
                copy.CopyFrom(task_spec)
                status = self._final_status(task, source.task_final_status.producer_task)
                copy.inputs.parameters[name].ClearField("task_final_status")
                copy.inputs.parameters[name].runtime_value.constant.struct_value.update(status)
                return copy
        return task_spec

    def _final_status(self, task: Task, producer: str) -> dict[str, Any]:
        assert task.parent
        failed = next(sibling for sibling in task.parent.children if sibling.name == producer).failed()
        status = {"pipelineJobResourceName": self._job["name"], "pipelineTaskName": producer}
        return {"state": "FAILED", "error": dag_error(failed), **status} if failed else {"state": "SUCCEEDED", **status}

    def spawn(self, full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
        """Run a step's process with a log of its own, and return its exit code.

        Args:
            full_command: What KFP runs, with the step's inputs as the value of --executor_input.
            env_vars: Variables that the task sets.
        """
        self._here.spawned = True
        # kfp.local puts this interpreter's path for every `python3`, in the values of parameters too.
        values = full_command.index("--executor_input") + 1
        full_command[values] = full_command[values].replace(sys.executable, "python3")
        # KFP's start script leaves a temporary folder behind for every step.
        environment = {**os.environ, "TMPDIR": str(self._folder / "tmp"), "PYTHONUNBUFFERED": "1", **(env_vars or {})}
        with self._log(self._here.task).open("a") as log:
            return subprocess.call(
                full_command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
            )

    def task_root(self, pipeline_root: str, pipeline_resource_name: str, task_resource_name: str) -> str:
        """Return the folder of the running task's outputs, named as on Vertex AI."""
        return str(Path(pipeline_root) / folder_name(self._here.task))

    def _log(self, task: Task) -> Path:
        return self._folder / f"{folder_name(task)}.log"


def is_exit_task(task_spec: Any) -> bool:
    """Return whether the task runs however the tasks that it waits for ended."""
    strategy = type(task_spec.trigger_policy).TriggerStrategy.Value(ALL_UPSTREAM_TASKS_COMPLETED)
    return bool(task_spec.dependent_tasks) and task_spec.trigger_policy.strategy == strategy


def folder_name(task: Task) -> str:
    """Return the name of the folder that a task's outputs are in."""
    return f"{task.name}_{task.id}"


def last_line(log: Path) -> str:
    """Return the last line of a log: where a program that fails says why."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "the step left no output")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
