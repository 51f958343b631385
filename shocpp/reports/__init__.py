"""Statements of months and years, in every format.

A statement is read from the books (`month.py`, `year.py`) or from the snapshot of a closed month
(`snapshot.py`). Each format (`*_format.py`, `pdf/`) prints the same types of `statement.py`.
"""
