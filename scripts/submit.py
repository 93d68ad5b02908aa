"""Submit a tuning spec as a pipeline job and return at once.

    gemtune submit SPEC --target vertex
    gemtune submit SPEC --set epoch_count=3

Prints the job's resource name on stdout and where to watch it on stderr. Local files named in the spec are uploaded to
its bucket first.
"""

import argparse
import re
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import wrap
from typing import Any

from gemtune.catalog import load as load_catalog
from gemtune.errors import DataError, GemtuneError, SpecError
from gemtune.runs.plan import check_spec
from gemtune.spec import TuningSpec, load
from gemtune.storage import split_uri
from gemtune.vertex import CallError
from scripts.pipeline_job import parameters_of, pipeline_job, repetition
from scripts.target import Target, mirror_folder, open_target

TEMPLATE = Path(__file__).parents[1] / "compiled" / "tuning.yaml"
SOURCES = ("train_data", "validation_data", "test_data")


def main(argv: list[str] | None = None) -> int:
    """Submit, print the job's name, and return the exit code."""
    parser = spec_parser("gemtune submit", __doc__ or "")
    arguments = parser.parse_args(argv)
    target, job = None, None
    try:
        target = open_target(target_of(arguments))
        say("target", target.describe())
        job = submit_spec(read_spec(arguments, target), Path(arguments.spec), target, arguments.pipeline)
        say_job(job, target)
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target and not job:
            target.stop()
    if target.process:
        say("emulator", f"goes on in the background for this job; stop it with `kill {target.process.pid}`")
    print(job.resource_name)
    return 0


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


def target_of(arguments: argparse.Namespace) -> str:
    """Return the target that the command line or the spec names; nothing paid starts by default.

    Raises:
        SpecError: Neither names one, or the spec is wrong.
    """
    # Placeholders for what the emulator decides: only the rest of the spec is checked here.
    spec = load(arguments.spec, overrides_of(arguments), defaults={"project": "any", "bucket": "any"})
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
    say("submit", f"{template.parent.name}/{template.name}, spec {spec.name}")
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


def uploaded_sources(spec: TuningSpec, path: Path, target: Target) -> dict[str, str]:
    """Return the data parameters with every local file uploaded to the bucket.

    Raises:
        DataError: A local file is missing, or the emulator has no copy of an object on Google's Cloud Storage.
    """
    from gemtune.data.sources import upload_local
    from gemtune.storage import Storage

    storage = Storage(spec.project)
    if target.address:
        bring_public_objects(spec, storage)
    return {
        key: upload_local(getattr(spec, key), folder=path.parent, bucket=spec.bucket, storage=storage)
        for key in SOURCES
        if getattr(spec, key)
    }


def bring_public_objects(spec: TuningSpec, storage: Any) -> None:
    """Put local copies of public objects where the spec expects them on the emulator.

    Raises:
        DataError: Some have no local copy; says where to put each.
    """
    for uri, copy in local_copies(spec, storage).items():
        storage.ensure_bucket(uri)
        storage.upload(copy, uri)


def local_copies(spec: TuningSpec, storage: Any) -> dict[str, Path]:
    """Return URI → local copy for the objects of a spec that the emulator does not have.

    Raises:
        DataError: Some have no local copy; says where to put each.
    """
    uris = sorted(uri for key in SOURCES for uri in split_sources(getattr(spec, key)) if uri.startswith("gs://"))
    copies = {uri: mirror_folder() / uri.removeprefix("gs://") for uri in uris if not storage.find(uri)}
    missing = [f"  {uri}\n    to {copy}" for uri, copy in copies.items() if not copy.is_file()]
    if missing:
        raise DataError(
            f"the emulator cannot reach Google's Cloud Storage, and the spec reads {len(missing)} object(s) there",
            next="copy\n" + "\n".join(missing),
        )
    return copies


def split_sources(value: str) -> list[str]:
    """Return the sources of a data parameter."""
    return [source.strip() for source in value.split(",") if source.strip()]


class service_errors:
    """Turn what Google's client raises into one message."""

    def __init__(self, doing: str) -> None:
        self.doing = doing

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Raise the service's own message as ours."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import ConnectionError as NoConnection  # type: ignore[import-untyped]

        from gemtune.errors import ServiceError

        if isinstance(error, GoogleAPICallError):
            # Over REST the SDK puts method and address before the service's words.
            said = re.sub(r"^[A-Z]+ https?://\S+: ", "", error.message)
            raise ServiceError(f"{self.doing}: {said}") from error
        if isinstance(error, GoogleAuthError):
            hint = "run `gcloud auth application-default login`, or choose the target `emulator`"
            raise ServiceError(
                f"{self.doing}: no usable Google credentials ({type(error).__name__})", next=hint
            ) from error
        if isinstance(error, NoConnection):
            raise ServiceError(f"{self.doing}: the service does not answer") from error
        if isinstance(error, OSError | RuntimeError | ValueError) and not isinstance(error, GemtuneError):
            # The SDK's own words: no such pipeline file, a parameter that it does not have.
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            raise ServiceError(f"{self.doing}: {error}{cause}") from error


def today() -> date:
    """Return the date of the warnings about a model's retirement."""
    return datetime.now(UTC).date()


def say(topic: str, text: str) -> None:
    """Write one line of progress, folded at 80 columns."""
    lines = wrap(text, 70, break_long_words=False, break_on_hyphens=False)
    print(f"{topic:<10}" + f"\n{'':<10}".join(lines), file=sys.stderr, flush=True)


def report_error(error: GemtuneError) -> int:
    """Print an error and return its exit code: 2 for what the user wrote, 1 for what the service did."""
    print(error, file=sys.stderr)
    return 2 if isinstance(error, SpecError) else 1


if __name__ == "__main__":
    sys.exit(main())
