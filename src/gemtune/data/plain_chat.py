"""Plain chat: the commonest records, messages of text that alternate, converted twice as fast as rule by rule.

What is not exactly that is left to the dialects, which alone know what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune.data.examples import Example

_ROLES = {"user": "user", "assistant": "model", "model": "model"}


def convert_plain_chat(raw: Mapping[str, Any]) -> Example | None:
    """Return the example of a record that has `messages` of users and assistants in turn and nothing else, or None."""
    messages = raw.get("messages")
    if len(raw) != 1 or type(messages) is not list:
        return None
    contents: list[dict[str, Any]] = []
    expected = "user"
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return None
        role, text = message.get("role"), message.get("content")
        if type(role) is not str or _ROLES.get(role) != expected or type(text) is not str or not text or text.isspace():
            return None
        contents.append({"role": expected, "parts": [{"text": text}]})
        expected = "model" if expected == "user" else "user"
    return {"contents": contents} if contents and expected == "user" else None
