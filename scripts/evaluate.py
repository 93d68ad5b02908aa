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
from scripts.screen import report_error, say
from scripts.spec_arguments import add_spec_arguments, overrides_of, target_of
from scripts.spec_data import refuse_bad_data
from scripts.submit import interrupted, submit_spec
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
        target = open_target(target_of(arguments, train_data=NO_DATA))
        say("target", target.describe())
        spec = read_evaluation(arguments, target)
        refuse_bad_data(spec, Path(arguments.spec), for_tuning=False)
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
