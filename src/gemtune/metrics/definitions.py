"""What is measured, by task: each metric with its statistic, the direction that is better, and its unit.

A difference is only ever taken of one `Metric` on both sides (`gemtune.comparison.document`), so two different
statistics, a mean of sentence chrF and the chrF of a corpus for instance, cannot be compared even by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from gemtune.errors import did_you_mean

Statistic = Literal["mean", "corpus"]
"""A mean over examples, or one figure from the counts of all examples together, which is no mean."""


class Metric(NamedTuple):
    """What one number means; its name is the key in `scores.jsonl` and in `comparison.json`."""

    name: str
    title: str
    statistic: Statistic = "mean"
    direction: Literal["higher", "lower", "neither"] = "higher"
    """Which is better; `neither` describes answers without judging them."""

    unit: Literal["share", "points", "ratio"] = "share"
    """A share is 0 to 1, points are 0 to 100 as sacrebleu gives them, a ratio is 0 or more."""


class Task(NamedTuple):
    """What a model is tuned for."""

    metrics: dict[str, Metric]
    headline: str
    """The metric that decides when the spec names none."""

    shown: tuple[str, ...]
    """Metrics whose distribution over the examples is drawn; all are means."""

    limits: str
    """What a reader must not conclude from these metrics."""


def _named(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


ROUGE = _named(
    *(
        Metric(f"rouge{kind}_{field.lower()}", f"ROUGE-{kind} {field}")
        for field in ("F1", "precision", "recall")
        for kind in ("1", "2", "L", "Lsum")
    )
)
CHRF2 = Metric("chrf2", "chrF2", "corpus", unit="points")
_ROUGE_LIMITS = (
    "ROUGE counts words shared with one reference: it does not tell whether a text is true, safe or pleasant."
)
_ROUGE_SHOWN = ("rouge1_f1", "rouge2_f1", "rougeL_f1", "rougeLsum_f1")

TASKS = {
    "summarization": Task(
        {
            **ROUGE,
            **_named(
                CHRF2,
                Metric("length_ratio", "Length, answer / reference", direction="neither", unit="ratio"),
                Metric("novelty", "Novel bigrams", direction="neither"),
                Metric("copied_share", "Copied in runs of 4 words", direction="neither"),
                Metric("repetition", "Repeated 4-grams", direction="lower"),
                Metric("compression", "Length, source / answer", direction="neither", unit="ratio"),
            ),
        },
        "rougeL_f1",
        _ROUGE_SHOWN,
        _ROUGE_LIMITS,
    ),
    "classification": Task(
        _named(Metric("accuracy", "Accuracy"), Metric("macro_f1", "Macro F1", "corpus")),
        "accuracy",
        ("accuracy",),
        "An answer counts only if it is one of the labels that the references have.",
    ),
    "extractive_qa": Task(
        _named(Metric("token_f1", "Token F1"), Metric("exact_match", "Exact match")),
        "token_f1",
        ("token_f1", "exact_match"),
        "There is one reference: another right answer counts as wrong.",
    ),
    "translation": Task(
        _named(
            CHRF2,
            Metric("bleu", "BLEU", "corpus", unit="points"),
            Metric("sentence_chrf2", "Sentence chrF2", unit="points"),
        ),
        "chrf2",
        ("sentence_chrf2",),
        "BLEU and chrF2 count what is shared with one reference: another right translation counts less.",
    ),
    "chat": Task({**ROUGE, CHRF2.name: CHRF2}, "rougeL_f1", _ROUGE_SHOWN, _ROUGE_LIMITS),
    "json": Task(
        _named(Metric("field_accuracy", "Field accuracy"), Metric("json_valid", "Valid JSON")),
        "field_accuracy",
        ("field_accuracy", "json_valid"),
        "A field is right or wrong as a whole: text that says the same in other words counts as wrong.",
    ),
}

METRICS = {name: metric for task in TASKS.values() for name, metric in task.metrics.items()}
"""Every metric of any task. A name stands for the same statistic in all of them."""


def metrics_of(task: str) -> dict[str, Metric]:
    """Return the metrics of a task by name.

    Raises:
        KeyError: The task is unknown.
    """
    return TASKS[task].metrics


def primary_problem(name: str, task: str) -> str:
    """Return what a primary metric should be instead, with the reason, or nothing if it can decide.

    >>> primary_problem("rougeL_f1", "chat")
    ''
    """
    if name.endswith("_precision") and name in metrics_of(task):
        better = name.replace("_precision", "_f1")
        reason = "precision alone rewards saying little: on how-to articles the constant answer `the` has a ROUGE-L"
        return f"`{better}`: {reason} precision of 0.89"
    return guard_problem(name, task)


def guard_problem(name: str, task: str) -> str:
    """Return what a guard metric should be instead, or nothing if it can guard."""
    metric = metrics_of(task).get(name)
    if metric and metric.direction != "neither":
        return ""
    judging = judging_metrics(task)
    reason = f" (`{name}` describes answers, more of it is not better)" if metric else did_you_mean(name, judging)
    return f"a metric of the task {task}: {', '.join(judging)}{reason}"


def primary_choices() -> list[str]:
    """Return the names that can be a primary metric of some task."""
    return sorted({name for task in TASKS for name in judging_metrics(task) if not primary_problem(name, task)})


def judging_metrics(task: str) -> list[str]:
    """Return the names of a task's metrics that have a better direction."""
    return [name for name, metric in metrics_of(task).items() if metric.direction != "neither"]


def headline_first(names: Iterable[str], primary: str) -> list[str]:
    """Return names in their order, but the primary metric first."""
    return sorted(names, key=lambda name: name != primary)


def ranking_metric(primary: str, task: str) -> str:
    """Return the metric that orders single examples: the primary one, or a mean that stands for it where it is none."""
    names = (primary, TASKS[task].headline, *TASKS[task].shown)
    return next(name for name in names if METRICS[name].statistic == "mean")
