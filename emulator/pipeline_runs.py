"""The processes that run pipeline jobs: one per job, followed by one thread each.

Faithful: outputs are at `{gcsOutputDirectory}/{project number}/{job id}/{task name}_{task id}/{output}`, also those of
a failed task; a cache hit shows the earlier job's artifacts; steps find credentials at the metadata server only.
Not modelled: cancelling kills every step at once (no SIGTERM, no grace), and runs no exit task (whether Vertex AI runs
it is not verified live); what a step writes below /gcs. The artifacts' resource names are not served, and metrics,
which are all metadata, have an empty object.
"""

import json
import mimetypes
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from emulator.control import environment
from emulator.pipeline_details import CANCELLED, ENDED_JOB, FAILED, end_job, update_task
from emulator.pipeline_spec import fill_placeholders
from emulator.pipeline_tasks import TaskTree
from emulator.pipeline_worker import last_line
from emulator.state import State
from emulator.storage import write_object

COLLECTION = "pipelineJobs"
INTERRUPTED = {"code": 13, "message": "interrupted: the emulator stopped"}

GOOGLE = (
    "GOOGLE_",
    "GCE_",
    "GCLOUD_",
    "CLOUDSDK_",
    "CLOUD_ML_",
    "VERTEX_",
    "GEMINI_",
    "AIP_",
    "NO_GCE_CHECK",
    "STORAGE_",
)
"""How the variables begin that Google's libraries read: none of the developer's own may reach a step."""


class Runs:
    """The jobs of one emulator that are being run."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._running: dict[str, tuple[subprocess.Popen[str], Thread]] = {}
        self._stopping = False
        state.on_close.append(self.stop)

    def start(self, document: dict[str, Any], schedule_time: str) -> None:
        """Store a new job, with all its tasks as pending, and start its process."""
        name = document["name"]
        run_id = self._state.new_id()
        add_task = partial(update_task, document, now=document["createTime"])
        TaskTree(document["pipelineSpec"], run_id, add_task).announce()
        folder = job_folder(self._state, name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        order = worker_order(self._state, document, run_id, schedule_time)
        (folder / "job.json").write_text(json.dumps(order))
        with self._state.transaction():
            self._state.put(COLLECTION, name, document)
            process = spawn(folder, environment(self._state))
            thread = Thread(target=self._follow, args=(name, process), name=name, daemon=True)
            self._running[name] = (process, thread)
        thread.start()

    def current(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the job as it is now; one that an emulator left behind running has failed."""
        name = document["name"]
        with self._state.transaction():
            stored = self._state.get(COLLECTION, name) or document
            if stored["state"] not in ENDED_JOB and name not in self._running:
                # When it really ended is unknown; its last sign of life is known.
                end_job(stored, FAILED, INTERRUPTED, stored["updateTime"])
                self._state.put(COLLECTION, name, stored)
            return stored

    def cancel(self, name: str) -> None:
        """End the processes of a job; its state follows."""
        if name in self._running:
            kill(self._running[name][0])

    def stop(self) -> None:
        """End all jobs: the emulator stops."""
        self._stopping = True
        for process, thread in list(self._running.values()):
            kill(process)
            thread.join()
        with _lock:
            _runs.pop(self._state, None)

    def _follow(self, name: str, process: subprocess.Popen[str]) -> None:
        """Write down what the process reports, until it ends."""
        end: dict[str, Any] = {}
        with process:
            try:
                for line in process.stdout or []:
                    record = json.loads(line)
                    if "job" in record:
                        end = record
                    else:
                        self._record(name, record)
            except Exception as error:
                end = {"job": "FAILED", "error": {"code": 13, "message": f"{name}: {error}"}}
            kill(process)
        self._finish(name, end, process.returncode)

    def _record(self, name: str, record: dict[str, Any]) -> None:
        if record["state"] in ("SUCCEEDED", "FAILED") and record.get("ran"):
            upload(self._state, output_folder(self._state, name), f"{record['taskName']}_{record['taskId']}")
        with self._state.transaction():
            document = self._state.get(COLLECTION, name) or {}
            now = self._state.clock.timestamp()
            if document["state"] == "PIPELINE_STATE_PENDING":
                document |= {"state": "PIPELINE_STATE_RUNNING", "startTime": now}
            update_task(document, record, now=now)
            self._state.put(COLLECTION, name, document)

    def _finish(self, name: str, end: dict[str, Any], exit_code: int) -> None:
        with self._state.transaction():
            document = self._state.get(COLLECTION, name) or {}
            now = self._state.clock.timestamp()
            if document["state"] == "PIPELINE_STATE_CANCELLING":
                end_job(document, CANCELLED, None, now)
            elif end:
                end_job(document, f"PIPELINE_STATE_{end['job']}", end.get("error"), now)
            else:
                cause = last_line(job_folder(self._state, name) / "worker.log")
                lost = {"code": 13, "message": f"{name}: its process ended with {exit_code}: {cause}"}
                end_job(document, FAILED, INTERRUPTED if self._stopping else lost, now)
            self._state.put(COLLECTION, name, document)
            self._running.pop(name)


_lock = Lock()
_runs: dict[State, Runs] = {}


def runs(state: State) -> Runs:
    """Return the jobs that the emulator of `state` is running."""
    with _lock:
        if state not in _runs:
            _runs[state] = Runs(state)
        return _runs[state]


def job_folder(state: State, name: str) -> Path:
    """Return where a job's order and logs are: one per task, named as its output folder, and worker.log."""
    location, _, job_id = name.split("/")[3:]
    return state.folder.resolve() / COLLECTION / location / job_id


def bucket_folder(state: State) -> Path:
    """Return the folder that stands for gs:// in steps, as /gcs does on Vertex AI."""
    return state.folder.resolve() / "gcs"


def output_folder(state: State, name: str) -> Path:
    """Return the folder of a job's outputs."""
    document = state.get(COLLECTION, name) or {}
    root = str(document["runtimeConfig"]["gcsOutputDirectory"]).removeprefix("gs://").strip("/")
    return bucket_folder(state) / root / state.number / name.rpartition("/")[2]


def worker_order(state: State, document: dict[str, Any], run_id: str, schedule_time: str) -> dict[str, Any]:
    """Return the job.json of the worker."""
    spec, runtime = document["pipelineSpec"], document["runtimeConfig"]
    job_id = document["name"].rpartition("/")[2]
    root = runtime["gcsOutputDirectory"].rstrip("/")
    order = {
        "name": document["name"],
        "spec": spec,
        "parameters": runtime.get("parameterValues", {}),
        "fail_fast": runtime["failurePolicy"] == "PIPELINE_FAILURE_POLICY_FAIL_FAST",
        "run_id": run_id,
        "bucket_folder": str(bucket_folder(state)),
        "output_folder": str(bucket_folder(state) / root.removeprefix("gs://") / state.number / job_id),
        # The service looks for hits in jobs of the same pipeline.
        "cache": str(state.folder.resolve() / "pipelineCache" / spec["pipelineInfo"]["name"]),
    }
    placeholders = {
        "pipeline_job_name": job_id,
        "pipeline_job_resource_name": document["name"],
        "pipeline_job_uuid": run_id,
        "pipeline_root": root,
        "pipeline_job_create_time_utc": document["createTime"],
        "pipeline_job_schedule_time_utc": schedule_time or document["createTime"],
    }
    return fill_placeholders(order, placeholders)


def spawn(folder: Path, emulator_environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a worker in a process group of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(GOOGLE)}
    with (folder / "worker.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "emulator.pipeline_worker", str(folder)],
            cwd=folder,
            env=inherited | emulator_environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
        )


def kill(process: subprocess.Popen[str]) -> None:
    """End a worker and all its steps; one that has ended is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def upload(state: State, outputs: Path, task_folder: str) -> None:
    """Store all that a task wrote as objects."""
    for path in sorted((outputs / task_folder).rglob("*")):
        if path.is_file():
            content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            uri = f"gs://{path.relative_to(bucket_folder(state)).as_posix()}"
            write_object(state, uri, path.read_bytes(), content_type)
