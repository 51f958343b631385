"""Meter readings: the totals of MeterValues that the ledger and the live display need.

All samples stay in the stored frame, where the view `meter_values` reads them.
"""

from shocpp.ocpp.facts import Reading
from shocpp.store import blocks
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database

_COLUMNS = (
    *("charge_point", "connector_id", "started_transaction", "sampled_ms", "received_ms"),
    *("register_wh", "power_w", "frame", "position"),
)


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
        self._waiting: list[tuple[Frame, int, int | None, tuple[Reading, ...]]] = []
        self._waiting_of: dict[int, list[Reading]] = {}

    def add(
        self,
        frame: Frame,
        connector_id: int,
        started_transaction: int | None,
        readings: tuple[Reading, ...],
    ) -> None:
        """Add the readings of one frame of a known Charge Point."""
        self._waiting.append((frame, connector_id, started_transaction, readings))
        if started_transaction is not None:
            self._waiting_of.setdefault(started_transaction, []).extend(readings)

    def of_transaction(self, started_transaction: int) -> list[Reading]:
        """Return the readings of a transaction in the order of receipt, the waiting ones too."""
        waiting = self._waiting_of.get(started_transaction, ())
        return [*of_transaction(self._db, started_transaction), *waiting]

    def write(self) -> None:
        """Write the readings; their frames must be written before."""
        rows = [
            (
                *(frame.charge_point, connector_id, started_transaction, reading.sampled_ms),
                *(frame.moment_ms, reading.register_wh, reading.power_w, frame.id, position),
            )
            for frame, connector_id, started_transaction, readings in self._waiting
            for position, reading in enumerate(readings)
        ]
        row_ids = self._db.insert_rows("meter_reading", _COLUMNS, rows)
        for (charge_point, *_), row_id in zip(rows, row_ids, strict=True):
            assert charge_point is not None
            blocks.enter(self._db, "meter_reading", charge_point, row_id)
        self._waiting, self._waiting_of = [], {}
