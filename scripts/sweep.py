"""A sweep: several specs, or one spec with several values of a key, run one after another and shown in one table.

    gemtune run first.yaml second.yaml
    gemtune run SPEC --set epoch_count=2,4,8 --set adapter_size=4,16

A project may have one tuning job at a time, so runs do not overlap. A value with a comma of its own is put in quotes;
what is a list of sources or a text anyway is not split.
"""

import argparse
import hashlib
import json
import re
import sys
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from gemtune.errors import SpecError
from gemtune.runs.experiment import experiment_of
from gemtune.tuning.sweep import find_winner, sweep_row, total_cost
from gemtune.yaml_reader import read_yaml
from scripts.screen import say
from scripts.spec_arguments import overrides_of, target_of
from scripts.spec_data import SOURCES
from scripts.table import print_table

FAILED = 1
"""Exit code of a run without a decision."""
WHOLE = {*SOURCES, "prompt_template", "system_instruction", "tuned_model_display_name"}
"""Keys whose values may have commas."""


class Variant(NamedTuple):
    """One run of a sweep."""

    label: str
    """What tells it from the others."""
    arguments: argparse.Namespace
    """As if it had been called alone."""


def add_more_specs(parser: argparse.ArgumentParser) -> None:
    """Let a verb take several specs."""
    parser.add_argument("more", metavar="SPEC", nargs="*", help="more specs, run one after another")


def variants_of(arguments: argparse.Namespace) -> list[Variant]:
    """Return the runs that a command line asks for; each is named after its values, so that all can be told apart.

    Args:
        arguments: With `spec` and `more`, paths, and `set`, texts KEY=VALUE or KEY=VALUE,VALUE.

    Raises:
        SpecError: An argument has no `=`, two runs are the same, or their targets differ.
    """
    given = overrides_of(arguments)
    choices = {key: values_of(key, text) for key, text in given.items()}
    swept = [key for key, values in choices.items() if len(values) > 1]
    found = []
    specs = [arguments.spec, *arguments.more]
    for spec in specs:
        for values in product(*choices.values()):
            chosen = dict(zip(choices, values, strict=True))
            differs = [f"{key}={chosen[key]}" for key in swept]
            path = [Path(spec).stem] if len(specs) > 1 else []
            if differs and "name" not in swept:
                own = own_name(spec, chosen)
                chosen["name"] = name_of(own, differs)
                chosen.setdefault("experiment", own_experiment(spec, own))
            texts = [f"{key}={value}" for key, value in chosen.items()]
            one = argparse.Namespace(**{**vars(arguments), "spec": spec, "set": texts})
            found.append(Variant(" ".join([*path, *differs]) or Path(spec).stem, one))
    check_apart(found)
    return found


def values_of(key: str, text: str) -> list[str]:
    """Return the values to try.

    >>> values_of("epoch_count", "2,4"), values_of("name", '"a,b"'), values_of("train_data", "a.csv,b.csv")
    (['2', '4'], ['"a,b"'], ['a.csv,b.csv'])
    """
    if key in WHOLE or text[:1] in ("[", "{", '"', "'"):
        return [text]
    return [value.strip() for value in text.split(",")]


def own_name(spec: str, chosen: dict[str, str]) -> str:
    """Return the name of a spec, or the one that the command line gives it."""
    return chosen.get("name") or str(keys_of(spec).get("name", ""))


def own_experiment(spec: str, own: str) -> str:
    """Return the experiment that all runs of a sweep are logged in, to be compared there: that of the spec."""
    return experiment_of(str(keys_of(spec).get("experiment", "")), own)


def keys_of(spec: str) -> dict[str, Any]:
    """Return the keys of a spec, unchecked."""
    return read_yaml(Path(spec).read_text(encoding="utf-8"), spec)[0] or {}


def name_of(own: str, differs: list[str]) -> str:
    """Return a name for one run of a sweep: the spec's, with the values that are its own, in 63 characters."""
    suffix = re.sub(r"[^a-z0-9]+", "-", " ".join(differs).lower()).strip("-")
    name = f"{own}-{suffix}"
    # A digest keeps long names apart that only differ at their end.
    return name if len(name) <= 63 else f"{name[:54].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def check_apart(variants: list[Variant]) -> None:
    """Check that every run is another one, and all go to the same place; every spec is read.

    Raises:
        SpecError: They are not, or a spec is wrong.
    """
    targets = {target_of(each.arguments) for each in variants}
    if len(targets) > 1:
        raise SpecError(f"target: found {', '.join(sorted(targets))}, expected one for all specs", next="pass --target")
    labels = [each.label for each in variants]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise SpecError(f"sweep: {', '.join(twice)} is there twice, expected runs that differ")


def conclude_sweep(ended: dict[str, int], jobs: dict[str, str]) -> int:
    """Print the table and who won, if anybody, and return the exit code: 1 if a run failed, 3 if one is not enough.

    Args:
        ended: Label → exit code of the run.
        jobs: Label → id of its pipeline job.
    """
    compared = {label: read_comparison(jobs[label]) for label, code in ended.items() if code != FAILED}
    sys.stderr.flush()
    print_table([sweep_row(label, comparison) for label, comparison in compared.items()])
    for label in ended.keys() - compared.keys():
        print(f"{label}: failed")
    winner, why = find_winner(compared)
    print(f"winner: {winner}, {why}" if winner else f"no winner: {why}", flush=True)
    known, is_all = total_cost(compared)
    say("cost", f"${known:,.2f} for all runs at the catalogue's prices{'' if is_all else ', where they are known'}")
    return FAILED if FAILED in ended.values() else max(ended.values())


def read_comparison(job: str) -> dict[str, Any]:
    """Return what a run decided."""
    return dict(json.loads((Path("runs") / job / "comparison.json").read_text(encoding="utf-8")))
