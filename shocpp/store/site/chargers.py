"""The chargers and sessions that limits are decided for."""

import json
from collections.abc import Collection
from typing import NamedTuple

from shocpp.store.database import Database


class SiteCharger(NamedTuple):
    """A Charge Point on file; `connected_ms` is None if it is not connected.

    `booted_ms` is the time of its last BootNotification, None if it has sent none.
    """

    row: int
    charge_point_id: str
    vendor: str | None
    model: str | None
    firmware: str | None
    booted_ms: int | None
    connected_ms: int | None
    last_seen_ms: int


class OpenSession(NamedTuple):
    """The newest open transaction of a connector; `started_ms` is by the charger's clock."""

    charge_point: int
    connector_id: int
    transaction_id: int
    started_ms: int | None
    received_ms: int
    account_index: int = 0


class StatusReport(NamedTuple):
    """A StatusNotification; `reported_ms` is by the charger's clock, None if it gives no time."""

    status: str
    reported_ms: int | None
    received_ms: int


def chargers(db: Database) -> list[SiteCharger]:
    """Return the Charge Points on file, by row id."""
    rows = db.execute(
        "SELECT charge_point.id, charge_point_id, vendor, model, firmware, booted_ms,"
        " connected_ms, last_heard_ms FROM charge_point"
        " LEFT JOIN connection ON connection.charge_point = charge_point.id"
        " ORDER BY charge_point.id"
    )
    return [SiteCharger(*row) for row in rows.fetchall()]


def sessions(db: Database) -> list[OpenSession]:
    """Return the newest open transaction of each connector."""
    rows = db.execute(
        "SELECT charge_point, connector_id, transaction_id, started_ms, received_ms, account_index,"
        " max(id)"
        " FROM started_transaction INDEXED BY started_transaction_unstopped"
        " WHERE state <> 'stopped' AND state = 'open'"
        " GROUP BY charge_point, connector_id"
    )
    return [OpenSession(*row[:6]) for row in rows.fetchall()]


def newest_report(db: Database, charge_point: int, connector_id: int) -> StatusReport | None:
    """Return the newest StatusNotification of a connector that had another state before it."""
    row = db.execute(
        "SELECT status, reported_ms, received_ms FROM status_event"
        " WHERE charge_point = ? AND connector_id = ? ORDER BY id DESC LIMIT 1",
        (charge_point, connector_id),
    ).fetchone()
    return StatusReport(*row) if row else None


def configuration(db: Database, keys: Collection[str]) -> dict[int, dict[str, str | None]]:
    """Return the values of some configuration keys by the row id of their Charge Point.

    The value is None for a key that the charger does not have.
    """
    rows = db.execute(
        # A value that was set counts unless it was read again since.
        "SELECT charge_point, key,"
        " iif(coalesce(set_ms, 0) > coalesce(read_ms, 0), set_value, value)"
        " FROM configuration_value WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps([*keys]),),
    )
    values: dict[int, dict[str, str | None]] = {}
    for charge_point, key, value in rows.fetchall():
        values.setdefault(charge_point, {})[key] = value
    return values
