"""Compare any two models on a dataset, without tuning.

    gemtune evaluate SPEC --model A --model B
    gemtune evaluate SPEC --model gemini-3.1-flash-lite --model TUNING_JOB --target vertex

A is the baseline, B the candidate; each is a base model, an endpoint, a model@version or a tuning job. A may also be
`promoted`: the model that a run of the spec promoted last. The spec says the rest: data, generation settings, metrics.
With test_data nothing else of the data is read, and train_data may be missing. Runs compiled/evaluation.yaml; what it
prints and fetches is that of `gemtune run`.
"""

import argparse
import sys
from pathlib import Path

from gemtune.comparison.champion import PROMOTED
from gemtune.errors import GemtuneError, SpecError
from gemtune.spec import TuningSpec, load
from scripts.run import conclude, follow
from scripts.submit import add_spec_arguments, interrupted, overrides_of, report_error, say, submit_spec
from scripts.target import Target, open_target

EVALUATION = Path(__file__).parents[1] / "compiled" / "evaluation.yaml"
NO_DATA = "none"
"""Stands for train_data that a spec does not give: only tuning needs it."""


def main(argv: list[str] | None = None) -> int:
    """Run, follow, fetch, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune evaluate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_spec_arguments(parser)
    parser.add_argument("--model", action="append", default=[], help="the baseline; given again, the candidate")
    arguments = parser.parse_args(argv)
    if len(arguments.model) != 2:
        parser.error(f"--model: found {len(arguments.model)}, expected two: the baseline and the candidate")
    baseline, candidate = arguments.model
    if candidate == PROMOTED:
        parser.error("--model: found promoted as the candidate, expected it as the baseline: name it first")
    target, job = None, None
    try:
        target = open_target(target_of(arguments))
        say("target", target.describe())
        spec = read_evaluation(arguments, target)
        models = {"baseline_model": baseline, "candidate_model": candidate}
        job = submit_spec(spec, Path(arguments.spec), target, template=EVALUATION, models=models)
        return conclude(spec, job.name, follow(job, target, EVALUATION), target.storage(spec.project))
    except GemtuneError as error:
        return report_error(error, target)
    except KeyboardInterrupt:
        print(f"\n{interrupted(target, job, arguments)}", file=sys.stderr)
        return 130
    finally:
        if target:
            target.stop()


def target_of(arguments: argparse.Namespace) -> str:
    """Return the target that the command line or the spec names; nothing paid starts by default.

    Raises:
        SpecError: Neither names one, or the spec is wrong.
    """
    # Placeholders for what the emulator decides: only the rest of the spec is checked here.
    placeholders = {"project": "any", "bucket": "any", "train_data": NO_DATA}
    spec = load(arguments.spec, overrides_of(arguments), defaults=placeholders)
    if name := arguments.target or spec.submission.target:
        return str(name)
    raise SpecError(
        f"{arguments.spec}: submission.target: found nothing, expected emulator or vertex",
        next="pass `--target emulator` to try it here, or `--target vertex` to pay for it",
    )


def read_evaluation(arguments: argparse.Namespace, target: Target) -> TuningSpec:
    """Return the spec as it will run: with test data, nothing else is read.

    Raises:
        SpecError: There is neither test_data nor train_data to hold it out from.
    """
    overrides = {**overrides_of(arguments), **target.decided()}
    spec = load(arguments.spec, overrides, defaults={"train_data": NO_DATA})
    if spec.test_data:
        return spec.model_copy(update={"train_data": "", "validation_data": ""})
    if spec.train_data == NO_DATA:
        raise SpecError(
            f"{arguments.spec}: test_data: found nothing, expected test examples, or train_data to hold out"
        )
    return spec


if __name__ == "__main__":
    sys.exit(main())
