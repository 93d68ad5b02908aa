"""Say whether a tuning spec can run, and for each thing that is wrong print the command that mends it.

    gemtune doctor SPEC --target emulator
    gemtune doctor SPEC --target vertex --json

Looks at credentials, project, billing, APIs, bucket, accounts and their roles, model, keys, the webhook's secret, data
and the compiled pipeline. Pays and changes nothing. `note` is no failure: it comes by itself, or runs do without. Exit
code 3: something failed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gemtune.catalog import load as load_catalog
from gemtune.errors import GemtuneError
from gemtune.project.check import Check, Commands
from gemtune.project.project_checks import check_project
from gemtune.project.spec_checks import check_data, check_keys, check_model, check_webhook
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from scripts.emulator_process import mirror_folder
from scripts.screen import folded, printable, report_error, say
from scripts.spec_arguments import add_spec_arguments, read_spec, target_of
from scripts.spec_data import SOURCES, local_copies
from scripts.submit import today
from scripts.target import Target, open_target

ROOT = Path(__file__).parents[1]
COMPILE_CHECK = [sys.executable, "-m", "scripts.compile", "--check"]


def main(argv: list[str] | None = None) -> int:
    """Look, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune doctor", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_spec_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    target = None
    try:
        target = open_target(target_of(arguments))
        say("target", target.describe())
        commands = Commands(arguments.spec, target.name, tuple(arguments.set))
        found = list(checks(read_spec(arguments, target), commands, target))
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()
    print(json.dumps([each._asdict() for each in found], indent=1) if arguments.json else "\n".join(lines(found)))
    return 3 if any(each.state == "fail" for each in found) else 0


def checks(spec: TuningSpec, commands: Commands, target: Target) -> Iterator[Check]:
    """Yield everything that is looked at."""
    catalog = load_catalog(spec.catalog_overrides)
    # A process of its own: compiling imports kfp, which takes seconds that the network needs, too.
    compiling = subprocess.Popen(
        COMPILE_CHECK,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        found = list(check_project(spec, commands, catalog))
        yield from found
        yield from check_model(spec, commands, catalog, today())
        yield from check_keys(spec, commands, catalog)
        yield from check_webhook(spec, commands)
        if not any(each.state == "fail" and each.name in ("credentials", "project") for each in found):
            yield from data(spec, commands, target)
        yield compiled(compiling)
    finally:
        compiling.kill()
        compiling.wait()


def data(spec: TuningSpec, commands: Commands, target: Target) -> Iterator[Check]:
    """Yield whether the sources of each split are there."""
    from gemtune.data.sources import find_sources

    storage, folder = Storage(spec.project), Path(commands.spec).parent
    mirror = str(mirror_folder()) if target.address else ""

    def find(key: str) -> list[str]:
        alone = spec.model_copy(update={other: "" for other in SOURCES if other != key})
        copies = local_copies(alone, storage) if mirror else {}
        return find_sources(getattr(spec, key), folder=folder, storage=storage, copies=copies)

    for key in SOURCES:
        if getattr(spec, key):
            yield check_data(key, partial(find, key), commands, mirror=mirror)


def compiled(compiling: "subprocess.Popen[str]") -> Check:
    """Wait for `gemtune compile --check`, and say what it found."""
    said, _ = compiling.communicate()
    if not compiling.returncode:
        return Check("compiled", "ok", "compiled/ is current")
    last = said.strip().splitlines()[-1].partition(":")[0] if said.strip() else "compiled/"
    return Check("compiled", "fail", f"{last} is not what the sources say", "gemtune compile")


def lines(found: list[Check]) -> list[str]:
    """Return what each check found, and below what failed the command, on a line of its own however long."""
    result = []
    for each in found:
        result += folded(f"{each.name}: {printable(each.text)}", first=f"{each.state:<4}  ", indent=6)
        result += [f"      $ {each.command}"] if each.command else []
    failed = sum(each.state == "fail" for each in found)
    return [*result, f"{failed} to mend" if failed else "ready"]


if __name__ == "__main__":
    sys.exit(main())
