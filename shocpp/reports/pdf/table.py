"""The records of a PDF paper as a table (a room): a row each, its head repeated on every page.

Rows are drawn as they come. What the foot has to tell of them is kept: marks, decisions, Charge
Points. Dismissed records are no rows, but decisions.
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
"""A record that is booked so long after its stop was kept by the charger while it was offline."""

TOLD_BY_MARK = "start known from the id, within 1 kWh"
MOST_PRICES = 8
MOST_REMARKS = 30
ROW_HEIGHT = 12.5
PRICE_LINE = 8.5
STAYING = 3
"""So many rows at least stand above the sums."""


class Told:
    """What the rows leave for the foot."""

    def __init__(self) -> None:
        self.rows = 0
        self.marks: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.decided: list[tuple[int | None, StatementRow]] = []
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
_MONEY = (Column("price_", 62, right=True), Column("eur_", 44, right=True))
_STRETCHED = {"place_", "card_", "reason_"}


def columns_of(account: Sums) -> tuple[Column, ...]:
    """The columns of an account's table, as wide as the page; without a price, none of money."""
    columns = list(_COLUMNS)
    if account.amount_ct is not None:
        columns[10:10] = _MONEY
    more = (RIGHT - LEFT - sum(column.width for column in columns)) / len(_STRETCHED)
    return tuple(
        column._replace(width=column.width + more) if column.key in _STRETCHED else column
        for column in columns
    )


class _Row(NamedTuple):
    """A row before it is drawn: the text of each column, and its prices where it has several."""

    cells: dict[str, str]
    prices: list[str]

    @property
    def height(self) -> float:
        return ROW_HEIGHT + max(len(self.prices) - 1, 0) * PRICE_LINE


class Table:
    """The table of an account's records."""

    def __init__(self, sheet: Sheet, subject: Subject) -> None:
        self._sheet, self._subject = sheet, subject
        self._grid = Grid(sheet, columns_of(subject.account), subject.word)
        self._begun = False
        self.told = Told()

    def draw(self, rows: Iterable[StatementRow], staying: float) -> None:
        """Draw all rows; the last ones go to the next page if `staying` does not fit below them."""
        sheet, waiting = self._sheet, deque[_Row]()
        for row in rows:
            self._note(row)
            if row.row.entry != "dismissal":
                waiting.append(self._row(row))
            if len(waiting) > STAYING:
                self._draw(waiting.popleft())
        head = 0.0 if self._begun else HEAD_HEIGHT
        if sheet.left() < head + sum(row.height for row in waiting) + staying:
            self._begun = False
            sheet.break_page()
        for last in waiting:
            self._draw(last)
        if not self.told.rows:
            self._draw_nothing()

    def _draw_nothing(self) -> None:
        self._grid.head()
        self._sheet.y -= ROW_HEIGHT + 4
        self._sheet.text(LEFT + PAD, self._subject.word("nothing"), RIGHT - LEFT, grey=GREY)
        self._sheet.y -= 6

    def _draw(self, row: _Row) -> None:
        sheet = self._sheet
        if sheet.left() < row.height + (0 if self._begun else HEAD_HEIGHT):
            self._begun = False
            sheet.break_page()
        if not self._begun:
            self._grid.head()
            self._begun = True
        sheet.y -= ROW_HEIGHT - 3.5
        self._grid.row(row.cells)
        self._draw_prices(row.prices)
        sheet.y -= 3.5
        sheet.rule(LEFT, RIGHT, 0.3, LIGHT)

    def _draw_prices(self, prices: list[str]) -> None:
        """The parts of a record that has several prices, below each other."""
        for place, words in enumerate(prices):
            self._sheet.y -= PRICE_LINE if place else 0
            self._grid.row({"price_": words}, HEAD_PT if prices[1:] else SMALL_PT)

    def _row(self, statement_row: StatementRow) -> _Row:
        row, language, told = statement_row.row, self._subject.language, self.told
        told.rows += 1
        start, end = _times(statement_row, self._subject)
        cells = {
            "number_": str(told.rows),
            "start_": start,
            "end_": end,
            "plugged_": hours(row.duration_s),
            "charged_": hours(row.charging_s),
            "place_": self._place(statement_row),
            "card_": self._subject.card(row.id_tag) if row.id_tag else "–",
            "begin_kwh_": grouped_kwh(row.begin_wh, language),
            "end_kwh_": grouped_kwh(row.end_wh, language),
            "kwh_": grouped_kwh(row.consumed_wh, language),
            "reason_": stop_reason(row.stop_reason, language),
            "marks_": " ".join(self._marks(statement_row)),
        }
        prices: list[str] = []
        if statement_row.amount_ct is None:
            cells |= {"price_": "–", "eur_": "–"}
        else:
            cells["eur_"] = grouped_euro(statement_row.amount_ct, language)
            prices = _prices(statement_row, language)
        return _Row(cells, prices)

    def _place(self, statement_row: StatementRow) -> str:
        row = statement_row.row
        return self._subject.place(row.charge_point_id, row.connector_id)

    def _note(self, statement_row: StatementRow) -> None:
        """Keep what the foot tells of a record, also of one that is no row."""
        row = statement_row.row
        if row.charge_point_id is not None:
            self.told.charge_points.add(row.charge_point_id)
        if row.entry != "record":
            number = None if row.entry == "dismissal" else self.told.rows + 1
            self.told.decided.append((number, statement_row))

    def _marks(self, statement_row: StatementRow) -> Iterator[str]:
        """The marks of a row, each explained in the legend."""
        row, subject = statement_row.row, self._subject
        if is_late(statement_row):
            yield self._mark("late", subject.word("late"))
        if row.entry in ("reversal", "replacement"):
            yield self._mark(row.entry, entry(row.entry, subject.language))
        if row.provenance == "decoded":
            yield self._mark("decoded", subject.word("decoded"))
        if row.provenance == "imported":
            yield self._mark("imported", subject.word("imported_row"))
        if statement_row.signed:
            yield self._mark("signed", subject.word("signed"))
        if statement_row.price_note and subject.account.amount_ct is not None:
            how = phrase(statement_row.price_note, subject.language)
            kind = (
                "split" if statement_row.price_note == "split by meter values" else "split_by_time"
            )
            yield self._mark(kind, subject.word("split", how))
        yield from map(self._remark, _remarks(row.flags))

    def _mark(self, kind: str, meaning: str) -> str:
        """A mark; its meanings are put together in the legend where it has several."""
        mark, known = self._subject.word(f"mark_{kind}"), self.told.marks
        if meaning not in known.get(mark, "").split("; "):
            known[mark] = f"{known[mark]}; {meaning}" if mark in known else meaning
        return mark

    def _remark(self, flag: str) -> str:
        """The number of a remark; past the thirtieth they share one mark."""
        known = self.told.remarks
        if flag not in known and len(known) >= MOST_REMARKS:
            return self._mark("other", self._subject.word("other"))
        return known.setdefault(flag, str(len(known) + 1))

    def sums(self) -> None:
        """Draw the last line: how many, how much, what it costs."""
        sheet, subject, account = self._sheet, self._subject, self._subject.account
        cells = {"kwh_": grouped_kwh(account.wh, subject.language)}
        if account.amount_ct is not None:
            cells["eur_"] = grouped_euro(account.amount_ct, subject.language)
        key = "sum_1" if account.transactions == 1 else "sum"
        sheet.rule(LEFT, RIGHT, 0.7)
        sheet.y -= ROW_HEIGHT
        sheet.text(
            LEFT + PAD, subject.word(key, account.transactions), 300, SMALL_PT + 0.5, Face.STRONG
        )
        self._grid.row(cells, SMALL_PT + 0.5, Face.STRONG)
        sheet.y -= 4.5
        sheet.rule(LEFT, RIGHT, 0.4)
        sheet.y -= 1.5
        sheet.rule(LEFT, RIGHT, 0.4)


def is_late(statement_row: StatementRow) -> bool:
    """Whether a charger told a transaction's end long after it."""
    row = statement_row.row
    if row.entry != "record" or row.provenance in ("imported", "decided"):
        return False
    told_at, ended_at = map(datetime.fromisoformat, (row.booked_at, row.stopped_at))
    return told_at - ended_at > LATE


def _remarks(flags: str) -> list[str]:
    """The flags that no mark tells already."""
    return [flag for flag in flags.split("; ") if flag and flag != TOLD_BY_MARK]


def _times(statement_row: StatementRow, subject: Subject) -> tuple[str, str]:
    """Start and end as the table shows them: the end without its date, `+1` on the next day."""
    row, language, zone = statement_row.row, subject.language, subject.zone
    ended = local_datetime(row.stopped_at, zone)
    if row.started_at is None:
        return f"{day(ended, language)} –", clock_time(ended)
    started = local_datetime(row.started_at, zone)
    days = (ended.date() - started.date()).days
    return f"{day(started, language)} {clock_time(started)}", clock_time(ended) + (
        f" {days:+}" * bool(days)
    )


def _prices(statement_row: StatementRow, language: str) -> list[str]:
    """A row's price, or each of its prices with the kWh that it is for."""
    if statement_row.microeuro_per_kwh is not None:
        return [grouped_ct_per_kwh(statement_row.microeuro_per_kwh, language)]
    sums: dict[int, int] = {}
    for wh, microeuro in statement_row.parts:
        sums[microeuro] = sums.get(microeuro, 0) + wh
    lines = [
        f"{grouped_kwh(wh, language)} × {grouped_ct_per_kwh(price, language)}"
        for price, wh in sums.items()
    ]
    return lines if len(lines) <= MOST_PRICES else [*lines[: MOST_PRICES - 1], "…"]
