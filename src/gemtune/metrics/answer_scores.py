"""Scores of answers that are right or wrong: labels, spans of a text, JSON, and translations."""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gemtune.metrics import sacrebleu_counts
from gemtune.metrics.profiles import choose_profile, words_signature
from gemtune.metrics.tokens import tokenize
from gemtune.records import Record

Marks = tuple[dict[str, float], dict[str, Any]]
"""Metrics of one answer, and counts."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class LabelScores:
    """Classification: the answer is the label, or it is wrong."""

    no_reference = "reference without a label"
    signature = "label:nfkc|case:folded|edges:stripped"

    def __init__(self, references: Sequence[str]) -> None:
        self._labels = {label_of(reference) for reference in references}

    def read(self, reference: str) -> str | None:
        """Return a reference's label, or None if it is empty."""
        return label_of(reference) or None

    def score(self, reference: str, answer: str, example: Record, neighbour: str | None) -> Marks:
        """Return accuracy, and reference and answer as labels; an answer that is no label is ''."""
        found = label_of(answer)
        label = found if found in self._labels else ""
        return {"accuracy": float(label == reference)}, {"label": reference, "answer": label}


def label_of(text: str) -> str:
    """Return a label without what does not matter: case, width, white space and punctuation around it.

    >>> label_of(' "Very  Positive". ')
    'very positive'
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    # A label may consist of symbols alone, such as + and -.
    return folded.strip(string.punctuation + string.whitespace) or folded


class SpanScores:
    """Extractive question answering, as SQuAD scores it (Rajpurkar et al. 2016): exact match and F1 of words.

    English loses case, punctuation and articles, by SQuAD's own rules; other languages are cut by unicode-1.
    """

    no_reference = "reference without tokens"

    def __init__(self, references: Sequence[str], *, rouge_profile: str) -> None:
        self._is_english = choose_profile(rouge_profile, references) == "rouge-score"
        self.signature = "squad:1.1" if self._is_english else f"squad:1.1|{words_signature('unicode-1')}"

    def read(self, reference: str) -> list[str] | None:
        """Return the words of a reference, or None if it has none."""
        return self._words(reference) or None

    def score(self, reference: list[str], answer: str, example: Record, neighbour: list[str] | None) -> Marks:
        """Return exact match and token F1."""
        words = self._words(answer)
        shared = sum((Counter(reference) & Counter(words)).values())
        f1 = 2 * shared / (len(reference) + len(words))
        counts = {"reference_tokens": len(reference), "prediction_tokens": len(words)}
        return {"token_f1": f1, "exact_match": float(words == reference)}, counts

    def _words(self, text: str) -> list[str]:
        if not self._is_english:
            return tokenize(text)
        return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


class TranslationScores:
    """Translation: counts for BLEU and chrF2 of the corpus, and chrF2 of each answer."""

    no_reference = "reference without text"

    def __init__(self, references: Sequence[str]) -> None:
        self._chrf, self._bleu = sacrebleu_counts.chrf2(), sacrebleu_counts.bleu(references)
        self.signature = f"chrf2:{self._chrf.signature};bleu:{self._bleu.signature}"

    def read(self, reference: str) -> str | None:
        """Return a reference, or None if it is empty."""
        return reference if reference.strip() else None

    def score(self, reference: str, answer: str, example: Record, neighbour: str | None) -> Marks:
        """Return sentence chrF2, and the counts of both corpus statistics."""
        chrf = self._chrf.of(reference, answer)
        return {"sentence_chrf2": self._chrf.score(chrf)}, {"chrf2": chrf, "bleu": self._bleu.of(reference, answer)}


class JsonScores:
    """JSON answers: whether they can be parsed, and how many fields are right.

    A field is a value that is no object or array, by its path. Fields that the reference does not have count as
    wrong ones, so that an answer cannot win by holding everything.
    """

    no_reference = "reference is not JSON"
    signature = "json:rfc8259|fields:exact|surplus:wrong"

    def read(self, reference: str) -> dict[str, Any] | None:
        """Return the fields of a reference, or None if it is not JSON."""
        return fields_of(reference)

    def score(self, reference: dict[str, Any], answer: str, example: Record, neighbour: dict[str, Any] | None) -> Marks:
        """Return validity and field accuracy."""
        fields = fields_of(answer)
        found = fields or {}
        # JSON text, because true is not 1 and 1 is not 1.0 there.
        right = sum(json.dumps(found[path]) == json.dumps(value) for path, value in reference.items() if path in found)
        counts = {"reference_fields": len(reference), "prediction_fields": len(found)}
        accuracy = right / len(reference.keys() | found.keys())
        return {"field_accuracy": accuracy, "json_valid": float(fields is not None)}, counts


def fields_of(text: str) -> dict[str, Any] | None:
    """Return path → value of every field of a JSON text, or None if the text is not JSON.

    >>> fields_of('{"a": [1, {"b": null}], "c": {}}')
    {'/a/0': 1, '/a/1/b': None, '/c': {}}
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    fields: dict[str, Any] = {}
    queue = [("", value)]
    while queue:
        path, value = queue.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        inner = [(f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}", each) for key, each in items]
        if not inner:
            fields[path] = value
        queue += reversed(inner)
    return fields


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
