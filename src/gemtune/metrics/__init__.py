"""Metrics: from answers and references to scores, task by task."""
