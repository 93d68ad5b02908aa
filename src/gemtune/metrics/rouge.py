"""ROUGE-1, -2, -L and -Lsum, many times as fast as rouge-score and equal to it in every bit.

rouge-score is the definition of ROUGE here, and stays installed where scoring runs. What makes this faster: each word
is stemmed once and is a number from then on, and a longest common subsequence is found with one bit per word (Hyyrö
2004) instead of a table. `scorer` compares this with rouge-score on some of the run's own pairs before it is trusted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from gemtune.metrics.tokens import ASCII_WORD, UnicodeTokenizer, tokenize

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
CHECKED_PAIRS, CHECKED_CHARACTERS = 20, 3_000
_LONGEST_UNSTEMMED = 3  # characters; rouge-score stems longer words only


class Overlap(NamedTuple):
    """One ROUGE of one answer."""

    precision: float
    recall: float
    f1: float


NOTHING = Overlap(0.0, 0.0, 0.0)


class Text(NamedTuple):
    """A text cut into numbered words, once for all figures."""

    raw: str
    words: list[int]
    lines: list[list[int]] | None
    """The words of each line; None for a text of one line."""


class Scorer(Protocol):
    """An engine."""

    def score(self, reference: Text, answer: Text) -> dict[str, Overlap]:
        """Return ROUGE type → overlap."""


class Vocabulary(dict[str, int]):
    """Word → number of its stem; a word is stemmed when it is met for the first time."""

    def __init__(self, profile: str) -> None:
        super().__init__()
        self._numbers: dict[str, int] = {}
        self._stem: Callable[[str], str] = str
        self._cut: Callable[[str], list[str]] = tokenize
        if profile == "rouge-score":
            from nltk.stem.porter import PorterStemmer  # here, because importing nltk takes over a second

            self._stem, self._cut = PorterStemmer().stem, _ascii_words

    def __missing__(self, word: str) -> int:
        stem = self._stem(word) if len(word) > _LONGEST_UNSTEMMED else word
        number = self[word] = self._numbers.setdefault(stem, len(self._numbers))
        return number

    def read(self, raw: str) -> Text:
        """Return a text with its words numbered."""
        number, cut = self.__getitem__, self._cut
        if "\n" not in raw:
            return Text(raw, list(map(number, cut(raw))), None)
        lines = [list(map(number, cut(line))) for line in raw.split("\n") if line]
        return Text(raw, [word for line in lines for word in line], lines)


class FastRouge:
    """ROUGE from numbered words."""

    def score(self, reference: Text, answer: Text) -> dict[str, Overlap]:
        """Return ROUGE type → overlap, as the protocol says."""
        a, b = reference.words, answer.words
        if not a or not b:
            return dict.fromkeys(ROUGE_TYPES, NOTHING)
        longest = _overlap(_lcs_length(a, b), len(a), len(b))
        summed = longest  # with one line on each side, the union of subsequences is the one there is
        if reference.lines or answer.lines:
            hits = _union_hits(reference.lines or [a], answer.lines or [b], a, b)
            summed = _overlap(hits, len(a), len(b))
        return {
            "rouge1": _overlap(_shared(a, b), len(a), len(b)),
            "rouge2": _overlap(_shared(_bigrams(a), _bigrams(b)), len(a) - 1, len(b) - 1),
            "rougeL": longest,
            "rougeLsum": summed,
        }


class LibraryRouge:
    """ROUGE from rouge-score itself."""

    def __init__(self, profile: str) -> None:
        from rouge_score import tokenizers
        from rouge_score.rouge_scorer import RougeScorer

        words: Any = UnicodeTokenizer() if profile == "unicode-1" else tokenizers.DefaultTokenizer(use_stemmer=True)
        self._scorer = RougeScorer(list(ROUGE_TYPES), tokenizer=words)

    def score(self, reference: Text, answer: Text) -> dict[str, Overlap]:
        """Return ROUGE type → overlap."""
        found = self._scorer.score(reference.raw, answer.raw)
        return {kind: Overlap(each.precision, each.recall, each.fmeasure) for kind, each in found.items()}


def scorer(
    profile: str,
    vocabulary: Vocabulary,
    references: Sequence[str],
    answers: Sequence[str],
    fast: Scorer | None = None,
) -> Scorer:
    """Return the fast engine if it agrees with rouge-score on the run's own pairs to the last bit, else rouge-score.

    Args:
        profile: How text is cut into words, `rouge-score` or `unicode-1`.
        vocabulary: The words of that profile.
        references: References of the run.
        answers: Answer to each. Some pairs are scored by both engines, of long texts the beginning: rouge-score takes
            minutes for two texts of ten thousand words.
        fast: The engine to check.
    """
    fast, library = fast or FastRouge(), LibraryRouge(profile)
    step = max(1, len(references) // CHECKED_PAIRS)
    for pair in list(zip(references[::step], answers[::step], strict=True))[:CHECKED_PAIRS]:
        reference, answer = (vocabulary.read(text[:CHECKED_CHARACTERS]) for text in pair)
        if fast.score(reference, answer) != library.score(reference, answer):
            print("score: the fast ROUGE differs from rouge-score on these texts; rouge-score is used", file=sys.stderr)
            return library
    return fast


def _ascii_words(text: str) -> list[str]:
    return ASCII_WORD.findall(text.lower())


def _overlap(hits: int, reference_count: int, answer_count: int) -> Overlap:
    """Return precision, recall and F1, by the same operations in the same order as rouge-score."""
    if not hits:
        return NOTHING
    precision, recall = hits / answer_count, hits / reference_count
    return Overlap(precision, recall, 2 * precision * recall / (precision + recall))


def _bigrams(words: list[int]) -> list[int]:
    return [first << 32 | second for first, second in pairwise(words)]


def _counts(items: list[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for item in items:  # a third faster than Counter for texts of a hundred words
        counts[item] = counts.get(item, 0) + 1
    return counts


def _shared(reference: list[int], answer: list[int]) -> int:
    """Return how many items of the answer are in the reference, each as often as it is there."""
    left, hits = _counts(reference), 0
    for item in answer:
        if count := left.get(item):
            left[item] = count - 1
            hits += 1
    return hits


def _places(words: list[int]) -> dict[int, int]:
    """Return word → bits of the positions where it stands."""
    places: dict[int, int] = {}
    bit = 1
    for word in words:
        places[word] = places.get(word, 0) | bit
        bit <<= 1
    return places


def _lcs_length(a: list[int], b: list[int]) -> int:
    """Return the length of the longest common subsequence: the zeros that are left in one bit per word of `a`."""
    if len(a) > len(b):
        a, b = b, a
    places, full = _places(a).get, (1 << len(a)) - 1
    column = full
    for word in b:
        if here := places(word):
            both = column & here
            column = (column + both | column - both) & full
    return len(a) - column.bit_count()


def _union_hits(
    reference: list[list[int]], answer: list[list[int]], reference_words: list[int], answer_words: list[int]
) -> int:
    """Return how many words of the reference lie on a subsequence that its line shares with any line of the answer."""
    left, others = _counts(answer_words), _counts(reference_words)
    lines = [line for line in answer if line]
    hits = 0
    for line in reference:
        places, full = _places(line), (1 << len(line)) - 1
        union = 0
        for other in lines:
            union |= _lcs_positions(line, other, places, full)
        for position in _bits(union):
            word = line[position]  # counts as often as it is on the side that has fewer
            if left.get(word, 0) > 0 and others[word] > 0:
                hits += 1
                left[word] -= 1
                others[word] -= 1
    return hits


def _bits(number: int) -> Iterator[int]:
    """Yield the positions of the bits that are set, from the lowest."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def _lcs_positions(a: list[int], b: list[int], places: dict[int, int], full: int) -> int:
    """Return, as bits over `a`, the one longest common subsequence that rouge-score reads from its table.

    Where several are longest, rouge-score goes left in its table only if the left cell is *greater* than the upper one:
    bit i of column j is 0 exactly there. Columns of words that `a` does not have decide ties, too, so all are kept.
    """
    column, columns = full, []
    for word in b:
        if here := places.get(word):
            both = column & here
            column = (column + both | column - both) & full
        columns.append(column)
    if column == full:
        return 0
    i, j, bit, found = len(a) - 1, len(b) - 1, 1 << len(a) >> 1, 0
    while i >= 0 and j >= 0:
        if a[i] == b[j]:
            found |= bit
            j -= 1
        elif not columns[j] & bit:
            j -= 1
            continue
        i -= 1
        bit >>= 1
    return found
