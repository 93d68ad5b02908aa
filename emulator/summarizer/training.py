"""Trains the summariser on pairs of article and summary, as a tuning job does: epochs, steps, losses, checkpoints.

Every word of an article is one prediction: is it wanted in the summary? The loss is the mean cross-entropy a word, the
accuracy the share of words predicted right. Adagrad, 16 examples a step. The same pairs and settings give the same
weights, bit for bit on one machine.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import log
from typing import TYPE_CHECKING, NamedTuple

from emulator.summarizer.articles import Article, read
from emulator.summarizer.model import Forward, Weights, forward, length_features, prior, sigmoid
from emulator.summarizer.word_features import BUCKETS, columns, hashed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXAMPLES_PER_STEP = 16
LEARNING_RATE = 0.1
FIRST_SQUARES = 0.01
"""Start of Adagrad's sums of squares: gradients smaller than a tenth are not blown up at first."""
CHECKPOINTS = 10
TRAINED = 4
"""The first arrays of `Weights` are trained; the openings are counted."""


class Settings(NamedTuple):
    """A tuning job's hyperparameters."""

    epoch_count: int
    adapter_size: int
    learning_rate_multiplier: float


class Measure(NamedTuple):
    """One point of the curves."""

    step: int
    loss: float
    accuracy: float
    predictions: int


class Epoch(NamedTuple):
    """One pass over the training examples, as it ended."""

    number: int
    steps: list[Measure]
    validation: Measure | None
    weights: Weights


def default_epoch_count(examples: int) -> int:
    """Epochs when the job names none: fewer for a larger dataset. The service does so, too; its numbers are unknown."""
    return 4 if examples < 500 else 3 if examples < 5000 else 2


def step_count(examples: int, epoch_count: int) -> int:
    """Steps of a whole training.

    >>> step_count(200, 4)
    52
    """
    return epoch_count * -(-examples // EXAMPLES_PER_STEP)


def checkpoint_epochs(epoch_count: int) -> list[int]:
    """The epochs after which a checkpoint is kept: all below ten, else about ten evenly spaced and the last.

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tuning-checkpoints.

    >>> checkpoint_epochs(3), checkpoint_epochs(25)
    ([1, 2, 3], [2, 5, 8, 10, 12, 15, 18, 20, 22, 25])
    """
    if epoch_count <= CHECKPOINTS:
        return list(range(1, epoch_count + 1))
    return sorted({round(number * epoch_count / CHECKPOINTS) for number in range(1, CHECKPOINTS + 1)})


def train(
    pairs: Sequence[tuple[str, str]],
    validation: Sequence[tuple[str, str]],
    settings: Settings,
    start: Weights | None = None,
) -> Iterator[Epoch]:
    """Train epoch by epoch; whoever iterates may stop at any of them.

    Args:
        pairs: Articles and their summaries; at least one.
        validation: The same, only measured.
        settings: How to train.
        start: Weights to go on from, with the adapter size of `settings` or another; None starts from the base model.
    """
    import numpy as np

    texts = _read(pairs)
    examples = [_example(article, summary) for article, summary in texts]
    measured = _batch([_example(article, summary) for article, summary in _read(validation)]) if validation else None
    order = np.random.default_rng(0)
    initial = _initial(examples, settings.adapter_size, start)._replace(openings=_openings(texts))
    learner = _Learner(initial, settings.learning_rate_multiplier)
    step = 0
    for number in range(1, settings.epoch_count + 1):
        steps = []
        shuffled = order.permutation(len(examples))
        for begin in range(0, len(shuffled), EXAMPLES_PER_STEP):
            step += 1
            batch = _batch([examples[at] for at in shuffled[begin : begin + EXAMPLES_PER_STEP]])
            steps.append(learner.learn(batch, step))
        checked = measured and _measure(measured, forward(measured.features, measured.belief, learner.weights), step)
        yield Epoch(number, steps, checked, learner.snapshot())


def _read(pairs: Sequence[tuple[str, str]]) -> list[tuple[Article, Article]]:
    """Articles and summaries; an article without words becomes one word, so that it cannot break the arithmetic."""
    return [(read(article if article.strip() else "-"), read(summary)) for article, summary in pairs]


class _Example(NamedTuple):
    """An article's words: their features, the base model's belief, and whether the summary wants them."""

    features: "NDArray[np.int32]"
    belief: "NDArray[np.float32]"
    wanted: "NDArray[np.float32]"
    length: "NDArray[np.float32]"
    """A row an example: features of the summary's length, what the base model lacks to it as a logarithm."""


def _example(article: Article, summary: Article) -> _Example:
    import numpy as np

    *known, base = length_features(article)
    length = np.array([[*known, log(max(1, len(summary.offsets))) - base]], np.float32)
    return _Example(columns(article), prior(article), _wanted(article, summary), length)


def _wanted(article: Article, summary: Article) -> "NDArray[np.float32]":
    """1 for every word that a sentence of the summary took from the sentence of the article it is closest to."""
    import numpy as np

    wanted = np.zeros(len(article.offsets), np.float32)
    stems = [set(article.stems[first:after]) for first, after in article.sentences()]
    spread = Counter(stem for each in stems for stem in each)
    for first, after in summary.sentences():
        taken = set(summary.stems[first:after])
        closeness = [sum(1 / spread[stem] for stem in sorted(taken & each)) for each in stems]
        begin, end = article.sentences()[int(np.argmax(closeness))]
        for word in range(begin, end):
            wanted[word] = max(wanted[word], article.stems[word] in taken)
    return wanted


def _batch(examples: Sequence[_Example]) -> _Example:
    """The words of several examples as one."""
    import numpy as np

    return _Example(*(np.concatenate(column) for column in zip(*examples, strict=True)))


def _measure(batch: _Example, result: Forward, step: int) -> Measure:
    """Loss and accuracy of a pass."""
    import numpy as np

    logits, wanted = result.logits.astype(np.float64), batch.wanted
    loss = np.maximum(logits, 0) - logits * wanted + np.log1p(np.exp(-np.abs(logits)))
    return Measure(step, float(loss.mean()), float(((logits > 0) == (wanted > 0.5)).mean()), len(wanted))


def _initial(examples: Sequence[_Example], adapter_size: int, start: Weights | None) -> Weights:
    """Weights before the first step. Features that no example has stay zero: nothing is known about them."""
    import numpy as np

    factors = np.random.default_rng(0).normal(0, 0.01, (BUCKETS, adapter_size)).astype(np.float32)
    met = np.zeros(BUCKETS, bool)
    met[np.concatenate([example.features.ravel() for example in examples])] = True
    factors[~met] = 0
    if start is None:
        linear, trust, length = (np.zeros(BUCKETS, np.float32), np.ones(1, np.float32), np.zeros(4, np.float32))
        return Weights(linear, factors, trust, length, linear.copy())
    shared = min(adapter_size, start.factors.shape[1])
    factors[:, :shared] = np.where(start.factors[:, :shared] == 0, factors[:, :shared], start.factors[:, :shared])
    return Weights(start.linear.copy(), factors, start.trust.copy(), start.length.copy(), start.openings)


def _openings(pairs: Sequence[tuple[Article, Article]]) -> "NDArray[np.float32]":
    """How much likelier each word opens a sentence of a summary than a clause of an article, as a logarithm."""
    import numpy as np

    wanted, usual = np.full(BUCKETS, 0.5), np.full(BUCKETS, 0.5)
    for article, summary in pairs:
        for word in summary.starts:
            wanted[hashed(summary.stems[word]) % BUCKETS] += 1
        for word in set(article.clause):
            usual[hashed(article.stems[word]) % BUCKETS] += 1
    share = (wanted - 0.5).sum() / max(1.0, (usual - 0.5).sum())
    return np.asarray(np.log(wanted / ((usual - 0.5) * share + 0.5)), np.float32)


class _Learner:
    """Weights and Adagrad's sums of squares."""

    def __init__(self, weights: Weights, multiplier: float) -> None:
        import numpy as np

        self.weights = weights
        self._rate = LEARNING_RATE * multiplier
        self._squares = [np.full_like(array, FIRST_SQUARES) for array in weights[:TRAINED]]

    def learn(self, batch: _Example, step: int) -> Measure:
        """Take one step; the measure is from before it."""
        import numpy as np

        result = forward(batch.features, batch.belief, self.weights)
        error = ((sigmoid(result.logits) - batch.wanted) / len(batch.wanted)).astype(np.float32)
        gradients = _gradients(self.weights, batch, result, error)
        for array, gradient, squares in zip(self.weights[:TRAINED], gradients, self._squares, strict=True):
            squares += gradient**2
            array -= self._rate * gradient / np.sqrt(squares)
        return _measure(batch, result, step)

    def snapshot(self) -> Weights:
        """A copy that further steps do not change."""
        return Weights(*(array.copy() for array in self.weights))


def _gradients(
    weights: Weights, batch: _Example, result: Forward, error: "NDArray[np.float32]"
) -> "list[NDArray[np.float32]]":
    """Gradients of the mean loss in the order of `Weights`; that of the length is of half its mean squared error."""
    import numpy as np

    index = batch.features.ravel()
    linear = np.bincount(index, np.repeat(error, batch.features.shape[1]), BUCKETS)
    outer = error[:, None, None] * (result.sums[:, None, :] - result.factors)
    factors = [np.bincount(index, outer[:, :, k].ravel(), BUCKETS) for k in range(outer.shape[2])]
    trust = np.array([error @ batch.belief])
    features, target = batch.length[:, :-1], batch.length[:, -1]
    length = features.T @ (features @ weights.length - target) / len(target)
    return [np.asarray(each, np.float32) for each in (linear, np.stack(factors, axis=1), trust, length)]
