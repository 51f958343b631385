"""The statement of an account in the first layout: landscape, from the letterhead to the sums."""

from collections.abc import Iterable

from shocpp.reports.pdf.facts import state_of, title_of
from shocpp.reports.pdf.first_layout.foot import draw_foot, sums_height
from shocpp.reports.pdf.first_layout.head import draw_head
from shocpp.reports.pdf.font import first_printable
from shocpp.reports.pdf.layout import document_info, draw_footer, draw_running_head
from shocpp.reports.pdf.page import Sheet
from shocpp.reports.pdf.subject import subject_of
from shocpp.reports.pdf.table import Table
from shocpp.reports.statement import Statement, Sums
from shocpp.store.books.statements.statement_records import StatementRow


def pdf_of(
    statement: Statement, account: Sums, rows: Iterable[StatementRow], language: str
) -> bytes:
    """Return the PDF file of one account's statement; `rows` are the records of the account."""
    subject = subject_of(statement, account, language)
    title = f"{title_of(subject)} – {account.account}"
    state = state_of(subject)
    info = document_info(statement, title, state, language)
    sheet = Sheet(info, spelling=first_printable)
    # `top` is called on the pages after the first one, which has the letterhead instead.
    sheet.top = lambda: draw_running_head(sheet, title, statement.operator)
    draw_head(sheet, subject)
    table = Table(sheet, subject)
    table.draw(rows, height_below=sums_height(subject))
    draw_foot(sheet, subject, table)
    return sheet.finish(
        lambda page, pages: draw_footer(sheet, state, subject.label("page", page=page, pages=pages))
    )
