"""The emulator's language model: a small extractive summariser that can really be trained.

The base model answers with an article's leading sentences, as a summariser does that was never told what is wanted.
A tuned model cuts the article into clauses and keeps those whose words look wanted. How wanted a word is, the base
model's belief and an adapter decide together: a factorisation machine over hashed features, whose rank is the tuning
job's adapter size. The length, and the words that open a sentence, are learned from the summaries as well.

Faithful: answers, losses and errors depend on the examples it was given, and on nothing else.
Not modelled: language. It cannot write a word that the article has not, nor follow an instruction.
"""

from functools import lru_cache
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emulator.summarizer.articles import Article, read
from emulator.summarizer.word_features import BUCKETS, columns, hashed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEADING_SENTENCES = 3
PRIOR_LOGIT = 4.0
"""How sure the base model is: a word of the leading sentences is wanted with 98 %, any other with 2 %."""

COST_OF_A_WORD = 0.4
"""A word must be wanted with more than this probability to be worth its place."""

OPENING_WEIGHT = 0.1
"""Worth of an opening beside that of the words, which also carries style from examples that teach nothing else."""

SHORTEST_PASSAGE = 4
MOST_CLAUSES = 12
"""Longest run of clauses that is weighed as one passage; keeps a text without full stops affordable."""


class Weights(NamedTuple):
    """What tuning learns."""

    linear: "NDArray[np.float32]"
    """One weight per feature bucket."""
    factors: "NDArray[np.float32]"
    """Feature buckets by adapter size."""
    trust: "NDArray[np.float32]"
    """Factor on the base model's belief; a single number."""
    length: "NDArray[np.float32]"
    """Coefficients of `length_features`: how much longer than the base model's answer, as a logarithm."""
    openings: "NDArray[np.float32]"
    """One number per bucket of words: how much likelier the word opens a wanted sentence than any clause."""

    def save(self, path: Path) -> None:
        """Write a checkpoint; equal weights give equal bytes."""
        import numpy as np

        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, **self._asdict())


@lru_cache(maxsize=32)
def load(path: Path) -> Weights:
    """Read a checkpoint; it is never written twice, so it is kept in memory."""
    import numpy as np

    with np.load(path) as arrays:
        return Weights(**{name: arrays[name] for name in Weights._fields})


class Summary(NamedTuple):
    """An answer of the model."""

    text: str
    log_probability: float
    """Mean logarithm of how wanted the answer's words are; at most 0."""


def summarize(text: str, weights: Weights | None) -> Summary:
    """Answer with a summary of `text`; a text without words gives an empty one.

    Args:
        text: The article, in any language.
        weights: A checkpoint of a tuned model, or None for the base model.
    """
    import numpy as np

    article = read(text)
    if not article.offsets:
        return Summary("", 0.0)
    if weights is None:
        passages = [Passage(0.0, first, after) for first, after in article.sentences()[:LEADING_SENTENCES]]
        wanted = sigmoid(prior(article))
        answer = " ".join(article.passage(kept.first, kept.after) for kept in passages)
    else:
        wanted = word_probabilities(article, weights)
        passages = _choose(article, weights, wanted)
        answer = " ".join(article.as_sentence(kept.first, kept.after) for kept in passages)
    kept_words = np.concatenate([wanted[kept.first : kept.after] for kept in passages])
    return Summary(answer, float(np.log(kept_words).mean()))


def prior(article: Article) -> "NDArray[np.float32]":
    """The base model's belief, as a logit per word."""
    import numpy as np

    leading = np.array(article.sentence) < LEADING_SENTENCES
    return np.where(leading, PRIOR_LOGIT, -PRIOR_LOGIT).astype(np.float32)


def length_features(article: Article) -> list[float]:
    """What the length of a summary is predicted from, each about 0 for a usual article: its words, its sentences.

    The last one is the logarithm of the base model's length itself, from which the prediction starts.
    """
    words, sentences = max(1, len(article.offsets)), max(1, len(article.starts))
    leading = article.starts[LEADING_SENTENCES] if sentences > LEADING_SENTENCES else words
    return [1.0, log(words / 100), log(sentences / 8), log(leading / 50), log(leading)]


class Passage(NamedTuple):
    """A run of whole clauses of one sentence."""

    score: float
    first: int
    after: int


def _choose(article: Article, weights: Weights, wanted: "NDArray[np.float32]") -> list[Passage]:
    """The passages to keep, in the article's order: at most one a sentence, the best first until it is long enough."""
    import numpy as np

    total = np.cumsum([0.0, *(wanted - COST_OF_A_WORD)])
    opening = OPENING_WEIGHT * weights.openings[[hashed(stem) % BUCKETS for stem in article.stems]]
    passages = [_best_passage(article, sentence, total, opening) for sentence in article.sentences()]
    room = _wanted_words(article, weights)
    kept: list[Passage] = []
    for passage in sorted(passages, key=lambda each: (-each.score, each.first)):
        length = passage.after - passage.first
        if kept and room <= 0:
            break
        if not kept or length <= 2 * room:
            kept.append(passage)
            room -= length
    return sorted(kept, key=lambda each: each.first)


def _best_passage(
    article: Article,
    sentence: tuple[int, int],
    total: "NDArray[np.float64]",
    opening: "NDArray[np.float32]",
) -> Passage:
    """The run of clauses of a sentence whose words are worth most and which opens best.

    Args:
        article: What it is cut from.
        sentence: First word and word after the last.
        total: Worth of all words before each word.
        opening: Worth of each word as an opening.
    """

    def weigh(first: int, after: int) -> Passage:
        mean_of_length = float(total[after] - total[first]) / (after - first) ** 0.5
        return Passage(mean_of_length + float(opening[first]), first, after)

    first, after = sentence
    cuts = [word for word in range(first, after) if article.clause[word] == word] + [after]
    best = weigh(first, after)
    for number, start in enumerate(cuts):
        for end in cuts[number + 1 : number + 1 + MOST_CLAUSES]:
            if end - start >= SHORTEST_PASSAGE:
                best = max(best, weigh(start, end))
    return best


def _wanted_words(article: Article, weights: Weights) -> float:
    """How many words a summary of this article should have; at most as many as the article."""
    import numpy as np

    *features, base = length_features(article)
    predicted = base + float(weights.length @ np.array(features, np.float32))
    return float(np.exp(min(predicted, log(len(article.offsets)))))


def word_probabilities(article: Article, weights: Weights) -> "NDArray[np.float32]":
    """How much each word is wanted, from 0 to 1."""
    return sigmoid(forward(columns(article), prior(article), weights).logits)


class Forward(NamedTuple):
    """What a pass over some words computed; the factors are kept for the gradient."""

    logits: "NDArray[np.float32]"
    factors: "NDArray[np.float32]"
    """Words by features by adapter size."""
    sums: "NDArray[np.float32]"
    """Words by adapter size."""


def forward(index: "NDArray[np.int32]", belief: "NDArray[np.float32]", weights: Weights) -> Forward:
    """Logit of each word: the base model's belief, one weight a feature, and all pairs of features.

    Source of the pairs: Rendle 2010, Factorization Machines, https://doi.org/10.1109/ICDM.2010.127.
    """
    factors = weights.factors[index]
    sums = factors.sum(axis=1)
    pairs = (sums**2).sum(axis=1) - (factors**2).sum(axis=(1, 2))
    return Forward(weights.trust * belief + weights.linear[index].sum(axis=1) + pairs / 2, factors, sums)


def sigmoid(logits: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Probability of each logit."""
    import numpy as np

    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)
