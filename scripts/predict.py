"""Answer one prompt with the settings of a spec.

    gemtune predict MODEL "How do I repot a fern?" --spec SPEC
    gemtune predict TUNING_JOB - --spec SPEC < prompt.txt

MODEL is a base model, an endpoint, a model@version or a tuning job. Without PROMPT, or with -, the prompt is read from
stdin. System instruction, sampling, safety and thinking are those of the spec, as in its evaluation. The answer goes to
stdout, everything else to stderr. On Vertex AI one answer is billed; nothing is stored.
"""

import argparse
import sys

from gemtune import catalog as catalogs
from gemtune.errors import GemtuneError, SpecError
from gemtune.generation.predicting import predict
from gemtune.generation.predictions import Prediction
from gemtune.generation.settings import settings_of
from gemtune.serving import resolve_model
from gemtune.spec import TuningSpec, load
from scripts.screen import report_error, say
from scripts.spec_arguments import overrides_of
from scripts.target import open_target


def main(argv: list[str] | None = None) -> int:
    """Ask, print the answer, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune predict", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="who answers")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", default="-", help="what to ask; - reads stdin")
    parser.add_argument("--spec", required=True, help="tuning spec with the settings")
    parser.add_argument("--target", choices=("emulator", "vertex"), help="default: submission.target of SPEC")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the spec")
    arguments = parser.parse_args(argv)
    text = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
    target = None
    try:
        target = open_target(target_of(arguments))
        say("target", target.describe())
        answer = ask(arguments.model, text, read_settings(arguments, {**target.decided()}))
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()
    say("outcome", describe(answer))
    if answer.text:
        print(answer.text)
    return 0 if answer.text else 1


def target_of(arguments: argparse.Namespace) -> str:
    """Return the target that the command line or the spec names; nothing paid starts by default.

    Raises:
        SpecError: Neither names one, or the spec is wrong.
    """
    if name := arguments.target or read_settings(arguments, {"project": "any"}).submission.target:
        return str(name)
    raise SpecError(
        f"{arguments.spec}: submission.target: found nothing, expected emulator or vertex",
        next="pass `--target emulator` to try it here, or `--target vertex` to pay for it",
    )


def read_settings(arguments: argparse.Namespace, decided: dict[str, str]) -> TuningSpec:
    """Return the spec; what only data and storage need may be missing."""
    overrides = {**overrides_of(arguments), **decided}
    return load(arguments.spec, overrides, defaults={"bucket": "none", "train_data": "none"})


def ask(model: str, text: str, spec: TuningSpec) -> Prediction:
    """Return the model's answer.

    Raises:
        GemtuneError: There is no such model, it does not fit the settings, or the prompt is empty.
    """
    if not text.strip():
        raise SpecError("PROMPT: found nothing, expected a text to answer")
    catalog = catalogs.load(spec.catalog_overrides)
    served = resolve_model(
        model,
        project=spec.project,
        location=spec.location,
        inference_location=spec.inference_location,
        catalog=catalog,
    )
    say("model", f"{served.model} in {served.location}")
    return predict(
        text,
        system_instruction=spec.system_instruction,
        project=spec.project,
        served=served,
        settings=settings_of(spec.parameters()),
        catalog=catalog,
    )


def describe(answer: Prediction) -> str:
    """Return outcome, reason, tokens and time on one line."""
    reasons = [answer.finish_reason, answer.block_reason, answer.error]
    tokens = f"{answer.prompt_tokens} + {answer.output_tokens} tokens, {answer.thinking_tokens} of thinking"
    return ", ".join(filter(None, [answer.outcome, *reasons, answer.model_version, tokens, f"{answer.latency_ms} ms"]))


if __name__ == "__main__":
    sys.exit(main())
