"""Splits: which examples are trained on, validated on and tested on, and why an example keeps its place.

Every choice depends on the example's own content, never on its position: a dataset that grows, or is shuffled, keeps
every example where it was.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

SPLITS = ("train", "validation", "test")

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


def find_leaks(split: str, prompts: Sequence[bytes], prompts_of: Mapping[str, set[bytes]]) -> list[str]:
    """Return for each example of a split the other split that has its prompt too, or "".

    All valid examples of the other splits count, sampled or not: so a larger test sample does not change what is
    trained on.

    Args:
        split: Name of the split.
        prompts: Keys of its prompts.
        prompts_of: Keys of every split's prompts.
    """
    others = LEAKS_INTO[split]
    return [next((other for other in others if key in prompts_of[other]), "") for key in prompts]


def choose(candidates: Iterable[tuple[int, bytes]], *, limit: int, sampling: str, seed: int) -> set[int]:
    """Return the positions of at most `limit` examples.

    Args:
        candidates: Position and prompt key of each example, in the order of the files.
        limit: Most examples; 0 for all.
        sampling: head for the first ones; random for those whose hash of seed and prompt is lowest, so that most
            members stay when the dataset grows.
        seed: Picks the random sample.
    """
    if not limit:
        return {position for position, _ in candidates}
    if sampling == "head":
        return {position for position, _ in islice(candidates, limit)}
    salt = str(seed).encode()
    ranked = ((hashlib.sha256(salt + b"/" + key).digest()[:16], position) for position, key in candidates)
    return {position for _, position in heapq.nsmallest(limit, ranked)}
