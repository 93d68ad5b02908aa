"""Make what the runs of a tuning spec need in a project: APIs, bucket, account, roles, repository.

    gemtune setup SPEC --target vertex
    gemtune setup SPEC --target vertex --yes
    gemtune setup SPEC --target vertex --print    # the same as gcloud commands; nothing is asked or made

Shows what is there and what it will make, asks, and makes it. Run again, it makes what is missing since. Where the spec
names no submission.service_account, the account is gemtune-pipeline. `gemtune doctor` says more, and changes nothing.
"""

import argparse
import sys

from gemtune.catalog import load as load_catalog
from gemtune.errors import GemtuneError
from gemtune.project.accounts import number_by_gcloud, own_account, project_number
from gemtune.project.requirement import Found, Requirement, carry_out, look
from gemtune.project.requirements import requirements
from gemtune.runs.plan import locations
from gemtune.spec import TuningSpec
from scripts.screen import folded, report_error, say
from scripts.spec_arguments import add_spec_arguments, read_spec, target_of
from scripts.target import open_target

MARK = {"there": "there", "missing": "make", "unclear": "later"}


def main(argv: list[str] | None = None) -> int:
    """Set up, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune setup", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_spec_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--print", action="store_true", help="print the gcloud commands instead")
    arguments = parser.parse_args(argv)
    target = None
    try:
        target = open_target(target_of(arguments))
        spec = read_spec(arguments, target)
        if arguments.print:
            print("\n".join(gcloud_commands(spec)))
            return 0
        say("target", target.describe())
        return set_up(spec, is_sure=arguments.yes)
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def wanted(spec: TuningSpec, number: str) -> list[Requirement]:
    """Return what the project must have for the account that the steps are to run as."""
    account = spec.submission.service_account or own_account(spec.submission.project)
    tuning = locations(spec, load_catalog(spec.catalog_overrides))["tuning"]
    return requirements(spec, account=account, number=number, tuning_location=tuning)


def gcloud_commands(spec: TuningSpec) -> list[str]:
    """Return commands that do on an empty project what setup does; the number of the project is left to the shell."""
    result = []
    for each in wanted(spec, number_by_gcloud(spec.project)):
        condition = f"# only {each.only}: " if each.only else ""
        result += [f"# {each.what}: {each.why}", *(condition + command for command in each.commands)]
    return result


def set_up(spec: TuningSpec, *, is_sure: bool) -> int:
    """Show the plan, ask, carry it out, and return the exit code."""
    found = [(each, look(each)) for each in wanted(spec, project_number(spec.project))]
    missing = [each for each, seen in found if seen.state == "missing"]
    show(spec, found)
    if not missing:
        print("nothing to do")
        return 0
    if not is_sure and not agreed(len(missing)):
        print("nothing was made: answer y, or pass --yes", file=sys.stderr)
        return 3
    made = [each for each in missing if make(each)]
    print(f"{len(made)} made")
    if not spec.submission.service_account:
        say("next", f"put service_account: {own_account(spec.submission.project)} into submission of the spec")
    return 0


def make(requirement: Requirement) -> bool:
    """Make what is missing, and return whether it still was: what was made before may have brought it."""
    if look(requirement).state != "missing":
        return False
    carry_out(requirement)
    say("made", requirement.what)
    return True


def show(spec: TuningSpec, found: list[tuple[Requirement, Found]]) -> None:
    """Say what is there and what will be made, and why."""
    say("project", f"{spec.project}, {spec.submission.location}")
    lines = [
        line
        for each, seen in found
        for line in folded(
            f"{each.what}: {seen.text if seen.state == 'unclear' else each.why}",
            first=f"{MARK[seen.state]:<7}",
            indent=7,
        )
    ]
    print("\n".join(lines), file=sys.stderr)


def agreed(count: int) -> bool:
    """Ask whether to go on; no answer is no."""
    print(f"make {count}? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(main())
