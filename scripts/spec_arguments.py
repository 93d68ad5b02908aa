"""What verbs with a spec have in common: their arguments, where they run, and the spec that comes of both."""

import argparse
from pathlib import Path

from gemtune.errors import SpecError
from gemtune.spec import TuningSpec, load
from scripts.target import Target

TEMPLATE = Path(__file__).parents[1] / "compiled" / "tuning.yaml"


def spec_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a verb that submits a spec."""
    parser = argparse.ArgumentParser(program, description=description, formatter_class=argparse.RawTextHelpFormatter)
    add_spec_arguments(parser)
    add_pipeline_argument(parser)
    return parser


def add_pipeline_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of every verb that sends the compiled pipeline."""
    parser.add_argument(
        "--pipeline",
        metavar="FILE",
        type=Path,
        default=TEMPLATE,
        help="compiled pipeline, such as one made by `gemtune compile --image`;\ndefault: compiled/tuning.yaml",
    )


def add_spec_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the arguments that every verb with a spec has; the spec comes first."""
    parser.add_argument(
        "spec",
        metavar="SPEC",
        nargs=None if required else "?",
        help="tuning spec, a YAML file; its keys are described by `gemtune schema`",
    )
    parser.add_argument(
        "--target", choices=("emulator", "vertex"), help="where to run; default: submission.target of SPEC"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the spec")


def target_of(arguments: argparse.Namespace, **defaults: str) -> str:
    """Return the target that the command line or the spec names; nothing paid starts by default.

    Args:
        arguments: With `spec`, `set` and `target`.
        defaults: Keys that the spec may leave out for this verb.

    Raises:
        SpecError: Neither names one, or the spec is wrong.
    """
    # Placeholders for what the emulator decides: only the rest of the spec is checked here.
    spec = load(arguments.spec, overrides_of(arguments), defaults={"project": "any", "bucket": "any", **defaults})
    if name := arguments.target or spec.submission.target:
        return str(name)
    raise SpecError(
        f"{arguments.spec}: submission.target: found nothing, expected emulator or vertex",
        next="pass `--target emulator` to try it here, or `--target vertex` to pay for it",
    )


def overrides_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the keys changed on the command line.

    Raises:
        SpecError: An argument has no `=`.
    """
    pairs = [text.partition("=") for text in arguments.set]
    for key, separator, _ in pairs:
        if not separator:
            raise SpecError(f"--set: found {key!r}, expected KEY=VALUE")
    return {key: value for key, _, value in pairs}


def read_spec(arguments: argparse.Namespace, target: Target) -> TuningSpec:
    """Return the spec as it will run: on the emulator, in the emulator's project and bucket."""
    return load(arguments.spec, {**overrides_of(arguments), **target.decided()})
