"""How many pairs a comparison needs to show anything at all."""

MINIMUM_PAIRS = 6
"""Fewer pairs show nothing: even if all of them agree, one time in 16 they do so by chance (2 / 2^5 > 5 %)."""
