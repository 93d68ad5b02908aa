"""Words in which answers differ from their reference, so that a reader sees at once what was won and what was lost.

An answer's words are matched with the reference's in order, as ROUGE-L does: what lies on no longest common subsequence
is marked. In the reference, words are marked that only one of the two answers has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from gemtune.metrics.tokens import UNSPACED, fold

Piece = str | list[str]
"""Text without a mark, or [text, mark]."""

OTHER, ONLY_BASELINE, ONLY_CANDIDATE = "other", "only-old", "only-new"

MOST_WORDS = 5_000
"""Of one text; what follows is not compared. Matching 5,000 with 5,000 words takes about 40 ms."""

_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u3099\u309a"
)
"""Vowel signs and tones of Thai, Lao, Burmese, Khmer and kana: drawn with the character before them."""

_WORD = re.compile(f'[{UNSPACED}][{_MARKS}]*|[^\\s{UNSPACED}{{}}\\[\\]",:;()<>|=/]+')


class Word(NamedTuple):
    """A word of a text: where it stands, and what it is compared by."""

    start: int
    end: int
    key: str


def mark_differences(reference: str, baseline: str, candidate: str) -> dict[str, list[Piece]]:
    """Return the three texts as pieces with marks, under `reference`, `baseline` and `candidate`.

    >>> mark_differences("Boil the rice.", "Boil an egg", "boil the rice")["baseline"]
    ['Boil ', ['an egg', 'other']]
    >>> mark_differences("Boil the rice.", "Boil an egg", "boil the rice")["reference"]
    ['Boil ', ['the rice', 'only-new'], '.']
    """
    expected, before, after = (split_words(text) for text in (reference, baseline, candidate))
    old, new = common_words(expected, before), common_words(expected, after)
    in_old, in_new = {i for i, _ in old}, {i for i, _ in new}
    only = {i: ONLY_BASELINE for i in in_old - in_new} | {i: ONLY_CANDIDATE for i in in_new - in_old}
    others = [
        dict.fromkeys(set(range(len(words))) - {j for _, j in pairs}, OTHER)
        for words, pairs in ((before, old), (after, new))
    ]
    return {
        "reference": pieces(reference, expected, only),
        "baseline": pieces(baseline, before, others[0]),
        "candidate": pieces(candidate, after, others[1]),
    }


def split_words(text: str) -> list[Word]:
    """Return the words of a text, by their letters and digits alone; punctuation between words is none."""
    found = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        while start < end and not _is_letter(text[start]):
            start += 1
        while start < end and not _is_letter(text[end - 1]):
            end -= 1
        if start < end:
            found.append(Word(start, end, fold(text[start:end])))
            if len(found) == MOST_WORDS:
                break
    return found


def _is_letter(character: str) -> bool:
    """Return whether a character is a letter, a digit, or a mark on one."""
    return character.isalnum() or unicodedata.category(character).startswith("M")


def common_words(a: Sequence[Word], b: Sequence[Word]) -> list[tuple[int, int]]:
    """Return the positions in `a` and `b` of one longest common subsequence, last pair first.

    Bit-parallel: bit i of column j is 0 where a[:i + 1] and b[:j + 1] share one word more than a[:i] and b[:j + 1].
    """
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word.key] = places.get(word.key, 0) | 1 << i
    column = full = (1 << len(a)) - 1
    columns = [column]
    for word in b:
        both = column & places.get(word.key, 0)
        column = (column + both | column - both) & full
        columns.append(column)
    found, i, j = [], len(a) - 1, len(b)
    while i >= 0 and j > 0:
        if columns[j] >> i & 1:
            i -= 1
        elif not columns[j - 1] >> i & 1:
            j -= 1
        else:
            found.append((i, j - 1))
            i, j = i - 1, j - 1
    return found


def pieces(text: str, words: Sequence[Word], marks: dict[int, str]) -> list[Piece]:
    """Return a text cut at its marks; neighbours with the same mark are one piece, spaces between them included."""
    spans: list[tuple[int, int, str]] = []
    for i in sorted(marks):
        word = words[i]
        if i - 1 in marks and marks[i - 1] == marks[i]:
            spans[-1] = (spans[-1][0], word.end, marks[i])
        else:
            spans.append((word.start, word.end, marks[i]))
    found: list[Piece] = []
    at = 0
    for start, end, mark in spans:
        found += [text[at:start], [text[start:end], mark]]
        at = end
    return [piece for piece in [*found, text[at:]] if piece]
