"""Plain chat: the commonest records, messages of text that alternate, converted twice as fast as rule by rule.

What is not exactly that is left to the dialects, which alone know what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

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


def encode_plain_chat(example: Example) -> bytes:
    """Return an example of `convert_plain_chat` as JSON: the same bytes as to_json's, in half the time.

    Raises:
        ValueError: It holds a lone surrogate.
    """
    pieces, following = [_START], _MODEL
    for content in example["contents"]:
        pieces += to_json(content["parts"][0]["text"]), following
        following = _USER if following is _MODEL else _MODEL
    pieces[-1] = _END
    return b"".join(pieces)


_START, _END = b'{"contents":[{"role":"user","parts":[{"text":', b"}]}]}"
_USER, _MODEL = (b'}]},{"role":"%b","parts":[{"text":' % role for role in (b"user", b"model"))
