"""Run a tuning spec, follow it to its decision, and fetch the report.

    gemtune run samples/quickstart.yaml --target emulator
    gemtune run SPEC --target vertex
    gemtune run SPEC --set epoch_count=2,4,8      one run for each value, one after another, and one table
    gemtune run first.yaml second.yaml            likewise for several specs
    gemtune run SPEC --require improved           exit code 3 unless the tuned model is better; or: --require promote

Local data is checked first, as `gemtune check` does; exit code 2: spec or data cannot be used, nothing was submitted.
The decision goes to stdout, everything else to stderr. report.html, comparison.json and model_card.md are put into
runs/JOB. On the emulator nothing is billed; it is started if none answers, and stopped again.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml

from gemtune.errors import GemtuneError, ServiceError, SpecError
from gemtune.metrics.definitions import METRICS
from gemtune.runs.notification import decision_line, metric_line, read_json, run_uri
from gemtune.runs.pipeline_jobs import service_error
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from gemtune.vertex import Rest
from scripts.estimate import estimate_sweep, sweep_lines
from scripts.report import RUNS, fetch
from scripts.runs import display_names, task_state
from scripts.screen import report_error, say
from scripts.service_errors import service_errors
from scripts.spec_arguments import TEMPLATE, read_spec, spec_parser, target_of
from scripts.spec_data import refuse_bad_data
from scripts.submit import interrupted, say_job, submit_spec
from scripts.sweep import add_more_specs, conclude_sweep, variants_of
from scripts.target import Target, open_target

REQUIREMENTS = {"improved": "verdict", "promote": "decision"}
"""What can be required → the key of `comparison.json` that says it."""
COUNTS_WIDTH = 44  # what is left of 80 columns
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED", "NOT_TRIGGERED"}
ANSWER_SECONDS = 30.0
POLL_SECONDS = {"emulator": 0.5, "vertex": 10.0}
LOST_SECONDS = {"emulator": 10.0, "vertex": 300.0}
"""How long the service may be out of reach before following it is given up."""


def main(argv: list[str] | None = None) -> int:
    """Run, follow, fetch, and return the exit code."""
    parser = spec_parser("gemtune run", __doc__ or "")
    add_more_specs(parser)
    parser.add_argument(
        "--require",
        choices=sorted(REQUIREMENTS),
        help="exit with 3 unless the verdict is improved, or the decision promote;\nin a sweep, of every run",
    )
    arguments = parser.parse_intermixed_args(argv)
    target, job, one = None, None, arguments
    ended: dict[str, int] = {}
    jobs: dict[str, str] = {}
    try:
        variants = variants_of(arguments)
        name = target_of(variants[0].arguments)
        check_writable(RUNS)
        target = open_target(name)
        say("target", target.describe())
        if len(variants) > 1:
            print("\n".join(sweep_lines(estimate_sweep(variants, target))), file=sys.stderr, flush=True)
        for label, one in variants:
            if len(variants) > 1:
                say("sweep", f"{len(ended) + 1} of {len(variants)}: {label}")
            spec, path, job = read_spec(one, target), Path(one.spec), None
            if len(variants) == 1:  # the estimate of a sweep has looked at the data of each of its runs
                refuse_bad_data(spec, path)
            job = submit_spec(spec, path, target, one.pipeline)
            state = follow(job, target, one.pipeline)
            with redirect_stdout(sys.stderr if len(variants) > 1 else sys.stdout):
                storage = target.storage(spec.project)
                ended[label], jobs[label] = conclude(spec, job.name, state, storage, arguments.require or ""), job.name
        return conclude_sweep(ended, jobs) if len(variants) > 1 else ended[label]
    except GemtuneError as error:
        return report_error(error, target)
    except KeyboardInterrupt:
        print(f"\n{interrupted(target, job, one)}", file=sys.stderr)
        return 130
    finally:
        if target and (left := target.stop(own_job=job.resource_name if job else "")):
            say("emulator", left)


def check_writable(folder: Path) -> None:
    """Make the folder of the reports, before anything is paid.

    Raises:
        SpecError: It cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SpecError(f"{folder.absolute()}: {error.strerror}, expected a folder for the report") from error


def follow(job: Any, target: Target, template: Path = TEMPLATE) -> str:
    """Print the job, then each task as it ends, and return the state of the job at its end, for instance SUCCEEDED.

    Raises:
        ServiceError: The service is out of reach for too long.
    """
    say_job(job, target)
    names = display_names(yaml.load(template.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    told, unused = set[str](), list[str]()
    state = ""
    for state, tasks in observations(job, target):  # noqa: B007 - the last one is the answer
        ended = [task for task in tasks if task.state.name in ENDED and task.task_name in names.keys() - told]
        for task in sorted(ended, key=lambda task: (task.end_time, task.task_name)):
            told.add(task.task_name)
            if task.state.name == "NOT_TRIGGERED":
                unused.append(names[task.task_name])
            else:
                say_task(names[task.task_name], task)
        if sys.stderr.isatty():
            busy = [names[each.task_name] for each in tasks if each.state.name == "RUNNING" and each.task_name in names]
            text = f"{', '.join(busy)[:70]} …" if busy else ""
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    if unused:
        say("not run", ", ".join(sorted(unused)))
    return state


def observations(job: Any, target: Target) -> Iterator[tuple[str, list[Any]]]:
    """Yield the job's state and its tasks until it has ended.

    The SDK's own `wait` polls every five seconds and shows no tasks, and its `state` retries in silence for minutes.
    """
    last_answer, patience = time.monotonic(), LOST_SECONDS[target.name]
    while True:
        try:
            with service_errors("follow"):
                seen = job.api_client.get_pipeline_job(name=job.resource_name, retry=None, timeout=ANSWER_SECONDS)
        except ServiceError as error:
            if target.is_gone() or time.monotonic() - last_answer > patience:
                hint = f"the run goes on; `gemtune runs show SPEC {job.name}` says how far it is"
                raise ServiceError(f"{error.message} since {patience:.0f} s", next=hint) from error
        else:
            last_answer = time.monotonic()
            state = seen.state.name.removeprefix("PIPELINE_STATE_")
            yield state, list(seen.job_detail.task_details)
            if state in ENDED:
                return
        time.sleep(POLL_SECONDS[target.name])


def say_task(name: str, task: Any) -> None:
    """Print one line about a task that has ended: what became of it, how long it took, what it counted."""
    seconds = (task.end_time - task.start_time).total_seconds() if task.end_time and task.start_time else 0
    state = task_state(task.state.name)
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    took = f"{seconds:6.1f} s" if state == "succeeded" else state
    print(f"{clear}  {name:<22}{took:<12}{counts(task)}".rstrip(), file=sys.stderr, flush=True)


def counts(task: Any) -> str:
    """Return what a task counted, from its metrics artifact, as far as it fits on the line."""
    found = [each for artifacts in task.outputs.values() for each in artifacts.artifacts]
    metrics: dict[str, Any] = next((each.metadata for each in found if each.schema_title == "system.Metrics"), {})
    counted = {name: value for name, value in metrics.items() if not name.startswith(tuple(METRICS))}
    whole = {name: value for name, value in counted.items() if isinstance(value, float) and value == int(value) != 0}
    text = ", ".join(f"{name} {value:.0f}" for name, value in sorted(whole.items()))
    return shorten(text, COUNTS_WIDTH, placeholder=" …")


def conclude(spec: TuningSpec, job_id: str, state: str, storage: Storage, require: str = "") -> int:
    """Print how the job ended, fetch what it left, and return the exit code.

    Args:
        spec: What ran.
        job_id: Id of the pipeline job.
        state: State in which it ended.
        storage: Where the steps left their results.
        require: What the run must have come to, one of `REQUIREMENTS`; empty for any decision.
    """
    if state != "SUCCEEDED":
        failure = read_json(run_uri(spec.bucket, job_id, "failure.json"), storage)
        if failure:
            print(f"{failure['task']}: {failure['message']}", file=sys.stderr)
            if failure["next"]:
                print(f"next: {failure['next']}", file=sys.stderr)
        elif said := service_error(
            Rest(spec.submission.project, spec.submission.location).get(f"pipelineJobs/{job_id}")
        ):
            print(said, file=sys.stderr)
        say("failed", f"the pipeline job ended {state}")
        return 1
    folder = fetch(job_id, spec.bucket, storage)
    comparison = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    say("compare", metric_line(comparison))
    for reason in comparison["reasons"][1:]:
        say("why", reason)
    for notice in comparison["notices"]:
        say("note", notice)
    sys.stderr.flush()
    print(decision_line(comparison), flush=True)
    say("report", os.fspath(folder / "report.html"))
    return 3 if unmet(require, comparison) else 0


def unmet(require: str, comparison: dict[str, Any]) -> bool:
    """Tell whether a run came to something else than was required of it, and say so."""
    key = REQUIREMENTS.get(require, "")
    if not key or comparison[key] == require:
        return False
    say("require", f"the {key} is {comparison[key]}, expected {require} (--require)")
    return True


if __name__ == "__main__":
    sys.exit(main())
