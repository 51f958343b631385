"""The table of a month's PDF statement: one row per record, with its head on every page.

The columns are in `reports/tables/columns.py`, and `subject.py` writes their cells.

Each row is drawn as soon as it is read, because a month may have many. Only the facts that the foot
prints are stored: marks and decisions. A dismissed record has no row; it is a decision.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from shocpp.language.figures import grouped_euro, grouped_kwh
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.grid import HEAD_HEIGHT, HEAD_PT, PAD, Column, Grid
from shocpp.reports.pdf.page import GREY, LEFT, LIGHT, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import FootContent, Subject, Texts
from shocpp.reports.tables import cells
from shocpp.reports.tables.cells import SOLAR, columns_of, row_numbers, values_of
from shocpp.reports.tables.columns import PDF
from shocpp.store.books.statements.statement_records import StatementRow

ROW_HEIGHT = 12.5
PRICE_LINE = 8.5
NOTE_LEFT, NOTE_LINE, MOST_NOTE_LINES = LEFT + 37, 10.0, 4
"""The left side of a note below its row, under the start; the height and the number of its lines.

Kilometres and a note of 200 characters have two lines.
"""

LAST_ROWS = 3
"""The least number of rows on the page of the sums, if the table has as many."""


def grid_columns(columns: tuple[cells.Column, ...], language: str) -> tuple[Column, ...]:
    """Return the columns with their titles in a language, together as wide as the page."""
    parts = [(column.key, column.pdf) for column in columns if column.pdf]
    width_left = RIGHT - LEFT - sum(part.width for _, part in parts)
    more = width_left / sum(part.stretches for _, part in parts)
    return tuple(
        Column(
            key,
            part.titles[language],
            part.width + more * part.stretches,
            part.right,
            PAD + part.indent,
        )
        for key, part in parts
    )


class _Row(NamedTuple):
    """A row before it is drawn: its cells by the keys of their columns, its prices and its note."""

    cells: dict[str, str]
    prices: list[str]
    note: list[str]

    @property
    def height(self) -> float:
        """Return the height in points; each price after the first one adds a line."""
        prices = max(len(self.prices) - 1, 0) * PRICE_LINE
        return ROW_HEIGHT + prices + len(self.note) * NOTE_LINE


class Table:
    """The table of an account's records."""

    def __init__(self, sheet: Sheet, subject: Subject) -> None:
        self._sheet, self._subject = sheet, subject
        self.foot_content = FootContent()
        has_prices = subject.account.amount_ct is not None
        columns = columns_of(PDF, subject.statement, has_prices=has_prices)
        self._note_title = ""
        # A column of notes would take the space of charger, card and reason, and cut the notes.
        # Months that were closed before SOLAR keep it.
        if subject.statement.snapshot_version >= SOLAR:
            notes = [column for column in columns if column.is_note]
            titles = [column.pdf.titles[subject.language] for column in notes if column.pdf]
            self._note_title = " ".join(" ".join(titles).split())
            columns = tuple(column for column in columns if not column.is_note)
        self._values = values_of(columns, subject.statement)
        self._grid = Grid(sheet, grid_columns(columns, subject.language))
        self._has_head = False
        texts = self._texts = Texts(subject, self.foot_content)
        self._text_of = {
            column.key: getattr(texts, column.pdf.text) for column in columns if column.pdf
        }

    def draw(self, rows: Iterable[StatementRow], height_below: float) -> None:
        """Draw all rows.

        The last rows go to the next page if `height_below`, that of the sums, does not fit below
        them. So the sums never stand alone on a page.
        """
        sheet, waiting = self._sheet, deque[_Row]()
        number_of = row_numbers(self._subject.statement)
        for row in rows:
            number = number_of(row)
            if row.entry != "record":
                self.foot_content.decisions.append((number, row))
            if row.entry != "dismissal":
                waiting.append(self._row(number, row))
            # A row is drawn when LAST_ROWS others follow; the last ones wait for the sums.
            if len(waiting) > LAST_ROWS:
                self._draw(waiting.popleft())
        head = 0.0 if self._has_head else HEAD_HEIGHT
        if sheet.height_left() < head + sum(row.height for row in waiting) + height_below:
            # The next page needs the head of the table, too.
            self._has_head = False
            sheet.break_page()
        for last in waiting:
            self._draw(last)
        if not self.foot_content.rows:
            self._draw_nothing()

    def _draw_nothing(self) -> None:
        """Draw the sentence that the month has no records."""
        self._grid.head()
        self._sheet.y -= ROW_HEIGHT + 4
        self._sheet.text(LEFT + PAD, self._subject.label("nothing"), RIGHT - LEFT, grey=GREY)
        self._sheet.y -= 6

    def _draw(self, row: _Row) -> None:
        """Draw a row, after the head of the table if the page has none yet."""
        sheet = self._sheet
        if sheet.height_left() < row.height + (0 if self._has_head else HEAD_HEIGHT):
            self._has_head = False
            sheet.break_page()
        if not self._has_head:
            self._grid.head()
            self._has_head = True
        sheet.y -= ROW_HEIGHT - 3.5
        self._grid.row(row.cells)
        self._draw_prices(row.prices)
        for line in row.note:
            sheet.y -= NOTE_LINE
            sheet.text(NOTE_LEFT, line, RIGHT - NOTE_LEFT + 1, SMALL_PT, grey=GREY)
        sheet.y -= 3.5
        sheet.rule(LEFT, RIGHT, 0.3, LIGHT)

    def _draw_prices(self, prices: list[str]) -> None:
        """Draw the prices of a record below each other, in a smaller size if there are several."""
        for index, words in enumerate(prices):
            self._sheet.y -= PRICE_LINE if index else 0
            self._grid.row({"price": words}, HEAD_PT if prices[1:] else SMALL_PT)

    def _row(self, number: int | None, row: StatementRow) -> _Row:
        """Return the cells of a record and count its row."""
        content = self.foot_content
        content.rows += 1
        day = row.localtime[8:10]
        content.wh_of_days[day] = content.wh_of_days.get(day, 0) + row.consumed_wh
        values = self._values((number, row, *row))
        cells = {
            key: text_of(value)
            for (key, text_of), value in zip(self._text_of.items(), values, strict=True)
        }
        prices = [] if row.amount_ct is None else cells.pop("price", "").split("\n")
        return _Row(cells, prices, self._note(row))

    def _note(self, row: StatementRow) -> list[str]:
        """Return the lines of a record's kilometres and note; none without them."""
        text = self._texts.km_and_note(row) if self._note_title else ""
        if not text:
            return []
        words = f"{self._note_title}: {text}"
        return self._sheet.wrapped(words, RIGHT - NOTE_LEFT, SMALL_PT, most=MOST_NOTE_LINES)

    def sums(self) -> None:
        """Draw the last line: the number of transactions, their energy and their amount."""
        sheet, subject, account = self._sheet, self._subject, self._subject.account
        cells = {"energy": grouped_kwh(account.wh, subject.language)}
        if account.solar_wh is not None:
            cells["solar_wh"] = grouped_kwh(account.solar_wh, subject.language)
        if account.amount_ct is not None:
            cells["amount_ct"] = grouped_euro(account.amount_ct, subject.language)
        key = "sum_1" if account.transactions == 1 else "sum"
        sheet.rule(LEFT, RIGHT, 0.7)
        sheet.y -= ROW_HEIGHT
        sheet.text(
            LEFT + PAD, subject.label(key, account.transactions), 300, SMALL_PT + 0.5, Face.STRONG
        )
        self._grid.row(cells, SMALL_PT + 0.5, Face.STRONG)
        sheet.y -= 4.5
        sheet.rule(LEFT, RIGHT, 0.4)
        sheet.y -= 1.5
        sheet.rule(LEFT, RIGHT, 0.4)
