"""The transfer that a letter asks for, in words and as a GiroCode.

Only the statement of a closed month asks for one: its figures and its number never change again.
"""

from typing import NamedTuple

from shocpp.configuration.iban import in_fours
from shocpp.language.dates import day
from shocpp.language.figures import grouped_euro
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.letter import giro_code
from shocpp.reports.pdf.letter.din_5008 import MM
from shocpp.reports.pdf.page import GREY, LINE, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import Subject

CODE_SIZE = 38 * MM
"""The side of a GiroCode with its quiet zone: 30 to 40 mm are advised."""

TRANSFER_HEIGHT = CODE_SIZE + 2 * SMALL_PT * LINE
"""The height of the transfer with its GiroCode and caption."""

TEXT_PT = 10.0
_LABEL_WIDTH = 32 * MM


class Transfer(NamedTuple):
    """A transfer; `payload` is that of its GiroCode, or None if it has none."""

    sentence: str
    iban: str
    holder: str
    text: str
    payload: str | None


def due_day(subject: Subject) -> str:
    """Return the day until which the account pays, or an empty text if none is due."""
    due = subject.statement.due_day(subject.account)
    return "" if due is None else day(due, subject.language)


def transfer_of(subject: Subject) -> Transfer | None:
    """Return the transfer that a closed month asks for, or None.

    Neither a credit nor an employee's statement asks for one.
    """
    statement, account, label = subject.statement, subject.account, subject.label
    operator, total_ct = statement.operator, account.total_ct
    if statement.closed is None or not operator.iban or account.recipient.employer:
        return None
    if total_ct is None or total_ct <= 0:
        return None
    amount, until = grouped_euro(total_ct, subject.language), due_day(subject)
    sentence = label("transfer", amount=amount)
    if until:
        sentence = label("transfer_until", amount=amount, day=until)
    holder = operator.account_holder or operator.name
    text, payload = "", None
    # The months of older layouts have no number by which a transfer is recognized.
    if account.number:
        text = label("remittance_text", account.number)
        payload = giro_code.payload_of(holder, operator.iban, total_ct, text)
    return Transfer(sentence, operator.iban, holder, text, payload)


def draw_transfer(sheet: Sheet, subject: Subject, transfer: Transfer) -> None:
    """Draw the sentence and the bank account, and the GiroCode on their right."""
    left, right, label = sheet.format.left, sheet.format.right, subject.label
    begin = sheet.y
    width = right - left - CODE_SIZE - 4 * MM
    sheet.y -= 2 * MM
    sheet.paragraph(transfer.sentence, width=width, size=TEXT_PT, face=Face.STRONG)
    sheet.y -= 2
    for words, text in (
        (label("iban"), in_fours(transfer.iban)),
        (label("account_holder"), transfer.holder),
        (label("remittance"), transfer.text),
    ):
        lines = sheet.wrapped(text, width - _LABEL_WIDTH, TEXT_PT, most=3)
        for index, line in enumerate(lines):
            sheet.y -= TEXT_PT * LINE
            sheet.text(left, "" if index else words, _LABEL_WIDTH - 4, SMALL_PT, grey=GREY)
            sheet.text(left + _LABEL_WIDTH, line, width - _LABEL_WIDTH + 1, TEXT_PT)
    if transfer.payload is not None:
        _draw_code(sheet, subject, transfer.payload, begin)


def _draw_code(sheet: Sheet, subject: Subject, payload: str, top: float) -> None:
    """Draw the GiroCode at the right side below a height, with its caption."""
    lowest, x = sheet.y, sheet.format.right - CODE_SIZE
    sheet.areas(giro_code.areas_of(payload, x, top - CODE_SIZE, CODE_SIZE), 0)
    sheet.y = top - CODE_SIZE - SMALL_PT
    sheet.figure(sheet.format.right, subject.label("giro_code"), CODE_SIZE, SMALL_PT, grey=GREY)
    sheet.y = min(lowest, sheet.y)
