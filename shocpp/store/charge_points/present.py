"""The present state of all Charge Points at once, for a page that shows each connector.

Each function is one query, whatever the number of Charge Points. `only` restricts it to the
identities of some of them; None means all.
"""

import json
from collections.abc import Collection
from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.books.transactions import present_name
from shocpp.store.charge_points.charging import ConnectorState, OpenTransaction, Power
from shocpp.store.database import Database

LATEST_STARTS = 5_000
"""Transactions that are searched for refused starts, the newest."""

LONGEST_INTERVAL_S = 86_400
"""The longest interval of samples that counts, in seconds."""

Only = Collection[str] | None


class PresentChargePoint(NamedTuple):
    """A Charge Point on file: its row id, identity, last frame, and interval of samples.

    `sample_interval_s` is its MeterValueSampleInterval (OCPP 1.6 §9.1.16) as it was last set or
    read, or None if it is not known.
    """

    row: int
    charge_point_id: str
    is_connected: bool
    last_seen_ms: int
    sample_interval_s: int | None


class Running(NamedTuple):
    """An open transaction with all that its price and power follow from.

    `charge_point` is a row id. `started_ms` is None if the charger's time is implausible.
    `power` is None without a reading that it follows from.
    """

    charge_point: int
    transaction: OpenTransaction
    account_index: int
    begin_wh: int
    started_ms: int | None
    power: Power | None


class RefusedStart(NamedTuple):
    """A start whose card was refused, the newest of its connector."""

    charge_point: int
    connector_id: int
    id_tag: str
    account: str
    status: str
    received_ms: int


def charge_points(db: Database, only: Only = None) -> list[PresentChargePoint]:
    """Return the Charge Points on file with their connections, by row id."""
    condition, values = _among(only, "charge_point.id")
    rows = db.execute(
        "SELECT charge_point.id, charge_point_id, connection.token IS NOT NULL, last_heard_ms,"
        # A value that was set counts unless it was read again since.
        " iif(coalesce(set_ms, 0) > coalesce(read_ms, 0), set_value, value)"
        " FROM charge_point LEFT JOIN connection ON connection.charge_point = charge_point.id"
        " LEFT JOIN configuration_value AS interval ON interval.charge_point = charge_point.id"
        " AND interval.key = 'MeterValueSampleInterval'"
        f" WHERE {condition} ORDER BY charge_point.id",
        values,
    )
    return [
        PresentChargePoint(row, name, bool(is_connected), last_seen_ms, _interval_s(value))
        for row, name, is_connected, last_seen_ms, value in rows.fetchall()
    ]


def connectors(db: Database, only: Only = None) -> dict[int, list[ConnectorState]]:
    """Return the connectors that have reported a status, by the row id of their Charge Point.

    The time of the last notification is that of the status where an older version has stored it.
    """
    condition, values = _among(only, "charge_point")
    rows = db.execute(
        "SELECT charge_point, connector_id, status, error_code, since_ms,"
        f" coalesce(received_ms, since_ms) FROM connector WHERE {condition}"
        " ORDER BY charge_point, connector_id",
        values,
    )
    states: dict[int, list[ConnectorState]] = {}
    for charge_point, *columns in rows.fetchall():
        states.setdefault(charge_point, []).append(ConnectorState(*columns))
    return states


def running(db: Database, only: Only = None) -> list[Running]:
    """Return the open transactions with their energy and power, the oldest first."""
    condition, values = _among(only, "charge_point")
    # SQLite would scan all transactions for the view: open ones are few, and have an index.
    rows = db.execute(
        "SELECT live.charge_point, live.id, transaction_id, charge_point_id, connector_id, id_tag,"
        f" {present_name('live')}, status, coalesce(started_ms, received_ms), consumed_wh,"
        " account_index, begin_wh, started_ms, power_w, power_ms, power_basis <> 'measured'"
        " FROM live_transactions AS live JOIN charge_point ON charge_point.id = live.charge_point"
        " WHERE live.id IN (SELECT id FROM started_transaction"
        "  INDEXED BY started_transaction_unstopped"
        f"  WHERE state <> 'stopped' AND state = 'open' AND {condition}) ORDER BY live.id",
        values,
    )
    found = []
    for charge_point, *columns in rows.fetchall():
        transaction = OpenTransaction(*columns[:9])
        account_index, begin_wh, started_ms, power_w, power_ms, is_derived = columns[9:]
        power = None
        if power_w is not None:
            power = Power(transaction.connector_id, power_w, power_ms, bool(is_derived))
        found.append(Running(charge_point, transaction, account_index, begin_wh, started_ms, power))
    return found


def charging_connectors(db: Database, charge_point: int) -> set[int]:
    """Return the connectors of a Charge Point (a row id) with an open transaction."""
    rows = db.execute(
        "SELECT connector_id FROM started_transaction INDEXED BY started_transaction_unstopped"
        " WHERE state <> 'stopped' AND state = 'open' AND charge_point = ?",
        (charge_point,),
    )
    return {connector_id for (connector_id,) in rows.fetchall()}


def refused_starts(db: Database, since_ms: int, only: Only = None) -> list[RefusedStart]:
    """Return the refused starts since a time; of each connector only the newest start counts."""
    condition, values = _among(only, "charge_point")
    # No index has the time of receipt, so only the newest rows are searched, from the last one on.
    rows = db.execute(
        "SELECT charge_point, connector_id, id_tag,"
        f" {present_name('started_transaction')}, status, received_ms, max(id)"
        " FROM started_transaction NOT INDEXED"
        " WHERE id > (SELECT max(id) FROM started_transaction) - ?"
        f" AND received_ms >= ? AND {condition} GROUP BY charge_point, connector_id",
        (LATEST_STARTS, since_ms, *values),
    )
    return [RefusedStart(*row[:6]) for row in rows.fetchall() if row[4] != "Accepted"]


def _among(only: Only, column: str) -> tuple[str, tuple[str, ...]]:
    """Return the condition that a column holds the row id of one of some Charge Points."""
    if only is None:
        return "true", ()
    keys = json.dumps(sorted({identity_key(name) for name in only}))
    condition = (
        f"{column} IN (SELECT id FROM charge_point"
        " WHERE identity_key IN (SELECT value FROM json_each(?)))"
    )
    return condition, (keys,)


def _interval_s(value: str | None) -> int | None:
    """Return an interval in seconds as a charger writes it, or None without a usable one."""
    # 0 means no samples at all, and careless chargers write anything.
    text = (value or "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    seconds = int(text[:9])
    return seconds if 0 < seconds <= LONGEST_INTERVAL_S else None
