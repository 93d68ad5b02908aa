"""Counts tokens and cuts text at a token limit.

Faithful: a token is about four characters of text in a spaced script, one character in Chinese, Japanese or Thai, and a
digit is a token of its own, so counts and prices have the size that Gemini's have.
Not modelled: Gemini's own vocabulary; a single text may differ by a third.
"""

import re

# Scripts written without spaces: Thai to Myanmar, Khmer, kana, Han and its extensions.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
)
PUNCTUATION = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u206f\u3001-\u303f\uff01-\uff0f\uff1a-\uff20"
_PIECE = re.compile(rf"\n+| ?(?:[{UNSPACED}]|\d|[{PUNCTUATION}]|[^\s\d{UNSPACED}{PUNCTUATION}]{{1,6}})|\s|.", re.DOTALL)


def pieces(text: str) -> list[str]:
    """Split text into tokens; joined, they are the text again.

    >>> pieces("Water the seedlings, 25 ml")
    ['Water', ' the', ' seedli', 'ngs', ',', ' 2', '5', ' ml']
    """
    return _PIECE.findall(text)


def count(text: str) -> int:
    """Return the number of tokens in a text."""
    return len(pieces(text))


def truncate(text: str, limit: int) -> str:
    """Return the text's first `limit` tokens."""
    return "".join(pieces(text)[:limit])
