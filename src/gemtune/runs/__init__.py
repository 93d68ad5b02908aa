"""Runs: what they will cost, how they end, how people are told, and how they are repeated or cancelled."""
