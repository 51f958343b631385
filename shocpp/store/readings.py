"""Meter readings: the totals that the ledger and the live display need (memory floor).

All samples of a MeterValues stay in its frame; the view `meter_values` reads them there.
"""

from collections.abc import Iterable

from shocpp.ocpp.facts import Reading
from shocpp.store import blocks
from shocpp.store.database import Database


def of_transaction(db: Database, started_transaction: int) -> list[Reading]:
    """The meter readings of a transaction, in the order in which they came."""
    rows = db.execute(
        "SELECT sampled_ms, register_wh, power_w FROM meter_reading WHERE started_transaction = ?"
        " ORDER BY id",
        (started_transaction,),
    )
    return [Reading(*row) for row in rows.fetchall()]


def record(
    db: Database,
    charge_point: int,
    connector_id: int,
    started_transaction: int | None,
    readings: Iterable[Reading],
    frame: int,
    now_ms: int,
) -> None:
    """Keep the totals of meter values; all samples are in the frame."""
    for reading in readings:
        cursor = db.execute(
            "INSERT INTO meter_reading (charge_point, connector_id, started_transaction,"
            " sampled_ms, received_ms, register_wh, power_w, frame)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                charge_point,
                connector_id,
                started_transaction,
                reading.sampled_ms,
                now_ms,
                reading.register_wh,
                reading.power_w,
                frame,
            ),
        )
        blocks.enter(db, "meter_reading", charge_point, cursor.lastrowid or 0)
