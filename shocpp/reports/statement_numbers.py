"""The numbers of statements, such as 2026-0012: consecutive in the year of the closing.

A closing gives one to the statement of each account. They are in its snapshot, so a reprint and a
rebuild have the same ones.
"""

from shocpp.language.dates import local_datetime
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.books import Books
from shocpp.reports.statement import Statement
from shocpp.store.books import closings


def numbered(books: Books, statement: Statement, closed_ms: int) -> Statement:
    """Return the statement of a month that is being closed, with the next numbers."""
    year = local_datetime(format_timestamp(closed_ms), books.zone).year
    last = closings.last_statement_number(books.db, year)
    return statement._replace(
        accounts=tuple(
            sums._replace(number=f"{year}-{number:04}")
            for number, sums in enumerate(statement.accounts, last + 1)
        )
    )
