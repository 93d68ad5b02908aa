"""Scores of predictions against references: ROUGE as rouge-score defines it, for texts of any language.

Every example of the test split gets exactly one score record. An outcome that is the model's own doing (blocked, empty,
cut off before the first word) scores 0; a request that never got its answer is *unscored*, and counted.
Dropping either silently would compare two models on different examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from statistics import fmean
from typing import Any, NamedTuple

from gemtune.errors import ComparisonError, did_you_mean
from gemtune.records import Record
from gemtune.tokens import UnicodeTokenizer, tokenize

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
_FIELDS = {"f1": "fmeasure", "precision": "precision", "recall": "recall"}
_TITLES = {"f1": "F1", "precision": "precision", "recall": "recall"}


class Metric(NamedTuple):
    """What one number means; its name is the key in `scores.jsonl` and in `comparison.json`."""

    name: str
    statistic: str = "mean"
    direction: str = "higher"
    unit: str = "share"

    @property
    def title(self) -> str:
        """Return the name as people write it.

        >>> Metric("rougeLsum_f1").title
        'ROUGE-Lsum F1'
        """
        rouge_type, _, field = self.name.partition("_")
        return f"ROUGE-{rouge_type.removeprefix('rouge')} {_TITLES[field]}"


METRICS = {name: Metric(name) for name in (f"{kind}_{field}" for field in _FIELDS for kind in ROUGE_TYPES)}
"""Every metric of the task summarization. F1 comes first: precision alone rewards saying little."""

NON_ASCII_SHARE = 0.02
"""Share of reference words with a non-ASCII character from which `auto` takes unicode-1.

English measures up to 0.4 %, Swahili 0.6 %, German 6.9 %: everything that rouge-score would break is above.
"""

TRUNCATED, EMPTY, BLOCKED, REJECTED, FAILED = "truncated", "empty", "blocked", "rejected", "failed"
NO_REFERENCE = "reference without tokens"


def score(
    examples: Sequence[Record], predictions: Sequence[Record], *, task: str, rouge_profile: str
) -> tuple[list[Record], str]:
    """Score every prediction against its example's reference.

    Args:
        examples: Records of `test.jsonl`.
        predictions: Records of `predictions.jsonl`, one for each example, in any order.
        task: What the model does; `summarization`.
        rouge_profile: `rouge-score` (ASCII words, Porter stemmer), `unicode-1` (any language, no stemmer), or `auto`.

    Returns:
        Records of `scores.jsonl` in the order of the examples; and the signature, which says how text was cut and
        scored: figures with different signatures cannot be compared.

    Raises:
        ComparisonError: There is nothing to score, task or profile are unknown, or the predictions are not those of
            these examples.

    >>> example, answer = {"id": "a", "reference": "the cat"}, {"id": "a", "outcome": "answered", "text": "a cat"}
    >>> records, signature = score([example], [answer], task="summarization", rouge_profile="rouge-score")
    >>> records[0]["metrics"]["rouge1_f1"], signature
    (0.5, 'rouge:rouge-score-0.1.2|tok:rouge-score|stem:porter|agg:mean')
    """
    if task != "summarization":
        raise ComparisonError(f"task is `{task}`, expected `summarization`")
    answers = match_records(examples, predictions, where="predictions")
    profile = choose_profile(rouge_profile, [example["reference"] for example in examples])
    scorer = _rouge_scorer(profile)
    return [_score_one(example, answers[example["id"]], scorer) for example in examples], signature_of(profile)


def match_records(examples: Sequence[Record], records: Sequence[Record], *, where: str) -> dict[str, Record]:
    """Return the records of one side by example id, in the order of the examples.

    Args:
        examples: Records of `test.jsonl`.
        records: One record for each example, in any order.
        where: What the records are, for the message.

    Raises:
        ComparisonError: There are no examples, or ids are missing, surplus or repeated.
    """
    ids = [example["id"] for example in examples]
    if not ids:
        raise ComparisonError("test split: no examples, expected at least one", next="add test data")
    found = Counter(record["id"] for record in records)
    problems = {
        "missing": [each for each in ids if each not in found],
        "surplus": sorted(found.keys() - set(ids)),
        "repeated": [each for each, count in found.items() if count > 1],
    }
    if named := [f"{len(those)} {kind} ({', '.join(those[:3])})" for kind, those in problems.items() if those]:
        raise ComparisonError(
            f"{where}: {'; '.join(named)} of {len(ids)} example ids, expected one record each",
            next="generate and score predictions for this test split",
        )
    by_id = {record["id"]: record for record in records}
    return {each: by_id[each] for each in ids}


def choose_profile(rouge_profile: str, references: Iterable[str]) -> str:
    """Return the profile to score with; `auto` is decided on the references alone.

    Once for the dataset, and never on what a model wrote: else a model could choose its own yardstick.

    Raises:
        ComparisonError: The profile is unknown.

    >>> choose_profile("auto", ["Elige una silla cómoda"]), choose_profile("auto", ["Choose a comfortable chair"])
    ('unicode-1', 'rouge-score')
    """
    if rouge_profile in ("rouge-score", "unicode-1"):
        return rouge_profile
    if rouge_profile != "auto":
        expected = ("auto", "rouge-score", "unicode-1")
        raise ComparisonError(
            f"rouge_profile is `{rouge_profile}`, expected one of {', '.join(expected)}"
            + did_you_mean(rouge_profile, expected)
        )
    words = [word for reference in references for word in tokenize(reference)]
    foreign = sum(not word.isascii() for word in words)
    return "unicode-1" if words and foreign / len(words) >= NON_ASCII_SHARE else "rouge-score"


def signature_of(profile: str) -> str:
    """Return how scores of a profile come about, in the form that sacrebleu made customary."""
    import unicodedata

    words = "tok:rouge-score|stem:porter"
    if profile == "unicode-1":
        words = f"tok:unicode-1|stem:no|unicode:{unicodedata.unidata_version}"
    return f"rouge:rouge-score-{version('rouge-score')}|{words}|agg:mean"


def means(scores: Iterable[Record]) -> dict[str, float]:
    """Return the mean of every metric over the examples that have a score; empty if none has."""
    scored = [record["metrics"] for record in scores if record["status"] != "unscored"]
    return {name: fmean(metrics[name] for metrics in scored) for name in METRICS if scored}


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


class _Scorer(NamedTuple):
    """One profile at work."""

    count_tokens: Callable[[str], int]
    rouge: Callable[[str, str], Mapping[str, Any]]


def _rouge_scorer(profile: str) -> _Scorer:
    from rouge_score import tokenizers  # here, because it imports nltk, which takes over a second
    from rouge_score.rouge_scorer import RougeScorer

    words = UnicodeTokenizer() if profile == "unicode-1" else tokenizers.DefaultTokenizer(use_stemmer=True)
    scorer = RougeScorer(list(ROUGE_TYPES), tokenizer=words)
    return _Scorer(lambda text: len(words.tokenize(text)), scorer.score)


def _score_one(example: Record, prediction: Record, scorer: _Scorer) -> Record:
    text = prediction["text"] or ""
    counts = {
        "reference_tokens": scorer.count_tokens(example["reference"]),
        "prediction_tokens": scorer.count_tokens(text),
    }
    status, cause = _status(prediction["outcome"], text, counts["reference_tokens"])
    metrics = dict.fromkeys(METRICS, 0.0) if status == "zero" else {}
    if status == "scored":
        found = scorer.rouge(example["reference"], text)
        metrics = {
            f"{kind}_{field}": float(getattr(found[kind], attribute))
            for field, attribute in _FIELDS.items()
            for kind in ROUGE_TYPES
        }
    return {"id": example["id"], "status": status, "cause": cause, "metrics": metrics, "counts": counts}


def _status(outcome: str, text: str, reference_tokens: int) -> tuple[str, str]:
    """Return status and cause; a reference without tokens comes first, so that it is unscored on both sides."""
    if reference_tokens == 0:
        return "unscored", NO_REFERENCE
    if outcome in (REJECTED, FAILED):
        return "unscored", outcome
    if outcome in ("answered", TRUNCATED) and text.strip():
        return "scored", ""
    if outcome in ("answered", TRUNCATED, EMPTY, BLOCKED):
        return "zero", EMPTY if outcome == "answered" else outcome
    raise ComparisonError(
        f"predictions: outcome is `{outcome}`, expected answered, truncated, empty, blocked, rejected or failed"
    )
