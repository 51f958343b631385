"""The yearly statement as a PDF file: the months of an account, or a table of all accounts.

The titles of its columns are in `labels.py`, below keys that end in `_`.
"""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.figures import grouped_euro, grouped_kwh
from shocpp.language.month import Month
from shocpp.reports.pdf.chart import draw_bars, draw_labels
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.grid import HEAD_HEIGHT, Column, Grid
from shocpp.reports.pdf.labels import Label, label_of
from shocpp.reports.pdf.layout import (
    Fact,
    document_info,
    draw_end,
    draw_facts,
    draw_footer,
    draw_letterhead,
    draw_running_head,
)
from shocpp.reports.pdf.overviews.accounts_of_year import AccountTable
from shocpp.reports.pdf.page import (
    BODY_PT,
    GREY,
    LEFT,
    LIGHT,
    LINE,
    RIGHT,
    SMALL_PT,
    Sheet,
)
from shocpp.reports.year import Line, Year, added_column, includes_vat, solar_of

ROW_HEIGHT = 12.5
BARS_HEIGHT, LEAST_BARS_HEIGHT = 60.0, 20.0
"""The height of the bars, and the least one, where the page has little space left."""

CHART_WORDS = 48.0
"""The height of the chart's title, months and figures."""

END_HEIGHT = 75.0
"""The height of the note and of the line to sign on: it is not alone on a page."""


def pdf_of_year(statement: Year, language: str) -> bytes:
    """Return the PDF file of a year, for one account or for all of them with their total."""
    label = label_of(language)
    title = (
        f"{label('year_title', f'{statement.year:04}')} – {statement.only or label('all_accounts')}"
    )
    created = day_and_time(
        local_datetime(statement.created_at, ZoneInfo(statement.zone_name)), language
    )
    state = f"{label('created')} {created} · {_state(statement, label)}"
    sheet = Sheet(document_info(statement, title, state, language))
    sheet.top = lambda: draw_running_head(sheet, title, statement.operator)
    _draw_head(sheet, statement, created, label)
    if not statement.lines:
        sheet.paragraph(label("year_nothing"))
    elif statement.only is None:
        AccountTable(sheet, statement, language).draw()
    else:
        _Months(sheet, statement, language).draw()
    _draw_chart(sheet, statement, language)
    note = label("year_note")
    # The table of all accounts has totals alone.
    if (
        statement.only is None
        and statement.names_vat
        and any(line.vat_ct for line in statement.lines)
    ):
        note += f" {label('year_vat')}"
    draw_end(sheet, statement.operator, note, label)
    return sheet.finish(
        lambda page, pages: draw_footer(sheet, state, label("page", page=page, pages=pages))
    )


def _state(statement: Year, label: Label) -> str:
    """Return the sentence that all months are closed, or that some are open."""
    is_closed = all(line.closed is not None for line in statement.lines) and statement.lines
    return label("year_closed" if is_closed else "year_open")


def _draw_head(sheet: Sheet, statement: Year, created: str, label: Label) -> None:
    """Draw the letterhead and the facts on the first page."""
    account = f"{label('account')}: {statement.only}" if statement.only else label("all_accounts")
    title = label("year_title", f"{statement.year:04}")
    operator = statement.operator
    # As the letter of a month: that of an employee has no word about taxes.
    if statement.has_employer:
        operator = operator._replace(tax="none")
    draw_letterhead(sheet, operator, title, account, label)
    creation: Fact = (label("created"), [f"{created}, shocpp {statement.version}"])
    state: Fact = (label("status"), [_state(statement, label)])
    draw_facts(sheet, [creation], [state])


def _draw_chart(sheet: Sheet, statement: Year, language: str) -> None:
    """Draw a bar for each month of the year, with its energy: that of all lines together."""
    months = [Month(statement.year, number) for number in range(1, 13)]
    wh_of = dict.fromkeys((month.name for month in months), 0)
    for line in statement.lines:
        wh_of[line.month] += line.wh
    values = list(wh_of.values())
    if not any(wh > 0 for wh in values):
        return
    sheet.need(LEAST_BARS_HEIGHT + CHART_WORDS + END_HEIGHT)
    height = min(BARS_HEIGHT, sheet.height_left() - CHART_WORDS - END_HEIGHT)
    sheet.y -= 12 + SMALL_PT
    sheet.text(LEFT, label_of(language)("year_chart"), RIGHT - LEFT, SMALL_PT, grey=GREY)
    sheet.y -= 6 + height
    names = [month.spelled(language) for month in months]
    draw_bars(sheet, values, names, (LEFT, RIGHT), height, SMALL_PT)
    sheet.y += 3
    draw_labels(sheet, [grouped_kwh(wh, language) for wh in values], (LEFT, RIGHT), SMALL_PT)


class _Months:
    """The table of an account's year: its months, and their sum."""

    def __init__(self, sheet: Sheet, statement: Year, language: str) -> None:
        """Choose the columns; those of money are left out if no month has a price.

        With the VAT on net amounts, or a surcharge where no tax may be named, the amounts add up to
        the total. VAT that they include has a column behind it.
        """
        self._sheet, self._statement, self._language = sheet, statement, language
        self._label = label_of(language)
        has_money = any(line.total_ct is not None for line in statement.lines)
        self._grid = Grid(sheet, _columns(statement, self._label, has_money=has_money))

    def draw(self) -> None:
        """Draw the months, all on the same page, and their sum."""
        sheet, lines = self._sheet, self._statement.lines
        # The titles, the months and the sum, with some space.
        sheet.need(2 * BODY_PT * LINE + HEAD_HEIGHT + (len(lines) + 2) * ROW_HEIGHT)
        self._grid.head()
        for line in lines:
            sheet.y -= ROW_HEIGHT - 3.5
            self._grid.row(self._cells([line]) | self._month_cells(line))
            sheet.y -= 3.5
            sheet.rule(LEFT, RIGHT, 0.3, LIGHT)
        self._sum(lines, "year_sum")
        sheet.y -= 8

    def _month_cells(self, line: Line) -> dict[str, str]:
        """Return the cells with the name of a month and the number of its closing."""
        month = Month.parse(line.month).spelled(self._language)
        number = line.closed
        closing = self._label("closing_open") if number is None else self._label("closing", number)
        return {"month_": month, "closing_": closing}

    def _sum(self, lines: Iterable[Line], key: str) -> None:
        """Draw the sums of these lines; `key` is that of their label."""
        sheet = self._sheet
        sheet.rule(LEFT, RIGHT, 0.7)
        sheet.y -= ROW_HEIGHT
        cells = {"month_": self._label(key)} | self._cells(list(lines))
        self._grid.row(cells, SMALL_PT + 0.5, Face.STRONG)
        sheet.y -= 4.5
        sheet.rule(LEFT, RIGHT, 0.4)

    def _cells(self, lines: list[Line]) -> dict[str, str]:
        """Return the cells with the sums of these lines; a dash if no line has a price."""
        solar_wh = solar_of(lines)
        cells = {
            "transactions_": str(sum(line.transactions for line in lines)),
            "energy_": grouped_kwh(sum(line.wh for line in lines), self._language),
            "solar_": "–" if solar_wh is None else grouped_kwh(solar_wh, self._language),
        }
        priced = [line for line in lines if line.total_ct is not None]
        money = {
            "amount_": sum(line.amount_ct or 0 for line in priced),
            "fees_": sum(line.fees_ct for line in priced),
            "added_": sum(line.added_vat_ct for line in priced),
            "surcharge_": sum(line.added_vat_ct for line in priced),
            "total_": sum(line.total_ct or 0 for line in priced),
            "included_": sum(line.included_vat_ct for line in priced),
        }
        amounts = {
            key: grouped_euro(ct, self._language) if priced else "–" for key, ct in money.items()
        }
        return cells | amounts


def _columns(statement: Year, label: Label, *, has_money: bool) -> tuple[Column, ...]:
    """Return the columns of the table; the last one has the number of the month's closing."""
    added = added_column(statement)
    money = [
        *("amount_", "fees_"),
        *([f"{added}_"] if added else []),
        "total_",
        *(["included_"] if includes_vat(statement) else []),
    ]
    columns = (
        Column("month_", label("month_"), 120),
        Column("transactions_", label("transactions_"), 100, right=True),
        Column("energy_", label("energy_"), 110, right=True),
        *([Column("solar_", label("solar_"), 75, right=True)] if statement.has_solar else []),
        *(Column(key, label(key), 85, right=True) for key in (money if has_money else ())),
        Column("closing_", label("closing_"), 90, indent=14),
    )
    # Many columns share the width of the page.
    scale = min(1, (RIGHT - LEFT) / sum(column.width for column in columns))
    return tuple(column._replace(width=column.width * scale) for column in columns)
