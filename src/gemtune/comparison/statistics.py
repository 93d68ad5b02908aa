"""Is the difference between two models real? Statistics of paired scores, after the practice of machine translation.

Both models answered the same prompts, so everything here works on the differences example by example: how hard a
prompt is cancels out, and a third of the examples shows what unpaired scores would need.

The interval is Student's t, which keeps its 95 % from 20 examples on where bootstrap intervals are too narrow.
The p-value comes from flipping signs at random (a permutation test of the mean), because it assumes nothing about the
distribution. Several metrics are corrected together by the largest statistic of each flip (Westfall and Young 1993).

BLEU, chrF and macro F1 are no means: their interval is that of a paired bootstrap and their p-value that of
approximate randomisation, which for a mean is the sign flip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gemtune.comparison.resampling import CONFIDENCE, BootstrapInterval, CorpusPair, bootstrap, sign_flip_p
from gemtune.comparison.sample_size import DETECTABLE, examples_needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

TIE = 1e-9
"""Largest absolute difference of one example that is a tie: floating-point noise is no win."""


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
    pair, `difference`, `p` and `p_adjusted` are, too. A corpus statistic has no wins, ties, losses and effect size.
    """

    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    wins: int | None
    ties: int | None
    losses: int | None
    smallest_detectable: float | None
    effect_size: float | None
    """Cohen's d_z: the mean difference in standard deviations of the differences; None where they do not vary."""

    examples_needed: int | None
    """So many examples show the difference seen in four cases of five; None if there is none."""


NO_DIFFERENCE = PairedDifference(0, None, None, None, None, None, 0, 0, 0, None, None, None)


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
    baseline: Mapping[str, Sequence[float | None]],
    candidate: Mapping[str, Sequence[float | None]],
    *,
    primary: str,
    corpus: Mapping[str, CorpusPair] | None = None,
) -> dict[str, PairedDifference]:
    """Return the statistics of candidate minus baseline for every metric.

    Args:
        baseline: Metric name → scores of the baseline, one an example; None leaves the example out of that metric.
        candidate: The same for the candidate, in the same order of examples.
        primary: The metric that was declared before the run. It is tested alone, so its `p_adjusted` is its `p`;
            the others are corrected for being several.
        corpus: Metrics that are no means, by name, with the counts of the same examples.

    Raises:
        ValueError: The two sides differ in their number of scores.

    >>> paired_differences({"f1": [0.2, 0.4]}, {"f1": [0.2, 0.4]}, primary="f1")["f1"].p
    1.0
    """
    import numpy as np

    corpus = corpus or {}
    names = [*baseline, *corpus]
    rows = max([*map(len, baseline.values()), *(len(pair.baseline) for pair in corpus.values())], default=0)
    if not rows:
        return dict.fromkeys(names, NO_DIFFERENCE)
    pairs = [np.asarray(candidate[name], float) - np.asarray(baseline[name], float) for name in baseline]
    differences = np.column_stack([np.empty((rows, 0)), *pairs])
    differences[np.abs(differences) <= TIE] = 0.0  # divided by its own spread, noise would look like an effect
    family, counted = [name != primary for name in names], list(corpus.values())
    tested = zip(*sign_flip_p(differences, family=family, corpus=counted), strict=True)
    known = (column[~np.isnan(column)] for column in differences.T)
    found = [_mean_difference(values, *next(tested)) for values in known]
    intervals = zip(counted, bootstrap(counted), strict=True)
    found += [_corpus_difference(pair, interval, *next(tested)) for pair, interval in intervals]
    return dict(zip(names, found, strict=True))


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


def _mean_difference(values: Matrix, p: float, p_adjusted: float) -> PairedDifference:
    if not len(values):
        return NO_DIFFERENCE
    interval = t_interval(values)
    standard_error = None if interval.sd is None else interval.sd / math.sqrt(len(values))
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
        smallest_detectable=None if standard_error is None else DETECTABLE * standard_error,
        effect_size=interval.mean / interval.sd if interval.sd else None,
        examples_needed=examples_needed(interval.mean, standard_error, len(values)),
    )


def _corpus_difference(pair: CorpusPair, interval: BootstrapInterval, p: float, p_adjusted: float) -> PairedDifference:
    n, difference = len(pair.baseline), pair.difference
    has_interval = n > 1
    return PairedDifference(
        n=n,
        difference=difference,
        low=interval.low if has_interval else None,
        high=interval.high if has_interval else None,
        p=p,
        p_adjusted=p_adjusted,
        wins=None,
        ties=None,
        losses=None,
        smallest_detectable=DETECTABLE * interval.sd if has_interval else None,
        effect_size=None,
        examples_needed=examples_needed(difference, interval.sd if has_interval else None, n),
    )
