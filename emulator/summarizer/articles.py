"""An article as the summariser sees it: words with their places in the text, sentences and clauses.

Words keep their offsets, so a summary is cut out of the article and never rebuilt from normalised words.
Works on any script: where a script has no spaces, each character is a word.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from emulator.tokens import UNSPACED

_WORD = re.compile(rf"[{UNSPACED}][\u3001-\u303f\uff01-\uff0f\uff1a-\uff20]*|[^\s{UNSPACED}]+")
_CLOSING = "\"'\u00bb\u2019\u201d\u300d\u300f)]*_"
_SENTENCE_END = ".!?\u2026\u06d4\u0964\u0965\u3002\uff01\uff1f"
_CLAUSE_END = ",;:)\u2013\u2014\u060c\u061b\u3001\uff0c\uff1a\uff1b"
_FULL_STOPS = ".\u06d4\u0964\u3002"
_SUFFIXES = ("ings", "ing", "edly", "ed", "ies", "es", "ly", "s", "e")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Case-folded word without outer punctuation and without a common English ending.

    >>> stem("Rinsing,"), stem("rinse"), stem("250")
    ('rins', 'rins', '250')
    """
    inner = re.search(r"\w(?:.*\w)?", word.casefold(), re.DOTALL)
    core = inner[0] if inner else ""
    for suffix in _SUFFIXES:
        if core.endswith(suffix) and len(core) - len(suffix) >= 3:
            return core[: -len(suffix)]
    return core


@dataclass(frozen=True, kw_only=True)
class Article:
    """A text with its words; all lists but `starts` have one entry a word."""

    text: str
    offsets: list[tuple[int, int]]
    stems: list[str]
    sentence: list[int]
    """Index of the sentence the word is in."""
    clause: list[int]
    """Word index at which the word's clause begins."""
    starts: list[int]
    """Word index at which each sentence begins."""

    def word(self, index: int) -> str:
        """A word as it is written."""
        start, end = self.offsets[index]
        return self.text[start:end]

    def sentences(self) -> list[tuple[int, int]]:
        """First word and word after the last of every sentence."""
        ends = [*self.starts[1:], len(self.offsets)]
        return list(zip(self.starts, ends, strict=False))

    def passage(self, first: int, after: int) -> str:
        """The text from one word up to another, exactly as it is written."""
        return self.text[self.offsets[first][0] : self.offsets[after - 1][1]]

    def as_sentence(self, first: int, after: int) -> str:
        """The same with a capital at its start and an end mark, as a sentence of its own."""
        passage = self.passage(first, after).strip(_CLAUSE_END + " -")
        if passage and passage.rstrip(_CLOSING)[-1:] not in _SENTENCE_END:
            passage += max(_FULL_STOPS, key=self.text.count)
        return passage[:1].upper() + passage[1:]


def read(text: str) -> Article:
    """Find words, sentences and clauses in a text."""
    offsets = [match.span() for match in _WORD.finditer(text)]
    sentence: list[int] = []
    clause: list[int] = []
    starts: list[int] = []
    for index, (start, _) in enumerate(offsets):
        before = "" if index == 0 else text[offsets[index - 1][0] : start]
        if index == 0 or _ends_sentence(before, text[start]):
            starts.append(index)
        new_clause = starts[-1] == index or before.rstrip()[-1:] in _CLAUSE_END
        clause.append(index if new_clause else clause[-1])
        sentence.append(len(starts) - 1)
    stems = [stem(text[start:end]) for start, end in offsets]
    return Article(text=text, offsets=offsets, stems=stems, sentence=sentence, clause=clause, starts=starts)


def _ends_sentence(word_and_gap: str, following: str) -> bool:
    """A line break ends a sentence, a full stop unless a small letter follows ("approx. two")."""
    word = word_and_gap.rstrip()
    return "\n" in word_and_gap[len(word) :] or (
        word.rstrip(_CLOSING)[-1:] in _SENTENCE_END and not following.islower()
    )
