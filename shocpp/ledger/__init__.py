"""Accounts, transactions, records and prices as pure functions: no I/O, clock, frames or SQL."""
