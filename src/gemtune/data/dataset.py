"""The dataset: raw files become a train, a validation and a test split, and every example is accounted for.

Two passes over the data. The first converts and checks every record and puts the valid ones into their splits; the
second, which knows all prompts, leaves out what leaks or is not sampled, and writes. 20 examples and 10 million go the
same way: what grows is on disk, except for one byte an example.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gemtune import catalog
from gemtune.data.conversion import Converter
from gemtune.data.findings import WHOLE, FindingLog, Rejection
from gemtune.data.intake import Intake
from gemtune.data.limits import Limits, SplitSize
from gemtune.data.output import Output
from gemtune.data.progress import Progress
from gemtune.data.settings import DatasetSettings
from gemtune.data.splits import SPLITS
from gemtune.data.whole_splits import check_not_empty, judge
from gemtune.storage import Storage

_ACTIONS = {"raise": "raised", "drop": "dropped"}


@dataclass(frozen=True)
class Prepared:
    """The files of a prepared dataset, and the account of its examples."""

    train: Path
    validation: Path
    """Empty if there is no validation data."""
    test: Path
    validation_prompts: Path
    """The validation split in the form of the test split, for the evaluation of checkpoints."""
    findings: Path
    ledger: dict[str, Any]
    """{split: {read, used, sampled_out, rejected: {rule: count}}, sources: {uri: format}, near_duplicates: {split:
    {found, searched}}}: of test and validation, how many examples are nearly trained on, of how many."""

    def counts(self) -> dict[str, int]:
        """Return how many examples of each split are used, sampled out and rejected, as flat metrics."""
        counts = {}
        for split in SPLITS:
            account = self.ledger[split]
            counts[f"{split}_used"] = account["used"]
            counts[f"{split}_sampled_out"] = account["sampled_out"]
            counts[f"{split}_rejected"] = sum(account["rejected"].values())
        return counts


def prepare(
    manifest_uri: str, settings: DatasetSettings, *, storage: Storage, folder: Path, is_quiet: bool = False
) -> Prepared:
    """Write train, validation, test, validation_prompts and findings (.jsonl) and ledger.json into a folder.

    Args:
        manifest_uri: What `gemtune.data.sources.stage` returned.
        settings: How to convert, split, sample and check.
        storage: Where the manifest and the staged sources are read.
        folder: Local folder for the files; made if need be.
        is_quiet: The caller shows the findings and keeps no file; they are not printed to stderr.

    Raises:
        DataError: Examples are invalid or leak and the settings say raise, a file breaks off, or there is nothing to
            train or test on. Findings and ledger were written before.
        SpecError: A setting has no such value.
        StorageError: A source cannot be read.
    """
    settings.check()
    limits = Limits(catalog.load(settings.catalog_overrides).find(settings.base_model))
    manifest = json.loads(storage.read_text(manifest_uri))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, FindingLog(folder / "findings.jsonl") as log:
        intake = _take_in(manifest, settings, storage, log, limits, Path(scratch))
        output = Output(intake, log, folder, settings.sampling, settings.sample_seed, _ACTIONS[settings.on_leakage])
        sizes = _write(output, intake, manifest, settings, log, limits)
        judge(sizes, settings, log, limits)
    ledger: dict[str, Any] = {name: split.account() for name, split in intake.splits.items()}
    ledger |= {"sources": intake.formats, "near_duplicates": output.near_duplicates}
    (folder / "ledger.json").write_text(json.dumps(ledger, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if not is_quiet:
        log.show()
    log.raise_any(is_kept=not is_quiet)
    check_not_empty(ledger, manifest, settings)
    names = (*SPLITS, "validation_prompts", "findings")
    train, validation, test, asked, findings = (folder / f"{name}.jsonl" for name in names)
    return Prepared(train, validation, test, asked, findings, ledger)


def _take_in(
    manifest: Mapping[str, Any],
    settings: DatasetSettings,
    storage: Storage,
    log: FindingLog,
    limits: Limits,
    scratch: Path,
) -> Intake:
    """First pass: convert and check every record of every source."""
    progress = Progress(sum(source["bytes"] for split in SPLITS for source in manifest[split]), "Reading")
    intake = Intake(
        log,
        scratch,
        progress,
        invalid_action=_ACTIONS[settings.on_invalid],
        validation_share=0.0 if manifest["validation"] else settings.validation_fraction,
        test_share=0.0 if manifest["test"] else settings.test_fraction,
    )
    with intake:
        for split in SPLITS:
            for source in manifest[split]:
                path = scratch / "source"
                storage.download(source["staged"], path)
                intake.take(split, path, _converter(source["uri"], settings, limits, is_test=split == "test"))
                path.unlink()
    progress.finish()
    return intake


def _write(
    output: Output,
    intake: Intake,
    manifest: Mapping[str, Any],
    settings: DatasetSettings,
    log: FindingLog,
    limits: Limits,
) -> dict[str, SplitSize]:
    """Second pass: write the examples that neither leak nor are sampled out. Train comes last, past the others."""
    wanted = {name: settings.limit(name) for name in SPLITS}
    most = limits.most_validation(output.count("train", wanted["train"]))
    is_too_large = most is not None and output.count("validation", wanted["validation"]) > most
    if is_too_large and not manifest["validation"]:
        # We cut it from the training data, so we may cut less of it; what was given is the user's to shorten.
        found = f"{output.count('validation', wanted['validation']):,} examples held out"
        rejection = Rejection(
            "validation_reduced", found, f"at most {most:,} for {settings.base_model}", "lower validation_fraction"
        )
        log.add("validation", WHOLE, rejection, "warned")
        wanted["validation"] = most or 0
    return {name: output.write(intake.splits[name], wanted[name]) for name in ("test", "validation", "train")}


def _converter(uri: str, settings: DatasetSettings, limits: Limits, *, is_test: bool) -> Converter:
    return Converter(
        uri=uri,
        data_format=settings.data_format,
        prompt_template=settings.prompt_template,
        system_instruction=settings.system_instruction,
        is_test=is_test,
        limits=limits,
    )
