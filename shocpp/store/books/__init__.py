"""Transactions, records, prices, readings and closed months."""
