"""The dataset: raw files become a train, a validation and a test split, and every example is accounted for.

Two passes over the data. The first converts and checks every record and puts the valid ones into their splits; the
second, which knows all prompts, leaves out what leaks or is not sampled, and writes. Only short keys stay in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gemtune.data.conversion import Converter
from gemtune.data.examples import example_id, prompt_of, reference_of
from gemtune.data.findings import FindingLog, Rejection
from gemtune.data.intake import Intake, Split
from gemtune.data.splits import SPLITS, choose, find_leaks
from gemtune.errors import DataError, SpecError
from gemtune.storage import Storage

_CHOICES = {
    "data_format": ("auto", "contents", "messages", "input_output", "prompt_completion"),
    "sampling": ("random", "head"),
    "on_invalid": ("raise", "drop"),
    "on_leakage": ("raise", "drop"),
}
_ACTIONS = {"raise": "raised", "drop": "dropped"}


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """How raw data becomes a dataset; the names are those of the tuning spec."""

    data_format: str = "auto"
    """auto, contents, messages, input_output or prompt_completion."""
    prompt_template: str = ""
    """How columns become the prompt; empty to take the prompt column as it is."""
    system_instruction: str = ""
    """Given to every example that has none."""
    max_train_examples: int = 0
    """0 for all."""
    max_validation_examples: int = 0
    """0 for all."""
    max_test_examples: int = 0
    """0 for all."""
    sampling: str = "random"
    """random or head."""
    sample_seed: int = 0
    """Picks the random sample."""
    validation_fraction: float = 0.1
    """Share of the training sources, where there is no validation source."""
    test_fraction: float = 0.1
    """Share of the training sources, where there is no test source."""
    on_invalid: str = "raise"
    """raise or drop."""
    on_leakage: str = "raise"
    """raise or drop."""
    for_tuning: bool = True
    """Whether there must be training examples; an evaluation needs only those of the test."""

    def limit(self, split: str) -> int:
        """Return the most examples of a split; 0 for all."""
        return int(getattr(self, f"max_{split}_examples"))

    def check(self) -> None:
        """Check the values: a console's form passes anything on.

        Raises:
            SpecError: A value is not among those allowed.
        """
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SpecError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}")
        for name in ("train", "validation", "test"):
            if self.limit(name) < 0:
                raise SpecError(f"max_{name}_examples is {self.limit(name)}, expected 0 (all) or more")
        if min(self.validation_fraction, self.test_fraction) < 0 or self.validation_fraction + self.test_fraction >= 1:
            fractions = f"{self.validation_fraction} and {self.test_fraction}"
            raise SpecError(
                f"validation_fraction and test_fraction are {fractions}, expected 0 or more each and below 1 together"
            )


@dataclass(frozen=True)
class Prepared:
    """The files of a prepared dataset, and the account of its examples."""

    train: Path
    validation: Path
    """Empty if there is no validation data."""
    test: Path
    findings: Path
    ledger: dict[str, Any]
    """{split: {read, used, sampled_out, rejected: {rule: count}}, sources: {uri: format}}."""

    def counts(self) -> dict[str, int]:
        """Return how many examples of each split are used, sampled out and rejected, as flat metrics."""
        counts = {}
        for split in SPLITS:
            account = self.ledger[split]
            counts[f"{split}_used"] = account["used"]
            counts[f"{split}_sampled_out"] = account["sampled_out"]
            counts[f"{split}_rejected"] = sum(account["rejected"].values())
        return counts


def prepare(manifest_uri: str, settings: DatasetSettings, *, storage: Storage, folder: Path) -> Prepared:
    """Write train.jsonl, validation.jsonl, test.jsonl, findings.jsonl and ledger.json into a folder.

    Args:
        manifest_uri: What `gemtune.sources.stage` returned.
        settings: How to convert, split, sample and check.
        storage: Where the manifest and the staged sources are read.
        folder: Local folder for the files; made if need be.

    Raises:
        DataError: Examples are invalid or leak and the settings say raise, a file breaks off, or there is nothing to
            train or test on. Findings and ledger were written before.
        SpecError: A setting has no such value.
        StorageError: A source cannot be read.
    """
    settings.check()
    manifest = json.loads(storage.read_text(manifest_uri))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, FindingLog(folder / "findings.jsonl") as log:
        intake = _take_in(manifest, settings, storage, log, Path(scratch))
        prompts = {name: set(split.prompts) for name, split in intake.splits.items()}
        for split in intake.splits.values():
            _write_split(split, prompts, settings, log, folder / f"{split.name}.jsonl")
    ledger = {name: split.account() for name, split in intake.splits.items()} | {"sources": intake.formats}
    (folder / "ledger.json").write_text(json.dumps(ledger, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    log.raise_any()
    _check_not_empty(ledger, manifest, settings)
    train, validation, test, findings = (folder / f"{name}.jsonl" for name in (*SPLITS, "findings"))
    return Prepared(train, validation, test, findings, ledger)


def _take_in(
    manifest: Mapping[str, Any], settings: DatasetSettings, storage: Storage, log: FindingLog, scratch: Path
) -> Intake:
    """First pass: convert and check every record of every source."""
    intake = Intake(
        log,
        scratch,
        invalid_action=_ACTIONS[settings.on_invalid],
        validation_share=0.0 if manifest["validation"] else settings.validation_fraction,
        test_share=0.0 if manifest["test"] else settings.test_fraction,
    )
    with intake:
        for split in SPLITS:
            for source in manifest[split]:
                path = scratch / "source"
                storage.download(source["staged"], path)
                intake.take(split, path, _converter(source["uri"], settings, is_test=split == "test"))
    return intake


def _converter(uri: str, settings: DatasetSettings, *, is_test: bool) -> Converter:
    return Converter(
        uri=uri,
        data_format=settings.data_format,
        prompt_template=settings.prompt_template,
        system_instruction=settings.system_instruction,
        is_test=is_test,
    )


def _write_split(
    split: Split, prompts: Mapping[str, set[bytes]], settings: DatasetSettings, log: FindingLog, path: Path
) -> None:
    """Second pass: write the examples that neither leak nor are sampled out."""
    leaks = find_leaks(split.name, split.prompts, prompts)
    candidates = ((place, key) for place, key in enumerate(split.turns) if not leaks[place])
    chosen = choose(candidates, limit=settings.limit(split.name), sampling=settings.sampling, seed=settings.sample_seed)
    ids: dict[str, int] = {}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for place, record in enumerate(split.records()):
            if leaks[place]:
                split.rejected["leak"] += 1
                log.add(
                    record["uri"], record["line"], _leak(split.name, leaks[place]), action=_ACTIONS[settings.on_leakage]
                )
            elif place not in chosen:
                split.sampled_out += 1
            else:
                split.used += 1
                line = _test_record(record, ids) if split.name == "test" else record["example"]
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _leak(split: str, other: str) -> Rejection:
    return Rejection(
        "leak", f"a {split} prompt that is also in {other}", "a prompt of its own", "remove it from one of the two"
    )


def _test_record(record: Mapping[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    """Return a line of test.jsonl, and count its id: an exact repeat has the id of the first and a number."""
    prompt, reference = prompt_of(record["example"]), reference_of(record["example"])
    name = example_id(prompt, reference or "")
    ids[name] = count = ids.get(name, 0) + 1
    return {
        "id": name if count == 1 else f"{name}-{count}",
        "prompt": prompt,
        "reference": reference,
        "language": record["language"],
        "source": {"uri": record["uri"], "line": record["line"]},
    }


def _check_not_empty(ledger: Mapping[str, Any], manifest: Mapping[str, Any], settings: DatasetSettings) -> None:
    for name in ("train", "test"):
        account = ledger[name]
        if account["used"] or (name == "train" and not settings.for_tuning):
            continue
        rejected = ", ".join(f"{count} {rule}" for rule, count in account["rejected"].items())
        found = f"{name} split: no example ({account['read']} read{', rejected: ' + rejected if rejected else ''})"
        next = f"correct {name}_data"
        if name == "test" and not manifest["test"]:
            next = f"name test_data, add examples, or raise test_fraction (now {settings.test_fraction})"
        raise DataError(f"{found}, expected at least 1", next=next)
