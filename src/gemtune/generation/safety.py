"""Safety settings: from which probability of harm an answer is blocked, for all categories of harm or for each.

The pipeline's parameters are flat, so that the console's form can have them: what differs by category is one text.
Source: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/configure-safety-filters
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune.errors import SpecError, did_you_mean, shown

CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
"""The API's HarmCategory, without its prefix."""

THRESHOLDS = ("BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF")
"""The API's HarmBlockThreshold."""

DEFAULT = "BLOCK_ONLY_HIGH"
"""Of a category that is not named."""

_PREFIX = "HARM_CATEGORY_"
_WHERE = "safety_threshold"


def read_thresholds(text: str) -> dict[str, str]:
    """Return the threshold of every category; empty if the text is, which leaves them to the service.

    Args:
        text: One threshold for all, or CATEGORY=THRESHOLD, comma-separated.

    Raises:
        SpecError: There is no such category or threshold, or a category is named twice.

    >>> read_thresholds("HARASSMENT=OFF, HATE_SPEECH=BLOCK_NONE")["HARASSMENT"]
    'OFF'
    """
    if "=" not in text:
        return {category: _threshold(text.strip()) for category in CATEGORIES} if text.strip() else {}
    found = dict.fromkeys(CATEGORIES, DEFAULT)
    named: set[str] = set()
    for item in filter(None, (each.strip() for each in text.split(","))):
        name, _, threshold = (part.strip() for part in item.partition("="))
        category = _category(name)
        if category in named:
            raise SpecError(f"{_WHERE}: found {category} twice, expected each category once")
        named.add(category)
        found[category] = _threshold(threshold, category)
    return found


def flat(value: Any) -> Any:
    """Return a mapping from category to threshold as the text that `read_thresholds` takes; else the value itself."""
    if isinstance(value, Mapping) and value and all(isinstance(item, str) for item in value.values()):
        return ", ".join(f"{category}={threshold}" for category, threshold in value.items())
    return value


def checked(text: str) -> str:
    """Return the text, if `read_thresholds` takes it.

    Raises:
        SpecError: It does not.
    """
    read_thresholds(text)
    return text


def _category(name: str) -> str:
    category = name.removeprefix(_PREFIX)
    if category not in CATEGORIES:
        expected = f"one of {', '.join(CATEGORIES)}{did_you_mean(category, CATEGORIES)}"
        raise SpecError(f"{_WHERE}: found category {shown(name)}, expected {expected}")
    return category


def _threshold(name: str, category: str = "") -> str:
    if name not in THRESHOLDS:
        where = f"{_WHERE}.{category}" if category else _WHERE
        more = "" if category else ", or CATEGORY=THRESHOLD for each category"
        expected = f"one of {', '.join(THRESHOLDS)}{more}{did_you_mean(name, THRESHOLDS)}"
        raise SpecError(f"{where}: {shown(name)}, expected {expected}")
    return name
