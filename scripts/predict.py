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
from gemtune.catalog import Catalog
from gemtune.errors import GemtuneError, ServiceError, SpecError, did_you_mean
from gemtune.generation.predicting import predict
from gemtune.generation.predictions import Prediction
from gemtune.generation.settings import settings_of
from gemtune.serving import resolve_model
from gemtune.spec import TuningSpec, load
from gemtune.vertex import CallError, location_of
from scripts.screen import report_error, say
from scripts.spec_arguments import overrides_of
from scripts.target import open_target

NOT_FOUND = 404


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
    try:
        served = resolve_model(
            model,
            project=spec.project,
            location=spec.location,
            inference_location=spec.inference_location,
            catalog=catalog,
        )
    except CallError as error:
        raise not_found(model, location_of(model), spec, catalog) if error.code == NOT_FOUND else error from error
    say("model", f"{served.model} in {served.location}")
    answer = predict(
        text,
        system_instruction=spec.system_instruction,
        project=spec.project,
        served=served,
        settings=settings_of(spec.parameters()),
        catalog=catalog,
    )
    if answer.error.startswith(str(NOT_FOUND)):
        raise not_found(served.model, served.location, spec, catalog)
    return answer


def not_found(model: str, location: str, spec: TuningSpec, catalog: Catalog) -> ServiceError:
    """Return what there is to say of a model that the service does not know where it was asked for."""
    found = f"{model}: not found in {location} by project {spec.project}"
    if model.startswith("projects/"):
        hint = (
            "name another: `gemtune jobs list SPEC` shows tuning jobs, `gemtune jobs show` their models and endpoints"
        )
        return ServiceError(f"{found}, expected an endpoint, a model or a tuning job", next=hint)
    if known := catalog.find(model):
        places = " or ".join(known.base_serving_locations) or "a region that serves it"
        hint = f"set inference_location to {places}; a retired model is not found anywhere"
        return ServiceError(f"{found}, expected a model that answers there", next=hint)
    hint = f"name one of {', '.join(catalog.models)}, or set inference_location to where it answers"
    return ServiceError(f"{found}, expected a model that answers there{did_you_mean(model, catalog.models)}", next=hint)


def describe(answer: Prediction) -> str:
    """Return outcome, reason, tokens and time on one line."""
    reasons = [answer.finish_reason, answer.block_reason, answer.error]
    tokens = f"{answer.prompt_tokens} + {answer.output_tokens} tokens, {answer.thinking_tokens} of thinking"
    return ", ".join(filter(None, [answer.outcome, *reasons, answer.model_version, tokens, f"{answer.latency_ms} ms"]))


if __name__ == "__main__":
    sys.exit(main())
