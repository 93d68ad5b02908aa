"""The command line: one file per verb, dispatched lazily by cli.py."""
