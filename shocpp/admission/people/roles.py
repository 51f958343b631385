"""The roles of people and programs, and what each of them may do (pure).

    admin      everything
    treasurer  the books, accounts and prices, start and stop; no other Calls, no backups
    viewer     the state of the chargers, without names
    driver     the account of its own: its months, sessions and cards, start and stop with these,
               the mode where it charges
    metrics    /metrics only
    site       POST /api/site only

Each permission is the reason for a request, not its URL, so that pages, API, canned calls and
/metrics share one table.
"""

from typing import NamedTuple

ADMIN, TREASURER, VIEWER, DRIVER, METRICS, SITE = ROLES = (
    *("admin", "treasurer", "viewer", "driver"),
    *("metrics", "site"),
)
"""The names of the roles, as conf/people.json and the database spell them."""

PAGE_ROLES = ROLES[:4]
"""The roles of people; the others are for programs."""

NO_ROLE, REVOKED = "none", "revoked"
"""The roles of a web user that people.json lacks, and of a device that is valid no more."""

SEE = "see"
"""See the state of the chargers; of an account's own ones for a driver."""

SEE_NAMES = "see names"
"""See the names of accounts and cards of all, and all sessions."""

SEE_OWN = "see own"
"""See the months, sessions and statements of an account of its own, and block its cards."""

CHARGE = "charge"
"""Start and stop transactions; for a driver with the cards of its account."""

SET_MODE = "set mode"
"""Choose the mode of charging; for a driver only where its own car charges."""

KEEP_BOOKS = "keep books"
"""Review, close, edit accounts, cards and prices, and read statements."""

COMMAND = "command"
"""Send any Call to a charger, see whole card numbers, frames and refused attempts."""

ADMINISTER = "administer"
"""Invite and revoke people, change the configuration, download backups."""

READ_METRICS = "read metrics"
"""Read /metrics, which names accounts."""

SET_SITE = "set site"
"""Report the values of the site's meter."""

_PERMISSIONS = {
    ADMIN: frozenset(
        (
            *(SEE, SEE_NAMES, CHARGE, SET_MODE, KEEP_BOOKS, COMMAND, ADMINISTER, READ_METRICS),
            SET_SITE,
        )
    ),
    TREASURER: frozenset((SEE, SEE_NAMES, CHARGE, KEEP_BOOKS, READ_METRICS)),
    VIEWER: frozenset((SEE,)),
    DRIVER: frozenset((SEE, SEE_OWN, CHARGE, SET_MODE)),
    METRICS: frozenset((READ_METRICS,)),
    SITE: frozenset((SET_SITE,)),
}


class Person(NamedTuple):
    """A person or a program that sends a request.

    `name` signs its decisions. `account` is that of a driver, else None. `device` is the row id of
    the device or token that proves who it is, None for a user of the web server; `is_program` tells
    a token from a device.
    """

    name: str
    role: str
    account: str | None = None
    device: int | None = None
    is_program: bool = False

    def may(self, permission: str) -> bool:
        """Return True if the role has a permission; an unknown role has none."""
        return permission in _PERMISSIONS.get(self.role, frozenset())
