"""List the tuning jobs of a project, show one, or cancel one.

    gemtune jobs list SPEC [--json]
    gemtune jobs show SPEC JOB [--json]
    gemtune jobs cancel SPEC JOB

SPEC says project and target, and its catalog_overrides correct prices. JOB is the id or the resource name of a tuning
job, also of one that gemtune did not create. Costs are those of the whole job at the catalogue's prices, whoever paid
them; a dash where tokens or prices are not known. A cancelled job is billed for what it has trained.
"""

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from gemtune.catalog import Catalog
from gemtune.catalog import load as load_catalog
from gemtune.errors import GemtuneError
from gemtune.spec import TuningSpec
from gemtune.tuning.job_list import JobList
from scripts.screen import folded, report_error, say
from scripts.spec_arguments import add_spec_arguments, read_spec, target_of
from scripts.table import print_json, print_table
from scripts.target import open_target

HIDDEN = {
    "age_seconds",
    "cost_usd",
    "checkpoints",
    "warnings",
    "labels",
    "dropped_example_indices",
    "token_distributions",
}
"""What `show` says in words of its own."""


def main(argv: list[str] | None = None) -> int:
    """Do what the verb says and return the exit code."""
    arguments = parser().parse_args(argv)
    target = None
    try:
        target = open_target(target_of(arguments))
        spec = read_spec(arguments, target)
        catalog = load_catalog(spec.catalog_overrides)
        jobs = JobList(spec.project, locations(spec, catalog), catalog, time.sleep)
        return ACTIONS[arguments.action](jobs, arguments)
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def parser() -> argparse.ArgumentParser:
    """Return the arguments."""
    verb = argparse.ArgumentParser("gemtune jobs", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    actions = verb.add_subparsers(dest="action", required=True, metavar="list|show|cancel")
    for name in ACTIONS:
        action = actions.add_parser(name, help=f"{name} tuning jobs")
        add_spec_arguments(action)
        if name != "list":
            action.add_argument("job", metavar="JOB", help="id or resource name of a tuning job")
        action.add_argument("--json", action="store_true", help="print JSON")
    return verb


def locations(spec: TuningSpec, catalog: Catalog) -> list[str]:
    """Return where tuning jobs may be: the spec's own region, and every one that a catalogued model is tuned in."""
    own = catalog.tuning_location(spec.base_model, spec.tuning_location, spec.location)
    known = {region for model in catalog.models.values() for region in model.tuning_regions}
    return [own, *sorted(known - {own})]


def list_jobs(jobs: JobList, arguments: argparse.Namespace) -> int:
    """Print all jobs, newest first."""
    rows = jobs.rows(datetime.now(UTC))
    if arguments.json:
        print_json(rows)
    elif not rows:
        print("no tuning jobs", file=sys.stderr)
    else:
        print_table([line(row) for row in rows])
    return 0


def show_job(jobs: JobList, arguments: argparse.Namespace) -> int:
    """Print one job with all that is known of it."""
    row = jobs.show(jobs.find(arguments.job), datetime.now(UTC))
    if arguments.json:
        print_json(row)
        return 0
    said = [(name, str(value)) for name, value in row.items() if value and name not in HIDDEN]
    said += [("age", age(row)), ("cost", cost(row))]
    for point in row["checkpoints"]:
        place = f"epoch {point['epoch']}, step {point['step']}, {point['endpoint']}"
        said.append((f"checkpoint {point['checkpoint_id']}", place))
    for name, value in [*said, *(("warning", warning) for warning in row["warnings"])]:
        print("\n".join(folded(value, first=f"{name:<25}")))
    return 0


def cancel_job(jobs: JobList, arguments: argparse.Namespace) -> int:
    """Cancel one job, and print its name."""
    name = jobs.find(arguments.job)
    state = jobs.cancel(name)
    say("cancel", state)
    if arguments.json:
        print_json({"tuning_job": name, "state": state})
    else:
        print(name)
    return 0


ACTIONS = {"list": list_jobs, "show": show_job, "cancel": cancel_job}


def line(row: dict[str, Any]) -> dict[str, str]:
    """Return the columns of a job; its data is named by the first digits of what it is named by."""
    data = str(row["train_uri"]).rpartition("/")[2].removesuffix(".jsonl")
    examples = f"{row['example_count']:,} of " if row["example_count"] else ""
    return {
        "job": row["tuning_job"].rpartition("/")[2],
        "state": short(row),
        "model": row["pre_tuned_model"].rpartition("/")[2] or row["base_model"],
        "data": f"{examples}{data[:12]}",
        "spec": row["spec"] or "-",
        "age": age(row),
        "cost": cost(row),
    }


def short(row: dict[str, Any]) -> str:
    """Return the state, and what a job that has not ended is doing."""
    state = str(row["state"]).removeprefix("JOB_STATE_").lower()
    doing = str(row["sub_state"]).removeprefix("TUNING_JOB_STATE_").lower()
    return f"{state}, {doing}" if doing and not row["end_time"] else state


def age(row: dict[str, Any]) -> str:
    """Return how long ago a job was created, in its two largest units.

    >>> age({"age_seconds": 93_784})
    '1 d 2 h'
    """
    if row["age_seconds"] is None:
        return "-"
    passed = timedelta(seconds=row["age_seconds"])
    hours, minutes = divmod(passed.seconds // 60, 60)
    if passed.days:
        return f"{passed.days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def cost(row: dict[str, Any]) -> str:
    """Return the price of the whole job."""
    return "-" if row["cost_usd"] is None else f"${row['cost_usd']:,.2f}"
