"""Upload the compiled pipeline to where the console can start it.

    gemtune publish SPEC
    gemtune publish SPEC --to gs://BUCKET/FOLDER
    gemtune publish SPEC --to https://REGION-kfp.pkg.dev/PROJECT/REPO --tag v1 --tag latest

The first goes to gs://BUCKET/gemtune/pipelines of the spec's bucket. Stdout has what the console's *Create run* asks
for: the Cloud Storage URI, or pipeline and version in Artifact Registry. The repository must exist, with format KFP
(`gcloud artifacts repositories create REPO --repository-format=kfp --location=REGION`).
"""

import argparse
import re
import sys
from pathlib import Path

from gemtune.errors import GemtuneError, ServiceError, SpecError
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from scripts.screen import report_error, say
from scripts.service_errors import service_errors
from scripts.spec_arguments import add_pipeline_argument, add_spec_arguments, read_spec, target_of
from scripts.target import Target, open_target, registry_client

REGISTRY = re.compile(r"https://[a-z0-9-]+-kfp\.pkg\.dev/[^/]+/[^/]+")
TAG = re.compile(r"[a-z][a-z0-9-]{0,127}")


def main(argv: list[str] | None = None) -> int:
    """Upload, print where it is, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune publish", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_spec_arguments(parser)
    add_pipeline_argument(parser)
    parser.add_argument(
        "--to", metavar="PLACE", default="", help="Cloud Storage folder, or Artifact Registry repository"
    )
    parser.add_argument("--tag", action="append", default=[], help="name of the version, in Artifact Registry only")
    arguments = parser.parse_args(argv)
    target = None
    try:
        target = open_target(target_of(arguments))
        say("target", target.describe())
        print(publish(read_spec(arguments, target), arguments.pipeline, arguments.to, arguments.tag, target))
        return 0
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def publish(spec: TuningSpec, pipeline: Path, place: str, tags: list[str], target: Target) -> str:
    """Upload a compiled pipeline and return its address.

    Args:
        spec: Its bucket is the default place.
        pipeline: Compiled pipeline.
        place: Cloud Storage folder or Artifact Registry repository; empty for the default.
        tags: Names of the version in Artifact Registry.
        target: Where the place is.

    Raises:
        GemtuneError: The place is neither, or refuses the file.
    """
    place = (place or f"gs://{spec.bucket}/gemtune/pipelines").rstrip("/")
    if not pipeline.is_file():
        raise SpecError(f"--pipeline: {pipeline}: there is no such file", next="run `gemtune compile`")
    if REGISTRY.fullmatch(place):
        return publish_to_registry(place, pipeline, tags, target)
    if not place.startswith("gs://"):
        raise SpecError(
            f"--to: found {place!r}, expected gs://BUCKET/FOLDER or https://REGION-kfp.pkg.dev/PROJECT/REPO"
        )
    if tags:
        raise SpecError(f"--tag: found {tags[0]!r} for Cloud Storage", next="name another folder for another version")
    uri = f"{place}/{pipeline.name}"
    Storage(spec.project).upload(pipeline, uri)
    return uri


def publish_to_registry(repository: str, pipeline: Path, tags: list[str], target: Target) -> str:
    """Upload to Artifact Registry and return the version's address: by its first tag, else by its digest.

    Raises:
        SpecError: A tag is none.
        ServiceError: There are no credentials, or the repository is missing or refuses the file.
    """
    from requests import RequestException  # type: ignore[import-untyped]

    for tag in tags:
        if not TAG.fullmatch(tag):
            raise SpecError(f"--tag: found {tag!r}, expected lowercase letters, digits and hyphens, a letter first")
    with service_errors("publish"):
        try:
            package, version = registry_client(target, repository).upload_pipeline(str(pipeline), tags=tags)
        except RequestException as error:
            said = error.response.text.strip()[:300] if error.response is not None else type(error).__name__
            raise ServiceError(
                f"{repository}: {said}",
                next="the repository must exist, with format KFP, and you need roles/artifactregistry.writer on it",
            ) from error
    say("version", f"{package} {version}")
    return f"{repository}/{package}/{tags[0] if tags else version}"


if __name__ == "__main__":
    sys.exit(main())
