"""Near-duplicates: prompts that are almost those of a split that is judged on, found with MinHash.

An exact leak is caught by its key; one with a changed date or comma is not, and inflates the scores all the same.
Only the validation and test prompts are kept, up to a bound: the validation split streams past the test prompts, and
the training split past both.

MinHash and its index are rensa's: the estimate of the share of common word triples has a standard error of 0.035 at
the threshold, so a pair near it may be missed or named wrongly. Findings warn; they never stop a run.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from pydantic_core import from_json

from gemtune.data.splits import SPLITS

THRESHOLD = 0.8
"""Share of common word triples (Jaccard) from which two prompts are nearly the same."""

INDEXED = 5_000
"""Prompts of each split that are searched for; 1.5 KB of memory each."""

_BANDS, _ROWS = 8, 5
"""Of the sketch that finds candidates, a short one: a pair at the threshold is one with probability 0.96, at 0.9 with
0.999, and of two prompts that share a third of their pieces 1 in 30."""

_PERMUTATIONS, _SEED = 128, 0
"""Of the sketch that candidates are compared by."""

_MOST_COMPARED = 100
"""Candidates that one prompt is compared with: many only where most prompts are nearly the same."""

_WORDS, _CHARACTERS = 3, 6
"""Length of a piece of text with spaces, and without them."""


class Near(NamedTuple):
    """The most similar prompt that was found."""

    split: str
    source: int
    line: int
    similarity: float


class NearDuplicates:
    """An index of prompts.

    >>> near = NearDuplicates()
    >>> near.add("one two three four", "test", 0, 7)
    >>> near.find("One two  three four")
    [Near(split='test', source=0, line=7, similarity=1.0)]
    """

    def __init__(self) -> None:
        from rensa import RMinHashLSH

        self._index = RMinHashLSH(threshold=THRESHOLD, num_perm=_BANDS * _ROWS, num_bands=_BANDS)
        self._sketches: list[tuple[Any, str, int, int]] = []

    def __len__(self) -> int:
        return len(self._sketches)

    def add(self, text: str, split: str, source: int, line: int) -> None:
        """Add a prompt; one without text cannot be compared."""
        if found := pieces(text):
            self._index.insert(len(self._sketches), _sketch(found, _BANDS * _ROWS))
            self._sketches.append((_sketch(found, _PERMUTATIONS), split, source, line))

    def find(self, text: str, splits: Collection[str] = SPLITS) -> list[Near]:
        """Return every prompt of these splits that is at least as like a text as the threshold, the most like first."""
        asked = pieces(text) if self._sketches else []
        candidates = self._index.query(_sketch(asked, _BANDS * _ROWS)) if asked else []
        if not candidates:
            return []
        sketch = _sketch(asked, _PERMUTATIONS)
        places = [place for place in candidates if self._sketches[place][1] in splits][:_MOST_COMPARED]
        found = sorted((-sketch.jaccard(self._sketches[place][0]), place) for place in places)
        near = [(self._sketches[place][1:], -minus) for minus, place in found if -minus >= THRESHOLD]
        return [Near(split, source, line, similarity) for (split, source, line), similarity in near]


def prompt_text(example: bytes) -> str:
    """Return the text of an example's prompt, given as JSON: of the turns before the last one."""
    contents = from_json(example, cache_strings="keys")["contents"][:-1]
    return "\n".join(part["text"] for content in contents for part in content["parts"] if "text" in part)


def pieces(text: str) -> list[str]:
    """Return the overlapping pieces of a text that are compared: word triples, or characters where words are few.

    >>> pieces("Sow in rows,  and water")
    ['sow in rows,', 'in rows, and', 'rows, and water']
    >>> pieces("隔一天浇水一次")
    ['隔一天浇水一', '一天浇水一次']
    """
    text = text.lower()
    words = text.split()
    if len(text) > 14 * len(words) or (len(words) < _WORDS and not text.isascii()):
        text = "".join(words)
        return [text[at : at + _CHARACTERS] for at in range(max(len(text) - _CHARACTERS + 1, 1))] if text else []
    if len(words) < _WORDS:
        return words
    return list(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def _sketch(found: list[str], permutations: int) -> Any:
    from rensa import RMinHash

    sketch = RMinHash(permutations, _SEED)
    sketch.update(found)
    return sketch
