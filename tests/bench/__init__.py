"""Measurements against the budgets: `make bench`. Nothing here passes or fails a test; machines are noisy."""
