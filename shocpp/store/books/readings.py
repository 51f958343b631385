"""Meter readings: the totals of MeterValues that the ledger and the live display need.

All samples stay in the stored frame, where the view `meter_values` reads them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shocpp.ocpp.facts import Reading
from shocpp.store import blocks
from shocpp.store.changes import POWER
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database

_COLUMNS = (
    *("charge_point", "connector_id", "started_transaction", "sampled_ms", "received_ms"),
    *("register_wh", "power_w", "register_source", "power_source", "frame", "position"),
)


def of_transaction(db: Database, started_transaction: int) -> list[Reading]:
    """Return the meter readings of the transaction with this row id, in the order of receipt."""
    # By receipt, not by time: Alfen sends 2014-01-01 and MicroOcpp 1970 before their clocks are
    # set.
    rows = db.execute(
        "SELECT sampled_ms, register_wh, power_w, register_source, power_source"
        " FROM meter_reading WHERE started_transaction = ? ORDER BY id",
        (started_transaction,),
    )
    return [Reading(*row) for row in rows.fetchall()]


class FrameReadings(NamedTuple):
    """The readings of one frame, which wait until they are written.

    `connector_id` and the row id `started_transaction` are those that the readings belong to.
    """

    frame: Frame
    connector_id: int
    started_transaction: int | None
    readings: tuple[Reading, ...]


def record(db: Database, waiting: Sequence[FrameReadings]) -> None:
    """Write the readings of frames of known Charge Points, which must be written before."""
    rows = [
        (
            *(frame.charge_point, connector_id, started_transaction, reading.sampled_ms),
            *(frame.moment_ms, reading.register_wh, reading.power_w, reading.register_source),
            *(reading.power_source, frame.id, position),
        )
        for frame, connector_id, started_transaction, readings in waiting
        for position, reading in enumerate(readings)
    ]
    row_ids = db.insert_rows("meter_reading", _COLUMNS, rows)
    for (charge_point, *_), row_id in zip(rows, row_ids, strict=True):
        assert charge_point is not None
        blocks.enter(db, "meter_reading", charge_point, row_id)
    for frame, connector_id, _, readings in waiting:
        if readings:
            db.changes.note(POWER, frame.charge_point, connector_id)
