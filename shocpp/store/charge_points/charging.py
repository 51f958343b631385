"""What a Charge Point is doing, as people ask about it (memory floor)."""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store import blocks
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

LATEST_TRANSACTIONS = 1_000
LATEST_READINGS = 100
"""How far back a power is looked for; some chargers never report one."""


class ConnectorState(NamedTuple):
    """A connector as its last StatusNotification, of `told_ms`, has it; 0 is the Charge Point."""

    connector_id: int
    status: str
    error_code: str
    since_ms: int
    told_ms: int


class OpenTransaction(NamedTuple):
    """A transaction without a stop; `consumed_wh` is None where the register does not tell."""

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
    """The power a connector was last measured at."""

    connector_id: int
    power_w: int
    measured_ms: int


_OPEN = (
    "SELECT started.id, transaction_id, charge_point_id, connector_id, id_tag, account, status,"
    " coalesce(started_ms, received_ms),"
    " (SELECT register_wh - meter_start_wh FROM meter_reading"
    "  WHERE started_transaction = started.id AND register_wh IS NOT NULL ORDER BY id DESC LIMIT 1)"
    " FROM started_transaction AS started JOIN charge_point ON charge_point.id = charge_point"
    " WHERE state = 'open'"
)


def connectors(db: Database, charge_point_id: str) -> list[ConnectorState]:
    """The connectors of a Charge Point that have reported their state."""
    rows = db.execute(
        "SELECT connector_id, status, error_code, since_ms, (SELECT received_ms FROM status_event"
        "  WHERE status_event.charge_point = connector.charge_point"
        "  AND status_event.connector_id = connector.connector_id ORDER BY id DESC LIMIT 1)"
        " FROM connector JOIN charge_point ON charge_point.id = charge_point"
        " WHERE identity_key = ? ORDER BY connector_id",
        (identity_key(charge_point_id),),
    )
    return [ConnectorState(*row) for row in rows.fetchall()]


def open_at(db: Database, charge_point_id: str) -> list[OpenTransaction]:
    """The transactions that are open at a Charge Point."""
    key = identity_key(charge_point_id)
    rows = db.execute(f"{_OPEN} AND identity_key = ? ORDER BY started.id", (key,))
    return [OpenTransaction(*row) for row in rows.fetchall()]


def open_of(db: Database, account: str) -> list[OpenTransaction]:
    """The transactions that are open for an account, wherever."""
    rows = db.execute(f"{_OPEN} AND account = ? ORDER BY started.id", (account,))
    return [OpenTransaction(*row) for row in rows.fetchall()]


def begun_since(
    db: Database, charge_point_id: str, tag_key: str, since_ms: int
) -> tuple[int, str] | None:
    """Connector and authorization status of a card's newest start that is open, or was refused."""
    found = db.execute(
        "SELECT connector_id, status FROM started_transaction AS started JOIN charge_point"
        " ON charge_point.id = charge_point"
        " WHERE started.id > (SELECT max(id) FROM started_transaction) - ? AND id_tag_key = ?"
        " AND identity_key = ? AND received_ms >= ?"
        " AND (state = 'open' OR status <> 'Accepted') ORDER BY started.id DESC LIMIT 1",
        (LATEST_TRANSACTIONS, tag_key, identity_key(charge_point_id), since_ms),
    ).fetchone()
    return found or None


def powers(db: Database, charge_point_id: str) -> list[Power]:
    """The power of each connector when it was last measured; 0 W once its transaction has ended."""
    charge_point = identities.row_of(db, charge_point_id) or 0
    rows = blocks.rows_of(
        db,
        "SELECT reading.connector_id, iif(started.state <> 'open', 0, max(power_w, 0)),"
        " reading.received_ms, power_w IS NOT NULL FROM meter_reading AS reading"
        " LEFT JOIN started_transaction AS started ON started.id = started_transaction"
        " WHERE reading.charge_point = ? AND reading.id BETWEEN ? AND ?"
        " ORDER BY reading.id DESC LIMIT ?",
        charge_point,
        blocks.newest_first(db, "meter_reading", charge_point),
        LATEST_READINGS,
    )
    latest: dict[int, Power] = {}
    for connector_id, power_w, measured_ms, tells in rows:
        if tells:
            latest.setdefault(connector_id, Power(connector_id, power_w, measured_ms))
    return [power for _, power in sorted(latest.items())]


def month_wh(db: Database, account: str, year: int, month: int) -> int | None:
    """What an account was booked in a month; None for a name that no booking has."""
    found = db.execute(
        "SELECT wh FROM monthly_consumption WHERE account = ? AND period = ?",
        (account, f"{year:04}-{month:02}"),
    ).fetchone()
    if found is not None:
        return int(found[0])
    known = db.execute("SELECT 1 FROM account WHERE account = ?", (account,)).fetchone()
    return 0 if known else None
