"""Generation: every prompt gets one outcome from a model, kept as it comes, and is not paid for twice."""
