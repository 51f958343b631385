"""The statement of an account as a letter with the sums first, and its annex with the rows.

The letter is drawn first, and the records are read once, for the annex. So the letter's chart of
the days is drawn last (`Sheet.draw_late`). Texts are drawn in the order in which people read them,
because readers of screens read them out in that order.
"""

from collections.abc import Iterable, Iterator

from shocpp.language.dates import day, local_datetime
from shocpp.reports.pdf.facts import state_of, title_of
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.layout import document_info, draw_footer, draw_running_head
from shocpp.reports.pdf.letter import words
from shocpp.reports.pdf.letter.annex import draw_annex
from shocpp.reports.pdf.letter.days import CHART_HEIGHT, draw_days
from shocpp.reports.pdf.letter.din_5008 import (
    MM,
    PORTRAIT,
    TEXT_TOP,
    Information,
    draw_address,
    draw_information,
    draw_letterhead,
    draw_marks,
    y_of,
)
from shocpp.reports.pdf.letter.payment import TRANSFER_HEIGHT, draw_transfer, due_day, transfer_of
from shocpp.reports.pdf.letter.sums_table import draw_sums
from shocpp.reports.pdf.page import GREY, LINE, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import FootContent, Subject, subject_of
from shocpp.reports.statement import Statement, Sums
from shocpp.reports.tables.cells import ADDRESSED
from shocpp.store.books.statements.statement_records import StatementRow

SUBJECT_PT, TEXT_PT = 13.0, 10.0
SIGNATURE_WIDTH = 80 * MM
SIGNATURE_HEIGHT = 18 * MM
"""The height of the line to sign on, with the space above it for the signature."""


def pdf_of(
    statement: Statement, account: Sums, rows: Iterable[StatementRow], language: str
) -> bytes:
    """Return the PDF file of one account's statement; `rows` are the records of the account."""
    subject = subject_of(statement, account, language, words.WORDS)
    subject = subject._replace(has_taxes=statement.names_vat(account))
    title = " – ".join(filter(None, (_numbered_title(subject), account.account)))
    state = state_of(subject)
    sheet = Sheet(document_info(statement, title, state, language), PORTRAIT)
    sheet.top = lambda: draw_running_head(sheet, title, statement.operator)
    contents: list[FootContent] = []
    _draw_letter(sheet, subject, contents)
    contents.append(draw_annex(sheet, subject, rows))
    return sheet.finish(
        lambda page, pages: draw_footer(sheet, state, subject.label("page", page=page, pages=pages))
    )


def _numbered_title(subject: Subject) -> str:
    """Return the title with the number of the statement, if it has one."""
    number = subject.account.number
    return " ".join(
        [title_of(subject), subject.label("number", number)] if number else [title_of(subject)]
    )


def _draw_letter(sheet: Sheet, subject: Subject, contents: list[FootContent]) -> None:
    """Draw the letter; the chart is drawn when the annex has added its rows to `contents`."""
    statement, account, label = subject.statement, subject.account, subject.label
    operator, recipient = statement.operator, account.recipient
    draw_marks(sheet)
    draw_letterhead(sheet, operator)
    draw_address(sheet, operator, [recipient.name or account.account, *recipient.address])
    draw_information(sheet, list(_information(subject)))
    left, right = sheet.format.left, sheet.format.right
    sheet.y = y_of(TEXT_TOP)
    sheet.text(left, _numbered_title(subject), right - left, SUBJECT_PT, Face.STRONG)
    sheet.y -= 3
    first, last = (
        day(end, subject.language) for end in (subject.month.first_day, subject.month.last_day)
    )
    supply = label("reimbursed" if recipient.employer else "supply", first=first, last=last)
    sheet.paragraph(supply, size=TEXT_PT)
    for sentence in _warnings(subject):
        sheet.y -= 4
        sheet.paragraph(sentence, size=TEXT_PT, face=Face.STRONG)
    sheet.y -= 8
    transfer = transfer_of(subject)
    draw_sums(sheet, subject, SIGNATURE_HEIGHT + (TRANSFER_HEIGHT + 8 if transfer else 0))
    if transfer is not None:
        sheet.y -= 8
        draw_transfer(sheet, subject, transfer)
    _draw_signature(sheet, subject)
    if account.transactions:
        sheet.need(CHART_HEIGHT)
        sheet.draw_late(lambda: draw_days(sheet, subject, contents[0].wh_of_days))


def _information(subject: Subject) -> Iterator[Information]:
    """Yield the lines of the information block."""
    statement, account, label = subject.statement, subject.account, subject.label
    operator, recipient, language = statement.operator, account.recipient, subject.language
    moment = statement.closed.closed_at if statement.closed else statement.created_at
    date = day(local_datetime(moment, subject.zone), language)
    if statement.closed is None:
        yield label("statement"), label("provisional")
        yield label("as_of"), date
    else:
        if account.number:
            yield label("statement_number"), account.number
        yield label("date"), date
    yield label("account"), account.account
    if recipient.reference:
        yield label("reference"), recipient.reference
    if recipient.employer:
        yield label("employer"), recipient.employer
    first, last = (day(end, language) for end in (subject.month.first_day, subject.month.last_day))
    yield label("period"), label("from_to", first=first, last=last)
    due = due_day(subject)
    if due:
        yield label("due"), due
    # Neither a statement without taxes nor that of an employee has a word about them.
    if operator.tax == "none" or recipient.employer:
        return
    if operator.tax_number:
        yield label("tax_number_of_operator"), operator.tax_number
    if operator.vat_id:
        yield label("vat_id"), operator.vat_id


def _warnings(subject: Subject) -> Iterator[str]:
    """Yield the sentences that say what the sheet is not."""
    if subject.statement.closed is None:
        yield subject.label("preliminary")
    if subject.statement.is_new_layout or subject.statement.snapshot_version < ADDRESSED:
        yield subject.label("reprint")


def _draw_signature(sheet: Sheet, subject: Subject) -> None:
    """Draw the line to sign on, on the page of the sums."""
    left, signed_by = sheet.format.left, subject.statement.operator.signed_by
    sheet.y -= SIGNATURE_HEIGHT - SMALL_PT * LINE - 4
    sheet.rule(left, left + SIGNATURE_WIDTH, 0.5)
    sheet.y -= SMALL_PT * LINE
    words_below = subject.label("signed_by", signed_by) if signed_by else subject.label("signature")
    sheet.text(left, words_below, 2 * SIGNATURE_WIDTH, SMALL_PT, grey=GREY)
