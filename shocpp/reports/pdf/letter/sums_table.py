"""The table of the sums on a letter: drawing the lines of `sums.py`."""

from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.letter.din_5008 import MM
from shocpp.reports.pdf.letter.sums import (
    SumLine,
    added_lines,
    price_lines,
    solar_lines,
    tax_sentences,
    total_line,
    transactions_line,
)
from shocpp.reports.pdf.page import GREY, LINE, PALE, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.tables.cells import SOLAR

TEXT_PT, TOTAL_PT = 9.0, 11.0
LINE_HEIGHT, TOTAL_HEIGHT, SENTENCE_HEIGHT = 13.5, 25.0, 28.0
"""The heights of a line, of the total, and of a sentence in two lines."""

_WIDTHS = (26 * MM, 22 * MM, 24 * MM)
"""The widths of kWh, ct/kWh and EUR, at the right side."""


def draw_sums(sheet: Sheet, subject: Subject, height_below: float) -> None:
    """Draw all lines from the prices to the total; without any price, energy alone.

    The lines after the prices are on one page, together with the `height_below` them. So neither
    the total nor the line to sign on is ever alone on a page.
    """
    has_money = subject.account.total_ct is not None
    _draw_titles(sheet, subject, has_money=has_money)
    for line in price_lines(subject):
        _draw_line(sheet, line)
    lines = [transactions_line(subject), *solar_lines(subject), *added_lines(subject)]
    total = total_line(subject)
    sentences = list(tax_sentences(subject))
    height = len(lines) * LINE_HEIGHT + TOTAL_HEIGHT + len(sentences) * SENTENCE_HEIGHT
    sheet.need(height + SENTENCE_HEIGHT + height_below)
    if subject.account.prices:
        sheet.rule(sheet.format.left, sheet.format.right, 0.4)
    for line in lines:
        _draw_line(sheet, line)
    if total is not None:
        _draw_total(sheet, total)
    for sentence in sentences:
        sheet.y -= 2
        sheet.paragraph(sentence, size=TEXT_PT)
    sheet.y -= 2
    sheet.paragraph(_about_rows(subject), size=SMALL_PT, grey=GREY)


def _about_rows(subject: Subject) -> str:
    """Return where the rows are, and that their amounts are rounded."""
    is_empty = not subject.account.transactions
    # Corrections of closed months are rows, too, but count as no transaction. Months that were
    # closed before SOLAR print the same words for ever.
    if subject.statement.snapshot_version >= SOLAR and subject.account.prices:
        is_empty = False
    if is_empty:
        return subject.label("nothing")
    annex = subject.label("rows_in_annex")
    if subject.account.total_ct is None:
        return annex
    return f"{subject.label('row_rounding')} {annex}"


def _draw_titles(sheet: Sheet, subject: Subject, *, has_money: bool) -> None:
    """Draw the titles of the columns; without money there is only that of the energy."""
    left, right = sheet.format.left, sheet.format.right
    sheet.y -= LINE_HEIGHT + 2
    sheet.area(left, right, LINE_HEIGHT + 2, PALE)
    sheet.y += 4.5
    titles = SumLine("", "kWh")
    if has_money:
        titles = SumLine(subject.label("price_basis"), "kWh", "ct/kWh", "EUR")
    _draw_cells(sheet, titles, SMALL_PT, Face.STRONG)
    sheet.y -= 4.5


def _draw_line(sheet: Sheet, line: SumLine) -> None:
    """Draw a line, whose label takes as many lines as it needs."""
    label_lines = sheet.wrapped(line.words, _label_width(sheet) - 6, TEXT_PT, most=3) or [""]
    sheet.need(LINE_HEIGHT + (len(label_lines) - 1) * TEXT_PT * LINE)
    sheet.y -= LINE_HEIGHT - 3.5
    _draw_cells(sheet, line._replace(words=label_lines[0]), TEXT_PT, Face.PLAIN)
    for more in label_lines[1:]:
        sheet.y -= TEXT_PT * LINE
        sheet.text(sheet.format.left + 3, more, _label_width(sheet), TEXT_PT)
    sheet.y -= 3.5


def _draw_cells(sheet: Sheet, line: SumLine, size: float, face: Face) -> None:
    """Draw the label and the figures of a line at the present height."""
    left, x = sheet.format.left, sheet.format.right
    sheet.text(left + 3, line.words, _label_width(sheet), size, face)
    figures = []
    for width, figure in zip(
        reversed(_WIDTHS), (line.amount, line.price, line.energy), strict=True
    ):
        figures.append((x - 3, figure, width - 4))
        x -= width
    # From left to right, as people read them.
    for end, figure, width in reversed(figures):
        if figure:
            sheet.figure(end, figure, width, size, face)


def _draw_total(sheet: Sheet, total: SumLine) -> None:
    """Draw the total between a line and a double one."""
    left, right = sheet.format.left, sheet.format.right
    sheet.y -= 2
    sheet.rule(left, right, 0.7)
    sheet.y -= TOTAL_PT + 3
    _draw_cells(sheet, total, TOTAL_PT, Face.STRONG)
    for gap in (4.5, 1.6):
        sheet.y -= gap
        sheet.rule(left, right, 0.5)
    sheet.y -= 3


def _label_width(sheet: Sheet) -> float:
    """Return the width that the columns of figures leave."""
    return sheet.format.right - sheet.format.left - sum(_WIDTHS)
