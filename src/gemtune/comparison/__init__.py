"""Comparison: from the scores of two models to a verdict, a decision, and what applications see of it."""
