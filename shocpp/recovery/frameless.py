"""Readings whose frames were never stored, in their place between the frames of a rebuild.

A charger over its budget has readings without frames. They are copied as they were, and belong to
the transaction that has the same id.
"""

from collections import deque

from shocpp.store.books import readings, transactions
from shocpp.store.books.readings import FrameReadings
from shocpp.store.books.restoring import restored
from shocpp.store.books.restoring.restored import FramelessReading
from shocpp.store.charge_points.frames import NO_FRAME, Frame
from shocpp.store.database import Database

AT_ONCE = 1_000
"""The readings that are read from the database together."""


class FramelessReadings:
    """The readings without frames that a rebuild still has to write, by their receipt."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._row = 0
        self._waiting: deque[FramelessReading] = deque()

    def replay(self, until_ms: int, *, up_to_stop: bool = False) -> None:
        """Write the readings received before a time, in the caller's write transaction.

        `up_to_stop` includes those of that very time if their transaction has begun.
        """
        early: list[FramelessReading] = []
        while (reading := self._next()) is not None and reading.received_ms <= until_ms:
            # Frames of one read have the same time: this one may have come after the next start.
            is_now = reading.received_ms == until_ms
            if (is_now and not up_to_stop) or not self._write(reading, needs_start=is_now):
                early.append(reading)
            self._waiting.popleft()
        self._waiting.extendleft(reversed(early))

    def _next(self) -> FramelessReading | None:
        if not self._waiting:
            for row, reading in restored.frameless_after(self._db, self._row, AT_ONCE):
                self._row = row
                self._waiting.append(reading)
        return self._waiting[0] if self._waiting else None

    def _write(self, reading: FramelessReading, *, needs_start: bool) -> bool:
        """Write a reading; return False if it has to wait for the start of its transaction."""
        charge_point, connector_id = reading.charge_point, reading.connector_id
        running = None
        if reading.transaction_id is not None:
            running = transactions.running(
                self._db, charge_point, connector_id, reading.transaction_id
            )
            if running is None and needs_start:
                return False
        if running is not None:
            transactions.improve_source(self._db, running, [reading.reading])
        frame = Frame(charge_point, "in", "MeterValues", reading.received_ms, "", id=NO_FRAME)
        row = None if running is None else running.row
        readings.record(self._db, [FrameReadings(frame, connector_id, row, (reading.reading,))])
        return True
