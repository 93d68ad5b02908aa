"""Resampling of paired examples: sign flips for p-values, bootstrap samples for corpus statistics.

Without an effect, each example's two answers could as well be swapped. For a mean that flips the sign of the example's
difference; for a corpus statistic it moves the example's counts to the other side (approximate randomisation, as in
sacrebleu). All metrics see the same swaps and the same samples, so that they can be corrected together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

RESAMPLES = 9_999
BOOTSTRAP_SAMPLES = 2_000
SEED = 12345
CONFIDENCE = 0.95
EXACT_UP_TO = 13
"""Most pairs for which all 2^n sign flips are tried; more would be more than RESAMPLES."""

_ROUNDING = 1e-10  # a flipped figure that equals the observed one may differ in its last bits
_CHUNK = 500  # flips at a time
_CHUNK_SIGNS = 5_000_000  # at most: 40 MB


class CorpusPair(NamedTuple):
    """One corpus statistic of two models on the same examples."""

    baseline: Matrix
    """Counts, one row an example."""

    candidate: Matrix
    figure: Callable[[Matrix], Matrix]
    """Gives the figure of each row of summed counts."""

    @property
    def difference(self) -> float:
        """Return the candidate's figure minus the baseline's."""
        before, after = (self.figure(side.sum(axis=0)[None])[0] for side in (self.baseline, self.candidate))
        return float(after - before)


class BootstrapInterval(NamedTuple):
    """The 95 % percentile interval of a difference, and the standard deviation over the samples."""

    low: float
    high: float
    sd: float


def sign_flip_p(
    differences: Matrix, *, family: Sequence[bool], corpus: Sequence[CorpusPair] = ()
) -> tuple[list[float], list[float]]:
    """Return the two-sided p-value of each metric, and the same corrected for several metrics.

    p is the share of flips whose figure is as far from 0 as the observed one. All flips are tried for up to 13
    examples, else 9,999 random ones. Corrected (max-T, Westfall and Young 1993): the share of flips in which *any*
    metric of the family is as extreme as this one.

    Args:
        differences: One row an example, one column a mean; NaN where an example has no figure.
        family: Which metrics are corrected together, the columns first and then the corpus statistics; the others
            keep their p-value.
        corpus: Corpus statistics of the same examples.
    """
    import numpy as np

    n = len(differences)
    counts = np.maximum((~np.isnan(differences)).sum(axis=0), 1)
    known = np.nan_to_num(differences)  # an unknown difference is 0 whichever way it is flipped
    observed = np.abs([*(known.sum(axis=0) / counts), *(pair.difference for pair in corpus)])
    flipped = np.abs(np.vstack([_flipped(signs, known, counts, corpus) for signs in sign_flips(n)]))
    spread = np.sqrt((flipped**2).mean(axis=0))
    spread[: len(counts)] = np.sqrt((known**2).sum(axis=0)) / counts  # over all flips, not only those tried
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _ROUNDING)
    # The observed signs are one of the possible flips; among random ones they are counted in by hand (Phipson 2010).
    counted = 0 if n <= EXACT_UP_TO else 1
    members = np.asarray(family, bool)
    p_values = (counted + (flipped >= observed - _ROUNDING).sum(axis=0)) / (counted + len(flipped))
    largest = (flipped * scale)[:, members].max(axis=1, initial=0.0)
    extreme = (largest[:, None] >= observed * scale - _ROUNDING).sum(axis=0)
    adjusted = np.maximum((counted + extreme) / (counted + len(flipped)), p_values)
    return p_values.tolist(), np.where(members, adjusted, p_values).tolist()


def bootstrap(pairs: Sequence[CorpusPair]) -> list[BootstrapInterval]:
    """Return the interval of each corpus statistic's difference over 2,000 samples of examples, with replacement.

    A sample holds the same examples for both models and for every statistic. Percentiles are as good as it gets for
    statistics without a formula; below 100 examples they are some points too narrow.
    """
    import numpy as np

    generator = np.random.default_rng(SEED)
    n = len(pairs[0].baseline) if pairs else 0
    sides = [side for pair in pairs for side in (pair.baseline, pair.candidate)]
    sums: list[list[Matrix]] = [[] for _ in sides]
    for _ in range(BOOTSTRAP_SAMPLES if pairs else 0):
        weights = np.bincount(generator.integers(0, n, n), minlength=n).astype(float)
        for found, side in zip(sums, sides, strict=True):
            found.append(weights @ side)
    intervals = []
    for number, pair in enumerate(pairs):
        before, after = (pair.figure(np.asarray(sums[2 * number + side])) for side in (0, 1))
        low, high = np.quantile(after - before, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
        intervals.append(BootstrapInterval(low, high, float((after - before).std(ddof=1))))
    return intervals


def sign_flips(n: int) -> Iterator[Matrix]:
    """Yield matrices of ±1, one row a flip of n examples."""
    import numpy as np

    if n <= EXACT_UP_TO:
        yield np.where((np.arange(2**n)[:, None] >> np.arange(n)) & 1, -1.0, 1.0)
        return
    generator = np.random.default_rng(SEED)
    chunk = min(_CHUNK, max(1, _CHUNK_SIGNS // n))
    for start in range(0, RESAMPLES, chunk):
        rows = min(chunk, RESAMPLES - start)
        yield np.where(generator.integers(0, 2, size=(rows, n), dtype=np.int8), -1.0, 1.0)


def _flipped(signs: Matrix, known: Matrix, counts: Matrix, corpus: Sequence[CorpusPair]) -> Matrix:
    """Return the figures of some flips, one row a flip, one column a metric."""
    import numpy as np

    columns = [signs @ known / counts]
    for pair in corpus:
        surplus = pair.candidate - pair.baseline
        moved = (surplus.sum(axis=0) - signs @ surplus) / 2  # what the examples with a minus bring to the other side
        after = pair.figure(pair.candidate.sum(axis=0) - moved)
        columns.append((after - pair.figure(pair.baseline.sum(axis=0) + moved))[:, None])
    return np.hstack(columns)
