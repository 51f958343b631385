"""Meter readings: the totals of MeterValues that the ledger and the live display need.

All samples stay in the stored frame, where the view `meter_values` reads them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ocpp.facts import Reading
from shocpp.store import blocks
from shocpp.store.database import Database


class ReadingRow(NamedTuple):
    """A row of the table `meter_reading`, its columns in their order.

    `charge_point`, `started_transaction` and `frame` are row ids.
    """

    id: int
    charge_point: int
    connector_id: int
    started_transaction: int | None
    sampled_ms: int | None
    received_ms: int
    register_wh: int | None
    power_w: int | None
    frame: int


def of_transaction(db: Database, started_transaction: int) -> list[Reading]:
    """Return the meter readings of the transaction with this row id, in the order of receipt."""
    # By receipt, not by time: Alfen sends 2014-01-01 and MicroOcpp 1970 before their clocks are
    # set.
    rows = db.execute(
        "SELECT sampled_ms, register_wh, power_w FROM meter_reading WHERE started_transaction = ?"
        " ORDER BY id",
        (started_transaction,),
    )
    return [Reading(*row) for row in rows.fetchall()]


class Batch:
    """The readings of one write transaction, until they are written together."""

    def __init__(self, db: Database) -> None:
        """Begin a batch; the caller is in a write transaction when it adds and writes."""
        self._db = db
        self._rows: list[ReadingRow] = []
        self._next_id: int | None = None

    def add(
        self,
        charge_point: int,
        connector_id: int,
        started_transaction: int | None,
        readings: Iterable[Reading],
        frame: int,
        now_ms: int,
    ) -> None:
        """Add the readings of one frame, whose row id is `frame`, with consecutive ids."""
        # The view `meter_values` depends on ids that are consecutive within a frame. They are
        # counted here, because no other process writes during this transaction.
        number = self._next_id
        if number is None:
            row = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM meter_reading")
            number = int(row.fetchone()[0])
        for sampled_ms, register_wh, power_w in readings:
            self._rows.append(
                ReadingRow(
                    number,
                    charge_point,
                    connector_id,
                    started_transaction,
                    sampled_ms,
                    now_ms,
                    register_wh,
                    power_w,
                    frame,
                )
            )
            number += 1
        self._next_id = number

    def write(self) -> None:
        """Write the readings; call it before any of them is read and before the commit."""
        if self._rows:
            self._db.insert_rows("meter_reading", self._rows)
            for row in self._rows:
                blocks.enter(self._db, "meter_reading", row.charge_point, row.id)
            self._rows = []
