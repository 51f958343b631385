"""Tariffs and the prices of records: which price holds when, and how a record is split (pure)."""
