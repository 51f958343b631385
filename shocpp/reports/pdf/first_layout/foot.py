"""The foot of the first layout: sums, legend, notes, audit, and the line to sign on."""

from itertools import zip_longest

from shocpp.language.figures import grouped_ct_per_kwh, grouped_euro, grouped_kwh, percent
from shocpp.reports.pdf.facts import basis_text, date_text, vat_text
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.layout import draw_end
from shocpp.reports.pdf.notes import draw_legend, draw_notes
from shocpp.reports.pdf.page import GREY, LEFT, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.pdf.table import Table

SUM_LINE = 12.0
"""The height of a line of sums and prices."""

SUM_LEFT = RIGHT - 310.0
"""The left end of the sums; the prices are on their left."""

_PRICE_COLUMNS = ((LEFT + 270, 56), (LEFT + 330, 56), (LEFT + 390, 56))
"""The right end and the width of kWh, ct/kWh and EUR in a line of the prices."""


class SumLine:
    """A line of the sums: a label, an amount, and `total` for the amount to pay."""

    def __init__(self, words: str, amount: str, *, total: bool = False) -> None:
        self.words, self.amount, self.total = words, amount, total


def sums_height(subject: Subject) -> float:
    """Return the height of the sums and prices, so that they stay together with the last rows."""
    lines = max(len(_sum_lines(subject)), len(subject.account.prices) + 1)
    return 34 + SUM_LINE * lines + 2 * SUM_LINE


def draw_foot(sheet: Sheet, subject: Subject, table: Table) -> None:
    """Draw everything below the rows of the table."""
    table.sums()
    sheet.y -= 6
    _draw_sums(sheet, subject)
    draw_legend(sheet, subject, table.foot_content)
    draw_notes(sheet, subject, table.foot_content)
    _end(sheet, subject)


def _sum_lines(subject: Subject) -> list[SumLine]:
    """Return the lines from the sum of the rows to the amount to pay; none without a price."""
    account, label, language = subject.account, subject.label, subject.language
    if account.total_ct is None:
        return []
    lines = [SumLine(label("sum_rows"), grouped_euro(account.amount_ct or 0, language))]
    for fee in account.fees:
        words = label(
            "fee",
            valid_from=date_text(fee.valid_from, subject),
            days=fee.days,
            of_days=fee.of_days,
        )
        lines.append(SumLine(words, grouped_euro(fee.amount_ct, language)))
    for tax in account.taxes:
        rate = percent(tax.vat_bp, language)
        lines.append(SumLine(label("tax_net", rate), grouped_euro(tax.net_ct, language)))
        lines.append(SumLine(label("tax", rate), grouped_euro(tax.vat_ct, language)))
        lines.append(SumLine(label("tax_gross", rate), grouped_euro(tax.gross_ct, language)))
    return [*lines, SumLine(label("total"), grouped_euro(account.total_ct, language), total=True)]


def _draw_sums(sheet: Sheet, subject: Subject) -> None:
    """Draw the prices on the left and the sums on the right."""
    account, language = subject.account, subject.language
    prices: list[tuple[str, ...]] = []
    if account.prices:
        prices.append((subject.label("prices_used"), "kWh", "ct/kWh", "EUR"))
    for price in account.prices:
        vat = vat_text(price, subject)
        prices.append(
            (
                f"{basis_text(price, subject)}{', ' if vat else ''}{vat}",
                grouped_kwh(price.wh, language),
                grouped_ct_per_kwh(price.microeuro_per_kwh, language),
                grouped_euro(price.amount_ct, language),
            )
        )
    for index, (price_cells, line) in enumerate(zip_longest(prices, _sum_lines(subject))):
        sheet.need(SUM_LINE)
        sheet.y -= SUM_LINE
        if price_cells:
            _price_line(sheet, price_cells, Face.PLAIN if index else Face.STRONG)
        if line:
            _sum_line(sheet, line)
    if account.amount_ct is not None:
        sheet.y -= 4
        sheet.paragraph(subject.label("rounding"), size=SMALL_PT, grey=GREY)


def _price_line(sheet: Sheet, cells: tuple[str, ...], face: Face) -> None:
    """Draw a line of the prices, or their titles: the basis, and three figures."""
    words, *figures = cells
    sheet.text(LEFT + 3, words, _PRICE_COLUMNS[0][0] - _PRICE_COLUMNS[0][1] - LEFT - 6, face=face)
    for (x, width), figure in zip(_PRICE_COLUMNS, figures, strict=True):
        sheet.figure(x, figure, width, face=face)


def _sum_line(sheet: Sheet, line: SumLine) -> None:
    """Draw a line of the sums; the total has a line above it and a double one below."""
    face = Face.STRONG if line.total else Face.PLAIN
    if line.total:
        sheet.y -= 4
        base = sheet.y
        sheet.y += SUM_LINE - 2
        sheet.rule(SUM_LEFT, RIGHT, 0.5)
        sheet.y = base - 4
        sheet.rule(SUM_LEFT, RIGHT, 0.5)
        sheet.y -= 1.5
        sheet.rule(SUM_LEFT, RIGHT, 0.5)
        sheet.y = base
    sheet.text(SUM_LEFT, line.words, 232, face=face)
    sheet.figure(RIGHT - 3, line.amount, 70, face=face)


def _end(sheet: Sheet, subject: Subject) -> None:
    """Draw the operator's note, the neutral note about the figures, and the line to sign on."""
    operator = subject.statement.operator
    if operator.note:
        sheet.y -= 9
        sheet.paragraph(operator.note)
    # Figures come from operator and charger, so the note claims no legal conformity.
    draw_end(
        sheet, operator, subject.label("neutral", zone=subject.statement.zone_name), subject.label
    )
