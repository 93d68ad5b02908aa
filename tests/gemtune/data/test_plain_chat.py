"""The short ways through the commonest records end where the long ways do."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from gemtune.data.examples import keys_of
from gemtune.data.plain_chat import convert_plain_chat, encode_plain_chat

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: not text.isspace())


def example_of(texts: list[str]) -> dict[str, Any]:
    roles = ["user", "assistant"] * (len(texts) // 2)
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    found = convert_plain_chat({"messages": messages})
    assert found
    return found


@given(st.lists(TEXTS, min_size=2, max_size=6))
def test_a_plain_chat_is_written_byte_for_byte_as_any_other_example(texts: list[str]) -> None:
    example = example_of(texts)
    assert encode_plain_chat(example) == to_json(example)


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(ValueError):
        encode_plain_chat(example_of(["\ud800", "answer"]))


@given(TEXTS, TEXTS)
def test_the_keys_of_one_question_and_one_answer_are_what_they_were_before_they_had_a_short_way(
    prompt: str, answer: str
) -> None:
    squeezed = "".join(prompt.split()).encode()
    turns = hashlib.sha256(b"\n".join([b"user 1", b"%dt" % len(squeezed), squeezed])).digest()[:16]
    whole = hashlib.sha256(turns + to_json([{"text": answer}])).digest()[:16]
    assert keys_of(example_of([prompt, answer])) == (turns, turns, whole)
