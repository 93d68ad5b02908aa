"""gemtune.metrics.corpus and gemtune.metrics.sacrebleu_counts: sacrebleu's figures from counts that add up."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from gemtune.metrics import sacrebleu_counts
from gemtune.metrics.corpus import bleu, chrf2, confusion_matrix, count_rows, macro_f1

LINES = st.lists(st.tuples(st.text("abc d.", max_size=20), st.text("abc d.", max_size=20)), min_size=1, max_size=6)


@settings(max_examples=100)
@given(LINES)
def test_summed_counts_have_sacrebleus_figures(pairs: list[tuple[str, str]]) -> None:
    references, answers = [one for one, _ in pairs], [other for _, other in pairs]
    for metric, figure, counts in (
        (CHRF(), chrf2, sacrebleu_counts.chrf2()),
        (BLEU(force=True), bleu, sacrebleu_counts.bleu(["abc"])),
    ):
        rows = np.asarray([counts.of(*pair) for pair in pairs], float)
        expected = metric.corpus_score(answers, [references]).score
        assert figure(rows.sum(axis=0)[None])[0] == pytest.approx(expected, abs=1e-9)


def test_bleu_of_longer_texts_is_smoothed_and_punishes_brevity_as_sacrebleu_does() -> None:
    rng = random.Random(3)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "two", "dogs"]
    counts = sacrebleu_counts.bleu(["a"])
    for length in (2, 4, 9, 30):
        references = [" ".join(rng.choices(words, k=12)) for _ in range(5)]
        answers = [" ".join(rng.choices(words, k=length)) for _ in range(5)]
        rows = np.asarray([counts.of(*pair) for pair in zip(references, answers, strict=True)], float)
        expected = BLEU(force=True).corpus_score(answers, [references]).score
        assert bleu(rows.sum(axis=0)[None])[0] == pytest.approx(expected, abs=1e-9)


def test_many_sums_are_scored_at_once() -> None:
    counts = sacrebleu_counts.chrf2()
    rows = np.asarray([counts.of("the cat", "the cat"), counts.of("the cat", ""), counts.of("", "")], float)
    assert chrf2(rows).tolist() == [100.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("text", "tokenizer"),
    [
        ("Elige una silla", "13a"),
        ("今天天气很好。", "zh"),
        ("椅子に座ります", "char"),
        ("ดื่มน้ำ", "char"),
        ("물을 마시세요", "13a"),
    ],
)
def test_bleu_cuts_each_script_by_a_tokenizer_that_needs_no_dictionary(text: str, tokenizer: str) -> None:
    assert sacrebleu_counts.bleu_tokenizer([text]) == tokenizer
    assert f"tok:{tokenizer}|" in sacrebleu_counts.bleu([text]).signature


def test_the_signatures_are_sacrebleus() -> None:
    assert sacrebleu_counts.chrf2().signature == "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0"
    assert sacrebleu_counts.bleu(["a"]).signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def labelled(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"label": label, "answer": answer} for label, answer in pairs]


def test_macro_f1_is_the_mean_over_the_labels_of_the_references() -> None:
    counts = labelled(("a", "a"), ("a", "b"), ("b", "b"), ("b", ""), ("c", "a"))
    rows, figure = count_rows("macro_f1", counts)
    # a: 2 * 1 / (2 + 2), b: 2 * 1 / (2 + 2), c: never answered.
    assert figure(rows.sum(axis=0)[None])[0] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert figure(rows[:2].sum(axis=0)[None])[0] == pytest.approx(2 / 3)  # a alone is left


def test_macro_f1_of_nothing_is_zero() -> None:
    assert macro_f1(np.zeros((2, 6)), labels=2).tolist() == [0.0, 0.0]


def test_the_confusion_matrix_has_a_row_a_label_and_a_place_for_the_rest() -> None:
    labels, matrix = confusion_matrix(labelled(("a", "a"), ("a", "b"), ("b", ""), ("b", "b"), ("b", "b")))
    assert labels == ["a", "b", "(other)"]
    assert matrix == [[1, 1, 0], [0, 2, 1], [0, 0, 0]]


def test_rare_labels_share_one_place_in_a_large_confusion_matrix() -> None:
    counts = labelled(*[(f"l{n:02}", f"l{n:02}") for n in range(40) for _ in range(40 - n)])
    labels, matrix = confusion_matrix(counts)
    assert labels == [f"l{n:02}" for n in range(30)] + ["(other)"]
    assert sum(map(sum, matrix)) == len(counts)
    assert matrix[-1][-1] == sum(range(1, 11))
