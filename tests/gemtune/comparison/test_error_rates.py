"""How often the statistics are wrong, by simulation: false positives at the nominal rate, power as predicted.

Each rate is held to three of its own standard errors. Levels are tried on differences as rough as those of real
answers: a fifth of the examples tie, the others are skewed, and two in a hundred are far out. The power of Student's t
has a closed form for normal differences; on the rough ones it is some points off.
"""

import math

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from gemtune.comparison import resampling
from gemtune.comparison.decision import verdict_of
from gemtune.comparison.resampling import CorpusPair, bootstrap, sign_flip_p
from gemtune.comparison.sample_size import DETECTABLE, examples_needed
from gemtune.comparison.statistics import PairedDifference, paired_differences, t_interval

Matrix = NDArray[np.float64]
LEVEL = 0.05


def drawn(random: np.random.Generator, shape: tuple[int, ...], effect: float = 0.0) -> Matrix:
    """Return differences whose true mean is `effect` and whose true standard deviation is 1."""
    body = random.gamma(4.0, 0.5, shape) - 2.0  # mean 0, variance 1
    far = random.normal(0.0, 3.0, shape)
    kind = random.uniform(size=shape)
    values = np.where(kind < 0.2, 0.0, np.where(kind < 0.98, body, far))
    return values / math.sqrt(0.78 * 1.0 + 0.02 * 9.0) + effect


def agrees(hits: int, runs: int, rate: float) -> bool:
    """Tell whether a share is a rate within three standard errors of the share."""
    return abs(hits / runs - rate) <= 3 * math.sqrt(rate * (1 - rate) / runs)


def predicted_power(n: int, effect: float) -> float:
    """Return the power of the two-sided paired t test, in closed form: the noncentral t distribution."""
    critical = scipy.stats.t.ppf(1 - LEVEL / 2, n - 1)
    power = scipy.stats.nct.sf(critical, n - 1, effect * math.sqrt(n))
    return float(power + scipy.stats.nct.cdf(-critical, n - 1, effect * math.sqrt(n)))


def verdicts(differences: Matrix) -> list[str]:
    """Return the verdict on each row of differences."""
    intervals = (t_interval(row) for row in differences)
    n = differences.shape[1]
    return [verdict_of({"name": "rougeL_f1", "n": n, "low": each.low, "high": each.high}) for each in intervals]


def normal(shape: tuple[int, int], effect: float, seed: int) -> Matrix:
    return np.random.default_rng(seed).normal(effect, 1.0, shape)


def test_the_simulation_draws_what_it_says() -> None:
    values = drawn(np.random.default_rng(0), (2_000_000,), 0.3)
    assert (values.mean(), values.std()) == pytest.approx((0.3, 1.0), abs=0.01)


@pytest.mark.parametrize("n", [50, 200])
def test_without_an_effect_a_verdict_is_wrong_in_one_case_of_twenty(n: int) -> None:
    for differences in (normal((4_000, n), 0.0, seed=1), drawn(np.random.default_rng(n), (4_000, n))):
        found = verdicts(differences)
        assert agrees(len(found) - found.count("inconclusive"), len(found), LEVEL)


@pytest.mark.parametrize("n", [50, 200])
def test_the_smallest_detectable_difference_is_found_in_four_cases_of_five(n: int) -> None:
    effect = DETECTABLE / math.sqrt(n)
    assert predicted_power(n, effect) == pytest.approx(0.8, abs=0.02)
    found = verdicts(normal((4_000, n), effect, seed=n))
    assert agrees(found.count("improved"), len(found), predicted_power(n, effect))
    rough = verdicts(drawn(np.random.default_rng(n), (4_000, n), effect))
    assert rough.count("improved") / len(rough) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("effect", [0.5, 0.2])
def test_as_many_examples_as_are_said_to_be_needed_find_it_in_four_cases_of_five(effect: float) -> None:
    needed = examples_needed(effect, 1 / math.sqrt(40), 40)
    assert needed is not None
    assert predicted_power(needed, effect) == pytest.approx(0.8, abs=0.02)
    found = verdicts(normal((4_000, needed), effect, seed=3))
    assert agrees(found.count("improved"), len(found), predicted_power(needed, effect))


def test_a_negative_effect_is_called_a_regression_as_often_and_never_an_improvement() -> None:
    found = verdicts(normal((4_000, 100), -0.3, seed=5))
    assert found.count("improved") == 0
    assert agrees(found.count("regressed"), len(found), predicted_power(100, 0.3))


def test_p_and_its_correction_keep_their_level_where_every_flip_is_tried() -> None:
    random = np.random.default_rng(8)
    runs, single, several = 500, 0, 0
    for _ in range(runs):
        differences = drawn(random, (11, 3)) - drawn(random, (11, 3))  # symmetric, as without an effect
        p, adjusted = sign_flip_p(differences, family=[True] * 3)
        single += p[0] <= LEVEL
        several += min(adjusted) <= LEVEL
    assert agrees(single, runs, LEVEL)
    assert agrees(several, runs, LEVEL)


def simulate(runs: int, n: int, effect: float, seed: int) -> list[dict[str, PairedDifference]]:
    """Run everything that a comparison does, on three metrics that go together and one corpus statistic."""
    random, found = np.random.default_rng(seed), []
    for _ in range(runs):
        common = random.normal(effect, 1.0, n)
        sides: dict[str, dict[str, list[float]]] = {"baseline": {}, "candidate": {}}
        level = random.normal(0.0, 1.0, n)
        for name in ("primary", "second", "third"):
            own = 0.8 * common + 0.6 * random.normal(0.0, 1.0, n) + 0.2 * effect  # mean is the effect, and sd 1
            sides["baseline"][name] = level.tolist()
            sides["candidate"][name] = (level + own).tolist()
        ones = np.ones(n)
        before, after = (np.column_stack([np.array(side["primary"]), ones]) for side in sides.values())
        corpus = {"corpus": CorpusPair(before, after, lambda sums: sums[:, 0] / sums[:, 1])}
        found.append(paired_differences(**sides, primary="primary", corpus=corpus))
    return found


def rate(found: list[dict[str, PairedDifference]], *names: str) -> int:
    return sum(any((run[name].p_adjusted or 0) <= LEVEL for name in names) for run in found)


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly bootstrap: how often those intervals are right has a test of its own, and p-values do not need them."""
    monkeypatch.setattr(resampling, "BOOTSTRAP_SAMPLES", 20)


@pytest.mark.acceptance
@pytest.mark.usefixtures("few_samples")
def test_every_test_of_a_comparison_keeps_its_level() -> None:
    found = simulate(2_000, 50, 0.0, seed=11)
    assert agrees(rate(found, "primary"), 2_000, LEVEL)
    assert agrees(rate(found, "second", "third", "corpus"), 2_000, LEVEL)
    alone = sum(any((run[name].p or 0) <= LEVEL for name in ("second", "third", "corpus")) for run in found)
    assert alone / 2_000 > 0.07  # what the correction is for
    by_interval = sum((run["primary"].low or 0) > 0 or (run["primary"].high or 0) < 0 for run in found)
    assert agrees(by_interval, 2_000, LEVEL)


@pytest.mark.acceptance
@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize("n", [50, 200])
def test_every_test_of_a_comparison_has_the_power_predicted(n: int) -> None:
    # 0.03 ROUGE at the standard deviation of 0.103 that was measured between summarisers.
    effect = 0.03 / 0.103
    found = simulate(600, n, effect, seed=n)
    for name in ("primary", "corpus"):
        hits = sum((run[name].p or 1) <= LEVEL for run in found)
        assert agrees(hits, 600, predicted_power(n, effect))


@pytest.mark.acceptance
def test_the_bootstrap_interval_covers_nearly_as_often_as_it_says() -> None:
    random, covered, runs = np.random.default_rng(21), 0, 500
    for _ in range(runs):
        values = drawn(random, (100,), 0.3)
        rows = np.column_stack([values, np.ones(100)])
        (interval,) = bootstrap([CorpusPair(rows * [0, 1], rows, lambda sums: sums[:, 0] / sums[:, 1])])
        covered += interval.low <= 0.3 <= interval.high
    assert 0.91 <= covered / runs <= 0.98
