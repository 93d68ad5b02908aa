"""How many examples a comparison needs: to show anything at all, and to show a difference of a certain size."""

from __future__ import annotations

import math

MINIMUM_PAIRS = 6
"""Fewer pairs show nothing: even if all of them agree, one time in 16 they do so by chance (2 / 2^5 > 5 %)."""

DETECTABLE = 2.802
"""Normal quantiles of 97.5 % plus 80 %: an effect of so many standard errors is found in four cases of five."""


def examples_needed(difference: float, standard_error: float | None, n: int) -> int | None:
    """Return how many examples show a difference in four cases of five, at two-sided 5 %.

    Args:
        difference: The difference to be shown.
        standard_error: That of the difference over `n` examples; None if it is not known.
        n: How many examples gave the standard error.

    >>> examples_needed(0.02, 0.0145, 50)
    207
    """
    if standard_error is None or not difference:
        return None
    return max(2, math.ceil(n * (DETECTABLE * standard_error / difference) ** 2))
