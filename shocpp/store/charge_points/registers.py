"""The newest registers that chargers have reported of their connectors."""

from typing import NamedTuple

from shocpp.ocpp.meter_values.quantities import BEST_SOURCE, WITHOUT_ID, source_rank
from shocpp.store import blocks
from shocpp.store.charge_points.charging import LATEST_READINGS, LATEST_TRANSACTIONS
from shocpp.store.database import Database

ConnectorRow = tuple[int, int]
"""The row id of a Charge Point, and a connector."""


class NewestRegister(NamedTuple):
    """A register in Wh, and the time of its receipt."""

    register_wh: int
    received_ms: int


def of_readings(db: Database, charge_point: int) -> dict[int, NewestRegister]:
    """Return the newest register of the best source of each connector of a Charge Point."""
    rows = blocks.rows_of(
        db,
        "SELECT connector_id, register_source, register_wh, received_ms FROM meter_reading"
        " WHERE charge_point = ? AND id BETWEEN ? AND ? AND register_wh IS NOT NULL"
        " ORDER BY id DESC LIMIT ?",
        charge_point,
        blocks.newest_first(db, "meter_reading", charge_point),
        LATEST_READINGS,
    )
    # The newest first, so a later row of the same source is older.
    best: dict[int, tuple[int, NewestRegister]] = {}
    for connector_id, source, register_wh, received_ms in rows:
        # Of which transaction it is does not matter here. One without a source is of an older
        # version, which took totals at the outlet only.
        rank = source_rank((source or BEST_SOURCE).removesuffix(WITHOUT_ID))
        if connector_id not in best or rank < best[connector_id][0]:
            best[connector_id] = rank, NewestRegister(register_wh, received_ms)
    return {connector_id: register for connector_id, (_, register) in best.items()}


def of_transactions(db: Database) -> dict[ConnectorRow, list[NewestRegister]]:
    """Return start and stop reading of the newest transaction of each connector."""
    # No index leads from a transaction to its stop, so only the newest ones are searched.
    rows = db.execute(
        "SELECT charge_point, connector_id, iif(start_known, meter_start_wh, NULL),"
        " newest.received_ms, newest.meter_stop_wh, coalesce(stopped.moment_ms, newest.received_ms)"
        " FROM started_transaction AS newest LEFT JOIN"
        "  (SELECT started_transaction, max(received_ms) AS moment_ms FROM received_stop"
        "   WHERE id > (SELECT max(id) FROM received_stop) - ?1 GROUP BY started_transaction)"
        "  AS stopped ON stopped.started_transaction = newest.id"
        " WHERE newest.id IN (SELECT max(id) FROM started_transaction NOT INDEXED"
        "  WHERE id > (SELECT max(id) FROM started_transaction) - ?1"
        "  GROUP BY charge_point, connector_id)",
        (LATEST_TRANSACTIONS,),
    )
    newest_of: dict[ConnectorRow, list[NewestRegister]] = {}
    for charge_point, connector_id, start_wh, started_ms, stop_wh, stopped_ms in rows.fetchall():
        registers = ((start_wh, started_ms), (stop_wh, stopped_ms))
        newest_of[charge_point, connector_id] = [
            NewestRegister(wh, moment_ms) for wh, moment_ms in registers if wh is not None
        ]
    return newest_of


def beginning_at_zero(db: Database) -> set[ConnectorRow]:
    """Return the connectors whose register has begun at 0 with two transactions that took energy.

    Such a register counts the energy of a transaction, and not that of the meter's life.
    """
    rows = db.execute(
        "SELECT charge_point, connector_id FROM started_transaction NOT INDEXED"
        " WHERE id > (SELECT max(id) FROM started_transaction) - ? AND start_known"
        " AND meter_start_wh = 0 AND meter_stop_wh > 0"
        " GROUP BY charge_point, connector_id HAVING count(*) > 1",
        (LATEST_TRANSACTIONS,),
    )
    return {*rows.fetchall()}


def serials(db: Database) -> dict[int, str]:
    """Return the serial numbers of the Charge Points that have reported one, by row id."""
    rows = db.execute("SELECT id, serial FROM charge_point WHERE serial <> ''")
    return dict(rows.fetchall())
