"""The stop that comes after a human has ended its transaction: it wins."""

from shocpp.bookkeeping.posting import Posting, PostingUnit
from shocpp.ledger import decisions
from shocpp.ledger.record import Record
from shocpp.store.books import records, stops, transactions
from shocpp.store.books.records import Origin
from shocpp.store.database import Database


def supersede(
    db: Database,
    books: Posting,
    origin: Origin,
    record: Record,
    received_ms: int,
    *name_parts: object,
    unit: PostingUnit | None = None,
) -> bool:
    """Replace the record by which a human has ended a transaction by that of its stop.

    `origin` has the rows of both, and `name_parts` name the file of the stop's record. Return False
    if no human has ended the transaction.
    """
    assert origin.started_transaction is not None
    number = stops.record_by_hand(db, origin.started_transaction)
    by_hand = None if number is None else records.stored(db, number)
    if by_hand is None:
        return False
    decided = origin._replace(
        replaces=by_hand.number, decided_by=decisions.BY_SHOCPP, decided_why="its stop arrived"
    )
    # The stop's own reading, also where it is below the one of the human.
    transactions.end_orphan(db, origin.started_transaction, record.end_wh)
    for entry, entry_record in decisions.supersede(by_hand.record, record):
        # A stop belongs to one entry: the one with its energy.
        of_stop = entry == "replacement"
        stop_row = origin.received_stop if of_stop else None
        books.post(
            decided._replace(entry=entry, received_stop=stop_row),
            entry_record,
            received_ms,
            *(name_parts if of_stop else (*name_parts, entry)),
            unit=unit,
        )
    return True
