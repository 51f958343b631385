"""The year of all accounts as one table: accounts as rows, months as columns, and their sums.

Each cell has the energy in kWh, and below it, in brackets, the part that is not from the grid if
that is known of any record, and the amount in EUR if anything has a price.
"""

from collections.abc import Sequence
from itertools import groupby

from shocpp.language.figures import grouped_euro, grouped_kwh
from shocpp.language.month import Month, months_of
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.grid import Column, Grid
from shocpp.reports.pdf.labels import label_of
from shocpp.reports.pdf.page import LEFT, LIGHT, RIGHT, Sheet
from shocpp.reports.year import Line, Year, solar_of

NAME_WIDTH, SUM_WIDTH = 104.0, 60.0
CELL_PT = 6.3
LINE_HEIGHT, GAP = 7.8, 2.6

END_HEIGHT = 82.0
"""The height of the note and of the line to sign on, which never stand alone on a page."""

SUM = "sum"


class AccountTable:
    """The table of a year's accounts.

    It has twelve columns of months, also of those that are not over or before the first record.
    """

    def __init__(self, sheet: Sheet, statement: Year, language: str) -> None:
        """Choose the columns: all months of the year, with the numbers of their closings."""
        self._sheet, self._statement, self._language = sheet, statement, language
        self._label = label_of(language)
        self._has_money = any(line.total_ct is not None for line in statement.lines)
        self._has_solar = statement.has_solar
        self._height = LINE_HEIGHT * (1 + self._has_solar + self._has_money) + GAP
        closings = {line.month: line.closed for line in statement.lines}
        width = (RIGHT - LEFT - NAME_WIDTH - SUM_WIDTH) / 12
        months = [
            Column(month.name, self._title(month, closings), width, right=True)
            for month in months_of(statement.year)
        ]
        kwh = f"kWh ({self._label('solar_').splitlines()[0]})" if self._has_solar else "kWh"
        unit = f"{kwh}\nEUR" if self._has_money else kwh
        self._grid = Grid(
            sheet,
            (
                Column("account", unit, NAME_WIDTH),
                *months,
                Column(SUM, self._label("year_sum"), SUM_WIDTH, right=True),
            ),
        )

    def _title(self, month: Month, closings: dict[str, int | None]) -> str:
        """Return the name of a month, and below it the state of its closing."""
        name = month.spelled(self._language)[:3]
        if month.name not in closings:
            return name
        number = closings[month.name]
        if number is None:
            return f"{name}\n{self._label('closing_open')}"
        return f"{name}\n{self._label('closing', number)}"

    def draw(self) -> None:
        """Draw the rows of all accounts, and the sums of the months."""
        sheet = self._sheet
        top = sheet.top

        def top_with_head() -> None:
            top()
            self._grid.head()

        self._grid.head()
        sheet.top = top_with_head
        # groupby joins neighbours only; the lines of a year are sorted by account.
        rows = groupby(self._statement.lines, lambda line: line.account)
        accounts = [(name, [*lines]) for name, lines in rows]
        for name, lines in accounts:
            # The last account goes with the sums to the page of the end.
            sheet.need(2 * self._height + END_HEIGHT if name == accounts[-1][0] else self._height)
            self._row(name, lines, Face.PLAIN)
            sheet.rule(LEFT, RIGHT, 0.3, LIGHT)
        sheet.rule(LEFT, RIGHT, 0.7)
        self._row(self._label("year_total"), self._statement.lines, Face.STRONG)
        sheet.rule(LEFT, RIGHT, 0.7)
        sheet.top = top

    def _row(self, name: str, lines: Sequence[Line], face: Face) -> None:
        """Draw the energy of some lines by month, and their amounts below."""
        sheet = self._sheet
        by_month = {
            month: [line for line in lines if line.month == month]
            for month in {line.month for line in lines}
        } | {SUM: [*lines]}
        sheet.y -= LINE_HEIGHT
        energies = {month: self._energy(some) for month, some in by_month.items()}
        self._grid.row({"account": name} | energies, CELL_PT, face)
        if self._has_solar:
            sheet.y -= LINE_HEIGHT
            solar = {month: self._solar(some) for month, some in by_month.items()}
            self._grid.row(solar, CELL_PT, face)
        if self._has_money:
            sheet.y -= LINE_HEIGHT
            amounts = {month: self._amount(some) for month, some in by_month.items()}
            self._grid.row(amounts, CELL_PT, face)
        sheet.y -= GAP

    def _energy(self, lines: Sequence[Line]) -> str:
        return grouped_kwh(sum(line.wh for line in lines), self._language)

    def _solar(self, lines: Sequence[Line]) -> str:
        """Return the solar energy in brackets; a dash if nobody knows it."""
        solar_wh = solar_of(lines)
        return "–" if solar_wh is None else f"({grouped_kwh(solar_wh, self._language)})"

    def _amount(self, lines: Sequence[Line]) -> str:
        """Return the sum to pay; a dash if no line has a price."""
        owed = [line.total_ct for line in lines if line.total_ct is not None]
        return grouped_euro(sum(owed), self._language) if owed else "–"
