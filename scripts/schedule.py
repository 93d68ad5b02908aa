"""Keep the schedule of a tuning spec as the spec says, pause it, or resume it.

    gemtune schedule apply SPEC     create it, or change it to what `submission:` says; says what differs
    gemtune schedule list SPEC      all schedules of gemtune where SPEC runs
    gemtune schedule show SPEC
    gemtune schedule pause SPEC
    gemtune schedule resume SPEC    with submission.catch_up: makes up for the missed runs
    gemtune schedule delete SPEC

A spec has one schedule, of its own name. Schedules that gemtune did not create are never touched. At most one run at a
time is started and active, because the quota of concurrent tuning jobs is low. Times are in UTC.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gemtune.errors import GemtuneError, SpecError, shown
from gemtune.runs.schedules import (
    FIELDS,
    Schedule,
    all_schedules,
    check_update,
    check_updated,
    differences,
    namesakes,
    schedule_of,
    schedules_of,
    settings_of,
    spec_of,
)
from gemtune.spec import TuningSpec
from gemtune.vertex import Rest
from scripts.pipeline_schedule import WantedSchedule
from scripts.screen import folded, report_error, say
from scripts.service_errors import service_errors
from scripts.spec_arguments import add_pipeline_argument, add_spec_arguments, read_spec, target_of
from scripts.spec_data import SOURCES, refuse_bad_data, split_sources
from scripts.submit import sent_parameters
from scripts.table import moment, print_json, print_table
from scripts.target import Target, open_target


def main(argv: list[str] | None = None) -> int:
    """Do what the verb says and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune schedule", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="|".join(ACTIONS))
    for name in ACTIONS:
        action = actions.add_parser(name, help=f"{name} the schedule of SPEC")
        add_spec_arguments(action)
        if name == "apply":
            add_pipeline_argument(action)
        if name in ("list", "show"):
            action.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    target, goes_on = None, False
    try:
        target = open_target(target_of(arguments))
        goes_on = ACTIONS[arguments.action](read_spec(arguments, target), arguments, target)
        return 0
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target and goes_on and target.process:
            say("emulator", f"goes on in the background; stop it with `kill {target.process.pid}`")
        elif target:
            target.stop()


def apply(spec: TuningSpec, arguments: argparse.Namespace, target: Target) -> bool:
    """Make the schedule what the spec says, print its name, and return that it wants a service that goes on."""
    if not spec.submission.cron:
        raise SpecError(f"{arguments.spec}: submission.cron: found nothing, expected five fields such as `0 3 * * 1`")
    say("target", target.describe())
    warn_of_what_stays(spec)
    refuse_bad_data(spec, Path(arguments.spec))
    parameters = sent_parameters(spec, Path(arguments.spec), target)
    say("schedule", f"{spec.name}, {spec.submission.cron_with_zone()}")
    with service_errors("schedule"):
        wanted = WantedSchedule(spec, parameters, arguments.pipeline, target)
    existing = find(spec)
    print(create(spec, wanted) if existing is None else update(existing, wanted))
    return True


def create(spec: TuningSpec, wanted: WantedSchedule) -> str:
    """Create the schedule of a spec, and return its name.

    The service has no name of ours to refuse a second one by. So whoever has created one looks again, and where two
    people did at the same time, both find that the older one stays.
    """
    project, location = spec.submission.project, spec.submission.location
    for name in namesakes(wanted.document(), all_schedules(project=project, location=location)):
        say(
            "warning",
            f"the schedule of {name} says the same; if the spec was renamed, "
            f"`gemtune schedule delete SPEC --set name={name}` ends it",
        )
    with service_errors("schedule"):
        created = wanted.create()
    oldest = next(iter(schedules_of(spec.name, project=project, location=location)), None)
    if oldest is None or oldest["name"] == created:
        say("schedule", "created")
        return created
    rest_of(spec).delete(created)
    say("schedule", "somebody else created it at the same time: theirs stays")
    return update(oldest, wanted)


def update(existing: Schedule, wanted: WantedSchedule) -> str:
    """Say how a schedule differs from what is wanted, change it, and return its name."""
    name = str(existing["name"])
    changes = differences(existing, wanted.document())
    if not changes:
        state = existing["state"].lower()
        more = ": for more runs, `gemtune schedule delete`, then apply again" if state == "completed" else ""
        say("schedule", f"nothing to change; it is {state}{more}")
        return name
    print_changes(changes)
    check_update(existing, changes)
    # The whole request every time: account, network, key and labels stand in it.
    fields = ["create_pipeline_job_request", *(FIELDS[key] for key in changes if key in FIELDS)]
    with service_errors("schedule"):
        updated = wanted.update(name, fields)
    check_updated(updated, wanted.document(), changes)
    say("schedule", f"changed; it is {existing['state'].lower()}")
    return name


def print_changes(changes: Mapping[str, tuple[Any, Any]]) -> None:
    """Say what is changed, each setting in full: what differs may be in the middle of a long text."""
    for key, values in changes.items():
        old, new = (shown(each) if each is None or isinstance(each, bool) else repr(each) for each in values)
        print("\n".join(folded(f"{key}: {old} -> {new}", first="  ", indent=4)), file=sys.stderr)


def warn_of_what_stays(spec: TuningSpec) -> None:
    """Say what a schedule cannot do that a single run can."""
    local = [
        source for key in SOURCES for source in split_sources(getattr(spec, key)) if not source.startswith("gs://")
    ]
    if local:
        say(
            "warning", f"{local[0]} is uploaded now: scheduled runs do not see later changes; name a gs:// URI for that"
        )


def list_schedules(spec: TuningSpec, arguments: argparse.Namespace, target: Target) -> bool:
    """Print the schedules of all specs where this one runs."""
    found = all_schedules(project=spec.submission.project, location=spec.submission.location)
    if arguments.json:
        print_json([{**schedule, "createPipelineJobRequest": None} for schedule in found])
    elif found:
        print_table([row(schedule) for schedule in found])
    else:
        say("schedule", "there is none")
    return False


def show(spec: TuningSpec, arguments: argparse.Namespace, target: Target) -> bool:
    """Print the schedule of a spec with all it says."""
    schedule = required(spec)
    if arguments.json:
        print_json(settings_of(schedule) | row(schedule) | {"schedule": schedule["name"]})
        return False
    print_table([row(schedule)])
    print(f"\n{schedule['name']}\n")
    settings = {key: value for key, value in settings_of(schedule).items() if not is_default(key, value)}
    print("\n".join(line for key, value in settings.items() for line in folded(f"{key}: {value}")))
    say("note", "parameters that have their defaults are left out; --json has them")
    return False


def is_default(key: str, value: Any) -> bool:
    """Tell whether a setting is a parameter that says no more than if it were not there."""
    field = TuningSpec.model_fields.get(key.removeprefix("parameters."))
    return key.startswith("parameters.") and field is not None and value == field.get_default()


def pause(spec: TuningSpec, arguments: argparse.Namespace, target: Target) -> bool:
    """Start no more runs until the schedule is resumed; runs under way go on."""
    return change_state(spec, "PAUSED", lambda rest, name: rest.post(f"{name}:pause", {}))


def resume(spec: TuningSpec, arguments: argparse.Namespace, target: Target) -> bool:
    """Start runs again. The SDK's `resume(catch_up=True)` does not send it (aiplatform 1.165, schedules.py)."""
    catch_up = spec.submission.catch_up
    say("schedule", "missed runs are made up for" if catch_up else "missed runs are not made up for")
    return change_state(spec, "ACTIVE", lambda rest, name: rest.post(f"{name}:resume", {"catchUp": catch_up}))


def change_state(spec: TuningSpec, state: str, change: Callable[[Rest, str], object]) -> bool:
    """Bring the schedule of a spec into a state, unless it is in it, and print its name."""
    schedule = required(spec)
    if schedule["state"] == "COMPLETED":
        raise SpecError(f"{spec.name}: the schedule is completed", next="`gemtune schedule delete`, then apply again")
    if schedule["state"] == state:
        say("schedule", f"is {state.lower()} already")
    else:
        change(rest_of(spec), schedule["name"])
        say("schedule", f"is {state.lower()}")
    print(schedule["name"])
    return state == "ACTIVE"


def delete(spec: TuningSpec, arguments: argparse.Namespace, target: Target) -> bool:
    """Delete the schedule of a spec, or all of them should there be several; their runs stay."""
    found = schedules_of(spec.name, project=spec.submission.project, location=spec.submission.location)
    if not found:
        say("schedule", f"{spec.name} has none: nothing to delete")
    for schedule in found:
        rest_of(spec).delete(schedule["name"])
        say("schedule", "deleted; runs under way go on")
        print(schedule["name"])
    return False


ACTIONS: dict[str, Callable[[TuningSpec, argparse.Namespace, Target], bool]] = {
    "apply": apply,
    "list": list_schedules,
    "show": show,
    "pause": pause,
    "resume": resume,
    "delete": delete,
}
"""What each does; returns whether schedules want the emulator to go on."""


def find(spec: TuningSpec) -> Schedule | None:
    """Return the schedule of a spec, or None."""
    return schedule_of(spec.name, project=spec.submission.project, location=spec.submission.location)


def required(spec: TuningSpec) -> Schedule:
    """Return the schedule of a spec.

    Raises:
        SpecError: It has none.
    """
    schedule = find(spec)
    if schedule is None:
        raise SpecError(f"{spec.name}: no schedule found", next="`gemtune schedule apply` creates it")
    return schedule


def rest_of(spec: TuningSpec) -> Rest:
    """Return how the service is called where the spec runs."""
    return Rest(spec.submission.project, spec.submission.location)


def row(schedule: Schedule) -> dict[str, str]:
    """Return the columns of a schedule."""
    return {
        "spec": spec_of(schedule),
        "state": schedule["state"].lower(),
        "runs": str(schedule.get("startedRunCount", 0)),
        "next run": moment(schedule.get("nextRunTime", "")),
        "cron": schedule["cron"],
    }


if __name__ == "__main__":
    sys.exit(main())
