"""gemtune.report.differences: words of any script, matched as ROUGE-L matches them."""

import random

import pytest

from gemtune.report.differences import MOST_WORDS, Piece, common_words, mark_differences, split_words


def marked(pieces: list[Piece]) -> list[tuple[str, str]]:
    return [(piece[0], piece[1]) for piece in pieces if not isinstance(piece, str)]


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)


def longest(a: list[str], b: list[str]) -> int:
    """Return the length of the longest common subsequence, by the textbook's table."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def test_as_many_words_are_matched_as_the_textbook_says() -> None:
    draw = random.Random(1)
    for _ in range(200):
        a, b = (draw.choices("abcd", k=draw.randint(0, 25)) for _ in range(2))
        pairs = common_words(split_words(" ".join(a)), split_words(" ".join(b)))
        assert len(pairs) == longest(a, b)
        assert pairs == sorted(pairs, reverse=True) and all(a[i] == b[j] for i, j in pairs)


@pytest.mark.parametrize(
    ("reference", "baseline", "candidate"),
    [
        ("Boil the rice.", "Boil an egg, please", "boil the RICE!"),
        ("", "", ""),
        ("...", "!!!", "a"),
        ("\u4f7f\u7528 Python 3", "\u7528 python", "\u0e14\u0e37\u0e48\u0e21"),
        ("a\n\nb", "b\ta", "<b>[U+202E]</b>"),
    ],
)
def test_no_character_is_lost(reference: str, baseline: str, candidate: str) -> None:
    found = mark_differences(reference, baseline, candidate)
    assert [text_of(found[name]) for name in ("reference", "baseline", "candidate")] == [reference, baseline, candidate]


def test_an_answer_shows_what_the_reference_does_not_have() -> None:
    found = mark_differences("Boil the rice slowly.", "Boil an egg slowly", "boil the RICE, slowly!")
    assert marked(found["baseline"]) == [("an egg", "other")]
    assert marked(found["candidate"]) == []


def test_the_reference_shows_what_only_one_answer_has() -> None:
    found = mark_differences("boil cold rice now", "boil now", "cold rice now")
    assert marked(found["reference"]) == [("boil", "only-old"), ("cold rice", "only-new")]


def test_scripts_without_spaces_differ_by_the_character_with_its_marks() -> None:
    found = mark_differences("\u4eca\u5929\u5929\u6c14\u597d", "\u4eca\u5929\u5929\u6c14\u574f", "")
    assert marked(found["baseline"]) == [("\u574f", "other")]
    thai = mark_differences("\u0e19\u0e49\u0e33", "\u0e19\u0e48\u0e33", "")  # one tone differs
    assert marked(thai["baseline"]) == [("\u0e19\u0e48", "other")]


def test_a_vowel_sign_at_the_end_of_a_word_is_part_of_it() -> None:
    assert marked(mark_differences("\u0926\u0942\u0927", "\u0926\u0942\u0927\u0940", "")["baseline"])


def test_json_differs_by_its_values() -> None:
    found = mark_differences('{"a":1,"b":"x"}', '{"a":2,"b":"x"}', "")
    assert marked(found["baseline"]) == [("2", "other")]


def test_what_follows_the_first_words_of_a_very_long_text_is_not_compared() -> None:
    found = mark_differences("a", "b " * (MOST_WORDS + 10), "a")
    assert [len(text.split()) for text, _ in marked(found["baseline"])] == [MOST_WORDS]
