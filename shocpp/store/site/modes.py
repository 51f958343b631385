"""The modes that people have chosen, and the cars that they are for."""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.changes import CONNECTOR
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

LATEST_STATUSES, LATEST_TRANSACTIONS = 200, 20
"""States and transactions of a connector that are searched for its cars, the newest."""

_COLUMNS = (
    "charge_point_id, connector_id, mode, until_ms, goal_wh, by_ms, from_wh, chosen_by,"
    " chosen_ms, car_ms"
)


class ModeChoice(NamedTuple):
    """A mode that somebody has chosen for a connector; it ends when its car leaves.

    until_ms   when it ends before, None for never
    goal_wh    the energy that the car is to get, None for no goal
    by_ms      when it is to have it, None for any time
    from_wh    the register from which the goal counts, None until it is known
    car_ms     since when its car is there, None if it has not come yet
    """

    charge_point_id: str
    connector_id: int
    mode: str
    until_ms: int | None
    goal_wh: int | None
    by_ms: int | None
    from_wh: int | None
    chosen_by: str
    chosen_ms: int
    car_ms: int | None


class ReportedStatus(NamedTuple):
    """A state that a connector has reported."""

    status: str
    received_ms: int


class Stay(NamedTuple):
    """A transaction of a connector; `ended_ms` is when its stop came, None while it is open."""

    started_ms: int | None
    received_ms: int
    ended_ms: int | None


class Register(NamedTuple):
    """The register of a connector at the start of its open transaction, and the newest one."""

    begin_wh: int
    newest_wh: int


def choose(db: Database, choice: ModeChoice) -> None:
    """Store a mode in place of the one of its connector; its Charge Point must have a row."""
    row = identities.row_of(db, choice.charge_point_id) or 0
    db.execute(
        "INSERT OR REPLACE INTO mode_choice (charge_point, connector_id, mode, until_ms, goal_wh,"
        " by_ms, from_wh, chosen_by, chosen_ms, car_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (row, *choice[1:]),
    )
    db.changes.note(CONNECTOR, row, choice.connector_id)


def withdraw(db: Database, charge_point_id: str, connector_id: int | None) -> None:
    """Delete the mode of a connector, or with None all of a charger."""
    deleted = db.execute(
        "DELETE FROM mode_choice WHERE (?1 IS NULL OR connector_id = ?1)"
        " AND charge_point = (SELECT id FROM charge_point WHERE identity_key = ?2)"
        " RETURNING charge_point, connector_id",
        (connector_id, identity_key(charge_point_id)),
    )
    for row, connector in deleted.fetchall():
        db.changes.note(CONNECTOR, row, connector)


def stored(db: Database) -> list[ModeChoice]:
    """Return all choices on file, in the order of their Charge Points and connectors."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM mode_choice JOIN charge_point ON charge_point.id = charge_point"
        " ORDER BY charge_point, connector_id"
    )
    return [ModeChoice(*row) for row in rows.fetchall()]


def present(db: Database, now_ms: int) -> list[ModeChoice]:
    """Return the choices whose time is not over."""
    return [one for one in stored(db) if one.until_ms is None or one.until_ms > now_ms]


def statuses(db: Database, charge_point: int, connector_id: int) -> list[ReportedStatus]:
    """Return the newest states of a connector, the oldest first."""
    rows = db.execute(
        "SELECT status, received_ms FROM status_event WHERE charge_point = ? AND connector_id = ?"
        " ORDER BY id DESC LIMIT ?",
        (charge_point, connector_id, LATEST_STATUSES),
    )
    return [ReportedStatus(*row) for row in reversed(rows.fetchall())]


def present_status(db: Database, charge_point: int, connector_id: int) -> ReportedStatus | None:
    """Return the present state of a connector with the time since when; None if it has no row."""
    row = db.execute(
        "SELECT status, since_ms FROM connector WHERE charge_point = ? AND connector_id = ?",
        (charge_point, connector_id),
    ).fetchone()
    return ReportedStatus(*row) if row else None


def stays(db: Database, charge_point: int, connector_id: int) -> list[Stay]:
    """Return the newest transactions of a connector, the oldest first."""
    rows = db.execute(
        "SELECT started_ms, started.received_ms, iif(state = 'open', NULL, coalesce("
        "  (SELECT min(booked_ms) FROM accounting_record"
        "   WHERE accounting_record.started_transaction = started.id),"
        "  stopped_ms, started.received_ms))"
        " FROM started_transaction AS started WHERE charge_point = ? AND connector_id = ?"
        " ORDER BY id DESC LIMIT ?",
        (charge_point, connector_id, LATEST_TRANSACTIONS),
    )
    return [Stay(*row) for row in reversed(rows.fetchall())]


def register(db: Database, charge_point: int, connector_id: int) -> Register | None:
    """Return the register of the open transaction of a connector, None if it is not known."""
    row = db.execute(
        "SELECT begin_wh, end_wh FROM live_transactions"
        " WHERE id = (SELECT max(id) FROM started_transaction"
        "  INDEXED BY started_transaction_unstopped WHERE state <> 'stopped' AND state = 'open'"
        "  AND charge_point = ? AND connector_id = ?)"
        " AND (start_known OR register IS NOT NULL)",
        (charge_point, connector_id),
    ).fetchone()
    return Register(*row) if row else None


def left_wh(choice: ModeChoice, register: Register | None) -> int:
    """Return the energy that the car of a choice with a goal lacks still."""
    goal_wh, from_wh = choice.goal_wh or 0, choice.from_wh
    if register is None or from_wh is None:
        return goal_wh
    # The registers of some chargers begin at 0 with each transaction.
    if register.newest_wh < from_wh:
        from_wh = register.begin_wh
    return max(0, goal_wh - max(0, register.newest_wh - from_wh))
