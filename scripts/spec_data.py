"""The data that a spec names, as this machine reaches it: looked at without a run, and uploaded for one."""

from pathlib import Path
from typing import Any

from gemtune.data.preview import Preview, preview, settings_of
from gemtune.data.sources import find_sources, upload_local
from gemtune.data.splits import SPLITS
from gemtune.errors import DataError
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from scripts.target import Target, mirror_folder

SOURCES = ("train_data", "validation_data", "test_data")


def look_at(spec: TuningSpec, folder: Path, scratch: Path, target: Target | None) -> Preview:
    """Prepare the data of a spec without a run.

    Args:
        spec: Names sources and rules.
        folder: What local paths are relative to.
        scratch: Empty folder for the prepared files.
        target: Where gs:// sources are read; None for nowhere.
    """
    project = target.project if target and target.project else spec.project
    storage = Storage(project)
    copies = local_copies(spec, storage) if target and target.address else {}
    sources = {
        split: find_sources(getattr(spec, key), folder=folder, storage=storage, copies=copies)
        for split, key in zip(SPLITS, SOURCES, strict=True)
    }
    return preview(sources, settings_of(spec), project=project, folder=scratch)


def uploaded_sources(spec: TuningSpec, path: Path, target: Target) -> dict[str, str]:
    """Return the data parameters with every local file uploaded to the bucket.

    Raises:
        DataError: A local file is missing, or the emulator has no copy of an object on Google's Cloud Storage.
    """
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
