"""Corpus statistics: BLEU, chrF2 and macro F1 from counts that each example has and that add up.

A corpus statistic is no mean of example scores. Each example's counts are in `scores.jsonl`, so that any selection of
examples, a bootstrap sample for instance, has its figure at the cost of a sum. The formulas are those of sacrebleu
2.6 (BLEU with exponential smoothing, chrF with effective order), for many sums at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

CHRF_ORDERS, BLEU_ORDERS = 6, 4
_BETA_SQUARED = 4  # of chrF2: recall counts twice as much as precision


def count_rows(name: str, counts: Sequence[dict[str, Any]]) -> tuple[Matrix, Callable[[Matrix], Matrix]]:
    """Return a metric's counts, one row an example, and the function that gives the figure of each row of sums.

    Args:
        name: `bleu`, `chrf2` or `macro_f1`.
        counts: `counts` of the records of `scores.jsonl`.
    """
    import numpy as np

    if name == "macro_f1":
        labels = sorted({each["label"] for each in counts})
        return label_rows(counts, labels), partial(macro_f1, labels=len(labels))
    width, figure = {"bleu": (2 + 2 * BLEU_ORDERS, bleu), "chrf2": (3 * CHRF_ORDERS, chrf2)}[name]
    return np.asarray([each[name] for each in counts], float).reshape(-1, width), figure


def has_counts(name: str, counts: dict[str, Any]) -> bool:
    """Return whether an example's counts hold those of a metric."""
    return ("label" if name == "macro_f1" else name) in counts


def counts_of_extreme(name: str, counts: dict[str, Any], *, is_best: bool) -> dict[str, Any]:
    """Return what an empty answer counts, or one that equals the reference.

    Args:
        name: `bleu`, `chrf2` or `macro_f1`.
        counts: `counts` of any answer to the same example, for what they say of its reference.
        is_best: Whether it is the answer that equals the reference.

    >>> counts_of_extreme("macro_f1", {"label": "good", "answer": "bad"}, is_best=True)
    {'label': 'good', 'answer': 'good'}
    """
    if name == "macro_f1":
        return {"label": counts["label"], "answer": counts["label"] if is_best else ""}
    if name == "chrf2":
        references = counts[name][1::3]
        return {name: [each for count in references for each in ((count,) * 3 if is_best else (0, count, 0))]}
    words = counts[name][1]
    runs = [max(words - order, 0) for order in range(BLEU_ORDERS)] if is_best else [0] * BLEU_ORDERS
    return {name: [words if is_best else 0, words, *runs, *runs]}


def bleu(sums: Matrix) -> Matrix:
    """Return BLEU, 0 to 100, of each row [answer words, reference words, shared 1- to 4-grams, 1- to 4-grams]."""
    import numpy as np

    answer, reference = sums[:, 0], sums[:, 1]
    shared, total = sums[:, 2 : 2 + BLEU_ORDERS], sums[:, 2 + BLEU_ORDERS :]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Each order without a match counts as half of the one before it (NIST's smoothing).
        halvings = 2.0 ** np.cumsum((shared == 0) & (total > 0), axis=1)
        precisions = np.where(shared > 0, shared / total, 1 / (halvings * total))
        brevity = np.where(answer < reference, np.exp(1 - reference / answer), 1.0)
        scores = 100 * brevity * np.exp(np.log(precisions).mean(axis=1))
    usable = shared.any(axis=1) & (total > 0).all(axis=1) & (answer > 0)
    return np.where(usable, scores, 0.0)


def chrf2(sums: Matrix) -> Matrix:
    """Return chrF2, 0 to 100, of each row [answer's, reference's, shared] character n-grams, n from 1 to 6."""
    import numpy as np

    answer, reference, shared = (sums[:, offset::3] for offset in range(3))
    counted = (answer > 0) & (reference > 0)
    orders = np.maximum(counted.sum(axis=1), 1)
    precision, recall = (
        np.divide(shared, total, out=np.zeros_like(shared), where=counted).sum(axis=1) / orders
        for total in (answer, reference)
    )
    weighted = _BETA_SQUARED * precision + recall
    product = (1 + _BETA_SQUARED) * precision * recall
    scores: Matrix = np.divide(100 * product, weighted, out=np.zeros(len(sums)), where=weighted > 0)
    return scores


def macro_f1(sums: Matrix, labels: int) -> Matrix:
    """Return the mean F1 over the labels that the references have, 0 to 1.

    A row holds, for each label, how often it is the reference, how often the answer, and how often both.
    """
    import numpy as np

    reference, answer, both = (sums[:, part * labels : (part + 1) * labels] for part in range(3))
    present = reference > 0
    f1 = np.divide(2 * both, reference + answer, out=np.zeros_like(both), where=present)
    means: Matrix = f1.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return means


def label_rows(counts: Iterable[dict[str, Any]], labels: Sequence[str]) -> Matrix:
    """Return what `macro_f1` takes, one row an example; an answer that is no label counts for none."""
    import numpy as np

    pairs = [(each["label"], each["answer"]) for each in counts]
    column = {label: number for number, label in enumerate(labels)}
    rows = np.zeros((len(pairs), 3 * len(labels)))
    for row, (label, answer) in zip(rows, pairs, strict=True):
        row[column[label]] = 1
        if answer in column:
            row[len(labels) + column[answer]] = 1
        if answer == label:
            row[2 * len(labels) + column[label]] = 1
    return rows


def confusion_matrix(counts: Sequence[dict[str, Any]], most_labels: int = 30) -> tuple[list[str], list[list[int]]]:
    """Return labels, and how often each reference label (row) was answered by each label (column).

    The last label gathers answers that are no label. With more than `most_labels` labels the rarest are in it, too:
    the console shows no larger matrix.
    """
    from collections import Counter

    frequent = [label for label, _ in Counter(each["label"] for each in counts).most_common(most_labels)]
    labels = [*sorted(frequent), "(other)"]
    place = {label: number for number, label in enumerate(labels)}
    matrix = [[0] * len(labels) for _ in labels]
    for each in counts:
        matrix[place.get(each["label"], -1)][place.get(each["answer"], -1)] += 1
    return labels, matrix
