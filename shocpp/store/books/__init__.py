"""Rows of the ledger: transactions, stops, records, prices, readings and closed months."""
