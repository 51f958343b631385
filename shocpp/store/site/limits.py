"""The limits that people have chosen."""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database

ALL_CONNECTORS = 0
"""The connector of a limit that is valid for each connector of its charger."""


class LimitChoice(NamedTuple):
    """A limit that somebody has chosen, until `until_ms` or, with None, until it is withdrawn."""

    charge_point_id: str
    connector_id: int
    limit_ma: int
    until_ms: int | None
    chosen_by: str
    chosen_ms: int


def choose(db: Database, choice: LimitChoice) -> None:
    """Store a limit in place of the one of its connector; its Charge Point must have a row."""
    db.execute(
        "INSERT OR REPLACE INTO limit_choice (charge_point, connector_id, limit_ma, until_ms,"
        " chosen_by, chosen_ms) SELECT id, ?, ?, ?, ?, ? FROM charge_point WHERE identity_key = ?",
        (*choice[1:], identity_key(choice.charge_point_id)),
    )


def withdraw(db: Database, charge_point_id: str, connector_id: int | None) -> bool:
    """Delete the limit of a connector, or with None all of a charger; False if there was none."""
    cursor = db.execute(
        "DELETE FROM limit_choice WHERE (?1 IS NULL OR connector_id = ?1)"
        " AND charge_point = (SELECT id FROM charge_point WHERE identity_key = ?2)",
        (connector_id, identity_key(charge_point_id)),
    )
    return cursor.rowcount > 0


def present(db: Database, now_ms: int) -> list[LimitChoice]:
    """Return the limits in force, in the order of their Charge Points and connectors."""
    rows = db.execute(
        "SELECT charge_point_id, connector_id, limit_ma, until_ms, chosen_by, chosen_ms"
        " FROM limit_choice JOIN charge_point ON charge_point.id = charge_point"
        " WHERE until_ms IS NULL OR until_ms > ? ORDER BY charge_point, connector_id",
        (now_ms,),
    )
    return [LimitChoice(*row) for row in rows.fetchall()]


def purge(db: Database, now_ms: int) -> None:
    """Delete the limits whose time is over, for ever: also if the clock is set back."""
    db.execute("DELETE FROM limit_choice WHERE until_ms <= ?", (now_ms,))
