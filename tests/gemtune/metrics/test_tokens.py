"""gemtune.metrics.tokens: words of any language, and rouge-score's own for ASCII."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import tokenize as rouge_tokenize

from gemtune.metrics.tokens import tokenize

VECTORS = json.loads(Path(__file__).with_name("rouge-vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_tokens_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    assert tokenize(vector["ref"]) == vector["ref_tokens"]
    assert tokenize(vector["pred"]) == vector["pred_tokens"]


def test_there_are_23_vectors() -> None:
    assert len(VECTORS) == 23


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_text_has_the_tokens_of_rouge_score(text: str) -> None:
    assert tokenize(text) == rouge_tokenize.tokenize(text, None)


@given(st.text())
def test_composition_and_case_make_no_difference(text: str) -> None:
    assert tokenize(unicodedata.normalize("NFD", text) + "\u00e9") == tokenize(
        unicodedata.normalize("NFC", text) + "\u00e9"
    )


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_cut_and_no_token_has_space(text: str) -> None:
    assert all(token and not any(character.isspace() for character in token) for token in tokenize(text))


def test_invisible_characters_make_no_difference() -> None:
    assert tokenize("k\u00f6\u00adnnen \u200ev\u0129\u2060nh") == tokenize("k\u00f6nnen v\u0129nh")


def test_a_mark_stays_with_its_character_in_scripts_without_spaces() -> None:
    assert tokenize("\u0e01\u0e34\u0e19") == ["\u0e01\u0e34", "\u0e19"]  # Thai "kin", to eat
