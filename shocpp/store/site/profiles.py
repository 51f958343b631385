"""The charging profiles that chargers have accepted and refused, and how many they were sent."""

from typing import NamedTuple

from shocpp.ocpp.charging_profiles import ALL_PHASES, TX_PROFILE, Profile, Variant
from shocpp.store.database import Database

HOUR_MS = 3_600_000

_HOURS_KEPT = 7 * 24
"""The hours for which writes are counted."""

_FIRMWARE = "(SELECT firmware FROM charge_point WHERE id = ?1)"
"""The firmware of the last BootNotification, as an SQL expression."""


_IS_OPEN = (
    "EXISTS (SELECT 1 FROM started_transaction AS started WHERE started.transaction_id = {id}"
    " AND started.charge_point = {charge_point} AND started.state <> 'stopped')"
)
"""An SQL expression that is true for a transaction without a stop."""


class InstalledProfile(NamedTuple):
    """A profile that a charger has accepted: a row of `installed_profile`.

    phases     the number of phases in it
    starts_ms  None: the charger decides
    ends_ms    None: it does not end by itself
    firmware   of the charger when it accepted
    """

    charge_point_id: str
    connector_id: int
    purpose: str
    stack_level: int
    profile_id: int
    kind: str
    unit: str
    limit_ma: int
    transaction_id: int | None
    starts_ms: int | None
    ends_ms: int | None
    firmware: str | None
    accepted_ms: int
    phases: int = ALL_PHASES

    @property
    def variant(self) -> Variant:
        """The way in which it was written."""
        return Variant(self.purpose, self.kind, self.stack_level, self.unit)


class RefusedProfile(NamedTuple):
    """A kind of profile that a charger has refused for a connector: a row of `refused_profile`.

    `status` is that of its confirmation, or the code of its CallError.
    """

    charge_point_id: str
    connector_id: int
    purpose: str
    kind: str
    stack_level: int
    unit: str
    status: str
    firmware: str | None
    refused_ms: int

    @property
    def variant(self) -> Variant:
        """The way in which it was written."""
        return Variant(self.purpose, self.kind, self.stack_level, self.unit)


def installed(db: Database) -> list[InstalledProfile]:
    """Return the installed profiles of all chargers.

    A TxProfile ends with its transaction (OCPP 1.6 §3.13.1): those of others are left out.
    """
    columns = ", ".join(f"profile.{name}" for name in InstalledProfile._fields[1:])
    is_open = _IS_OPEN.format(charge_point="profile.charge_point", id="profile.transaction_id")
    rows = db.execute(
        f"SELECT charge_point_id, {columns} FROM installed_profile AS profile"
        " JOIN charge_point ON charge_point.id = profile.charge_point"
        f" WHERE purpose <> ? OR {is_open}"
        " ORDER BY profile.charge_point, connector_id, purpose, stack_level",
        (TX_PROFILE,),
    )
    return [InstalledProfile(*row) for row in rows.fetchall()]


def is_open(db: Database, charge_point: int, transaction_id: int | None) -> bool:
    """Return True if a transaction of a charger, a row id, has no stop."""
    sql = f"SELECT {_IS_OPEN.format(charge_point='?', id='?')}"
    return bool(db.execute(sql, (transaction_id, charge_point)).fetchone()[0])


def refused(db: Database) -> list[RefusedProfile]:
    """Return the kinds of profiles that chargers have refused."""
    columns = ", ".join(f"profile.{name}" for name in RefusedProfile._fields[1:])
    rows = db.execute(
        f"SELECT charge_point_id, {columns} FROM refused_profile AS profile"
        " JOIN charge_point ON charge_point.id = profile.charge_point"
        " ORDER BY profile.charge_point, connector_id, purpose, kind, stack_level, unit"
    )
    return [RefusedProfile(*row) for row in rows.fetchall()]


def record_accepted(db: Database, charge_point: int, profile: Profile, now_ms: int) -> None:
    """Store a profile that a charger, a row id, has accepted.

    It replaces the one with its id, and that of its connector, purpose and level (§3.13.2).
    """
    purpose, kind, stack_level, unit = profile.variant
    for table in ("installed_profile", "unanswered_profile"):
        db.execute(
            f"DELETE FROM {table} WHERE charge_point = ? AND profile_id = ?",
            (charge_point, profile.profile_id),
        )
    db.execute(
        "DELETE FROM unanswered_profile WHERE charge_point = ? AND connector_id = ?"
        " AND purpose = ? AND stack_level = ?",
        (charge_point, profile.connector_id, purpose, stack_level),
    )
    db.execute(
        "INSERT OR REPLACE INTO installed_profile (charge_point, connector_id, purpose,"
        " stack_level, profile_id, kind, unit, limit_ma, transaction_id, starts_ms, ends_ms,"
        " firmware, accepted_ms, phases)"
        f" VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_FIRMWARE}, ?, ?)",
        (
            charge_point,
            profile.connector_id,
            purpose,
            stack_level,
            profile.profile_id,
            kind,
            unit,
            profile.limit_ma,
            profile.transaction_id,
            profile.starts_ms,
            profile.ends_ms(now_ms),
            now_ms,
            profile.phases,
        ),
    )
    # A profile that it takes now was not refused for good.
    db.execute(
        "DELETE FROM refused_profile WHERE charge_point = ? AND connector_id = ? AND purpose = ?"
        " AND kind = ? AND stack_level = ? AND unit = ?",
        (charge_point, profile.connector_id, purpose, kind, stack_level, unit),
    )


def forget_former(db: Database, charge_point: int, transaction_id: int) -> None:
    """Delete the profiles of a former transaction with the id of a new one.

    Two transactions within one kWh share an id, and a TxProfile ends with its own one (OCPP 1.6
    §3.13.1).
    """
    for table in ("installed_profile", "unanswered_profile"):
        db.execute(
            f"DELETE FROM {table} WHERE charge_point = ? AND purpose = ? AND transaction_id = ?",
            (charge_point, TX_PROFILE, transaction_id),
        )


def record_refused(
    db: Database, charge_point: int, connector_id: int, variant: Variant, status: str, now_ms: int
) -> None:
    """Store that a charger, a row id, has refused this kind of profile for a connector.

    A charger refuses all for a connector that it does not have.
    """
    db.execute(
        "INSERT OR REPLACE INTO refused_profile (charge_point, connector_id, purpose, kind,"
        " stack_level, unit, status, firmware, refused_ms)"
        f" VALUES (?1, ?, ?, ?, ?, ?, ?, {_FIRMWARE}, ?)",
        (charge_point, connector_id, *variant, status, now_ms),
    )


def record_cleared(
    db: Database,
    charge_point: int,
    *,
    profile_id: int | None = None,
    connector_id: int | None = None,
    purpose: str | None = None,
    stack_level: int | None = None,
) -> None:
    """Delete the profiles that a charger, a row id, has cleared; None matches all (§5.5)."""
    filters = {
        "profile_id": profile_id,
        "connector_id": connector_id,
        "purpose": purpose,
        "stack_level": stack_level,
    }
    given = {name: value for name, value in filters.items() if value is not None}
    terms = "".join(f" AND {name} = ?" for name in given)
    for table in ("installed_profile", "unanswered_profile"):
        db.execute(
            f"DELETE FROM {table} WHERE charge_point = ?{terms}",
            (charge_point, *given.values()),
        )


def distrust(db: Database) -> None:
    """Have all profiles of ours sent again: their chargers may have accepted others since.

    The rows stay, because nobody else knows which profiles have to be cleared.
    """
    db.execute("UPDATE installed_profile SET firmware = NULL, accepted_ms = 0")


def forget_refused(db: Database, before_ms: int) -> None:
    """Delete refusals from before a time, so that chargers are asked again."""
    db.execute("DELETE FROM refused_profile WHERE refused_ms < ?", (before_ms,))


def count_write(db: Database, charge_point: int, now_ms: int) -> None:
    """Count a profile that a charger, a row id, was sent."""
    hour = now_ms // HOUR_MS
    db.execute(
        "INSERT INTO profile_write VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET writes = writes + 1",
        (charge_point, hour),
    )
    db.execute(
        "DELETE FROM profile_write WHERE charge_point = ? AND hour < ?",
        (charge_point, hour - _HOURS_KEPT),
    )


def writes(db: Database, since_hour: int) -> dict[str, int]:
    """Return how many profiles chargers were sent since an hour, by charge_point_id.

    Hours are counted from 1970; those of a week are on file.
    """
    rows = db.execute(
        "SELECT charge_point_id, sum(writes) FROM profile_write"
        " JOIN charge_point ON charge_point.id = charge_point WHERE hour >= ?"
        " GROUP BY charge_point",
        (since_hour,),
    )
    return dict(rows.fetchall())
