"""Statements of months and years, in every format."""
