"""Splits: which examples are trained on, validated on and tested on, and why an example keeps its place.

Every choice depends on the example's own content, never on its position: a dataset that grows, or is shuffled, keeps
every example where it was.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections.abc import Callable, Container, Iterable, Mapping
from itertools import islice
from typing import NamedTuple

SPLITS = ("train", "validation", "test")

KEY = 16
"""Bytes of a key."""

LEAKS_INTO = {"train": ("test", "validation"), "validation": ("test",), "test": ()}
"""Prompts of which other splits a split must not have."""


def assign(key: bytes, *, validation_share: float, test_share: float) -> str:
    """Return the split of an example, given shares in [0, 1) of the examples.

    The test split takes the low end of the keys and the validation split the high end: changing one share moves no
    example between the other two splits.

    Args:
        key: At least 6 bytes that stand for the prompt, evenly distributed.
        validation_share: Share of the examples to validate on.
        test_share: Share of the examples to test on.

    >>> assign(bytes(8), validation_share=0.1, test_share=0.1)
    'test'
    """
    # 48 bits: a float holds them exactly, so that the highest key stays below 1.
    place = int.from_bytes(key[:6], "big") / 2**48
    if place < test_share:
        return "test"
    return "validation" if place >= 1 - validation_share else "train"


def find_leaks(split: str, prompts: Iterable[bytes], prompts_of: Mapping[str, Container[bytes]]) -> bytearray:
    """Return for each example of a split which other split has its prompt, too: a place in SPLITS + 1, or 0 for none.

    All valid examples of the other splits count, sampled or not: so a larger test sample does not change what is
    trained on.

    Args:
        split: Name of the split.
        prompts: Keys of its prompts.
        prompts_of: Keys of every split's prompts.
    """
    others = [(SPLITS.index(other) + 1, prompts_of[other]) for other in LEAKS_INTO[split]]
    # A byte each: 10 MB for 10 million examples.
    return bytearray(next((number for number, keys in others if key in keys), 0) for key in prompts)


class Candidate(NamedTuple):
    """An example that may be chosen."""

    place: int
    """Its position among all examples of its split."""
    key: bytes
    """Key of its prompt's turns."""


def choose(
    candidates: Callable[[], Iterable[Candidate]], *, limit: int, sampling: str, seed: int
) -> Callable[[Candidate], bool]:
    """Return what tells whether a candidate is among the at most `limit` that are chosen.

    Args:
        candidates: Yields all candidates in the order of the files, each time it is called: they need not fit into
            memory.
        limit: Most examples; 0 for all.
        sampling: head for the first ones; random for those whose hash of seed and prompt is lowest, so that most
            members stay when the dataset grows.
        seed: Picks the random sample.
    """
    if not limit:
        return lambda candidate: True
    if sampling == "head":
        after = next((candidate.place for candidate in islice(candidates(), limit, None)), None)
        return lambda candidate: after is None or candidate.place < after
    salt = str(seed).encode() + b"/"

    def rank(candidate: Candidate) -> tuple[bytes, int]:
        return hashlib.sha256(salt + candidate.key).digest()[:KEY], candidate.place

    last = _nth_lowest(lambda: map(rank, candidates()), limit)
    return lambda candidate: last is None or rank(candidate) <= last


def _nth_lowest(ranks: Callable[[], Iterable[tuple[bytes, int]]], n: int) -> tuple[bytes, int] | None:
    """Return the nth lowest rank, or None if there are not more than n; remembers few of them."""
    counts = array("Q", bytes(8 << 16))
    for digest, _ in ranks():
        counts[int.from_bytes(digest[:2], "big")] += 1
    below = 0
    for first, count in enumerate(counts):
        if below + count > n - 1:
            start = first.to_bytes(2, "big")
            near = heapq.nsmallest(n - below, (rank for rank in ranks() if rank[0].startswith(start)))
            return near[-1]
        below += count
    return None
