"""Accounting files as a rebuild, an import and a restore read them."""
