"""The solar energy of what a human decides on before it was ever booked."""

from functools import partial

from shocpp.ledger.record import Record
from shocpp.ledger.solar import solar_wh
from shocpp.store.books import rereading
from shocpp.store.database import Database
from shocpp.store.site import minutes


def own_solar_wh(db: Database, record: Record, started_transaction: int | None) -> int | None:
    """Return the solar energy of a record by the readings of its transaction, None if unknown."""
    # Of energy past the books, nothing tells when it flowed.
    if started_transaction is None:
        return None
    readings = rereading.readings_of(db, started_transaction)
    return solar_wh(record, readings, partial(minutes.between, db))
