"""What the summariser knows about each word of an article: categorical features, hashed into a fixed number of weights.

All features are about place, repetition and wording, none about a language. Each is a pair of small numbers or word
hashes, mixed with the number of the feature, so that one array of weights serves all of them.
"""

import zlib
from typing import TYPE_CHECKING, Any

from emulator.summarizer.articles import Article

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUCKETS = 1 << 15
"""Hashed features share this many weights."""

EDGE = 1
"""Stands for the word before a sentence's first and after its last one."""


def hashed(text: str) -> int:
    """The same number for the same text on every machine."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def columns(article: Article) -> "NDArray[np.int32]":
    """Weight indices of every word of an article: an array of words by features."""
    import numpy as np

    pairs = _features(article)
    mixed: NDArray[np.uint64] = np.empty((len(article.offsets), len(pairs)), np.uint64)
    for number, (left, right) in enumerate(pairs, 1):
        mixed[:, number - 1] = left * 0x9E3779B1 + right * 0x85EBCA77 + number * 0xC2B2AE3D
    mixed = mixed & np.uint64(0xFFFFFFFF)
    mixed = ((mixed ^ (mixed >> np.uint64(15))) * np.uint64(0x2C1B3C6D)) & np.uint64(0xFFFFFFFF)
    return np.asarray((mixed ^ (mixed >> np.uint64(12))) % np.uint64(BUCKETS), np.int32)


def _features(article: Article) -> "list[tuple[Any, Any]]":
    """Pairs of arrays with one entry a word."""
    import numpy as np

    count = len(article.offsets)
    word = np.array([hashed(stem) for stem in article.stems], np.uint64)
    sentence, clause, starts = np.array(article.sentence), np.array(article.clause), np.array(article.starts)
    index, none = np.arange(count), np.zeros(count, np.uint64)
    place = _bucket(index - starts[sentence], (1, 2, 3, 4, 6, 9, 14))
    length = np.bincount(sentence)[sentence]
    before = np.where(starts[sentence] == index, EDGE, np.roll(word, 1))
    after = np.where(index - starts[sentence] == length - 1, EDGE, np.roll(word, -1))
    clause_number = np.cumsum(clause == index) - 1
    clause_length = np.bincount(clause_number)[clause_number]
    in_clause = index - clause
    nth_clause = np.minimum(clause_number - clause_number[starts[sentence]], 3)
    sentences = none + len(starts)
    nth_sentence = _bucket(sentence, (1, 2, 3, 4, 6, 9, 13))
    first, clause_first = word[starts[sentence]], word[clause]
    ending = np.array([hashed(article.word(k).casefold()[-4:]) for k in range(count)], np.uint64)
    capital = np.array([article.word(k)[:1].isupper() for k in range(count)])
    times, in_sentences = _repetitions(word, sentence)
    return [
        (none, none),
        *((each, none) for each in (word, before, after, ending, first, place, nth_sentence)),
        (before, word),
        (5 * sentence // len(starts), none),
        (_bucket(length, (4, 7, 10, 14, 19, 26)), none),
        (_bucket(length, (4, 7, 10, 14, 19, 26)), place),
        (first, place),
        (first, nth_clause),
        (_bucket(times, (2, 3, 4, 6)), none),
        (_bucket(in_sentences, (2, 3, 4)), _bucket(sentences, (4, 7, 10, 14))),
        (_bucket(sentences, (4, 6, 8, 10, 13)), nth_sentence),
        (capital, place == 0),
        (clause_first, in_clause == 0),
        (clause_first, np.minimum(in_clause, 3)),
        (nth_clause, np.minimum(in_clause, 5)),
        (nth_clause, place),
        (_bucket(clause_length, (3, 5, 7, 10, 14)), none),
    ]


def _bucket(values: Any, edges: tuple[int, ...]) -> Any:
    """Index of the range that each value is in."""
    import numpy as np

    return np.searchsorted(np.array(edges), values, side="right")


def _repetitions(word: Any, sentence: Any) -> tuple[Any, Any]:
    """How often each word occurs in its article, and in how many sentences."""
    import numpy as np

    _, number = np.unique(word, return_inverse=True)
    different = np.unique(np.stack([number, sentence]), axis=1)[0]
    return np.bincount(number)[number], np.bincount(different)[number]
