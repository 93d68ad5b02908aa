"""Tuning: one paid job for the same data, model and settings, its checkpoints, and which of them is judged."""
