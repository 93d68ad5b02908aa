"""Plain chat: the commonest records, messages of text that alternate, converted several times as fast as rule by rule.

What is not exactly that is left to the dialects, which alone know what is wrong with it. No example is made, only its
JSON and its keys: they are those that the long way comes to, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pydantic_core import to_json
from xxhash import xxh3_128

from gemtune.data.examples import Keys, squeezed

PlainChat: TypeAlias = tuple[str, ...]
"""The texts of a user and a model in turn, two or more of them, none blank."""

_USER: tuple[str, ...] = ("user",)
_MODEL: tuple[str, ...] = ("assistant", "model")


def read_plain_chat(raw: Mapping[str, Any]) -> PlainChat | None:
    """Return the texts of a record that has `messages` of users and assistants in turn and nothing else, or None."""
    messages = raw.get("messages")
    if len(raw) != 1 or type(messages) is not list:
        return None
    texts = []
    expected, other = _USER, _MODEL
    try:
        for message in messages:
            text = message["content"]
            if message["role"] not in expected or len(message) != 2 or type(text) is not str:
                return None
            if not text or text.isspace():
                return None
            texts.append(text)
            expected, other = other, expected
    except (KeyError, TypeError):
        return None
    return tuple(texts) if texts and expected is _USER else None


def as_record(chat: PlainChat) -> dict[str, Any]:
    """Return the record of a plain chat, for who wants to read it the long way."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[place % 2], "content": text} for place, text in enumerate(chat)]}


def encode_texts(texts: PlainChat) -> list[bytes]:
    """Return texts as JSON.

    Raises:
        ValueError: One holds a lone surrogate.
    """
    return [to_json(text) for text in texts]


def encode_plain_chat(encoded: Sequence[bytes]) -> bytes:
    """Return the example of turns, each as `encode_texts` returns it: the bytes that to_json makes of it."""
    if len(encoded) == 2:
        return b"".join((_START, encoded[0], _BEFORE_MODEL, encoded[1], _END))
    pieces = [_START, encoded[0]]
    for place in range(1, len(encoded)):
        pieces += _BEFORE_MODEL if place % 2 else _BEFORE_USER, encoded[place]
    pieces.append(_END)
    return b"".join(pieces)


def plain_chat_keys(texts: PlainChat, answer: bytes) -> Keys:
    """Return the keys of turns of text, given also the last one as JSON: those of `gemtune.data.examples.keys_of`."""
    data = squeezed(texts[0])
    hashed = xxh3_128(b"user 1\n%dt\n" % len(data))
    hashed.update(data)
    for place, text in enumerate(texts[1:-1]):
        data = squeezed(text)
        hashed.update(_LATER[place % 2] % len(data))
        hashed.update(data)
    prompt = hashed.digest()
    hashed.update(b'\n[{"text":%b}]' % answer)
    return Keys(prompt, prompt, hashed.digest())


_LATER = (b"\nmodel 1\n%dt\n", b"\nuser 1\n%dt\n")
"""What stands in the key before a later text of the model and of the user."""

_START, _END = b'{"contents":[{"role":"user","parts":[{"text":', b"}]}]}"
_BEFORE_USER, _BEFORE_MODEL = (b'}]},{"role":"%b","parts":[{"text":' % role for role in (b"user", b"model"))
