"""A dataset prepared on this machine, to be looked at: a run's own code and rules, and nothing written but here."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from gemtune.data.dataset import prepare
from gemtune.data.settings import DatasetSettings
from gemtune.data.splits import SPLITS
from gemtune.data.whole_splits import check_can_conclude
from gemtune.errors import DataError
from gemtune.records import Record, read_records
from gemtune.storage import Storage

SHOWN = 20
"""Findings that people are shown; all of them are in findings.jsonl of a run."""


class LocalSources(Storage):
    """Cloud Storage that also reads local files, by path."""

    def size(self, uri: str) -> int:
        """Return the bytes of an object or file; 0 if the service does not tell."""
        return (
            int(self._blob(uri).bucket.get_blob(self._blob(uri).name).size or 0)
            if _is_remote(uri)
            else Path(uri).stat().st_size
        )

    def read_bytes(self, uri: str) -> bytes:
        """Return the whole object or file."""
        return super().read_bytes(uri) if _is_remote(uri) else Path(uri).read_bytes()

    def lines(self, uri: str) -> Iterator[bytes]:
        """Yield the object or file line by line, newlines kept."""
        if _is_remote(uri):
            yield from super().lines(uri)
        else:
            with Path(uri).open("rb") as file:
                yield from file

    def download(self, uri: str, path: Path) -> None:
        """Copy an object or file to a local file; never a link, which a later download would write through."""
        if _is_remote(uri):
            super().download(uri, path)
        else:
            shutil.copyfile(uri, path)


class Preview(NamedTuple):
    """What became of the data."""

    ledger: dict[str, Any]
    train: Path
    validation: Path
    test: Path
    validation_prompts: Path
    findings: Path
    error: DataError | None
    """Why a run would stop at this data; None if it would go on."""
    ignored: frozenset[str] = frozenset()
    """Rules whose findings are passed over."""

    def first_findings(self) -> list[Record]:
        """Return the first findings, those that stop a run before those that drop an example, and warnings last."""
        found: dict[str, list[Record]] = {"raised": [], "dropped": [], "warned": []}
        for record in self._findings():
            if len(found[record["action"]]) < SHOWN:
                found[record["action"]].append(record)
        return [record for records in found.values() for record in records][:SHOWN]

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many findings there are by (action, rule)."""
        return Counter((record["action"], record["rule"]) for record in self._findings())

    def _findings(self) -> Iterator[Record]:
        return (record for record in read_records(self.findings) if record["rule"] not in self.ignored)


def preview(sources: Mapping[str, Sequence[str]], settings: DatasetSettings, *, project: str, folder: Path) -> Preview:
    """Prepare a dataset in a local folder.

    Args:
        sources: Per split, local paths and ``gs://`` URIs.
        settings: How to convert, split, sample and check.
        project: Google Cloud project that reads URIs.
        folder: Local folder, empty.

    Raises:
        SpecError: A setting has no such value.
        StorageError: A source cannot be read.
    """
    storage = LocalSources(project)
    manifest = {
        split: [{"uri": uri, "staged": uri, "bytes": storage.size(uri)} for uri in sources.get(split, ())]
        for split in SPLITS
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    output, error = folder / "prepared", None
    try:
        manifest_uri = str(folder / "manifest.json")
        prepared = prepare(manifest_uri, settings, storage=storage, folder=output, is_quiet=True)
        check_can_conclude(prepared.ledger, settings)
    except DataError as found:
        error = found
    ledger = json.loads((output / "ledger.json").read_text(encoding="utf-8"))
    names = (*SPLITS, "validation_prompts", "findings")
    train, validation, test, prompts, findings = (output / f"{name}.jsonl" for name in names)
    return Preview(ledger, train, validation, test, prompts, findings, error)


def settings_of(spec: Any) -> DatasetSettings:
    """Return the part of a tuning spec that decides about the data."""
    names = {field.name for field in fields(DatasetSettings)} & type(spec).model_fields.keys()
    return DatasetSettings(**{name: getattr(spec, name) for name in names})


def _is_remote(uri: str) -> bool:
    return uri.startswith("gs://")
