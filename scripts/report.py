"""Fetch the report of a finished run and open it.

    gemtune report SPEC [RUN]
    gemtune report my-spec.yaml gemini-tuning-20261121104514-3fa2 --target vertex --no-open

RUN is the id or the resource name of a run, however it was started; without it, the newest one of SPEC that succeeded
is meant. SPEC says project, bucket and target of the run. report.html, comparison.json and model_card.md are put into
runs/JOB; what is there already needs no network. The report's path goes to stdout, last.
"""

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from gemtune.errors import GemtuneError, ServiceError, SpecError
from gemtune.runs.notification import failure_lines, read_json, run_uri
from gemtune.runs.pipeline_jobs import run_named, runs_of, service_error
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from gemtune.vertex import CallError, Rest, location_of
from scripts.screen import report_error
from scripts.spec_arguments import add_spec_arguments, read_spec, target_of
from scripts.target import open_target

RUNS = Path("runs")
FETCHED = ("comparison.json", "model_card.md", "report.html")


def main(argv: list[str] | None = None) -> int:
    """Fetch, open, print the path, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune report", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_spec_arguments(parser)
    parser.add_argument("run", metavar="RUN", nargs="?", default="", help="default: the newest of SPEC that succeeded")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    arguments = parser.parse_args(argv)
    try:
        (folder,) = finished_runs([arguments.run], arguments)
    except GemtuneError as error:
        return report_error(error)
    page = folder / "report.html"
    if not arguments.no_open and not webbrowser.open(page.absolute().as_uri()):
        print("no browser was found: open the file yourself", file=sys.stderr)
    print(os.fspath(page))
    return 0


def finished_runs(runs: list[str], arguments: argparse.Namespace) -> list[Path]:
    """Return the folders of finished runs, each fetched unless it is there.

    Args:
        runs: Ids or resource names; an empty one is the newest of the spec that succeeded.
        arguments: With `spec`, `target` and `set`.

    Raises:
        SpecError: A run is to be fetched, and no spec says from where; or there is no such run.
        ServiceError: A run has not ended, or ended without a report.
    """
    folders = {run: RUNS / run.rpartition("/")[2] for run in runs if run}
    missing = [run for run in runs if run not in folders or not is_fetched(folders[run])]
    if missing and not arguments.spec:
        raise SpecError(f"{missing[0]}: not in {RUNS}/, expected a run fetched before", next="name its SPEC, too")
    if missing:
        target = open_target(target_of(arguments))
        try:
            spec = read_spec(arguments, target)
            folders |= {run: fetch_finished(run or newest_run(spec), spec) for run in missing}
        finally:
            target.stop()
    return [folders[run] for run in runs]


def newest_run(spec: TuningSpec) -> str:
    """Return the name of the newest run of a spec that succeeded; of the newest at all, if none did.

    Raises:
        SpecError: It has none.
    """
    runs = runs_of(spec.name, project=spec.submission.project, location=spec.submission.location)
    succeeded = [run for run in runs if run["state"] == "PIPELINE_STATE_SUCCEEDED"]
    return str(run_named("", succeeded or runs, spec=spec.name)["name"])


def is_fetched(folder: Path) -> bool:
    """Tell whether all that a finished run left is in a folder."""
    return all((folder / file).is_file() for file in FETCHED)


def fetch_finished(run: str, spec: TuningSpec) -> Path:
    """Fetch what a run left, wherever the run itself says its bucket is, and return the folder that it is in now.

    Raises:
        SpecError: There is no such run where the spec submits its own.
        ServiceError: It has not ended, or ended without a report.
    """
    submitted = spec.submission
    parent = f"projects/{submitted.project}/locations/{submitted.location}/pipelineJobs"
    name = run if run.startswith("projects/") else f"{parent}/{run}"
    try:
        job = Rest(submitted.project, location_of(name)).get(name)
    except CallError as error:
        if error.code != 404:
            raise
        raise SpecError(f"{name}: found no such run, expected one", next="see `gemtune runs list`") from error
    storage, job_id = Storage(submitted.project), name.rpartition("/")[2]
    bucket = job["runtimeConfig"]["parameterValues"]["bucket"]
    if not storage.exists(run_uri(bucket, job_id, "report.html")):
        raise ServiceError(why_no_report(job, job_id, read_json(run_uri(bucket, job_id, "failure.json"), storage)))
    return fetch(job_id, bucket, storage)


def why_no_report(job: dict[str, Any], job_id: str, failure: dict[str, Any] | None) -> str:
    """Return why a run has no report, as its exit step would say it."""
    state = job["state"].removeprefix("PIPELINE_STATE_").lower()
    cause = f": {'; '.join(failure_lines(failure, service_error(job)))}" if state == "failed" else ""
    return f"{job_id}: is {state} without a report, expected a finished run{cause}"


def fetch(job_id: str, bucket: str, storage: Storage) -> Path:
    """Download what a finished run left for people, and return the folder that it is in now.

    Raises:
        StorageError: Something of it is not there.
    """
    folder = RUNS / job_id
    folder.mkdir(parents=True, exist_ok=True)
    for file in FETCHED:
        storage.download(run_uri(bucket, job_id, file), folder / file)
    return folder


if __name__ == "__main__":
    sys.exit(main())
