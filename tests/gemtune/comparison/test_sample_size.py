import math

import pytest

from gemtune.comparison.sample_size import MINIMUM_PAIRS, examples_needed


def test_so_many_pairs_that_all_agree_are_no_chance_at_5_percent_and_one_fewer_may_be() -> None:
    assert 2 / 2**MINIMUM_PAIRS < 0.05 < 2 / 2 ** (MINIMUM_PAIRS - 1)


# Measured on 55 pairs of summarisers: examples needed at 80 % power for a standard deviation of 0.1034.
@pytest.mark.parametrize(("difference", "needed"), [(0.05, 34), (0.02, 210), (0.01, 840)])
def test_examples_needed_for_known_differences(difference: float, needed: int) -> None:
    assert examples_needed(difference, 0.1034 / math.sqrt(50), 50) == pytest.approx(needed, abs=1)
