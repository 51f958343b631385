"""The charging profiles that a Call without an answer may have changed.

A charger may install or remove a profile, and lose its line before the confirmation.
"""

from typing import NamedTuple

from shocpp.ocpp.charging_profiles import TX_PROFILE, Profile
from shocpp.store.database import Database


class UnansweredProfile(NamedTuple):
    """A profile that a charger may have or lack: a row of `unanswered_profile`.

    call_id   the Call that was not answered, None for several
    limit_ma  the highest limit that it may have got, None if it was to be removed only
    ends_ms   when that ends by itself, None if it does not
    """

    charge_point_id: str
    connector_id: int
    purpose: str
    stack_level: int
    profile_id: int
    call_id: str | None
    limit_ma: int | None
    transaction_id: int | None
    ends_ms: int | None


def present(db: Database) -> list[UnansweredProfile]:
    """Return the profiles in doubt of all chargers, without those of stopped transactions."""
    columns = ", ".join(f"profile.{name}" for name in UnansweredProfile._fields[1:])
    rows = db.execute(
        f"SELECT charge_point_id, {columns} FROM unanswered_profile AS profile"
        " JOIN charge_point ON charge_point.id = profile.charge_point"
        " WHERE purpose <> ? OR EXISTS (SELECT 1 FROM started_transaction AS started"
        " WHERE started.transaction_id = profile.transaction_id"
        " AND started.charge_point = profile.charge_point AND started.state <> 'stopped')"
        " ORDER BY profile.charge_point, connector_id, purpose, stack_level",
        (TX_PROFILE,),
    )
    return [UnansweredProfile(*row) for row in rows.fetchall()]


def record_sent(
    db: Database, charge_point: int, call_id: str, profile: Profile, now_ms: int
) -> None:
    """Store a profile that a charger, a row id, is sent now.

    Of several in one place without an answer the highest limit and the latest end count.
    """
    slot = (
        charge_point,
        profile.connector_id,
        profile.variant.purpose,
        profile.variant.stack_level,
    )
    limit_ma, ends_ms = profile.limit_ma, profile.ends_ms(now_ms)
    only_call: str | None = call_id
    former = db.execute(
        "SELECT limit_ma, ends_ms FROM unanswered_profile WHERE charge_point = ?"
        " AND connector_id = ? AND purpose = ? AND stack_level = ? AND transaction_id IS ?"
        " AND (ends_ms IS NULL OR ends_ms > ?)",
        (*slot, profile.transaction_id, now_ms),
    ).fetchone()
    if former is not None:
        only_call = None
        if former[0] is not None:
            limit_ma = max(limit_ma, former[0])
            ends_ms = None if None in (ends_ms, former[1]) else max(ends_ms or 0, former[1])
    db.execute(
        "INSERT OR REPLACE INTO unanswered_profile (charge_point, connector_id, purpose,"
        " stack_level, profile_id, call_id, limit_ma, transaction_id, ends_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*slot, profile.profile_id, only_call, limit_ma, profile.transaction_id, ends_ms),
    )


def doubt(
    db: Database, charge_point: int, call_id: str | None, **filters: int | str | None
) -> None:
    """Put the installed profiles that match all filters in doubt, because a Call may remove them.

    A filter is a column of `installed_profile`; None matches all.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    terms = "".join(f" AND {name} = ?" for name in given)
    db.execute(
        "INSERT INTO unanswered_profile (charge_point, connector_id, purpose, stack_level,"
        " profile_id, call_id, limit_ma, transaction_id, ends_ms)"
        " SELECT charge_point, connector_id, purpose, stack_level, profile_id, ?, NULL,"
        f" transaction_id, NULL FROM installed_profile WHERE charge_point = ?{terms}"
        " ON CONFLICT DO UPDATE SET call_id = NULL",
        (call_id, charge_point, *given.values()),
    )


def record_answered(db: Database, call_id: str) -> None:
    """Delete the doubts that come from this Call alone: its charger has answered it."""
    db.execute("DELETE FROM unanswered_profile WHERE call_id = ?", (call_id,))
