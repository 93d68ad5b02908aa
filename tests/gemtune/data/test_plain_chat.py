"""The short ways through the commonest records end where the long ways do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json
from xxhash import xxh3_128

from gemtune.data.examples import keys_of
from gemtune.data.plain_chat import (
    PlainChat,
    as_record,
    encode_plain_chat,
    encode_texts,
    plain_chat_keys,
    read_plain_chat,
)

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: not text.isspace())

CHATS = st.integers(1, 3).flatmap(lambda pairs: st.lists(TEXTS, min_size=2 * pairs, max_size=2 * pairs)).map(tuple)


def example_of(texts: PlainChat) -> dict[str, Any]:
    contents = [{"role": ("user", "model")[at % 2], "parts": [{"text": text}]} for at, text in enumerate(texts)]
    return {"contents": contents}


def read(texts: PlainChat) -> PlainChat | None:
    roles = ("user", "assistant", "user", "model", "user", "assistant")
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return read_plain_chat({"messages": messages})


@given(CHATS)
def test_a_plain_chat_is_written_byte_for_byte_as_any_other_example(texts: PlainChat) -> None:
    assert read(texts) == texts
    assert encode_plain_chat(encode_texts(texts)) == to_json(example_of(texts))


@given(CHATS)
def test_a_plain_chat_has_the_keys_of_any_other_example(texts: PlainChat) -> None:
    assert plain_chat_keys(texts, encode_texts(texts)[-1]) == keys_of(example_of(texts))


@given(CHATS)
def test_a_plain_chat_is_read_again_from_its_record(texts: PlainChat) -> None:
    assert read_plain_chat(as_record(texts)) == texts


ASKED, ANSWERED = ({"role": role, "content": "x"} for role in ("user", "assistant"))


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [ASKED],
        [ANSWERED, ASKED],
        [ASKED, ASKED],
        [ASKED, ANSWERED, ASKED],
        [{**ASKED, "content": " \n"}, ANSWERED],
        [{**ASKED, "content": ["x"]}, ANSWERED],
        [{**ASKED, "role": ["user"]}, ANSWERED],
        [{**ASKED, "name": "x"}, ANSWERED],
        [{"role": "user"}, ANSWERED],
        ["role", "content"],
        "ab",
        None,
    ],
)
def test_what_is_not_exactly_that_is_left_to_the_rules(messages: Any) -> None:
    assert read_plain_chat({"messages": messages}) is None
    assert read_plain_chat({"messages": [ASKED, ANSWERED], "tools": []}) is None


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(ValueError):
        encode_texts(("\ud800", "answer"))


@given(TEXTS, TEXTS)
def test_the_key_that_decides_the_split_is_that_of_the_prompt_without_white_space(prompt: str, answer: str) -> None:
    squeezed = "".join(prompt.split()).encode()
    turns = xxh3_128(b"\n".join([b"user 1", b"%dt" % len(squeezed), squeezed])).digest()
    assert keys_of(example_of((prompt, answer)))[:2] == (turns, turns)


def test_the_key_stays_what_it_was_so_that_examples_stay_where_they_were() -> None:
    keys = keys_of(example_of(("How do I boil an egg?", "Boil it.")))
    assert keys.turns.hex() == "e418ac68d1b6708b87af402a825e135d"
