"""The short ways through the commonest records end where the long ways do."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from gemtune.data.examples import keys_of
from gemtune.data.plain_chat import encode_plain_chat, encode_texts, plain_chat_keys, read_plain_chat

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: not text.isspace())

CHATS = st.integers(1, 3).flatmap(lambda pairs: st.lists(TEXTS, min_size=2 * pairs, max_size=2 * pairs))


def example_of(texts: list[str]) -> dict[str, Any]:
    contents = [{"role": ("user", "model")[at % 2], "parts": [{"text": text}]} for at, text in enumerate(texts)]
    return {"contents": contents}


def read(texts: list[str]) -> list[str] | None:
    roles = ("user", "assistant", "user", "model", "user", "assistant")
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return read_plain_chat({"messages": messages})


@given(CHATS)
def test_a_plain_chat_is_written_byte_for_byte_as_any_other_example(texts: list[str]) -> None:
    assert read(texts) == texts
    assert encode_plain_chat(encode_texts(texts)) == to_json(example_of(texts))


@given(CHATS)
def test_a_plain_chat_has_the_keys_of_any_other_example(texts: list[str]) -> None:
    assert plain_chat_keys(texts, encode_texts(texts)[-1]) == keys_of(example_of(texts))


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(ValueError):
        encode_texts(["\ud800", "answer"])


@given(TEXTS, TEXTS)
def test_the_keys_of_one_question_and_one_answer_stay_what_they_were(prompt: str, answer: str) -> None:
    squeezed = "".join(prompt.split()).encode()
    turns = hashlib.sha256(b"\n".join([b"user 1", b"%dt" % len(squeezed), squeezed])).digest()[:16]
    whole = hashlib.sha256(turns + to_json([{"text": answer}])).digest()[:16]
    assert keys_of(example_of([prompt, answer])) == (turns, turns, whole)
