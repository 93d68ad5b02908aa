"""What BLEU and chrF2 count in one answer, by sacrebleu, and how sacrebleu calls it.

sacrebleu adds these counts up itself and does not publish them; its inner functions are used here, and the version is
pinned to one minor release for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gemtune.metrics.tokens import UNSPACED

_KANA = re.compile("[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd]")
_UNSPACED = re.compile(f"[{UNSPACED}]")


class SegmentCounts:
    """One metric of sacrebleu, asked for one answer at a time."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def of(self, reference: str, answer: str) -> list[int]:
        """Return the counts of an answer, which add up over a corpus."""
        counts = self._metric._extract_corpus_statistics([answer], [[reference]])[0]
        return [int(count) for count in counts]

    def score(self, counts: list[int]) -> float:
        """Return the figure of counts, 0 to 100."""
        return float(self._metric._compute_score_from_stats(counts).score)

    @property
    def signature(self) -> str:
        """Return sacrebleu's signature."""
        self._metric.corpus_score(["a"], [["a"]])  # which is when sacrebleu learns the number of references
        return str(self._metric.get_signature())


def chrf2() -> SegmentCounts:
    """Return chrF2: character n-grams up to 6, without white space, in any language."""
    from sacrebleu.metrics import CHRF

    return SegmentCounts(CHRF())


def bleu(references: Iterable[str]) -> SegmentCounts:
    """Return BLEU with the tokenizer for these references."""
    from sacrebleu.metrics import BLEU

    # `force` silences the warning that texts look tokenized already.
    return SegmentCounts(BLEU(tokenize=bleu_tokenizer(references), force=True))


def bleu_tokenizer(references: Iterable[str]) -> str:
    """Return sacrebleu's tokenizer for texts: 13a, or for scripts without spaces zh (Chinese) or char (all others).

    sacrebleu's own choice for Japanese needs MeCab with its dictionary, which a step does not have.

    >>> bleu_tokenizer(["Elige una silla"]), bleu_tokenizer(["今天天气很好"]), bleu_tokenizer(["椅子に座ります"])
    ('13a', 'zh', 'char')
    """
    text = "".join("".join(reference.split()) for reference in references)
    unspaced = len(_UNSPACED.findall(text))
    if unspaced < len(text) / 2:
        return "13a"
    return "zh" if len(_HAN.findall(text)) > 0.9 * unspaced and not _KANA.search(text) else "char"
