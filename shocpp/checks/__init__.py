"""The checks behind `shocpp check` and `shocpp tariffs check`; each yields findings.

A check is a function `check_…(settings, db)`. `db` is None if the database cannot be opened: then a
check does as much as it can without it.
"""
