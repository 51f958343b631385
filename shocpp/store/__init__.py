"""The memory floor: SQLite, and the only place that knows SQL.

`database` says BEGIN; the other modules are verbs of the domain, each called with an open Database
inside its caller's transaction.
"""
