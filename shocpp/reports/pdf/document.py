"""The monthly paper of one account as a PDF file, for payroll and for tenants (a room).

It is made of the paper's frame and its records and of nothing else: the same ones make the same
bytes, anywhere and at any time.

    pdf_font    what the fonts show            pdf_head, pdf_table, pdf_foot    what is where
    pdf_page    a page that is being filled    pdf_letter    what the yearly paper has, too
    pdf_grid    columns side by side           pdf_words     labels and figures
"""

from collections.abc import Iterable

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.reports.pdf.foot import draw_foot, sums_height
from shocpp.reports.pdf.head import draw_head, title_of
from shocpp.reports.pdf.layout import draw_footer, draw_running_head
from shocpp.reports.pdf.page import Facts, Sheet
from shocpp.reports.pdf.subject import Subject, subject_of
from shocpp.reports.pdf.table import Table
from shocpp.reports.statement import Statement, Sums
from shocpp.store.books.statement_records import StatementRow


def pdf_of(
    statement: Statement, account: Sums, rows: Iterable[StatementRow], language: str
) -> bytes:
    """The paper of one account, whose records `rows` are."""
    subject = subject_of(statement, account, language)
    title = f"{title_of(subject)} – {account.account}"
    sheet = Sheet(_facts(subject, title))
    sheet.top = lambda: draw_running_head(sheet, title, statement.operator)
    draw_head(sheet, subject)
    table = Table(sheet, subject)
    table.draw(rows, staying=sums_height(subject))
    draw_foot(sheet, subject, table)
    standing = _standing(subject)
    return sheet.finish(
        lambda page, pages: draw_footer(
            sheet, standing, subject.word("page", page=page, pages=pages)
        )
    )


def _facts(subject: Subject, title: str) -> Facts:
    statement = subject.statement
    return Facts(
        title=title,
        author=statement.operator.name,
        subject=_standing(subject),
        creator=f"shocpp {statement.version}",
        created_at=statement.created_at,
        language=subject.language,
    )


def _standing(subject: Subject) -> str:
    """When the paper was made, and whether it can change."""
    statement, words = subject.statement, subject.word("open")
    if statement.closed:
        words = f"{subject.word('checksum')} {statement.closed.hash}"
    created = day_and_time(local_datetime(statement.created_at, subject.zone), subject.language)
    return f"{subject.word('created')} {created} · {words}"
