"""Fetch the report of a finished run and open it.

    gemtune report RUN [SPEC]
    gemtune report gemini-tuning-20261121104514-3fa2 my-spec.yaml --target vertex --no-open

RUN is the id or the resource name of a run, however it was started. report.html, comparison.json and model_card.md are
put into runs/JOB; what is there already needs neither SPEC nor network. SPEC says project, bucket and target of the
run. The report's path goes to stdout, last.
"""

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from gemtune.errors import GemtuneError, ServiceError, SpecError
from gemtune.runs.notification import failure_lines, read_json, run_uri
from gemtune.runs.pipeline_jobs import service_error
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from gemtune.vertex import CallError, Rest, location_of
from scripts.screen import report_error
from scripts.spec_arguments import read_spec, target_of
from scripts.target import open_target

RUNS = Path("runs")
FETCHED = ("comparison.json", "model_card.md", "report.html")


def main(argv: list[str] | None = None) -> int:
    """Fetch, open, print the path, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune report", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="id or resource name of a finished run")
    add_source_arguments(parser)
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


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where a run is that was not fetched yet."""
    parser.add_argument("spec", metavar="SPEC", nargs="?", default="", help="tuning spec: says where the run is")
    parser.add_argument("--target", choices=("emulator", "vertex"), help="default: submission.target of SPEC")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the spec")


def finished_runs(runs: list[str], arguments: argparse.Namespace) -> list[Path]:
    """Return the folders of finished runs, each fetched unless it is there.

    Args:
        runs: Ids or resource names.
        arguments: With `spec`, `target` and `set`.

    Raises:
        SpecError: A run is to be fetched, and no spec says from where; or there is no such run.
        ServiceError: A run has not ended, or ended without a report.
    """
    ids = [run.rpartition("/")[2] for run in runs]
    missing = [run for run, job_id in zip(runs, ids, strict=True) if not is_fetched(RUNS / job_id)]
    if missing and not arguments.spec:
        raise SpecError(f"{missing[0]}: not in {RUNS}/, expected a run fetched before", next="name its SPEC, too")
    if missing:
        target = open_target(target_of(arguments))
        try:
            spec = read_spec(arguments, target)
            for run in missing:
                fetch_finished(run, spec)
        finally:
            target.stop()
    return [RUNS / job_id for job_id in ids]


def is_fetched(folder: Path) -> bool:
    """Tell whether all that a finished run left is in a folder."""
    return all((folder / file).is_file() for file in FETCHED)


def fetch_finished(run: str, spec: TuningSpec) -> None:
    """Fetch what a run left, wherever the run itself says its bucket is.

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
    fetch(job_id, bucket, storage)


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
