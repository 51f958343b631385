"""Meter readings: the totals that the ledger and the live display need (memory floor).

All samples of a MeterValues stay in its frame; the view `meter_values` reads them there.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ocpp.facts import Reading
from shocpp.store import blocks
from shocpp.store.database import Database


class ReadingRow(NamedTuple):
    """A reading as it is kept: `charge_point`, `started_transaction` and `frame` are rows' keys."""

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
    """The meter readings of a transaction, in the order in which they came."""
    rows = db.execute(
        "SELECT sampled_ms, register_wh, power_w FROM meter_reading WHERE started_transaction = ?"
        " ORDER BY id",
        (started_transaction,),
    )
    return [Reading(*row) for row in rows.fetchall()]


class Batch:
    """The readings of one write transaction that are yet to be written."""

    def __init__(self, db: Database) -> None:
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
        """Keep the totals of meter values; all samples are in the frame."""
        number = self._next_id
        if number is None:
            found = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM meter_reading")
            number = int(found.fetchone()[0])
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
        """Write them, before any of them is read or the transaction ends."""
        if self._rows:
            self._db.insert_rows("meter_reading", self._rows)
            for row in self._rows:
                blocks.enter(self._db, "meter_reading", row.charge_point, row.id)
            self._rows = []
