"""Words of any language for ROUGE: the tokenizer `unicode-1`, which needs the standard library only.

rouge-score keeps `a-z0-9` and drops everything else: a Russian, Arabic, Hindi, Thai, Chinese or Korean text has no
tokens left, and a Vietnamese one falls into fragments. `unicode-1` gives such texts words, and leaves ASCII text
exactly as rouge-score cuts it, so that English figures stay comparable with published ones.

What is not covered: words inside scripts written without spaces. Each character there, with its marks, is one token;
chance overlap is therefore high in Thai, Lao, Khmer, Burmese and Japanese kana.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"  # Khmer, Tai Le, New Tai Lue, Tai Tham
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c"  # iteration marks, Hangzhou numerals
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f"  # kana
    "\u3105-\u312f\u31a0-\u31bf"  # bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"  # Han
)
"""Scripts written without spaces, as ranges of a regular expression's character class. Hangul has spaces."""

IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u200c-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
"""Soft hyphen, joiners, direction marks and variation selectors: invisible, so they must not make words differ."""

ASCII_WORD = re.compile("[a-z0-9]+")


class UnicodeTokenizer:
    """`unicode-1` in the form that rouge_score.RougeScorer takes as its `tokenizer`."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        return tokenize(text)


def tokenize(text: str) -> list[str]:
    """Return the words of a text, folded to lower case, without stemming.

    ASCII text gives rouge-score's tokens without stemmer. Otherwise letters, digits and marks are kept after NFKC
    and case folding, and everything else separates words.

    >>> tokenize("The cat's 3.5 lives")
    ['the', 'cat', 's', '3', '5', 'lives']
    >>> tokenize("Größe prüfen: 今天")
    ['grösse', 'prüfen', '今', '天']
    """
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    return word_pattern().findall(fold(text).translate(_REPLACEMENTS))


def fold(text: str) -> str:
    """Return a text in which spellings that look alike to a reader are equal: width, case, composition."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.replace("i\u0307", "i")  # case folding turns the Turkish dotted capital I into i and a dot above


@cache
def word_pattern() -> re.Pattern[str]:
    """Return the pattern of one word: a run without spaces, or one unspaced character with its marks."""
    # Built on first use: looking at every code point takes a quarter of a second, which ASCII datasets never need.
    marks = "".join(chr(point) for point in range(sys.maxunicode) if unicodedata.category(chr(point)).startswith("M"))
    return re.compile(f"[^\\s{UNSPACED}]+|[{UNSPACED}][{marks}]*")


class _Replacements(dict[int, str | None]):
    """Code point → what `str.translate` puts in its place, filled the first time that a character is met."""

    def __missing__(self, point: int) -> str | None:
        character = chr(point)
        kept = unicodedata.category(character)[0] in "LNM"
        self[point] = None if IGNORED.match(character) else character if kept else " "
        return self[point]


_REPLACEMENTS = _Replacements()
