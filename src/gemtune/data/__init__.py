"""Data: raw files to examples in splits, each one accounted for. sources.py and dataset.py stand in front."""
