"""Scores of predictions against references: one record for every example of the test split.

An outcome that is the model's own doing (blocked, empty, cut off before the first word) scores 0; a request that never
got its answer is *unscored*, and counted. Dropping either silently would compare two models on different examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from gemtune.errors import ComparisonError, did_you_mean
from gemtune.generation.outcomes import BLOCKED, EMPTY, FAILED, REJECTED, TRUNCATED, match_records
from gemtune.metrics.answer_scores import JsonScores, LabelScores, SpanScores, TranslationScores
from gemtune.metrics.definitions import TASKS
from gemtune.metrics.overlap_scores import OverlapScores
from gemtune.records import Record


class TaskScores(Protocol):
    """How the answers of one task are scored."""

    no_reference: str
    """Cause of an example whose reference nothing can be scored against."""

    @property
    def signature(self) -> str:
        """Say how figures come about; different ones cannot be compared."""

    def read(self, reference: str) -> Any:
        """Return a reference prepared for scoring, or None if nothing can be scored against it."""

    def score(
        self, reference: Any, answer: str, example: Record, neighbour: Any
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the metrics that are means and the counts of one answer.

        Args:
            reference: The reference, read.
            answer: What the model wrote; empty if nothing came.
            example: The record of `test.jsonl`.
            neighbour: The next example's reference, read; None if there is no other.
        """


class Scored(NamedTuple):
    """The scores of one model."""

    records: list[Record]
    """Records of `scores.jsonl`, in the order of the examples; `counts` of one without an answer are those of an empty
    one, which are in no figure and tell what its reference holds."""

    signature: str
    """How text was cut and scored: figures with different signatures cannot be compared."""


def score(examples: Sequence[Record], predictions: Sequence[Record], *, task: str, rouge_profile: str) -> Scored:
    """Score every prediction against its example's reference.

    Args:
        examples: Records of `test.jsonl`.
        predictions: Records of `predictions.jsonl`, one for each example, in any order.
        task: What the model does: a key of `gemtune.metrics.definitions.TASKS`.
        rouge_profile: `rouge-score` (ASCII words, Porter stemmer), `unicode-1` (any language, no stemmer), or `auto`.

    Raises:
        ComparisonError: There is nothing to score, task or profile are unknown, or the predictions are not those of
            these examples.

    >>> example, answer = {"id": "a", "reference": "the cat"}, {"id": "a", "outcome": "answered", "text": "The cat!"}
    >>> score([example], [answer], task="extractive_qa", rouge_profile="auto").records[0]["metrics"]["exact_match"]
    1.0
    """
    answers = match_records(examples, predictions, where="predictions")
    texts = [usable_text(answers[example["id"]]) for example in examples]
    scores = scores_of(task, [example["reference"] for example in examples], texts, rouge_profile)
    references = [scores.read(example["reference"]) for example in examples]
    scorable = [number for number, reference in enumerate(references) if reference is not None]
    neighbours = dict(zip(scorable, scorable[1:] + scorable[:1], strict=True)) if len(scorable) > 1 else {}
    records = []
    for number, (example, text, reference) in enumerate(zip(examples, texts, references, strict=True)):
        status, cause = status_of(answers[example["id"]]["outcome"], text)
        record: Record = {"id": example["id"], "status": status, "cause": cause, "metrics": {}, "counts": {}}
        if reference is None:
            record |= {"status": "unscored", "cause": scores.no_reference}  # so on both sides, whatever was answered
        else:
            neighbour = references[neighbours[number]] if neighbours else None
            metrics, record["counts"] = scores.score(reference, text, example, neighbour)
            record["metrics"] = metrics if status != "unscored" else {}
        records.append(record)
    return Scored(records, scores.signature)


def scores_of(task: str, references: Sequence[str], answers: Sequence[str], rouge_profile: str) -> TaskScores:
    """Return how the answers of a task are scored.

    Raises:
        ComparisonError: The task is unknown.
    """
    if task in ("summarization", "chat"):
        with_sources = task == "summarization"
        return OverlapScores(references, answers, rouge_profile=rouge_profile, with_sources=with_sources)
    if task == "classification":
        return LabelScores(references)
    if task == "extractive_qa":
        return SpanScores(references, rouge_profile=rouge_profile)
    if task == "translation":
        return TranslationScores(references)
    if task == "json":
        return JsonScores()
    raise ComparisonError(f"task is `{task}`, expected one of {', '.join(TASKS)}{did_you_mean(task, TASKS)}")


def check_unscored(scores: Sequence[Record], limit: float) -> None:
    """Refuse scores in which too many examples lack an answer for reasons that are not the model's.

    Args:
        scores: Records of `scores.jsonl`.
        limit: Largest share of rejected and failed requests, 0 to 1.

    Raises:
        ComparisonError: The share is above the limit; the message has the counts.
    """
    causes = Counter(record["cause"] for record in scores)
    lost = causes[REJECTED] + causes[FAILED]
    if lost > limit * len(scores):
        raise ComparisonError(
            f"{lost} of {len(scores)} prompts ({lost / len(scores):.1%}) have no answer: {causes[REJECTED]} rejected, "
            f"{causes[FAILED]} failed, expected at most {limit:.1%} (max_unscored_share)",
            next="read `error` in predictions.jsonl, then run again: answers that came are kept and not sent again",
        )


def usable_text(prediction: Record) -> str:
    """Return the text of an answer that is scored on its text, or nothing."""
    is_text = prediction["outcome"] in ("answered", TRUNCATED)
    return (prediction["text"] or "") if is_text and (prediction["text"] or "").strip() else ""


def status_of(outcome: str, text: str) -> tuple[str, str]:
    """Return status and cause of an outcome.

    Raises:
        ComparisonError: The outcome is none.
    """
    if outcome in (REJECTED, FAILED):
        return "unscored", outcome
    if outcome in ("answered", TRUNCATED) and text:
        return "scored", ""
    if outcome in ("answered", TRUNCATED, EMPTY, BLOCKED):
        return "zero", EMPTY if outcome == "answered" else outcome
    raise ComparisonError(
        f"predictions: outcome is `{outcome}`, expected answered, truncated, empty, blocked, rejected or failed"
    )
