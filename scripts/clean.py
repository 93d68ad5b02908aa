"""Delete what the runs of a tuning spec left in the cloud, after showing it and asking.

    gemtune clean SPEC                      all that carries the labels of SPEC's runs
    gemtune clean SPEC --run RUN            what one run created
    gemtune clean SPEC --older-than 30d     what is older
    gemtune clean SPEC --all-specs          of every spec in SPEC's project and bucket, as after a sweep

Endpoints, models, experiments, batch jobs with what they wrote, stored answers and the schedule go. What stays: what is
promoted, a tuned model that a run still needs, what is not gemtune's, datasets, reports, and tuning jobs, which the
service cannot delete. Without a terminal and without --yes nothing is deleted. Other buckets are not read;
listed runs that used one are named.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from gemtune.catalog import load as load_catalog
from gemtune.cleaning.deletion import Deletion
from gemtune.cleaning.inventory import places, read
from gemtune.cleaning.plan import Item, Selection, plan, runs_elsewhere
from gemtune.errors import GemtuneError
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from scripts.screen import folded, report_error, say
from scripts.spec_arguments import add_spec_arguments, read_spec, target_of
from scripts.table import print_json
from scripts.target import open_target

_DAYS = {"d": 1, "w": 7}


def main(argv: list[str] | None = None) -> int:
    """Show, ask, delete, and return the exit code."""
    arguments = parser().parse_args(argv)
    target = None
    try:
        target = open_target(target_of(arguments))
        spec = read_spec(arguments, target)
        return clean(spec, arguments)
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def parser() -> argparse.ArgumentParser:
    """Return the arguments."""
    verb = argparse.ArgumentParser("gemtune clean", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_spec_arguments(verb)
    what = verb.add_mutually_exclusive_group()
    what.add_argument("--run", default="", metavar="RUN", help="only what this run created")
    what.add_argument("--older-than", type=age, metavar="AGE", help="only what is older, such as 30d or 8w")
    verb.add_argument("--all-specs", action="store_true", help="of every spec in the project and bucket of SPEC")
    verb.add_argument("--yes", action="store_true", help="delete without asking")
    verb.add_argument("--json", action="store_true", help="print JSON")
    return verb


def age(text: str) -> timedelta:
    """Return an age from days or weeks.

    >>> age("8w").days
    56
    """
    match = re.fullmatch(r"(\d{1,5})([dw])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r}, expected days or weeks such as 30d or 8w")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def clean(spec: TuningSpec, arguments: argparse.Namespace) -> int:
    """Show what is ours, and delete what may go if that is wanted."""
    items, elsewhere = planned(spec, arguments)
    going = [item for item in items if not item.reason]
    if not arguments.json:
        print_plan(spec, items, arguments)
    for bucket, runs in elsewhere.items():
        say("note", unread(bucket, runs))
    if not going or not confirmed(arguments, len(going)):
        if arguments.json:
            print_json(as_json(items, [], elsewhere))
        return 0
    if not arguments.yes:
        # Minutes may have passed before the answer: what was promoted meanwhile stays.
        shown = {item.name for item in going}
        going = [item for item in planned(spec, arguments)[0] if not item.reason and item.name in shown]
    outcomes = list(delete(spec, going))
    if arguments.json:
        print_json(as_json(items, outcomes, elsewhere))
    failed = sum(bool(error) for _, error in outcomes)
    say("clean", f"deleted {len(outcomes) - failed}" + (f", failed {failed}: clean again" if failed else ""))
    return 1 if failed else 0


def planned(spec: TuningSpec, arguments: argparse.Namespace) -> tuple[list[Item], dict[str, list[str]]]:
    """Return what is ours and meant, and the runs that are meant but used a bucket that is not read."""
    others = (spec.location, spec.tuning_location, spec.inference_location)
    where = places(spec.project, spec.bucket, spec.submission.location, others, load_catalog(spec.catalog_overrides))
    before = datetime.now(UTC) - arguments.older_than if arguments.older_than else None
    chosen = Selection(
        spec="" if arguments.all_specs else spec.name, run=arguments.run.rpartition("/")[2], before=before
    )
    found = read(where, Storage(spec.project))
    return plan(found, chosen), runs_elsewhere(found, chosen, spec.bucket)


def unread(bucket: str, runs: Sequence[str]) -> str:
    """Return what is said of runs in a bucket that was not read."""
    which = (
        f"{len(runs)} runs in bucket {bucket}, such as {runs[0]}" if len(runs) > 1 else f"{runs[0]} in bucket {bucket}"
    )
    return f"not read: {which}; answers and files that stay there go with `--set bucket={bucket}`"


def confirmed(arguments: argparse.Namespace, count: int) -> bool:
    """Return whether to delete; ask where somebody can answer."""
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        say("clean", "nothing is deleted: pass --yes to delete")
        return False
    print(f"delete {count} of them? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    say("clean", "nothing is deleted")
    return False


def delete(spec: TuningSpec, items: Sequence[Item]) -> Iterator[tuple[Item, str]]:
    """Delete items, and say of each how it went."""
    for item, error in Deletion(spec.project, Storage(spec.project)).run(items):
        say("failed" if error else "deleted", f"{item.kind} {short(item)}" + (f": {error}" if error else ""))
        yield item, error


def print_plan(spec: TuningSpec, items: Sequence[Item], arguments: argparse.Namespace) -> None:
    """Print what goes, with its cost, and what stays, under the reason."""
    going = [item for item in items if not item.reason]
    if not items:
        print(f"nothing to clean: nothing {scope(spec, arguments)} carries a label of gemtune")
    elif not going:
        print(f"nothing to clean: all that is left {scope(spec, arguments)} must stay")
    for reason in dict.fromkeys(["", *(item.reason for item in items)]):
        if some := [item for item in items if item.reason == reason]:
            print("\n".join(folded(f"stays, {reason}" if reason else "to delete")))
            for item in some:
                print("\n".join(folded(line(item, names_spec=arguments.all_specs), first="  ", indent=6)))
    say("note", "idle endpoints and models cost nothing per hour; tuning jobs stay: the service cannot delete them")


def scope(spec: TuningSpec, arguments: argparse.Namespace) -> str:
    """Return in words what is meant."""
    whose = "of any spec" if arguments.all_specs else f"of {spec.name}"
    if arguments.run:
        return f"{whose} from run {arguments.run}"
    return f"{whose} older than {arguments.older_than.days} days" if arguments.older_than else whose


def line(item: Item, *, names_spec: bool) -> str:
    """Return what is said of one item; of what goes, the cost of keeping it."""
    days = (datetime.now(UTC) - item.created).days
    # The emulator's clock may be ahead of this machine's.
    old = f"{days} day{'s' if days > 1 else ''} old" if days > 0 else "of today"
    spec = f"spec {item.spec}" if names_spec and item.spec else ""
    run = f"run {item.run}" if item.run else ""
    said = ", ".join(filter(None, [f"{item.kind} {short(item)}", old, spec, run]))
    return said if item.reason else f"{said}: {item.cost}"


def short(item: Item) -> str:
    """Return a name without its project, which is the spec's; a URI as it is.

    The collection is said by the kind.
    """
    _, found, place = item.name.partition("/locations/")
    parts = place.split("/")
    return f"{parts[0]}/{parts[-1]}" if found else item.name


def as_json(
    items: Sequence[Item], outcomes: Sequence[tuple[Item, str]], elsewhere: dict[str, list[str]]
) -> dict[str, Any]:
    """Return plan and outcome for programs."""
    rows = [{**asdict(item), "created": item.created.isoformat()} for item in items]
    return {
        "to_delete": [row for row in rows if not row["reason"]],
        "stays": [row for row in rows if row["reason"]],
        "deleted": [item.name for item, error in outcomes if not error],
        "failed": [{"name": item.name, "error": error} for item, error in outcomes if error],
        "other_buckets": elsewhere,
    }


if __name__ == "__main__":
    sys.exit(main())
