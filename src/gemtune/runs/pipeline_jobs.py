"""The runs of a spec: pipeline jobs, however they were started.

A script and a schedule label their jobs; the console cannot, but the spec's name is a parameter of every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from gemtune.errors import SpecError, did_you_mean
from gemtune.labels import SPEC_LABEL
from gemtune.vertex import Rest

ENDED_RUN_STATES = frozenset({"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"})
LOOKED_AT = 1000
"""How many of the newest jobs of a region are looked through."""

# Without it a list brings the whole pipeline, 400 kB for each run.
_FIELDS = "name,displayName,state,labels,createTime,startTime,endTime,scheduleName,runtimeConfig.parameterValues"


def runs_of(spec: str, *, project: str, location: str) -> list[dict[str, Any]]:
    """Return the runs of a spec as the service lists them, newest first, without tasks and pipeline.

    Args:
        spec: Name of the spec.
        project: Project of the pipeline jobs.
        location: Region of the pipeline jobs.
    """
    jobs = listed_runs(project=project, location=location)
    return [job for job in islice(jobs, LOOKED_AT) if spec in (_label(job), _parameter(job))]


def listed_runs(*, project: str, location: str) -> Iterator[dict[str, Any]]:
    """Yield the pipeline jobs of a region, of whatever pipeline, newest first, without tasks and pipeline."""
    return Rest(project, location).pages("pipelineJobs", "pipelineJobs", pageSize=100, readMask=_FIELDS)


def run_named(wanted: str, runs: list[dict[str, Any]], *, spec: str) -> dict[str, Any]:
    """Return one of the runs of a spec.

    Args:
        wanted: Id or resource name of the run; empty for the newest.
        runs: Runs of the spec.
        spec: Name of the spec, for messages.

    Raises:
        SpecError: There is none such.
    """
    ids = [run_id(run) for run in runs]
    if not runs:
        raise SpecError(f"{spec}: no run found", next="`gemtune submit` starts one")
    chosen = wanted.rpartition("/")[2] or ids[0]
    if chosen not in ids:
        raise SpecError(
            f"{chosen}: not found among {len(ids)} runs of {spec}{did_you_mean(chosen, ids)}",
            next="see `gemtune runs list`",
        )
    return runs[ids.index(chosen)]


def service_error(run: dict[str, Any]) -> str:
    """Return what the service says of a run that failed: of the first step that did, or else of the run.

    Steps leave their own cause; this is for what ended before it could: a missing image, a killed machine.

    Args:
        run: The whole pipeline job; a listed one lacks its tasks.
    """
    tasks = run.get("jobDetail", {}).get("taskDetails", [])
    failed = [task for task in tasks if task["state"] == "FAILED" and task.get("executorDetail") and task.get("error")]
    causes = [f"{task['taskName']}: {task['error'].get('message', '')}" for task in failed]
    return (causes or [str(run.get("error", {}).get("message", ""))])[0]


def run_id(run: dict[str, Any]) -> str:
    """Return the last part of a run's name."""
    return str(run["name"]).rpartition("/")[2]


def _label(job: dict[str, Any]) -> str:
    return str(job.get("labels", {}).get(SPEC_LABEL, ""))


def _parameter(job: dict[str, Any]) -> str:
    return str(job.get("runtimeConfig", {}).get("parameterValues", {}).get("name", ""))
