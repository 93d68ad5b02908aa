"""Submit a tuning spec as a pipeline job and return at once.

    gemtune submit SPEC --target vertex
    gemtune submit SPEC --set epoch_count=3

Prints the job's resource name on stdout and where to watch it on stderr. Local files named in the spec are checked as
`gemtune check` does, and uploaded to its bucket first. Exit code 2: spec or data cannot be used, nothing was submitted.
"""

import argparse
import shlex
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gemtune.catalog import load as load_catalog
from gemtune.errors import GemtuneError, SpecError
from gemtune.runs.plan import check_spec
from gemtune.spec import TuningSpec
from gemtune.storage import split_uri
from gemtune.vertex import CallError
from scripts.pipeline_job import parameters_of, pipeline_job, repetition
from scripts.screen import report_error, say
from scripts.service_errors import service_errors
from scripts.spec_arguments import TEMPLATE, read_spec, spec_parser, target_of
from scripts.spec_data import refuse_bad_data, uploaded_sources
from scripts.target import Target, open_target


def main(argv: list[str] | None = None) -> int:
    """Submit, print the job's name, and return the exit code."""
    parser = spec_parser("gemtune submit", __doc__ or "")
    arguments = parser.parse_args(argv)
    target, job = None, None
    try:
        target = open_target(target_of(arguments))
        say("target", target.describe())
        spec, path = read_spec(arguments, target), Path(arguments.spec)
        refuse_bad_data(spec, path)
        job = submit_spec(spec, path, target, arguments.pipeline)
    except GemtuneError as error:
        return report_error(error, target)
    except KeyboardInterrupt:
        print(f"\n{interrupted(target, job, arguments)}", file=sys.stderr)
        return 130
    finally:
        if target and not job and (left := target.stop()):
            say("emulator", left)
    say_job(job, target)
    if target.process:
        say("emulator", f"goes on in the background for this job; stop it with `kill {target.process.pid}`")
    print(job.resource_name)
    return 0


def submit_spec(
    spec: TuningSpec, path: Path, target: Target, template: Path = TEMPLATE, models: dict[str, str] | None = None
) -> Any:
    """Upload the local files that a spec names, submit a compiled pipeline, and return the PipelineJob.

    Args:
        spec: What to run.
        path: Where the spec was read; local files are relative to its folder.
        target: Where to run it.
        template: Compiled pipeline.
        models: Parameters that the command line gives; None = those of the spec are all the pipeline has.

    Raises:
        GemtuneError: A file is missing, or the service refuses the job.
    """
    parameters = sent_parameters(spec, path, target, template, models)
    if again := repetition(spec, parameters):
        say("again", again)
    say("submit", f"{Path(template.parent.name, template.name)}, spec {spec.name}")
    submission = spec.submission
    with service_errors("submit"):
        job = pipeline_job(spec, parameters, template, target)
        job.submit(service_account=submission.service_account or None, network=submission.network or None)
    return job


def say_job(job: Any, target: Target) -> None:
    """Print which job was submitted: on Vertex AI the link to it."""
    say("job", job.name if target.address else job._dashboard_uri())


def sent_parameters(
    spec: TuningSpec, path: Path, target: Target, template: Path = TEMPLATE, models: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the values of the pipeline's parameters, every local file uploaded; say what the catalogue warns of.

    Raises:
        GemtuneError: A file is missing, or the model does not support what the spec asks for.
    """
    tuned_in = "" if models is None else None  # an evaluation tunes nothing, so only the model's life counts
    catalog = load_catalog(spec.catalog_overrides)
    for warning in catalog.warnings(spec.base_model, today(), tuning_location=tuned_in):
        say("warning", warning)
    for note in check_spec(spec, catalog) if models is None else ():
        say("note", note)
    check_buckets(spec)
    parameters = {**spec.parameters(), **uploaded_sources(spec, path, target)}
    if models is None:
        return parameters
    known = parameters_of(template)
    return {name: value for name, value in {**parameters, **models}.items() if name in known}


def check_buckets(spec: TuningSpec) -> None:
    """Check that the buckets of a run are there: without them its steps cannot even leave word of what is wrong.

    Raises:
        SpecError: One is not.
    """
    from gemtune.project.bucket import Bucket

    keys = {split_uri(spec.submission.pipeline_root)[0]: "submission.pipeline_root", spec.bucket: "bucket"}
    for name, key in keys.items():
        # Who may not look, or has no network, is told by whatever needs the bucket.
        with suppress(CallError):
            if not Bucket(spec.project, name).exists():
                raise SpecError(
                    f"{key}: found no bucket gs://{name}, expected one that is there",
                    next="`gemtune setup SPEC` makes it, or correct the name",
                )


def interrupted(target: Target | None, job: Any, arguments: argparse.Namespace) -> str:
    """Return what goes on after Ctrl-C, and how to end it.

    Args:
        target: Where the spec is run; None as long as nothing is.
        job: The PipelineJob; None as long as the service has not confirmed it.
        arguments: What was typed.
    """
    if not target:
        return "interrupted: nothing was submitted"
    if not job:
        listing = command("runs list", target, arguments)
        return f"interrupted before a job was confirmed; this says whether one was submitted:\n$ {listing}"
    if target.process and not target.other_jobs(job.resource_name):
        return f"interrupted: the emulator stops, and {job.name} with it"
    cancelling = command("runs cancel", target, arguments, job.name)
    return f"interrupted: {job.name} goes on running; to end it:\n$ {cancelling}"


def command(verb: str, target: Target, arguments: argparse.Namespace, *more: str) -> str:
    """Return a command about the runs of the spec that was typed, to be typed in turn."""
    places = ("name=", "project=", "location=", "submission.")
    changed = [text for pair in arguments.set if pair.startswith(places) for text in ("--set", pair)]
    return shlex.join(["gemtune", *verb.split(), arguments.spec, *more, "--target", target.name, *changed])


def today() -> date:
    """Return the date of the warnings about a model's retirement."""
    return datetime.now(UTC).date()


if __name__ == "__main__":
    sys.exit(main())
