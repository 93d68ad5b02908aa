"""Is the difference between two models real? Statistics of paired scores, after the practice of machine translation.

Both models answered the same prompts, so everything here works on the differences example by example: how hard a
prompt is cancels out, and a third of the examples shows what unpaired scores would need.

The interval is Student's t, which keeps its 95 % from 20 examples on where bootstrap intervals are too narrow.
The p-value comes from flipping signs at random (a permutation test of the mean), because it assumes nothing about the
distribution. Several metrics are corrected together by the largest statistic of each flip (Westfall and Young 1993).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 9_999
SEED = 12345
EXACT_UP_TO = 13
"""Most pairs for which all 2^n sign flips are tried; more would be more than RESAMPLES."""

TIE = 1e-9
"""Largest absolute difference of one example that is a tie: floating-point noise is no win."""

DETECTABLE = 2.802
"""Normal quantiles of 97.5 % plus 80 %: an effect of so many standard errors is found in four cases of five."""

_ROUNDING = 1e-12  # a flipped mean that equals the observed one may differ in the last bit
_CHUNK = 500  # flips at a time: 40 MB at 10,000 pairs


class Distribution(NamedTuple):
    """Where the scores of one side lie. `sd` is None for fewer than two scores, everything for none."""

    n: int
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    q1: float | None = None
    median: float | None = None
    q3: float | None = None
    max: float | None = None


class PairedDifference(NamedTuple):
    """Candidate minus baseline for one metric.

    With fewer than two pairs there is no interval: `low`, `high` and `smallest_detectable` are None; without any
    pair, `difference`, `p` and `p_adjusted` are, too.
    """

    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    wins: int
    ties: int
    losses: int
    smallest_detectable: float | None


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval, and the standard deviation behind it."""

    mean: float
    low: float | None
    high: float | None
    sd: float | None


def describe(values: Sequence[float]) -> Distribution:
    """Return the summary of a set of scores; quartiles interpolate linearly.

    >>> describe([0.0, 0.5, 1.0]).median
    0.5
    """
    import numpy as np

    if not values:
        return Distribution(0)
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    quartiles = (float(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    return Distribution(len(values), float(np.mean(values)), sd, *quartiles)


def paired_differences(
    baseline: Mapping[str, Sequence[float]], candidate: Mapping[str, Sequence[float]], *, primary: str
) -> dict[str, PairedDifference]:
    """Return the statistics of candidate minus baseline for every metric.

    Args:
        baseline: Metric name → scores of the baseline, one an example.
        candidate: The same for the candidate, in the same order of examples.
        primary: The metric that was declared before the run. It is tested alone, so its `p_adjusted` is its `p`;
            the others are corrected for being several.

    Raises:
        ValueError: The two sides differ in their number of scores.

    >>> paired_differences({"f1": [0.2, 0.4]}, {"f1": [0.2, 0.4]}, primary="f1")["f1"].p
    1.0
    """
    import numpy as np

    names = list(baseline)
    pairs = [np.asarray(candidate[name], float) - np.asarray(baseline[name], float) for name in names]
    differences = np.column_stack(pairs)
    differences[np.abs(differences) <= TIE] = 0.0  # divided by its own spread, noise would look like an effect
    if not len(differences):
        return {name: PairedDifference(0, None, None, None, None, None, 0, 0, 0, None) for name in names}
    p_values, adjusted = sign_flip_p(differences, family=[name != primary for name in names])
    return {
        name: _paired_difference(differences[:, column], p_values[column], adjusted[column])
        for column, name in enumerate(names)
    }


def t_interval(values: Matrix) -> Interval:
    """Return the mean of values with its Student t interval.

    Without variance the interval is the mean itself; with a single value there is none.
    """
    from scipy.special import stdtrit  # the t quantile; scipy.stats would take a second to import

    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Interval(mean, None, None, None)
    sd = float(values.std(ddof=1))
    half_width = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * sd / math.sqrt(n)
    return Interval(mean, mean - half_width, mean + half_width, sd)


def sign_flip_p(differences: Matrix, *, family: Sequence[bool]) -> tuple[list[float], list[float]]:
    """Return the two-sided p-value of each column's mean, and the same corrected for several columns.

    Without an effect, each example's difference could as well have the other sign: p is the share of sign flips whose
    mean is as far from 0 as the observed one. All flips are tried for up to 13 examples, else 9,999 random ones.
    Corrected (max-T): the share of flips in which *any* column of the family is as extreme as this one.

    Args:
        differences: One row an example, one column a metric.
        family: Which columns are corrected together; the others keep their p-value.
    """
    import numpy as np

    n = len(differences)
    observed = np.abs(differences.mean(axis=0))
    spread = np.sqrt((differences**2).sum(axis=0)) / n  # standard deviation of the mean over all flips
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    members = np.asarray(family, bool)
    # The observed signs are one of the possible flips; among random ones it is counted in by hand (Phipson 2010).
    counted = 0 if n <= EXACT_UP_TO else 1
    extreme, extreme_any, flips = np.full(len(observed), counted), np.full(len(observed), counted), counted
    for signs in _sign_flips(n):
        flipped = np.abs(signs @ differences) / n
        extreme += (flipped >= observed - _ROUNDING).sum(axis=0)
        largest = (flipped * scale)[:, members].max(axis=1, initial=0.0)
        extreme_any += (largest[:, None] >= observed * scale - _ROUNDING).sum(axis=0)
        flips += len(signs)
    p_values = extreme / flips
    return p_values.tolist(), np.where(members, np.maximum(extreme_any / flips, p_values), p_values).tolist()


def _sign_flips(n: int) -> Iterator[Matrix]:
    """Yield matrices of ±1, one row a flip of n examples."""
    import numpy as np

    if n <= EXACT_UP_TO:
        yield np.where((np.arange(2**n)[:, None] >> np.arange(n)) & 1, -1.0, 1.0)
        return
    generator = np.random.default_rng(SEED)
    for start in range(0, RESAMPLES, _CHUNK):
        rows = min(_CHUNK, RESAMPLES - start)
        yield np.where(generator.integers(0, 2, size=(rows, n), dtype=np.int8), -1.0, 1.0)


def _paired_difference(values: Matrix, p: float, p_adjusted: float) -> PairedDifference:
    interval = t_interval(values)
    detectable = None if interval.sd is None else DETECTABLE * interval.sd / math.sqrt(len(values))
    wins, losses = int((values > TIE).sum()), int((values < -TIE).sum())
    return PairedDifference(
        n=len(values),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        p=p,
        p_adjusted=p_adjusted,
        wins=wins,
        ties=len(values) - wins - losses,
        losses=losses,
        smallest_detectable=detectable,
    )
