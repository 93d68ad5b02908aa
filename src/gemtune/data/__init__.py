"""From raw files to examples: reading, converting, checking, splitting. sources.py and dataset.py stand in front."""
