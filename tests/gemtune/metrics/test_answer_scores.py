"""gemtune.metrics.answer_scores: labels, spans, JSON and translations."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtune.metrics.answer_scores import JsonScores, LabelScores, SpanScores, TranslationScores, fields_of


@pytest.mark.parametrize(
    ("answer", "accuracy", "label"),
    [
        ("positive", 1.0, "positive"),
        (" Positive.\n", 1.0, "positive"),
        ('"POSITIVE"', 1.0, "positive"),
        ("negative", 0.0, "negative"),
        ("It is positive", 0.0, ""),
        ("", 0.0, ""),
    ],
)
def test_an_answer_is_the_label_or_it_is_wrong(answer: str, accuracy: float, label: str) -> None:
    scores = LabelScores(["Positive", "negative"])
    reference = scores.read("Positive")
    assert reference is not None
    assert scores.score(reference, answer, {}, None) == (
        {"accuracy": accuracy},
        {"label": "positive", "answer": label},
    )


def test_labels_may_be_symbols() -> None:
    scores = LabelScores(["+", "-"])
    assert scores.read("+") == "+"
    assert scores.score("+", " - ", {}, None)[0] == {"accuracy": 0.0}
    assert scores.read(" ") is None


def span(reference: str, answer: str, profile: str = "auto") -> tuple[float, float]:
    scores = SpanScores([reference], rouge_profile=profile)
    words = scores.read(reference)
    assert words is not None
    metrics, _ = scores.score(words, answer, {}, None)
    return metrics["exact_match"], metrics["token_f1"]


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("the Eiffel Tower", "Eiffel tower.", (1.0, 1.0)),
        ("Eiffel Tower", "the tower", (0.0, pytest.approx(2 / 3))),
        ("3.5", "35", (1.0, 1.0)),  # as SQuAD: punctuation goes, nothing comes in its place
        ("a b b", "b b b", (0.0, pytest.approx(0.8))),
        ("Paris", "", (0.0, 0.0)),
        ("今天天气", "今天", (0.0, pytest.approx(2 / 3))),
        ("Größe", "GRÖSSE", (1.0, 1.0)),
    ],
)
def test_spans_are_scored_as_squad_does(reference: str, answer: str, expected: tuple[float, float]) -> None:
    assert span(reference, answer) == expected


def test_the_article_belongs_to_the_answer_where_it_is_not_english() -> None:
    assert "tok:unicode-1" in SpanScores(["über"], rouge_profile="auto").signature
    assert SpanScores(["a"], rouge_profile="auto").read("the") is None
    assert SpanScores(["a"], rouge_profile="unicode-1").read("the") == ["the"]


@pytest.mark.parametrize(
    ("answer", "accuracy", "valid"),
    [
        ('{"name": "Ana", "tags": ["x", "y"]}', 1.0, 1.0),
        ('{"tags": ["x", "y"], "name": "Ana"}', 1.0, 1.0),
        ('{"name": "Ana", "tags": ["y", "x"]}', 1 / 3, 1.0),
        ('{"name": "Ana"}', 1 / 3, 1.0),
        ('{"name": "Ana", "tags": ["x", "y"], "age": 3}', 3 / 4, 1.0),
        ('```json\n{"name": "Ana"}\n```', 0.0, 0.0),
        ('{"name": NaN}', 0.0, 0.0),
        ("[" * 100_000, 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_fields_are_right_by_path_and_value(answer: str, accuracy: float, valid: float) -> None:
    scores = JsonScores()
    reference = scores.read('{"name": "Ana", "tags": ["x", "y"]}')
    assert reference is not None
    metrics, _ = scores.score(reference, answer, {}, None)
    assert metrics == {"field_accuracy": pytest.approx(accuracy), "json_valid": valid}


@pytest.mark.parametrize(("one", "other"), [("true", "1"), ("1", "1.0"), ('"1"', "1"), ("null", '""'), ("{}", "[]")])
def test_values_of_different_type_are_different(one: str, other: str) -> None:
    reference = fields_of(one)
    assert reference is not None
    assert JsonScores().score(reference, other, {}, None)[0]["field_accuracy"] == 0.0
    assert JsonScores().score(reference, one, {}, None)[0]["field_accuracy"] == 1.0


def test_a_reference_that_is_no_json_cannot_be_scored_against() -> None:
    assert JsonScores().read("Ana") is None


def test_keys_with_slashes_are_no_paths() -> None:
    assert fields_of('{"a/b": 1, "a": {"b": 2}, "~": 3}') == {"/a~1b": 1, "/a/b": 2, "/~0": 3}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_json_answers_itself(value: Any) -> None:
    import json

    text = json.dumps(value)
    reference = fields_of(text)
    assert reference
    assert JsonScores().score(reference, text, {}, None)[0] == {"field_accuracy": 1.0, "json_valid": 1.0}


def test_a_translation_has_counts_for_the_corpus_and_a_figure_of_its_own() -> None:
    scores = TranslationScores(["the cat sat on the mat"])
    metrics, counts = scores.score("the cat sat on the mat", "the cat sat", {}, None)
    assert 0 < metrics["sentence_chrf2"] < 100
    assert counts["bleu"][:2] == [3, 6] and len(counts["bleu"]) == 10 and len(counts["chrf2"]) == 18
    assert "bleu:nrefs:1" in scores.signature and "chrf2:nrefs:1" in scores.signature
