"""The offline token estimate: every character is counted once, in its script, and real tokenizers are near."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtune.data.token_estimate import (
    MEDIA_TOKENS,
    NOTHING,
    count_scripts,
    estimate,
    estimate_band,
    estimate_contents,
    estimate_counts,
    scripts,
)

MEASURED = json.loads(Path(__file__).with_name("measured_tokens.json").read_text(encoding="utf-8"))
"""Language -> tokens by Gemma 3's tokenizer, and characters by script, of one text in 46 languages."""

ONE_SCRIPT = {
    "latin": "Water the seedlings",
    "digit": "1234567890",
    "latin_accented": "äöüßéñőžạ",
    "greek": "καλημέρα",
    "cyrillic": "привет",
    "hebrew_armenian": "שלוםբարև",
    "arabic": "مرحبا",
    "indic": "नमस्तेবাংলাதமிழ்",
    "thai": "สวัสดี",
    "lao": "ສະບາຍດີ",
    "ethiopic": "ሰላም",
    "georgian_khmer_burmese": "გამარჯობაសួស្តី",
    "han": "你好世界",
    "kana": "こんにちはカタカナ",
    "hangul": "안녕하세요",
    "symbol": "“”—…€",
    "other": "😀🎉",
}


@pytest.mark.parametrize(("script", "text"), ONE_SCRIPT.items())
def test_a_text_in_one_script_is_counted_in_that_script(script: str, text: str) -> None:
    assert count_scripts(text) == {script: len(text)}


def test_every_script_has_a_figure_and_says_where_it_comes_from() -> None:
    assert {script.name for script in scripts()} == set(ONE_SCRIPT)
    for script in scripts():
        assert script.source == "assumed" or script.source.startswith(("https://", "google/genai/"))


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_no_character_is_counted_twice_or_forgotten(text: str) -> None:
    assert sum(count_scripts(text).values()) == len(text)


@given(st.text(min_size=1))
def test_the_estimate_lies_in_its_band_and_is_never_zero_for_a_text(text: str) -> None:
    band = estimate_band(text)
    assert 0 < band.low <= band.tokens <= band.high
    assert 1 <= band.tokens <= estimate(text) < band.tokens + 1 or estimate(text) == 1


def test_english_has_about_four_characters_a_token() -> None:
    assert estimate("Water the seedlings every other day. " * 100) == pytest.approx(37 * 100 / 4)


def test_chinese_costs_more_a_character_than_english() -> None:
    assert estimate("每隔一天浇水" * 10) > 2 * estimate("abcdef" * 10)


def test_contents_sum_text_media_and_function_calls() -> None:
    text = {"role": "user", "parts": [{"text": "Water the seedlings"}]}
    image = {"role": "user", "parts": [{"fileData": {"mimeType": "image/png", "fileUri": "gs://b/i.png"}}]}
    call = {"role": "model", "parts": [{"functionCall": {"name": "water", "args": {"plant": "seedling"}}}]}
    assert estimate_contents([]) == NOTHING
    assert estimate_contents([text, image]).tokens == pytest.approx(MEDIA_TOKENS + 19 / 4)
    assert estimate_contents([call]).tokens > 10


@pytest.mark.parametrize("language", MEASURED)
def test_what_a_real_tokenizer_counts_lies_in_the_band(language: str) -> None:
    tokens, characters = MEASURED[language]
    band = estimate_counts(characters)
    assert band.low <= tokens <= band.high


def test_over_all_languages_the_estimate_is_near() -> None:
    ratios = sorted(tokens / estimate_counts(characters).tokens for tokens, characters in MEASURED.values())
    assert 0.9 < ratios[len(ratios) // 2] < 1.1
