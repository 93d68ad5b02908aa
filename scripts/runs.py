"""List the runs of a tuning spec, show one, or cancel one.

    gemtune runs list SPEC
    gemtune runs show SPEC [RUN]
    gemtune runs cancel SPEC [RUN]

RUN is the id or the resource name of a run; without it, the newest is meant. Runs that a script, a schedule or the
console started are listed alike. `cancel` also cancels the tuning and batch jobs that the run created, which would go
on and be billed; one that it took over from another run is left alone. Times are in UTC.
"""

import argparse
import sys
from typing import Any

from gemtune.errors import GemtuneError
from gemtune.labels import SPEC_LABEL
from gemtune.runs.cancelling import cancel_run
from gemtune.runs.notification import outcome_message
from gemtune.runs.pipeline_jobs import ENDED_RUN_STATES, run_id, run_named, runs_of, service_error
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from gemtune.vertex import Rest, console_url, location_of
from scripts.screen import folded, report_error, say
from scripts.spec_arguments import add_spec_arguments, read_spec, target_of
from scripts.table import duration, moment, print_json, print_table
from scripts.target import open_target


def main(argv: list[str] | None = None) -> int:
    """Do what the verb says and return the exit code."""
    parser = argparse.ArgumentParser("gemtune runs", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|cancel")
    for name in ("list", "show", "cancel"):
        action = actions.add_parser(name, help=f"{name} runs of SPEC")
        add_spec_arguments(action)
        if name != "list":
            action.add_argument("run", metavar="RUN", nargs="?", default="", help="default: the newest run of SPEC")
        if name != "cancel":
            action.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    target = None
    try:
        target = open_target(target_of(arguments))
        return ACTIONS[arguments.action](read_spec(arguments, target), arguments)
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def list_runs(spec: TuningSpec, arguments: argparse.Namespace) -> int:
    """Print the runs of a spec, newest first."""
    runs = found_runs(spec)
    if arguments.json:
        print_json(runs)
    elif not runs:
        print(f"{spec.name}: no runs", file=sys.stderr)
    print_table([] if arguments.json else [row(run) for run in runs])
    return 0


def show_run(spec: TuningSpec, arguments: argparse.Namespace) -> int:
    """Print one run: its tasks, and how it ended."""
    name = run_named(arguments.run, found_runs(spec), spec=spec.name)["name"]
    run = Rest(spec.submission.project, location_of(name)).get(name)
    if arguments.json:
        print_json({key: value for key, value in run.items() if key != "pipelineSpec"})
        return 0
    print_table([row(run)])
    print()
    names = display_names(run.get("pipelineSpec", {}))
    tasks = [task for task in run["jobDetail"].get("taskDetails", []) if task.get("startTime")]
    print_table(
        [task_row(task, names) for task in sorted(tasks, key=started) if task["taskName"] in names or not names]
    )
    print()
    for line in ending(spec, run).splitlines():
        print("\n".join(folded(line)))
    return 0


def cancel(spec: TuningSpec, arguments: argparse.Namespace) -> int:
    """Cancel a run and the jobs that it created, and print what was cancelled."""
    run = run_named(arguments.run, found_runs(spec), spec=spec.name)
    say("cancel", run_id(run))
    state, jobs = cancel_run(run["name"], project=spec.submission.project)
    if run["state"] not in ENDED_RUN_STATES and state == "PIPELINE_STATE_CANCELLED":
        print(run["name"])
    else:
        say("note", f"the run had ended: {short(state)}")
    for job in jobs:
        print(job)
    return 0


ACTIONS = {"list": list_runs, "show": show_run, "cancel": cancel}


def found_runs(spec: TuningSpec) -> list[dict[str, Any]]:
    """Return the runs of a spec where it submits them."""
    return runs_of(spec.name, project=spec.submission.project, location=spec.submission.location)


def row(run: dict[str, Any]) -> dict[str, str]:
    """Return the columns of a run."""
    return {
        "run": run_id(run),
        "state": short(run["state"]),
        # Without the year: 80 columns.
        "created": moment(run["createTime"])[5:],
        "took": duration(run.get("startTime", ""), run.get("endTime", "")),
        "by": "schedule" if run.get("scheduleName") else "script" if SPEC_LABEL in run.get("labels", {}) else "console",
    }


def display_names(pipeline: dict[str, Any]) -> dict[str, str]:
    """Return task key → display name for the tasks of a compiled pipeline that do work, and not only hold others."""
    components = pipeline.get("components", {})
    dags = [pipeline.get("root", {}), *components.values()]
    tasks = {key: task for dag in dags for key, task in dag.get("dag", {}).get("tasks", {}).items()}
    return {
        key: task["taskInfo"]["name"]
        for key, task in tasks.items()
        if "dag" not in components[task["componentRef"]["name"]]
    }


def started(task: dict[str, Any]) -> str:
    """Return when a task started, to sort by."""
    return str(task["startTime"])


def task_row(task: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    """Return the columns of a task, under the name that the console shows."""
    took = duration(task["startTime"], task.get("endTime", ""))
    return {"task": names.get(task["taskName"], task["taskName"]), "state": task_state(task["state"]), "took": took}


def task_state(state: str) -> str:
    """Return what became of a task, in the words of a person."""
    return {"SKIPPED": "cached", "NOT_TRIGGERED": "not reached"}.get(state, state.lower())


def ending(spec: TuningSpec, run: dict[str, Any]) -> str:
    """Return how a run ended, in the words of its exit step, or where to watch it."""
    project = spec.submission.project
    if run["state"] not in ENDED_RUN_STATES:
        return f"watch it at {console_url(run['name'], project) or run['name']}"
    bucket = run["runtimeConfig"]["parameterValues"]["bucket"]
    return outcome_message(
        name=spec.name,
        job=run["name"],
        state=short(run["state"]).upper(),
        project=project,
        bucket=bucket,
        cancelled=[],
        storage=Storage(project),
        error=service_error(run),
    )


def short(state: str) -> str:
    """Return a state without its prefix, in lower case."""
    return state.removeprefix("PIPELINE_STATE_").lower()


if __name__ == "__main__":
    sys.exit(main())
