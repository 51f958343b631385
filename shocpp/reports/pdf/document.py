"""The monthly statement of one account as a PDF file, for payroll and tenants.

It depends on the statement and its records only. The same input makes the same bytes, on every
machine and at any time.

    letter/         months that are open, or were closed since ADDRESSED
    first_layout/   months that were closed before
    overviews/      a year, and a month of all accounts
    table       the rows of the records                     layout    parts that all layouts have
    notes       legend, notes, decisions, meter check       grid      columns, titles and cells
    facts       texts of chargers and prices                page      pages, texts and lines
    labels      labels and sentences, by language           font      glyphs and widths
    subject     the account, its language, names and texts  chart     bars with labels
"""

from collections.abc import Iterable

from shocpp.reports.statement import Statement, Sums
from shocpp.reports.tables.cells import ADDRESSED
from shocpp.store.books.statements.statement_records import StatementRow


def pdf_of(
    statement: Statement,
    account: Sums,
    rows: Iterable[StatementRow],
    language: str,
) -> bytes:
    """Return the PDF file of one account's statement; `rows` are the records of the account.

    The layout is that of the snapshot's version.
    """
    # Each layout is loaded when it is needed: a command prints months of one of them.
    if statement.snapshot_version >= ADDRESSED:
        from shocpp.reports.pdf.letter import document as layout
    else:
        from shocpp.reports.pdf.first_layout import document as layout  # type: ignore[no-redef]
    return layout.pdf_of(statement, account, rows, language)
