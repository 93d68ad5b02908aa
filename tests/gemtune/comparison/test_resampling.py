"""gemtune.comparison.resampling: intervals and p-values of statistics that are no means."""

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from gemtune.comparison.resampling import CorpusPair, bootstrap, sign_flip_p
from gemtune.comparison.statistics import NO_DIFFERENCE, PairedDifference, paired_differences

Matrix = NDArray[np.float64]


def mean_of(sums: Matrix) -> Matrix:
    """Return a mean as a corpus statistic: sum over count."""
    result: Matrix = sums[:, 0] / sums[:, 1]
    return result


def made(n: int, effect: float = 0.0, seed: int = 1) -> tuple[Matrix, Matrix]:
    """Return correlated scores of two models."""
    random = np.random.default_rng(seed)
    level = random.normal(0.5, 0.1, n)
    return level + random.normal(0, 0.05, n), level + random.normal(effect, 0.05, n)


def as_corpus(baseline: Matrix, candidate: Matrix) -> CorpusPair:
    ones = np.ones(len(baseline))
    return CorpusPair(np.column_stack([baseline, ones]), np.column_stack([candidate, ones]), mean_of)


def corpus_difference(n: int, effect: float = 0.0, seed: int = 1) -> PairedDifference:
    pair = as_corpus(*made(n, effect, seed))
    return paired_differences({}, {}, primary="x", corpus={"x": pair})["x"]


@pytest.mark.parametrize("n", [9, 200])
def test_swapping_counts_is_flipping_signs_where_the_statistic_is_a_mean(n: int) -> None:
    baseline, candidate = made(n, effect=0.02)
    differences = (candidate - baseline)[:, None]
    p_values, _ = sign_flip_p(differences, family=[True, True], corpus=[as_corpus(baseline, candidate)])
    assert p_values[0] == p_values[1]


def test_the_interval_of_a_mean_is_nearly_its_t_interval() -> None:
    baseline, candidate = made(200, effect=0.02)
    (found,) = bootstrap([as_corpus(baseline, candidate)])
    by_t = paired_differences({"x": baseline.tolist()}, {"x": candidate.tolist()}, primary="x")["x"]
    assert by_t.low is not None and by_t.high is not None
    assert found.low == pytest.approx(by_t.low, abs=0.001)
    assert found.high == pytest.approx(by_t.high, abs=0.001)


def skewed(n: int) -> CorpusPair:
    """Return a ratio of sums, which is no mean: hits over attempts, with a different number of attempts each."""
    random = np.random.default_rng(4)
    attempts = random.integers(1, 30, n)
    before, after = (np.column_stack([random.binomial(attempts, p), attempts]).astype(float) for p in (0.5, 0.56))
    return CorpusPair(before, after, mean_of)


def test_the_bootstrap_interval_of_a_ratio_is_scipys() -> None:
    pair = skewed(80)

    def difference(places: NDArray[np.int64]) -> float:
        return CorpusPair(pair.baseline[places], pair.candidate[places], mean_of).difference

    scipys = scipy.stats.bootstrap(
        (np.arange(80),), difference, n_resamples=5_000, method="percentile", vectorized=False, rng=3
    )
    (found,) = bootstrap([pair])
    assert found.low == pytest.approx(scipys.confidence_interval.low, abs=0.003)
    assert found.high == pytest.approx(scipys.confidence_interval.high, abs=0.003)
    assert found.sd == pytest.approx(scipys.standard_error, rel=0.06)


def test_the_p_value_of_a_ratio_is_scipys_over_all_exchanges_of_answers() -> None:
    pair = skewed(11)

    def difference(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
        rows = np.stack([pair.baseline, pair.candidate])
        places = np.arange(11)
        return CorpusPair(rows[before, places], rows[after, places], mean_of).difference

    first, second = np.zeros(11, int), np.ones(11, int)
    scipys = scipy.stats.permutation_test(
        (first, second), difference, permutation_type="samples", n_resamples=10**6, vectorized=False
    )
    p_values, _ = sign_flip_p(np.empty((11, 0)), family=[False], corpus=[pair])
    assert p_values[0] == pytest.approx(scipys.pvalue, abs=1e-9)


def test_every_statistic_sees_the_same_samples() -> None:
    pair = as_corpus(*made(50, effect=0.02))
    other = as_corpus(*made(50, seed=9))
    assert bootstrap([pair, other, pair])[2] == bootstrap([pair])[0]


def test_an_effect_is_found_and_its_absence_is_not() -> None:
    found, none = corpus_difference(100, effect=0.05), corpus_difference(100)
    assert found.p == 1 / 10_000 and found.low is not None and found.low > 0
    assert none.p is not None and none.low is not None and none.high is not None
    assert none.p > 0.05 and none.low < 0 < none.high
    assert (found.wins, found.ties, found.losses) == (None, None, None)
    assert found.smallest_detectable == pytest.approx(2.802 * 0.0707 / 10, rel=0.2)
    assert found.effect_size is None
    assert found.examples_needed == pytest.approx((2.802 * 0.0707 / 0.05) ** 2, rel=0.4)


def test_a_model_against_itself_has_no_difference_and_no_p() -> None:
    baseline, _ = made(40)
    found = paired_differences({}, {}, primary="x", corpus={"x": as_corpus(baseline, baseline)})["x"]
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_one_example_has_no_interval_and_none_has_nothing() -> None:
    assert (corpus_difference(1).low, corpus_difference(1).p) == (None, 1.0)
    assert corpus_difference(0) == NO_DIFFERENCE


def test_means_and_corpus_statistics_are_corrected_together() -> None:
    baseline, candidate = made(60, effect=0.012)
    names = [f"m{n}" for n in range(6)]
    noise = {name: made(60, seed=10 + n) for n, name in enumerate(names)}
    found = paired_differences(
        {name: one.tolist() for name, (one, _) in noise.items()},
        {name: other.tolist() for name, (_, other) in noise.items()},
        primary="m0",
        corpus={"x": as_corpus(baseline, candidate)},
    )
    own, adjusted = found["x"].p, found["x"].p_adjusted
    assert own is not None and adjusted is not None and own < adjusted <= 1
    assert found["m0"].p_adjusted == found["m0"].p


def test_an_example_without_a_figure_counts_for_nothing_in_that_metric() -> None:
    baseline, candidate = (side.tolist() for side in made(30, effect=0.02))
    whole = {"a": baseline, "b": [*baseline[:20], *[None] * 10]}
    other = {"a": candidate, "b": [*candidate[:15], *[None] * 5, *candidate[20:]]}
    found = paired_differences(whole, other, primary="a")
    alone = paired_differences({"b": baseline[:15]}, {"b": candidate[:15]}, primary="b")["b"]
    assert (found["b"].n, found["b"].difference, found["b"].low) == (15, alone.difference, alone.low)
    assert found["b"].p == pytest.approx(alone.p, abs=0.02)


def test_corpus_p_values_keep_their_level() -> None:
    none = np.empty((10, 0))
    made_up = [as_corpus(*made(10, seed=seed)) for seed in range(400)]
    hits = sum(sign_flip_p(none, family=[False], corpus=[pair])[0][0] <= 0.05 for pair in made_up)
    # Three standard errors of a share of 5 % over 400 runs: 3.3 points.
    assert 0.017 <= hits / 400 <= 0.083
