"""A split: its valid examples, spooled to disk in the order they came, and the account of all its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from gemtune.data.conversion import Converted
from gemtune.data.key_index import KeyIndex
from gemtune.data.splits import KEY

_KEYS_AT_A_TIME = 4096


class Spooled(NamedTuple):
    """An example as it was spooled."""

    source: int
    """Number of its source file, in the order they were read."""
    line: int
    language: str
    example: bytes
    """JSON, without a line end."""


class Split:
    """The valid examples of one split. `close` ends the spooling; then they can be read.

    Args:
        name: Its name.
        folder: Where its files are; there is nothing else in memory that grows.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.read = self.used = self.sampled_out = 0
        self.rejected: Counter[str] = Counter()
        self.prompts = KeyIndex(folder / f"{name}.prompts")
        """Keys of the prompts that training must not have; of no use, and empty, for the train split."""
        self._repeats = KeyIndex(folder / f"{name}.repeats")
        self._examples_path, self._keys_path = folder / f"{name}.spool", folder / f"{name}.keys"
        self._examples: IO[bytes] = self._examples_path.open("wb", 1 << 18)
        self._keys: IO[bytes] = self._keys_path.open("wb", 1 << 16)

    def add(self, converted: Converted, source: int, line: int) -> bool:
        """Spool an example; return whether the split already has an equal one."""
        keys = converted.keys
        self._examples.write(f"{source}\t{line}\t{converted.language}\t".encode())
        self._examples.write(converted.line)
        self._examples.write(b"\n")
        self._keys.write(keys.turns + keys.prompt)
        if self.name != "train":
            self.prompts.add(keys.prompt)
        return self._repeats.add(keys.whole) > 1

    def close(self) -> None:
        """End the spooling, and forget what only that needs."""
        self._examples.close()
        self._keys.close()
        self._repeats.close()

    def examples(self) -> Iterator[Spooled]:
        """Yield the examples in the order they came."""
        with self._examples_path.open("rb", 1 << 18) as file:
            for data in file:
                # JSON has neither a tab nor a line end in it: they are escaped.
                source, line, language, example = data.split(b"\t", 3)
                yield Spooled(int(source), int(line), language.decode(), example[:-1])

    def key_pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys of each example's turns and prompt, in the order they came."""
        with self._keys_path.open("rb") as file:
            while data := file.read(2 * KEY * _KEYS_AT_A_TIME):
                for at in range(0, len(data), 2 * KEY):
                    yield data[at : at + KEY], data[at + KEY : at + 2 * KEY]

    def account(self) -> dict[str, Any]:
        """Return the split's part of the ledger."""
        rejected = dict(sorted(self.rejected.items()))
        return {"read": self.read, "used": self.used, "sampled_out": self.sampled_out, "rejected": rejected}
