"""Statements as plain text, in the layout of the seed."""
