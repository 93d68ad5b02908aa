"""Plain chat: the commonest records, messages of text that alternate, converted several times as fast as rule by rule.

What is not exactly that is left to the dialects, which alone know what is wrong with it. No example is made, only its
JSON and its keys: they are those that the long way comes to, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from gemtune.data.examples import Keys, squeezed

_OTHER = {"user": "model", "model": "user"}
_ROLES = {"user": "user", "assistant": "model", "model": "model"}


def read_plain_chat(raw: Mapping[str, Any]) -> list[str] | None:
    """Return the texts of a record that has `messages` of users and assistants in turn and nothing else, or None."""
    messages = raw.get("messages")
    if len(raw) != 1 or type(messages) is not list:
        return None
    texts: list[str] = []
    expected = "user"
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return None
        role, text = message.get("role"), message.get("content")
        if type(role) is not str or _ROLES.get(role) != expected or type(text) is not str or not text or text.isspace():
            return None
        texts.append(text)
        expected = _OTHER[expected]
    return texts if texts and expected == "user" else None


def encode_texts(texts: Sequence[str]) -> list[bytes]:
    """Return texts as JSON.

    Raises:
        ValueError: One holds a lone surrogate.
    """
    return [to_json(text) for text in texts]


def encode_plain_chat(encoded: Sequence[bytes]) -> bytes:
    """Return the example of turns, each as `encode_texts` returns it: the bytes that to_json makes of it."""
    if len(encoded) == 2:
        return b"".join((_START, encoded[0], _MODEL, encoded[1], _END))
    pieces = [_START, encoded[0]]
    for place in range(1, len(encoded)):
        pieces += _MODEL if place % 2 else _USER, encoded[place]
    pieces.append(_END)
    return b"".join(pieces)


def plain_chat_keys(texts: Sequence[str], answer: bytes) -> Keys:
    """Return the keys of turns of text, given also the last one as JSON: those of `gemtune.data.examples.keys_of`."""
    data = squeezed(texts[0])
    hashed = sha256(_FIRST % len(data))
    hashed.update(data)
    for place, text in enumerate(texts[1:-1]):
        data = squeezed(text)
        hashed.update(_LATER[place % 2] % len(data))
        hashed.update(data)
    prompt = hashed.digest()[:16]
    return Keys(prompt, prompt, sha256(b'%b[{"text":%b}]' % (prompt, answer)).digest()[:16])


_FIRST = b"user 1\n%dt\n"
_LATER = (b"\nmodel 1\n%dt\n", b"\nuser 1\n%dt\n")
"""What stands before a text: before the first, and before a later one of the model and of the user."""

_START, _END = b'{"contents":[{"role":"user","parts":[{"text":', b"}]}]}"
_USER, _MODEL = (b'}]},{"role":"%b","parts":[{"text":' % role for role in (b"user", b"model"))
