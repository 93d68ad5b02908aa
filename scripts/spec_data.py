"""The data that a spec names, as this machine reaches it: looked at without a run, and uploaded for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gemtune.data.preview import Preview, preview, settings_of
from gemtune.data.sources import find_sources, upload_local
from gemtune.data.splits import SPLITS
from gemtune.errors import DataError, SpecError
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from scripts.emulator_process import mirror_folder
from scripts.screen import say
from scripts.target import Target

SOURCES = ("train_data", "validation_data", "test_data")

LARGEST = 50_000_000
"""Most bytes of local data that are looked at before a run: at 45 ms of CPU per MB, as measured, about 2 s."""

EXPANDED = 5
"""How many times as much a compressed file is taken for."""


def refuse_bad_data(spec: TuningSpec, path: Path, *, for_tuning: bool = True) -> None:
    """Refuse data that would stop a run in its data conversion, which on Vertex AI is minutes later and paid.

    Only a spec whose data is all on this machine is looked at, up to `LARGEST`; the rest is left to that step.

    Args:
        spec: What is to run.
        path: Where the spec was read; local files are relative to its folder.
        for_tuning: False for an evaluation, which needs no training examples.

    Raises:
        DataError: A run would stop at this data.
        SpecError: A file is missing.
    """
    if any(source.startswith("gs://") for key in SOURCES for source in split_sources(getattr(spec, key))):
        return
    storage, files = Storage(spec.project), list[Path]()
    for key in SOURCES:
        with naming(path, key):
            files += map(Path, find_sources(getattr(spec, key), folder=path.parent, storage=storage))
    if (size := sum(map(expanded_bytes, files))) > LARGEST:
        say("note", f"{size / 1e6:,.0f} MB of data are checked in the run; `gemtune check {path}` does it now")
        return
    with TemporaryDirectory() as scratch:
        raise_problem(look_at(spec, path.parent, Path(scratch), None, for_tuning=for_tuning), path)


def raise_problem(shown: Preview, path: Path) -> None:
    """Raise what would stop a run at its data, if anything would.

    Raises:
        DataError: A run would stop.
    """
    if error := shown.error:
        more = f"nothing was submitted; `gemtune check {path}` shows all"
        raise DataError(error.message, next="; ".join(filter(None, [error.next, more])))


def expanded_bytes(path: Path) -> int:
    """Return about how many bytes a file has when it is read."""
    return path.stat().st_size * (EXPANDED if path.suffix in (".gz", ".parquet") else 1)


def look_at(
    spec: TuningSpec, folder: Path, scratch: Path, target: Target | None, *, for_tuning: bool = True
) -> Preview:
    """Prepare the data of a spec without a run.

    Args:
        spec: Names sources and rules.
        folder: What local paths are relative to.
        scratch: Empty folder for the prepared files.
        target: Where gs:// sources are read; None for nowhere.
        for_tuning: False for an evaluation, which needs no training examples.
    """
    project = target.project if target and target.project else spec.project
    storage = Storage(project)
    copies = local_copies(spec, storage) if target and target.address else {}
    sources = {
        split: find_sources(getattr(spec, key), folder=folder, storage=storage, copies=copies)
        for split, key in zip(SPLITS, SOURCES, strict=True)
    }
    settings = replace(settings_of(spec), for_tuning=for_tuning)
    return preview(sources, settings, project=project, folder=scratch)


def uploaded_sources(spec: TuningSpec, path: Path, target: Target) -> dict[str, str]:
    """Return the data parameters with every local file uploaded to the bucket.

    Raises:
        SpecError: A local file is missing.
        DataError: The emulator has no copy of an object on Google's Cloud Storage.
    """
    storage = target.storage(spec.project)
    if target.address:
        bring_public_objects(spec, storage)
    uploaded = {}
    for key in SOURCES:
        with naming(path, key):
            uploaded[key] = upload_local(getattr(spec, key), folder=path.parent, bucket=spec.bucket, storage=storage)
    return uploaded


@contextmanager
def naming(path: Path, key: str) -> Iterator[None]:
    """Say in which key of which spec a file is named that is missing."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{path}: {key}: {error.message}", next=error.next) from error


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
