"""The months that have records."""

from shocpp.language.month import Month
from shocpp.store.books.prices import Indices, of_accounts
from shocpp.store.database import Database


def first_month(db: Database, indices: Indices = None) -> Month | None:
    """Return the first month that has a record, of some accounts or of any; or None."""
    # Ordered, so that the index of months ends the search at the first record of the account.
    query = (
        f"SELECT month FROM accounting_record WHERE true{of_accounts(indices)}"
        " ORDER BY month LIMIT 1"
    )
    row = db.execute(query).fetchone()
    return None if row is None else Month.parse(row[0])


def months_of_ended(db: Database, ended: tuple[int, int]) -> list[Month]:
    """Return the months in which records are booked that ended in a span of time, in order."""
    rows = db.execute(
        "SELECT DISTINCT month FROM accounting_record WHERE stopped_ms >= ? AND stopped_ms < ?"
        " ORDER BY 1",
        ended,
    )
    return [Month.parse(month) for (month,) in rows.fetchall()]
