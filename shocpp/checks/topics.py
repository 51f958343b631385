"""The topics of findings: what they are about, so that a page can lead to the remedy."""

from typing import NamedTuple

from shocpp.checks.findings import Finding

DATABASE, BOOKS, DISK, CLOCK, RIGHTS, NETWORK, ADDRESS, SETTINGS, INSTALLATION, SERVER = (
    *("database", "books", "disk", "clock", "rights", "network", "address", "settings"),
    *("installation", "server"),
)
"""The topics of the machine."""

CHARGERS, LIMITS, PEOPLE, ACCOUNTS, CALLS, LETTERHEAD, PRICES, REVIEW, BACKUPS, BROKER = (
    *("chargers", "limits", "people", "accounts", "calls", "letterhead", "prices", "review"),
    *("backups", "broker"),
)
"""The topics of what people enter and decide."""


class TopicalFinding(NamedTuple):
    """A finding with its topic."""

    topic: str
    finding: Finding
