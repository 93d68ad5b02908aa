"""gemtune.metrics.scoring: every example gets one score record, with ROUGE as rouge-score defines it."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from gemtune.comparison.measurements import chance, measure
from gemtune.errors import ComparisonError
from gemtune.metrics.definitions import ROUGE, TASKS, metrics_of
from gemtune.metrics.profiles import choose_profile
from gemtune.metrics.scoring import check_unscored, score
from gemtune.records import Record
from tests.gemtune.made_run import examples, prediction

VECTORS = json.loads(Path(__file__).with_name("rouge-vectors.json").read_text(encoding="utf-8"))


def score_pair(reference: str, text: str | None, outcome: str = "answered", profile: str = "unicode-1") -> Record:
    records, _ = score(
        examples([reference]), [prediction("e000", text, outcome)], task="summarization", rouge_profile=profile
    )
    return records[0]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_unicode_scores_are_the_fractions_counted_by_hand(vector: dict[str, Any]) -> None:
    record = score_pair(vector["ref"], vector["pred"])
    for kind, fraction in vector["frac"].items():
        expected = float(Fraction(fraction)) if vector["ref_tokens"] else None
        assert record["metrics"].get(f"{kind}_f1") == (None if expected is None else pytest.approx(expected, abs=1e-12))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_profile_rouge_score_is_rouge_score_with_its_stemmer(vector: dict[str, Any]) -> None:
    record = score_pair(vector["ref"], vector["pred"], profile="rouge-score")
    for kind, value in vector["rouge_score"].items():
        found = record["metrics"].get(f"{kind}_f1", 0.0)  # unscored if no word of the reference is left
        assert found == pytest.approx(value, abs=1e-12)


@settings(max_examples=50)
@given(st.text("abc de.\n", min_size=1), st.text("abc de.\n"))
def test_every_figure_is_the_librarys_own(reference: str, text: str) -> None:
    record = score_pair(reference, text, profile="rouge-score")
    expected = RougeScorer(["rouge2", "rougeLsum"], use_stemmer=True).score(reference, text)
    if record["status"] == "scored":
        assert record["metrics"]["rougeLsum_recall"] == expected["rougeLsum"].recall
        assert record["metrics"]["rouge2_precision"] == expected["rouge2"].precision


@pytest.mark.parametrize(
    ("outcome", "text", "status", "cause"),
    [
        ("answered", "the cat", "scored", ""),
        ("truncated", "the", "scored", ""),
        ("truncated", None, "zero", "truncated"),
        ("empty", "", "zero", "empty"),
        ("answered", " \n", "zero", "empty"),
        ("blocked", None, "zero", "blocked"),
        ("rejected", None, "unscored", "rejected"),
        ("failed", None, "unscored", "failed"),
    ],
)
def test_each_outcome_is_scored_by_whose_doing_it_is(outcome: str, text: str | None, status: str, cause: str) -> None:
    record = score_pair("the cat", text, outcome)
    assert (record["status"], record["cause"]) == (status, cause)
    assert set(ROUGE) <= set(record["metrics"]) or status == "unscored"
    if status != "scored":
        assert not any(record["metrics"].values())


@pytest.mark.parametrize("outcome", ["answered", "blocked", "failed"])
def test_a_reference_without_tokens_is_unscored_whatever_came(outcome: str) -> None:
    record = score_pair("!!! \U0001f44d", "text", outcome)
    assert (record["status"], record["cause"], record["metrics"]) == ("unscored", "reference without tokens", {})


def test_an_unknown_outcome_is_named() -> None:
    with pytest.raises(ComparisonError, match="outcome is `skipped`"):
        score_pair("the cat", "the cat", "skipped")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["e000"], r"predictions: 1 missing \(e001\) of 2"),
        (["e000", "e001", "zz"], r"1 surplus \(zz\)"),
        (["e000", "e001", "e001"], r"1 repeated \(e001\)"),
    ],
)
def test_predictions_must_be_those_of_the_examples(ids: list[str], message: str) -> None:
    predictions = [prediction(id, "text") for id in ids]
    with pytest.raises(ComparisonError, match=message):
        score(examples(["a", "b"]), predictions, task="summarization", rouge_profile="auto")


def test_scores_come_in_the_order_of_the_examples() -> None:
    predictions = [prediction(id, "text") for id in ("e002", "e000", "e001")]
    records, _ = score(examples(["a", "b", "c"]), predictions, task="summarization", rouge_profile="auto")
    assert [record["id"] for record in records] == ["e000", "e001", "e002"]


def test_auto_reads_the_references_and_nothing_else() -> None:
    foreign = prediction("e000", "Пейте воду каждый день")
    _, signature = score(examples(["drink water"]), [foreign], task="summarization", rouge_profile="auto")
    assert "tok:rouge-score|stem:porter" in signature
    own = prediction("e000", "drink water")
    _, signature = score(examples(["Пейте воду"]), [own], task="summarization", rouge_profile="auto")
    assert "tok:unicode-1|stem:no|unicode:" in signature


def test_auto_turns_at_two_percent_of_the_words() -> None:
    assert choose_profile("auto", ["plain " * 98 + "é é"]) == "unicode-1"
    assert choose_profile("auto", ["plain " * 99 + "é"]) == "rouge-score"
    assert choose_profile("auto", [""]) == "rouge-score"


def test_an_unknown_task_or_profile_is_refused() -> None:
    predictions = [prediction("e000", "a")]
    with pytest.raises(ComparisonError, match=r"task is `chatting`, expected one of summarization, .*mean `chat`"):
        score(examples(["a"]), predictions, task="chatting", rouge_profile="auto")
    with pytest.raises(ComparisonError, match="did you mean `unicode-1`"):
        score(examples(["a"]), predictions, task="summarization", rouge_profile="unicode")


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ComparisonError, match="no examples"):
        score([], [], task="summarization", rouge_profile="auto")


def test_a_figure_counts_zeros_and_leaves_out_what_is_unscored() -> None:
    records = [score_pair("a b", "a b"), score_pair("a b", "", "blocked"), score_pair("a b", None, "failed")]
    found = measure(ROUGE["rouge1_f1"], records)
    assert (found.value, found.n, found.unscored) == (0.5, 2, 1)
    assert measure(ROUGE["rouge1_f1"], records[2:]).value is None
    for metric in metrics_of("summarization").values():
        assert set(measure(metric, records).record) == {
            "name",
            "statistic",
            "direction",
            "unit",
            "n",
            "unscored",
            "value",
        }


@pytest.mark.parametrize("task", TASKS)
def test_every_task_scores_every_outcome_and_has_all_its_metrics(task: str) -> None:
    reference = '{"a": "label one"}'
    outcomes = ["answered", "truncated", "empty", "blocked", "rejected", "failed"]
    records = examples([reference] * 6)
    predictions = [
        prediction(record["id"], reference if outcome in ("answered", "truncated") else None, outcome)
        for record, outcome in zip(records, outcomes, strict=True)
    ]
    found = score(records, predictions, task=task, rouge_profile="auto")
    assert [record["status"] for record in found.records] == ["scored"] * 2 + ["zero"] * 2 + ["unscored"] * 2
    for metric in metrics_of(task).values():
        measured = measure(metric, found.records)
        assert measured.unscored >= 2 and measured.value is not None, metric.name
        if metric.statistic == "mean" and metric.direction == "higher":
            assert measured.n == 4
            assert measured.value == pytest.approx(50 if metric.unit == "points" else 0.5)
    assert found.signature


def test_chance_is_the_score_against_the_next_reference() -> None:
    records = examples(["a b", "c d", "!"])
    predictions = [prediction(id, text) for id, text in (("e000", "a c"), ("e001", "c a"), ("e002", "x"))]
    found, _ = score(records, predictions, task="summarization", rouge_profile="auto")
    assert found[0]["counts"]["chance"]["rouge1_f1"] == 0.5
    assert chance(found)["rouge1_f1"] == 0.5
    alone, _ = score(records[:1], predictions[:1], task="summarization", rouge_profile="auto")
    assert chance(alone) == {}


def test_too_many_lost_answers_are_counted_and_named() -> None:
    records = [score_pair("a", None, outcome) for outcome in ("rejected", "failed", "failed")]
    records += [score_pair("a", "a") for _ in range(97)]
    check_unscored(records, 0.03)
    with pytest.raises(ComparisonError, match=r"3 of 100 prompts \(3.0%\).* 1 rejected, 2 failed.*run again"):
        check_unscored(records, 0.02)


def test_a_reference_without_tokens_is_not_a_lost_answer() -> None:
    check_unscored([score_pair("!", "a")], 0.0)
