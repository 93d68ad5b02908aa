"""Intake: the first pass over raw files, which puts every valid example into its split and names every other."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from gemtune.data.conversion import Converted, Converter
from gemtune.data.examples import reference_of
from gemtune.data.findings import WHOLE, FindingLog, RawValue, Rejection
from gemtune.data.progress import Progress
from gemtune.data.raw_files import read_raw
from gemtune.data.split import Split
from gemtune.data.splits import SPLITS, assign


class Intake:
    """Reads raw files into splits. Leaving the context ends the intake; then the splits can be read.

    Args:
        log: Where findings go.
        progress: Where the number of records goes.
        scratch: Folder for the spooled examples and their keys.
        invalid_action: raised or dropped, for invalid examples.
        validation_share: Share of the train sources that goes to the validation split.
        test_share: Share of the train sources that goes to the test split.
    """

    def __init__(
        self,
        log: FindingLog,
        scratch: Path,
        progress: Progress,
        *,
        invalid_action: str,
        validation_share: float,
        test_share: float,
    ) -> None:
        self.splits = {name: Split(name, scratch) for name in SPLITS}
        self.formats: dict[str, str] = {}
        """Dialect of each source by URI; empty where no record was known."""
        self.uris: list[str] = []
        """URI of each source, in the order they were read."""
        self._progress = progress
        self._log, self._invalid_action = log, invalid_action
        self._validation_share, self._test_share = validation_share, test_share
        self._is_cut = validation_share > 0 or test_share > 0
        self._are_tools_reported = False

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for split in self.splits.values():
            split.close()

    def take(self, declared: str, path: Path, converter: Converter) -> None:
        """Read one file.

        Args:
            declared: Split that the file is a source of; of a train source, shares go to the other splits.
            path: Local copy.
            converter: Converts this file's records.

        Raises:
            DataError: The prompt template names a column that the file does not have.
        """
        split, count = self.splits[declared], 0
        self.uris.append(converter.uri)
        self._progress.open(path.stat().st_size)
        for line, raw in read_raw(path, converter.uri, self._progress.move):
            self._take_record(split, raw, line, converter)
            self._progress.records += 1
            count += 1
        self._progress.close()
        if not count:
            self._log.add(converter.uri, WHOLE, _empty_file(), "warned")
        self.formats[converter.uri] = converter.format

    def _take_record(self, declared: Split, raw: RawValue | Rejection, line: int, converter: Converter) -> None:
        split = declared
        try:
            if isinstance(raw, Rejection):
                raise raw
            converted = converter.convert(raw)
            if self._is_cut and declared.name == "train":
                split = self._split_of(converted)
            if split.name == "test" and reference_of(converted.example) is None:
                raise _no_text_reference()
        except Rejection as rejection:
            split.rejected[rejection.rule] += 1
            # A model that is tuned to call functions is not wrong, it is only not compared by text.
            action = "dropped" if rejection.rule == "no_text_reference" else self._invalid_action
            self._log.add(converter.uri, line, rejection, action)
        else:
            self._add(split, converted, converter.uri, line)
        split.read += 1

    def _split_of(self, converted: Converted) -> Split:
        key = converted.keys.turns
        return self.splits[assign(key, validation_share=self._validation_share, test_share=self._test_share)]

    def _add(self, split: Split, converted: Converted, uri: str, line: int) -> None:
        warnings = converted.warnings
        if split.add(converted, len(self.uris) - 1, line):
            warnings = [*warnings, _duplicate(split.name)]
        if split.name == "test" and "tools" in converted.example and not self._are_tools_reported:
            self._are_tools_reported = True
            warnings = [*warnings, _tools_not_sent()]
        for warning in warnings:
            self._log.add(uri, line, warning, "warned")


def _empty_file() -> Rejection:
    return Rejection("empty_file", "no records", "at least one", "check what was uploaded")


def _duplicate(split: str) -> Rejection:
    return Rejection("duplicate", f"an exact repeat of a {split} example", "each example once", "remove one of the two")


def _no_text_reference() -> Rejection:
    found = "the last turn calls a function, or has no text"
    return Rejection("no_text_reference", found, "text to compare with", "such examples are only tuned on")


def _tools_not_sent() -> Rejection:
    expected = "contents and systemInstruction: only these are sent in the evaluation"
    return Rejection("tools_not_sent", "tools in a test example", expected, "read its scores with care", "$.tools")
