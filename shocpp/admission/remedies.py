"""The remedies of refused attempts: the next step for each, and the changes that admit the charger.

A remedy is a key: commands and pages have a sentence for each one. Its changes are those of
conf/charge_points.json that a person may choose from.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shocpp.admission import decision
from shocpp.configuration.charge_points import Allowlist
from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of

PASSWORD, NO_PASSWORD, USER_NAME, ORIGIN = "password", "no_password", "user_name", "origin"
"""The changes of an entry: a new password, no password, the presented user name or Origin."""


class Remedy(NamedTuple):
    """The next step for a refused charger; without `changes` nothing here admits it."""

    key: str
    changes: tuple[str, ...] = ()


class RefusedAttempt(NamedTuple):
    """A row of the view `refused_attempts`, and its remedy."""

    row: Mapping[str, Any]
    remedy: Remedy


CONNECTED_SINCE = Remedy("connected_since")
LISTED_SINCE = Remedy("listed_since")
OVER = (CONNECTED_SINCE, LISTED_SINCE)
"""The remedies of attempts that need nothing any more."""

NO_NAME = Remedy("no_name")

REMEDIES = {
    decision.NO_PASSWORD: Remedy("no_password", (PASSWORD, NO_PASSWORD)),
    decision.WRONG_PASSWORD: Remedy("wrong_password", (PASSWORD, NO_PASSWORD)),
    decision.WRONG_USER: Remedy("wrong_user_name", (USER_NAME,)),
    decision.NOT_LISTED: Remedy("not_listed", (PASSWORD, NO_PASSWORD)),
    decision.NO_NAME: NO_NAME,
    decision.FOREIGN_SUBPROTOCOL: Remedy("other_version"),
    decision.OTHER_VERSION: Remedy("other_version"),
    decision.TLS: Remedy("tls"),
    decision.ORIGIN: Remedy("origin", (ORIGIN,)),
    decision.NAME_TAKEN: Remedy("name_taken", (PASSWORD,)),
    decision.NOT_CHECKED: Remedy("not_checked"),
    decision.TOO_MANY_NEW: Remedy("too_many_names", (PASSWORD, NO_PASSWORD)),
    decision.NO_SPACE: Remedy("no_space"),
}
"""The remedy of each reason."""


def refused_attempts(db: Database, allowlist: Allowlist | None) -> list[RefusedAttempt]:
    """Return the refused attempts to connect, newest first, each with its remedy.

    `allowlist` is None if it cannot be read.
    """
    rows = rows_of(db, "refused_attempts")
    last_seen = {
        identity_key(row["id"]): row["last_heard"] or "" for row in rows_of(db, "charge_points")
    }
    rows.sort(key=lambda row: row["last_at"], reverse=True)
    return [
        RefusedAttempt(row, _remaining(row, last_seen.get(identity_key(row["id"]), ""), allowlist))
        for row in rows
    ]


def _remaining(row: Mapping[str, Any], last_seen: str, allowlist: Allowlist | None) -> Remedy:
    """Return the remedy of an attempt, or the reason why none is needed.

    `last_seen` is the time of the last message under its name, ISO 8601 or empty.
    """
    reason, name = row["reason"], row["id"]
    # After "name taken" these messages come from the other charger, which holds the name.
    if last_seen > row["last_at"] and reason != decision.NAME_TAKEN:
        return CONNECTED_SINCE
    if reason == decision.NOT_LISTED and allowlist and allowlist.entry(name):
        return LISTED_SINCE
    if reason == decision.WRONG_PASSWORD and not name:
        return NO_NAME
    if reason == decision.FOREIGN_SUBPROTOCOL and not row["told"]:
        return Remedy("no_subprotocol")
    return REMEDIES[reason]
