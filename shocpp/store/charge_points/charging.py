"""The present state of Charge Points: connectors, open transactions and power."""

from typing import NamedTuple

from shocpp.language.month import Month
from shocpp.ocpp.identity import identity_key
from shocpp.store import blocks
from shocpp.store.books.transactions import present_name
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

LATEST_TRANSACTIONS = 1_000
"""Transactions of all Charge Points that are searched for a start just made, the newest."""

LATEST_READINGS = 100
"""Readings that are searched for a power, the newest: some chargers never report one."""


class ConnectorState(NamedTuple):
    """The state of a connector by its last StatusNotification; connector 0 is the Charge Point.

    `since_ms` is the time of the first notification with this status, `notified_ms` that of the
    last.
    """

    connector_id: int
    status: str
    error_code: str
    since_ms: int
    notified_ms: int


class OpenTransaction(NamedTuple):
    """An open transaction, with the row id of it.

    `since_ms` is its start by the charger's clock, or else the time of receipt. `consumed_wh` is
    None as long as no register reading has come.
    """

    row: int
    transaction_id: int
    charge_point_id: str
    connector_id: int
    id_tag: str
    account: str
    status: str
    since_ms: int
    consumed_wh: int | None


class Power(NamedTuple):
    """The present power of a connector, in W, and the time of receipt of its reading.

    `is_derived` is True if it follows from current and voltage, or from the register.
    """

    connector_id: int
    power_w: int
    measured_ms: int
    is_derived: bool = False


_OPEN = (
    "SELECT live.id, transaction_id, charge_point_id, connector_id, id_tag,"
    f" {present_name('live')}, status, coalesce(started_ms, received_ms), consumed_wh"
    " FROM live_transactions AS live JOIN charge_point ON charge_point.id = charge_point"
    " WHERE state = 'open'"
)


def connectors(db: Database, charge_point_id: str) -> list[ConnectorState]:
    """Return the connectors of a Charge Point that have reported a status, by connector id."""
    rows = db.execute(
        "SELECT connector_id, status, error_code, since_ms, coalesce(received_ms,"
        "  (SELECT status_event.received_ms FROM status_event"
        "   WHERE status_event.charge_point = connector.charge_point"
        "   AND status_event.connector_id = connector.connector_id ORDER BY id DESC LIMIT 1),"
        "  since_ms)"
        " FROM connector JOIN charge_point ON charge_point.id = charge_point"
        " WHERE identity_key = ? ORDER BY connector_id",
        (identity_key(charge_point_id),),
    )
    return [ConnectorState(*row) for row in rows.fetchall()]


def open_at(db: Database, charge_point_id: str) -> list[OpenTransaction]:
    """Return the open transactions of a Charge Point, the oldest first."""
    key = identity_key(charge_point_id)
    rows = db.execute(f"{_OPEN} AND identity_key = ? ORDER BY live.id", (key,))
    return [OpenTransaction(*row) for row in rows.fetchall()]


def known_connectors(db: Database, charge_point_id: str) -> list[int]:
    """Return the connectors that a Charge Point has reported, without the Charge Point itself."""
    reported = {state.connector_id for state in connectors(db, charge_point_id)}
    reported |= {session.connector_id for session in open_at(db, charge_point_id)}
    return sorted(reported - {0})


def open_of(db: Database, account: str) -> list[OpenTransaction]:
    """Return the open transactions of an account at all Charge Points, the oldest first."""
    bound = "SELECT account_index FROM account WHERE account = ?"
    rows = db.execute(f"{_OPEN} AND account_index IN ({bound}) ORDER BY live.id", (account,))
    return [OpenTransaction(*row) for row in rows.fetchall()]


def newest_start(
    db: Database, charge_point_id: str, tag_key: str, since_ms: int
) -> tuple[int, str] | None:
    """Return connector id and authorization status of the newest start of a card, or None.

    The start came since `since_ms`, and is open or was refused. `tag_key` is an id tag in its
    compared form.
    """
    # No index has the time of receipt, so only the newest rows are searched.
    row = db.execute(
        "SELECT connector_id, status FROM started_transaction AS started JOIN charge_point"
        " ON charge_point.id = charge_point"
        " WHERE started.id > (SELECT max(id) FROM started_transaction) - ? AND id_tag_key = ?"
        " AND identity_key = ? AND received_ms >= ?"
        " AND (state = 'open' OR status <> 'Accepted') ORDER BY started.id DESC LIMIT 1",
        (LATEST_TRANSACTIONS, tag_key, identity_key(charge_point_id), since_ms),
    ).fetchone()
    return row or None


def powers(db: Database, charge_point_id: str) -> list[Power]:
    """Return the present power of each connector, by connector id.

    While a transaction is open, it is that of its latest reading, or derived. Else it is the last
    one that was measured, or 0 W: once its transaction has ended, and for a charger that reports a
    register or currents only. A connector without any of these in the newest readings is missing.
    """
    # No row has the id 0.
    charge_point = identities.row_of(db, charge_point_id) or 0
    running = db.execute(
        "SELECT connector_id, power_w, power_ms, power_basis <> 'measured'"
        " FROM live_transactions WHERE charge_point = ? AND state = 'open' ORDER BY id",
        (charge_point,),
    ).fetchall()
    rows = blocks.rows_of(
        db,
        "SELECT reading.connector_id, iif(started.state <> 'open', 0, max(power_w, 0)),"
        " reading.received_ms, power_w IS NOT NULL AND NOT is_derived"
        " FROM timed_readings AS reading"
        " LEFT JOIN started_transaction AS started ON started.id = started_transaction"
        " WHERE reading.charge_point = ? AND reading.id BETWEEN ? AND ?"
        " AND (power_w IS NOT NULL OR register_wh IS NOT NULL) ORDER BY reading.id DESC LIMIT ?",
        charge_point,
        blocks.newest_first(db, "meter_reading", charge_point),
        LATEST_READINGS,
    )
    latest: dict[int, Power] = {}
    for connector_id, power_w, received_ms, is_measured in rows:
        if is_measured:
            latest.setdefault(connector_id, Power(connector_id, power_w, received_ms))
    # Without a transaction nothing is charged, so these connectors have 0 W.
    charging = {connector_id for connector_id, *_ in running}
    for connector_id, _, received_ms, _ in rows:
        if connector_id not in charging:
            latest.setdefault(connector_id, Power(connector_id, 0, received_ms))
    for connector_id, power_w, power_ms, is_derived in running:
        if power_w is not None:
            latest[connector_id] = Power(connector_id, power_w, power_ms, bool(is_derived))
    return [power for _, power in sorted(latest.items())]


def month_wh(db: Database, account: str, month: Month) -> int | None:
    """Return the Wh booked to an account in a month, 0 without any; None for an unknown account."""
    known, wh = db.execute(
        "SELECT count(*), sum((SELECT wh FROM monthly_consumption AS consumption"
        "  WHERE consumption.account_index = account.account_index AND period = ?))"
        " FROM account WHERE account = ?",
        (month.name, account),
    ).fetchone()
    return int(wh or 0) if known else None
