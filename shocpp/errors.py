"""The errors of the house (cellar: imports nothing).

    ShocppError                 every sentence names the thing, what is wrong and the next step
    ├── UsageError              what was asked for does not exist or cannot be: exit 2, HTTP 404
    │   ├── Ambiguous           several chargers are connected, and none is named
    │   └── NotCharging         there is no open transaction to stop
    ├── ConfigError             a setting or a configuration file cannot be used: exit 78
    │   └── UnusableDatabase    not ours, newer than this program, or damaged; left untouched
    ├── StoreUnavailable        the database cannot be written just now: close, 503, Retry-After
    ├── Unreachable             the charger is not connected: exit 1, HTTP 502
    └── Unsent                  a letter or a paper was not taken: exit 1

A door maps these to exit codes or HTTP statuses in one table; no other code does.
"""


class ShocppError(Exception):
    """Any refusal this program explains in one sentence."""


class UsageError(ShocppError):
    """What was asked for does not exist or cannot be."""


class Ambiguous(UsageError):
    """Several chargers are connected, and none is named."""


class NotCharging(UsageError):
    """There is no open transaction to stop."""


class ConfigError(ShocppError):
    """A setting or a configuration file that cannot be used; the sentence names file and remedy."""


class UnusableDatabase(ConfigError):
    """A database file that is foreign, newer than this program, or damaged."""


class StoreUnavailable(ShocppError):
    """The database cannot be written just now: disk full, read-only, locked or failing."""


class Unreachable(ShocppError):
    """A Call cannot reach its Charge Point."""


class Unsent(ShocppError):
    """A mail server or a webhook has not taken what was to be sent, or not for everybody."""
