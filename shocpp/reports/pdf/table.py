"""The table of a month's PDF statement: one row per record, with its head on every page.

`_COLUMNS` and `_MONEY` are the columns with their keys and widths. Their titles are in `labels.py`,
under the same keys.

Each row is drawn as soon as it is read, because a month may have many. Only the facts that the foot
prints are stored: marks, decisions, Charge Points. A dismissed record has no row; it is a decision.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from shocpp.language.dates import clock_time, day, local_datetime
from shocpp.language.figures import grouped_ct_per_kwh, grouped_euro, grouped_kwh, hours
from shocpp.language.phrases import entry, phrase, stop_reason
from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.grid import HEAD_HEIGHT, HEAD_PT, PAD, Column, Grid
from shocpp.reports.pdf.page import GREY, LEFT, LIGHT, RIGHT, SMALL_PT, Sheet
from shocpp.reports.pdf.subject import Subject
from shocpp.reports.statement import Sums
from shocpp.store.books.statement_records import StatementRow

LATE = timedelta(minutes=15)
"""A record booked so long after its stop was stored by the charger while it was offline."""

DECODED_FLAG = "start known from the id, within 1 kWh"
"""The flag that needs no remark, because the mark `decoded` says the same."""

MOST_PRICES = 8
"""The most lines of prices in a row."""

MOST_REMARKS = 30
"""The most remarks with a number of their own."""

ROW_HEIGHT = 12.5
PRICE_LINE = 8.5
LAST_ROWS = 3
"""The least number of rows on the page of the sums, if the table has as many."""


class FootContent:
    """The facts of the rows that the foot prints.

    `rows` counts the rows. `marks` has the meanings of marks, `remarks` the numbers of flags.
    `decisions` are records with the number of their row, None for a dismissal. `charge_points` are
    the ids of the chargers.
    """

    def __init__(self) -> None:
        """Begin without any row."""
        self.rows = 0
        self.marks: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.decisions: list[tuple[int | None, StatementRow]] = []
        self.charge_points: set[str] = set()


_COLUMNS = (
    Column("number_", 30, right=True),
    Column("start_", 67, indent=7),
    Column("end_", 40),
    Column("plugged_", 43, right=True),
    Column("charged_", 38, right=True),
    Column("place_", 90, indent=9),
    Column("card_", 90),
    Column("begin_kwh_", 50, right=True),
    Column("end_kwh_", 50, right=True),
    Column("kwh_", 44, right=True),
    Column("reason_", 90, indent=9),
    Column("marks_", 36),
)
"""The columns of every month; `columns_of` adds those of money and the width that is left."""

_MONEY = (Column("price_", 62, right=True), Column("eur_", 44, right=True))
_STRETCHED = {"place_", "card_", "reason_"}
"""The columns that share the width which the others leave."""


def columns_of(account: Sums) -> tuple[Column, ...]:
    """Return the columns of an account's table, together as wide as the page.

    The columns of money are left out if the account has no price.
    """
    columns = list(_COLUMNS)
    if account.amount_ct is not None:
        # They follow the column of the energy.
        columns[10:10] = _MONEY
    more = (RIGHT - LEFT - sum(column.width for column in columns)) / len(_STRETCHED)
    return tuple(
        column._replace(width=column.width + more) if column.key in _STRETCHED else column
        for column in columns
    )


class _Row(NamedTuple):
    """A row before it is drawn: its cells by the keys of their columns, and its prices."""

    cells: dict[str, str]
    prices: list[str]

    @property
    def height(self) -> float:
        """Return the height in points; each price after the first one adds a line."""
        return ROW_HEIGHT + max(len(self.prices) - 1, 0) * PRICE_LINE


class Table:
    """The table of an account's records."""

    def __init__(self, sheet: Sheet, subject: Subject) -> None:
        self._sheet, self._subject = sheet, subject
        self._grid = Grid(sheet, columns_of(subject.account), subject.label)
        self._has_head = False
        self.foot_content = FootContent()

    def draw(self, rows: Iterable[StatementRow], height_below: float) -> None:
        """Draw all rows.

        The last rows go to the next page if `height_below`, that of the sums, does not fit below
        them. So the sums never stand alone on a page.
        """
        sheet, waiting = self._sheet, deque[_Row]()
        for row in rows:
            self._note(row)
            if row.entry != "dismissal":
                waiting.append(self._row(row))
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
        sheet.y -= 3.5
        sheet.rule(LEFT, RIGHT, 0.3, LIGHT)

    def _draw_prices(self, prices: list[str]) -> None:
        """Draw the prices of a record below each other, in a smaller size if there are several."""
        for index, words in enumerate(prices):
            self._sheet.y -= PRICE_LINE if index else 0
            self._grid.row({"price_": words}, HEAD_PT if prices[1:] else SMALL_PT)

    def _row(self, row: StatementRow) -> _Row:
        """Return the cells of a record and count its row."""
        language = self._subject.language
        self.foot_content.rows += 1
        start, end = _times(row, self._subject)
        cells = {
            "number_": str(self.foot_content.rows),
            "start_": start,
            "end_": end,
            "plugged_": hours(row.duration_s),
            "charged_": hours(row.charging_s),
            "place_": self._subject.charger_and_connector(row.charge_point_id, row.connector_id),
            "card_": self._subject.card(row.id_tag) if row.id_tag else "–",
            # All three have the decimals of whole Wh: readers can subtract the readings themselves.
            "begin_kwh_": grouped_kwh(row.begin_wh, language),
            "end_kwh_": grouped_kwh(row.end_wh, language),
            "kwh_": grouped_kwh(row.consumed_wh, language),
            "reason_": stop_reason(row.stop_reason, language),
            "marks_": " ".join(self._marks(row)),
        }
        prices: list[str] = []
        # The columns of money are there if another record has a price.
        if row.amount_ct is None:
            cells |= {"price_": "–", "eur_": "–"}
        else:
            cells["eur_"] = grouped_euro(row.amount_ct, language)
            prices = _prices(row, language)
        return _Row(cells, prices)

    def _note(self, row: StatementRow) -> None:
        """Store the charger and the decision of a record for the foot.

        It is called before the row is counted, and also for records without a row.
        """
        content = self.foot_content
        if row.charge_point_id is not None:
            content.charge_points.add(row.charge_point_id)
        if row.entry != "record":
            number = None if row.entry == "dismissal" else content.rows + 1
            content.decisions.append((number, row))

    def _marks(self, row: StatementRow) -> Iterator[str]:
        """Yield the marks of a row and note their meanings for the legend."""
        subject = self._subject
        if is_late(row):
            yield self._mark("late", subject.label("late"))
        if row.entry in ("reversal", "replacement"):
            yield self._mark(row.entry, entry(row.entry, subject.language))
        if row.provenance == "decoded":
            yield self._mark("decoded", subject.label("decoded"))
        if row.provenance == "imported":
            yield self._mark("imported", subject.label("imported_row"))
        if row.signed:
            yield self._mark("signed", subject.label("signed"))
        # Without any price there is no price that the note could explain.
        if row.price_note and subject.account.amount_ct is not None:
            note = phrase(row.price_note, subject.language)
            kind = "split" if row.price_note == "split by meter values" else "split_by_time"
            yield self._mark(kind, subject.label("split", note))
        yield from map(self._remark, _remarks(row.flags))

    def _mark(self, kind: str, meaning: str) -> str:
        """Return a mark; the legend joins its meanings if it has several."""
        mark, known = self._subject.label(f"mark_{kind}"), self.foot_content.marks
        # The mark of a split price has one meaning for each way of splitting.
        if meaning not in known.get(mark, "").split("; "):
            known[mark] = f"{known[mark]}; {meaning}" if mark in known else meaning
        return mark

    def _remark(self, flag: str) -> str:
        """Return the number of a flag; flags after the first MOST_REMARKS share one mark."""
        known = self.foot_content.remarks
        if flag not in known and len(known) >= MOST_REMARKS:
            return self._mark("other", self._subject.label("other"))
        return known.setdefault(flag, str(len(known) + 1))

    def sums(self) -> None:
        """Draw the last line: the number of transactions, their energy and their amount."""
        sheet, subject, account = self._sheet, self._subject, self._subject.account
        cells = {"kwh_": grouped_kwh(account.wh, subject.language)}
        if account.amount_ct is not None:
            cells["eur_"] = grouped_euro(account.amount_ct, subject.language)
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


def is_late(row: StatementRow) -> bool:
    """Return True if a charger reported a transaction's end more than LATE after it."""
    # Decisions and imported records are always booked after the end.
    if row.entry != "record" or row.provenance in ("imported", "decided"):
        return False
    booked_at, stopped_at = map(datetime.fromisoformat, (row.booked_at, row.stopped_at))
    return booked_at - stopped_at > LATE


def _remarks(flags: str) -> list[str]:
    """Return the flags of a record that no mark explains."""
    return [flag for flag in flags.split("; ") if flag and flag != DECODED_FLAG]


def _times(row: StatementRow, subject: Subject) -> tuple[str, str]:
    """Return start and end; the end has no date, but `+1` if it is on the next day."""
    language, zone = subject.language, subject.zone
    ended = local_datetime(row.stopped_at, zone)
    if row.started_at is None:
        return f"{day(ended, language)} –", clock_time(ended)
    started = local_datetime(row.started_at, zone)
    days = (ended.date() - started.date()).days
    return f"{day(started, language)} {clock_time(started)}", clock_time(ended) + (
        f" {days:+}" * bool(days)
    )


def _prices(row: StatementRow, language: str) -> list[str]:
    """Return the price of a record, or each of its prices with the kWh charged at it.

    A record with more than MOST_PRICES prices ends with an ellipsis.
    """
    if row.microeuro_per_kwh is not None:
        return [grouped_ct_per_kwh(row.microeuro_per_kwh, language)]
    # Parts with the same price become one line, even if another price was valid between them.
    sums: dict[int, int] = {}
    for wh, microeuro in row.parts:
        sums[microeuro] = sums.get(microeuro, 0) + wh
    lines = [
        f"{grouped_kwh(wh, language)} × {grouped_ct_per_kwh(price, language)}"
        for price, wh in sums.items()
    ]
    return lines if len(lines) <= MOST_PRICES else [*lines[: MOST_PRICES - 1], "…"]
