"""Output: the second pass, which knows all prompts, and writes the examples that neither leak nor are sampled out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from pydantic_core import from_json, to_json

from gemtune.data.examples import example_id, prompt_of, reference_of
from gemtune.data.findings import WHOLE, FindingLog, Rejection, own_name
from gemtune.data.intake import Intake
from gemtune.data.key_index import KeyIndex
from gemtune.data.limits import SplitSize, has_media
from gemtune.data.near_duplicates import INDEXED, Near, NearDuplicates, prompt_text
from gemtune.data.split import Split, Spooled
from gemtune.data.splits import LEAKS_INTO, SPLITS, Candidate, choose, find_leaks


class Output:
    """Writes the splits of an intake that has ended.

    Args:
        intake: The first pass.
        log: Where findings go.
        folder: Where the files go.
        sampling: random or head.
        seed: Picks the random sample.
        leak_action: raised or dropped.
    """

    def __init__(
        self, intake: Intake, log: FindingLog, folder: Path, sampling: str, seed: int, leak_action: str
    ) -> None:
        self._splits, self._uris = intake.splits, intake.uris
        self._log, self._folder, self._sampling, self._seed = log, folder, sampling, seed
        self._leak_action = leak_action
        prompts = {name: split.prompts for name, split in self._splits.items()}
        self._leaks = {
            name: find_leaks(name, (prompt for _, prompt in split.key_pairs()), prompts)
            for name, split in self._splits.items()
        }
        for split in self._splits.values():
            split.prompts.close()
        self._near = NearDuplicates()
        self._near_found: set[tuple[str, int, int]] = set()

    @property
    def near_duplicates(self) -> dict[str, dict[str, int]]:
        """Return how many test and validation examples are nearly trained on, and how many were looked for."""
        found = [split for split, _, _ in self._near_found]
        searched = {name: min(self._splits[name].used, INDEXED) for name in ("test", "validation")}
        return {name: {"found": found.count(name), "searched": count} for name, count in searched.items()}

    def count(self, name: str, limit: int) -> int:
        """Return how many examples of a split there will be with at most `limit`, or with all if that is 0."""
        valid = self._leaks[name].count(0)
        return min(valid, limit) if limit else valid

    def write(self, split: Split, limit: int) -> SplitSize:
        """Write one split: test first, train last, as the prompts of the former are searched for in the latter."""
        leaks = self._leaks[split.name]
        is_chosen = choose(lambda: self._candidates(split), limit=limit, sampling=self._sampling, seed=self._seed)
        ids, size, media = _Ids(self._folder), 0, 0
        with ExitStack() as files:
            file = self._open(split.name, files)
            prompts = self._open("validation_prompts", files) if split.name == "validation" else None
            for place, (spooled, (turns, _)) in enumerate(zip(split.examples(), split.key_pairs(), strict=True)):
                if leaks[place]:
                    self._leave_out(split, spooled, SPLITS[leaks[place] - 1])
                elif not is_chosen(Candidate(place, turns)):
                    split.sampled_out += 1
                else:
                    split.used += 1
                    size += self._write_example(file, split.name, spooled, ids)
                    if prompts:
                        self._write_prompt(prompts, spooled, ids)
                    media += has_media(spooled.example)
        ids.close()
        self._say_what_was_not_searched(split)
        return SplitSize(split.used, size, media > 0)

    def _candidates(self, split: Split) -> Iterator[Candidate]:
        leaks = self._leaks[split.name]
        keys = enumerate(split.key_pairs())
        return (Candidate(place, turns) for place, (turns, _) in keys if not leaks[place])

    def _leave_out(self, split: Split, spooled: Spooled, other: str) -> None:
        split.rejected["leak"] += 1
        self._log.add(self._uris[spooled.source], spooled.line, _leak(split.name, other), self._leak_action)

    def _write_example(self, file: IO[bytes], name: str, spooled: Spooled, ids: _Ids) -> int:
        self._look_for_near_duplicates(name, spooled)
        line = spooled.example
        if name == "test":
            line = to_json(self._test_record(spooled, ids))
        file.write(line)
        return len(line) + file.write(b"\n")

    def _write_prompt(self, file: IO[bytes], spooled: Spooled, ids: _Ids) -> None:
        """Write a validation example as the evaluation reads it; one that ends in a call has no text to score."""
        if reference_of(from_json(spooled.example)):
            file.write(to_json(self._test_record(spooled, ids)) + b"\n")

    def _open(self, name: str, files: ExitStack) -> IO[bytes]:
        return files.enter_context((self._folder / f"{name}.jsonl").open("wb", 1 << 18))

    def _look_for_near_duplicates(self, name: str, spooled: Spooled) -> None:
        is_indexed = name != "train" and self._splits[name].used <= INDEXED
        others = LEAKS_INTO[name] if len(self._near) else ()
        if not (is_indexed or others):
            return
        text = prompt_text(spooled.example)
        if others and (near := self._near.find(text, others)):
            if name == "train":
                self._near_found |= {(each.split, each.source, each.line) for each in near}
            finding = _near_duplicate(name, near[0], own_name(self._uris[near[0].source]))
            self._log.add(self._uris[spooled.source], spooled.line, finding, "warned")
        if is_indexed:
            self._near.add(text, name, spooled.source, spooled.line)

    def _say_what_was_not_searched(self, split: Split) -> None:
        if split.name != "train" and split.used > INDEXED:
            found = f"{split.used:,} prompts, of which the first {INDEXED:,} were searched for near-duplicates"
            rejection = Rejection("near_duplicates_not_searched", found, "fewer", f"set max_{split.name}_examples")
            self._log.add(split.name, WHOLE, rejection, "warned")

    def _test_record(self, spooled: Spooled, ids: _Ids) -> dict[str, Any]:
        """Return a line of test.jsonl."""
        example = from_json(spooled.example)
        prompt, reference = prompt_of(example), reference_of(example)
        return {
            "id": ids.next(example_id(prompt, reference or "")),
            "prompt": prompt,
            "reference": reference,
            "language": spooled.language,
            "source": {"uri": self._uris[spooled.source], "line": spooled.line},
        }


class _Ids:
    """Counts ids: an exact repeat has the id of the first and a number."""

    def __init__(self, folder: Path) -> None:
        self._index = KeyIndex(folder / "ids")
        self.close = self._index.close

    def next(self, name: str) -> str:
        count = self._index.add(name.encode())
        return name if count == 1 else f"{name}-{count}"


def _leak(split: str, other: str) -> Rejection:
    return Rejection(
        "leak", f"a {split} prompt that is also in {other}", "a prompt of its own", "remove it from one of the two"
    )


def _near_duplicate(split: str, near: Near, uri: str) -> Rejection:
    found = f"a {split} prompt that is nearly a {near.split} prompt ({uri}:{near.line})"
    expected = f"less than {near.similarity:.0%} of its word triples in common"
    return Rejection("near_duplicate", found, expected, "remove one, if they are the same to a reader")
