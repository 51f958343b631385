"""The errors of shocpp. This module imports nothing.

    ShocppError                 its sentence has the thing, the error and the next step
    ├── UsageError              the request names something that does not exist: exit 2, HTTP 404
    │   ├── Ambiguous           several chargers are connected, and the request names none
    │   └── NotCharging         there is no open transaction to stop: exit 1, HTTP 409
    ├── ConfigError             a setting or a file of conf/ cannot be used: exit 78
    │   └── UnusableDatabase    a foreign, newer or damaged database; it is not changed: 503
    ├── StoreUnavailable        the database cannot be written now: close, 503, Retry-After
    │   └── DamagedDatabase     also an UnusableDatabase: exit 78, 503, until the file is replaced
    ├── MonthIncomplete         a month that somebody should look at before it is closed: exit 1
    ├── Unreachable             the charger is not connected: exit 1, HTTP 502
    └── Unsent                  a mail or a statement was not accepted: exit 1

Each interface has one table from these errors to exit codes or HTTP statuses, with the codes of
`calls/outcomes.py` for those about Calls; no other code maps them.
"""


class ShocppError(Exception):
    """An error that one sentence explains to the user."""


class UsageError(ShocppError):
    """A request for something that does not exist or is not possible."""


class Ambiguous(UsageError):
    """A request that names no charger while several are connected."""


class NotCharging(UsageError):
    """A request to stop while there is no open transaction."""


class ConfigError(ShocppError):
    """A setting or a file of conf/ that cannot be used; its sentence has the file and a remedy."""


class UnusableDatabase(ConfigError):
    """A database file that is foreign, newer than this program, or damaged."""


class StoreUnavailable(ShocppError):
    """A database that cannot be written now: disk full, read-only, locked or failing."""


class DamagedDatabase(UnusableDatabase, StoreUnavailable):
    """A database that is damaged: time does not help it, only a backup or a rebuild."""


class MonthIncomplete(ShocppError):
    """A month that is not closed, for these `reasons`; each is a sentence with its next step."""

    def __init__(self, month: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{month} is not closed: {'; '.join(reasons)}")
        self.reasons = reasons


class Unreachable(ShocppError):
    """A Call that cannot reach its Charge Point."""


class Unsent(ShocppError):
    """A statement that a mail server or a webhook did not accept, or not for everybody."""
