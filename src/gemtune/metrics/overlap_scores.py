"""Scores of free text: ROUGE with its chance floor, chrF2, and for summaries how they relate to their source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemtune.metrics import sacrebleu_counts
from gemtune.metrics.profiles import choose_profile, rouge_signature
from gemtune.metrics.rouge import Text, Vocabulary, scorer
from gemtune.records import Record

RUN_WORDS = 4
"""So many words in a row are no coincidence: the length of a copied run, and of what counts as repeated."""


class OverlapScores:
    """Scores answers by what they share with their reference."""

    no_reference = "reference without tokens"

    def __init__(
        self, references: Sequence[str], answers: Sequence[str], *, rouge_profile: str, with_sources: bool
    ) -> None:
        profile = choose_profile(rouge_profile, references)
        self._vocabulary = Vocabulary(profile)
        self._rouge = scorer(profile, self._vocabulary, references, answers)
        self._chrf = sacrebleu_counts.chrf2()
        self._with_sources = with_sources
        self.signature = f"{rouge_signature(profile)};chrf2:{self._chrf.signature}"

    def read(self, reference: str) -> Text | None:
        """Return a reference cut into words, or None if it has none."""
        text = self._vocabulary.read(reference)
        return text if text.words else None

    def score(
        self, reference: Text, answer: str, example: Record, neighbour: Text | None
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the metrics of an answer, and its counts.

        `chance` is what the answer scores against the reference of another example: ROUGE of unrelated texts.
        """
        text = self._vocabulary.read(answer)
        metrics = {
            f"{kind}_{field}": value
            for kind, overlap in self._rouge.score(reference, text).items()
            for field, value in overlap._asdict().items()
        }
        counts: dict[str, Any] = {
            "reference_tokens": len(reference.words),
            "prediction_tokens": len(text.words),
            "chrf2": self._chrf.of(reference.raw, answer),
        }
        if neighbour:
            unrelated = self._rouge.score(neighbour, text)
            counts["chance"] = {f"{kind}_f1": overlap.f1 for kind, overlap in unrelated.items()}
        if self._with_sources:
            metrics |= describe(reference.words, text.words, self._vocabulary.read(source_text(example)).words)
        return metrics, counts


def source_text(example: Record) -> str:
    """Return what the user's turns of an example's prompt say."""
    turns = example.get("prompt", {}).get("contents", [])
    parts = (part for turn in turns if turn.get("role", "user") == "user" for part in turn.get("parts", []))
    return "\n".join(part["text"] for part in parts if "text" in part)


def describe(reference: list[int], answer: list[int], source: list[int]) -> dict[str, float]:
    """Return how an answer relates to its source; an answer without words has a length only.

    - length_ratio: words of the answer per word of the reference;
    - compression: words of the source per word of the answer (Grusky et al. 2018);
    - novelty: share of the answer's bigrams that the source does not have (See et al. 2017);
    - copied_share: share of the answer's words in runs of RUN_WORDS or more that the source has in that order;
    - repetition: share of the answer's runs of RUN_WORDS that it has before (Welleck et al. 2020).

    >>> describe([1, 2], [1, 2, 3, 9], [1, 2, 3, 4, 5, 6, 7, 8])["novelty"]
    0.3333333333333333
    """
    found = {"length_ratio": len(answer) / len(reference)}
    if not answer:
        return found
    bigrams, known = runs(answer, 2), set(runs(source, 2))
    longer, copied = runs(answer, RUN_WORDS), set(runs(source, RUN_WORDS))
    places = {place + offset for place, run in enumerate(longer) if run in copied for offset in range(RUN_WORDS)}
    return {
        **found,
        "compression": len(source) / len(answer),
        "novelty": sum(bigram not in known for bigram in bigrams) / max(1, len(bigrams)),
        "copied_share": len(places) / len(answer),
        "repetition": 1 - len(set(longer)) / max(1, len(longer)) if longer else 0.0,
    }


def runs(words: Sequence[int], length: int) -> list[tuple[int, ...]]:
    """Return every run of so many neighbouring words."""
    return list(zip(*(words[start:] for start in range(length)), strict=False))
