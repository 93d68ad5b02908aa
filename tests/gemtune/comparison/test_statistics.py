"""gemtune.comparison.statistics: checked against scipy, closed forms and simulation."""

import itertools
import json
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtune.comparison.resampling import sign_flip_p
from gemtune.comparison.statistics import PairedDifference, describe, paired_differences

Scores = dict[str, list[float]]


def made_scores(n: int, effect: float = 0.02, seed: int = 7) -> tuple[Scores, Scores]:
    random = np.random.default_rng(seed)
    baseline = {name: random.uniform(0.1, 0.6, n) for name in ("f1", "recall", "precision")}
    candidate = {name: values + random.normal(effect, 0.1, n) for name, values in baseline.items()}
    return tuple({name: values.tolist() for name, values in side.items()} for side in (baseline, candidate))  # type: ignore[return-value]


def compare(baseline: list[float], candidate: list[float]) -> PairedDifference:
    return paired_differences({"f1": baseline}, {"f1": candidate}, primary="f1")["f1"]


@pytest.mark.parametrize("n", [2, 20, 200])
def test_the_interval_is_that_of_scipys_paired_t_test(n: int) -> None:
    baseline, candidate = made_scores(n)
    found = compare(baseline["f1"], candidate["f1"])
    expected = scipy.stats.ttest_rel(candidate["f1"], baseline["f1"]).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [5, 13])
def test_up_to_13_pairs_every_sign_flip_is_tried(n: int) -> None:
    baseline, candidate = made_scores(n, effect=0.05)
    differences = np.subtract(candidate["f1"], baseline["f1"])
    expected = scipy.stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=10**6)
    assert compare(baseline["f1"], candidate["f1"]).p == pytest.approx(expected.pvalue, abs=1e-12)


def test_random_sign_flips_agree_with_scipys() -> None:
    baseline, candidate = made_scores(60, effect=0.03)
    differences = np.subtract(candidate["f1"], baseline["f1"])
    expected = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(1)
    )
    assert compare(baseline["f1"], candidate["f1"]).p == pytest.approx(expected.pvalue, abs=0.012)


def test_agreement_of_all_has_the_closed_form() -> None:
    assert compare([0.0] * 10, [0.1] * 10).p == 2 / 2**10
    assert compare([0.0] * 100, [0.1 + n / 1000 for n in range(100)]).p == 1 / 10_000


@pytest.mark.parametrize("n", [1, 2, 13, 14, 80])
def test_a_model_against_itself_differs_by_nothing(n: int) -> None:
    baseline, _ = made_scores(n)
    for found in paired_differences(baseline, baseline, primary="f1").values():
        assert (found.difference, found.p, found.p_adjusted) == (0.0, 1.0, 1.0)
        assert (found.wins, found.ties, found.losses) == (0, n, 0)


def test_rounding_noise_is_a_tie_and_no_effect() -> None:
    found = compare([0.3] * 20, [0.1 + 0.2] * 20)
    assert (found.ties, found.p, found.difference) == (20, 1.0, 0.0)


def test_one_pair_has_no_interval_and_none_has_nothing() -> None:
    one = compare([0.1], [0.4])
    assert (one.low, one.high, one.smallest_detectable, one.p, one.wins) == (None, None, None, 1.0, 1)
    none = compare([], [])
    assert (none.n, none.difference, none.p) == (0, None, None)


def test_without_variance_the_interval_is_the_difference() -> None:
    found = compare([0.0] * 8, [0.25] * 8)
    assert (found.low, found.difference, found.high, found.smallest_detectable) == (0.25, 0.25, 0.25, 0.0)


def test_the_smallest_detectable_difference_follows_its_formula() -> None:
    baseline, candidate = made_scores(50)
    sd = float(np.std(np.subtract(candidate["f1"], baseline["f1"]), ddof=1))
    assert compare(baseline["f1"], candidate["f1"]).smallest_detectable == pytest.approx(2.802 * sd / math.sqrt(50))


def test_the_effect_size_is_the_mean_in_standard_deviations() -> None:
    found = compare([0.0] * 4, [0.1, 0.2, 0.3, 0.4])
    assert found.effect_size == pytest.approx(0.25 / math.sqrt(0.05 / 3))
    assert compare([0.0] * 8, [0.25] * 8).effect_size is None  # no variance to measure it by


def test_as_many_examples_as_needed_make_the_difference_seen_the_smallest_detectable() -> None:
    baseline, candidate = made_scores(50)
    found = compare(baseline["f1"], candidate["f1"])
    assert found.smallest_detectable is not None and found.examples_needed is not None and found.difference
    expected = 50 * (found.smallest_detectable / found.difference) ** 2
    assert expected <= found.examples_needed < expected + 1
    assert compare([0.1, 0.2], [0.1, 0.2]).examples_needed is None  # nothing to be shown
    assert compare([0.0] * 8, [0.25] * 8).examples_needed == 2
    assert compare([0.1], [0.4]).examples_needed is None


def test_max_t_equals_its_definition_where_every_flip_can_be_tried() -> None:
    differences = np.random.default_rng(5).normal(0.03, 0.1, (8, 3))
    flips = np.array(list(itertools.product([1, -1], repeat=8)))
    means = np.abs(flips @ differences / 8)
    ratios = means / np.sqrt((means**2).mean(axis=0))
    observed = np.abs(differences.mean(axis=0)) / np.sqrt((means**2).mean(axis=0))
    expected = [(ratios.max(axis=1) >= each - 1e-9).mean() for each in observed]
    assert sign_flip_p(differences, family=[True] * 3)[1] == pytest.approx(expected, abs=1e-12)


def test_only_the_other_metrics_are_corrected() -> None:
    found = paired_differences(*made_scores(40), primary="f1")
    assert found["f1"].p_adjusted == found["f1"].p
    for name in ("recall", "precision"):
        own, adjusted = found[name].p, found[name].p_adjusted
        assert own is not None and adjusted is not None and own < adjusted <= 1


def test_equal_metrics_need_no_correction() -> None:
    baseline, candidate = made_scores(40)
    twice = paired_differences(
        {"f1": baseline["f1"], "a": baseline["f1"], "b": baseline["f1"]},
        {"f1": candidate["f1"], "a": candidate["f1"], "b": candidate["f1"]},
        primary="f1",
    )
    assert twice["a"].p_adjusted == twice["b"].p_adjusted == twice["a"].p


def test_the_error_rate_is_the_nominal_one_for_one_metric_and_for_several_together() -> None:
    random = np.random.default_rng(3)
    single = several = 0
    runs = 400
    for _ in range(runs):
        p, adjusted = sign_flip_p(random.normal(0, 1, (12, 3)), family=[True] * 3)
        single += p[0] <= 0.05
        several += min(adjusted) <= 0.05
    # Three standard errors of a share of 5 % over 400 runs: 3.3 points.
    assert 0.017 <= single / runs <= 0.083
    assert 0.017 <= several / runs <= 0.083


def test_results_are_the_same_every_time() -> None:
    assert paired_differences(*made_scores(600), primary="f1") == paired_differences(*made_scores(600), primary="f1")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20))
def test_no_scores_give_nan_and_swapping_sides_turns_the_sign(pairs: list[tuple[float, float]]) -> None:
    baseline, candidate = [a for a, _ in pairs], [b for _, b in pairs]
    found, turned = compare(baseline, candidate), compare(candidate, baseline)
    json.dumps([found, describe(baseline)], allow_nan=False)
    assert (found.wins, found.losses, found.p) == (turned.losses, turned.wins, turned.p)
    assert sum(count or 0 for count in (found.wins, found.ties, found.losses)) == found.n == len(pairs)
    if found.low is not None and found.high is not None and found.difference is not None:
        assert found.low <= found.difference <= found.high


def test_a_distribution_has_numpys_quartiles() -> None:
    values = [0.9, 0.1, 0.4, 0.3, 0.2]
    assert describe(values)[:3] == pytest.approx((5, np.mean(values), np.std(values, ddof=1)))
    assert describe(values)[3:] == pytest.approx((0.1, 0.2, 0.3, 0.4, 0.9))
    assert describe([]).mean is None
    assert describe([0.5]).sd is None
