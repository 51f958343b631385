"""The months and sessions of one account, as its statements have them, in words and figures.

The sums are those of `reports/month.py`, the sessions the records of the same statement. Nothing is
computed here but the place of a figure.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from shocpp.configuration.charge_points import Allowlist
from shocpp.configuration.operator import load_operator
from shocpp.errors import ConfigError
from shocpp.interfaces.web.charts import bars
from shocpp.language.dates import clock_time, day_of_year, local_datetime
from shocpp.language.figures import grouped_euro, grouped_kwh, hours
from shocpp.language.month import Month, months_up_to
from shocpp.language.phrases import entry, phrase, unknown
from shocpp.ledger.accounts import id_tag_key
from shocpp.reports.books import Books
from shocpp.reports.tables.cells import is_unknown
from shocpp.reports.year import Line, month_lines
from shocpp.store.books.statements import months_with_records, statement_records
from shocpp.store.books.statements.statement_records import RecordUnderReview, StatementRow

NOTHING = "–"
"""The text of a missing figure."""

MONTHS = 12
"""The months of the chart and the list."""


class MonthFigures(NamedTuple):
    """The sums of a month. `name` is YYYY-MM, `title` its name and year.

    `kwh` and `eur` are NOTHING if the books have none. `has_statement` is True if the month is
    closed, and the account in its statement. `solar` is the energy that is not from the grid, empty
    if it is not known.
    """

    name: str
    title: str
    wh: int
    kwh: str
    eur: str
    has_statement: bool
    solar: str = ""


class SessionRow(NamedTuple):
    """A record of the statement; texts that are not known are empty."""

    begin: str
    charger: str
    card: str
    duration: str
    kwh: str
    eur: str
    marks: tuple[str, ...]
    solar: str = ""


class SumRow(NamedTuple):
    """A line below the sessions: its label, its energy and its amount."""

    label: str
    kwh: str
    eur: str


class ChosenMonth(NamedTuple):
    """A month with its sessions, the newest first, and the months before and after it, or None."""

    figures: MonthFigures
    sessions: tuple[SessionRow, ...]
    sums: tuple[SumRow, ...]
    under_review: tuple[SessionRow, ...]
    older: MonthFigures | None
    newer: MonthFigures | None


class Chart(NamedTuple):
    """The bars of twelve months: the paths of closed and of open ones, letters, and the words."""

    closed: str
    open: str
    letters: tuple[str, ...]
    title: str


class OwnMonths:
    """The months of one account up to the present one.

    `card_names` has the names of its own cards by `id_tag_key`: no other card is named. The methods
    raise ConfigError if a file in conf/ cannot be read, and UsageError if a newer program has
    closed a month.
    """

    def __init__(
        self,
        books: Books,
        name: str,
        card_names: Mapping[str, str],
        allowlist: Allowlist,
        words: Mapping[str, str],
        now_ms: int,
    ) -> None:
        self._books, self._name, self._card_names = books, name, card_names
        self._allowlist, self._words = allowlist, words
        self._language, self._zone = books.settings.language, books.zone
        self.present = Month.of_moment(now_ms, self._zone)

    def months(self) -> list[MonthFigures]:
        """Return the last twelve months, the newest last."""
        return self._figures(months_up_to(self.present, MONTHS))

    def _figures(self, months: Sequence[Month]) -> list[MonthFigures]:
        """Return the sums of months, also of those without a line in the books."""
        lines = {line.month: line for line in self._lines(months)}
        return [self._month(month, lines.get(month.name)) for month in months]

    def _lines(self, months: Sequence[Month]) -> list[Line]:
        """Return the account's lines of months, as the statement of a year has them."""
        return month_lines(self._books, months, self._name)

    def _month(self, month: Month, line: Line | None) -> MonthFigures:
        """Return a month with the sums of its line; without one only with its name."""
        title = f"{month.spelled(self._language)} {month.year}"
        if line is None:
            return MonthFigures(month.name, title, 0, NOTHING, NOTHING, has_statement=False)
        return MonthFigures(
            month.name,
            title,
            line.wh,
            grouped_kwh(line.wh, self._language),
            self._eur(line.total_ct),
            has_statement=line.closed is not None,
            solar=self._solar(line.solar_wh),
        )

    def _solar(self, wh: int | None) -> str:
        """Return the energy that is not from the grid in words, empty if it is not known."""
        if wh is None:
            return ""
        return self._words["of_sun"].format(kwh=grouped_kwh(wh, self._language))

    def _eur(self, ct: int | None) -> str:
        """Return an amount of money as text, NOTHING without a price."""
        return NOTHING if ct is None else grouped_euro(ct, self._language)

    def chart(self, months: Sequence[MonthFigures]) -> Chart:
        """Return the bars of months, the first one at the left.

        The highest one has the full height. Open months have a look of their own.
        """
        highest = max(months, key=lambda month: month.wh)
        paths = bars([month.wh for month in months], highest=max(highest.wh, 1))
        pairs = list(zip(months, paths, strict=True))
        words = self._words["chart" if highest.wh > 0 else "chart_empty"]
        return Chart(
            "".join(path for month, path in pairs if month.has_statement),
            "".join(path for month, path in pairs if not month.has_statement),
            tuple(month.title[0] for month in months),
            words.format(
                first=months[0].title,
                last=months[-1].title,
                kwh=highest.kwh,
                highest=highest.title,
            ),
        )

    # -- the sessions of a month ------------------------------------------------------------------

    def chosen(self, month: Month) -> ChosenMonth:
        """Return a month that is not after the present one, with its sessions."""
        lines = self._lines([month])
        line = lines[0] if lines else None
        is_closed = line is not None and line.closed is not None
        # Months from before a rename are those of the same index.
        indices = self._books.indices_of(self._name)
        first = months_with_records.first_month(self._books.db, indices)
        records = list(self._books.records(month, indices, is_closed=is_closed))
        waiting = statement_records.under_review(self._books.db, month.name, indices)
        older, newer = month.previous(), month.next()
        return ChosenMonth(
            self._month(month, line),
            tuple(self._session(row) for row in reversed(_in_force(records))),
            () if line is None else tuple(self._sums(line)),
            tuple(self._session(row) for row in reversed(waiting)),
            self._month(older, None) if first is not None and first <= older else None,
            self._month(newer, None) if newer <= self.present else None,
        )

    def _sums(self, line: Line) -> Iterator[SumRow]:
        """Yield the lines from the sum of the sessions to the amount to pay."""
        count = self._words["sum_one" if line.transactions == 1 else "sum"]
        label = count.format(count=line.transactions)
        yield SumRow(label, grouped_kwh(line.wh, self._language), self._eur(line.amount_ct))
        if line.solar_wh is not None:
            yield SumRow(self._words["solar"], grouped_kwh(line.solar_wh, self._language), "")
        if line.total_ct is None or line.total_ct == line.amount_ct:
            return
        if line.fees_ct:
            yield SumRow(self._words["fees"], "", self._eur(line.fees_ct))
        if line.added_vat_ct:
            key = "vat" if self._names_vat(line) else "surcharge"
            yield SumRow(self._words[key], "", self._eur(line.added_vat_ct))
        yield SumRow(self._words["total"], "", self._eur(line.total_ct))

    def _names_vat(self, line: Line) -> bool:
        """Return True if VAT may be named, as on the account's statements."""
        with suppress(ConfigError):
            operator = load_operator(self._books.settings.operator_file).operator
            employer = self._books.accounts.recipient(line.account_index).employer
            return operator.names_vat and not employer
        return False

    def _session(self, row: StatementRow | RecordUnderReview) -> SessionRow:
        """Return a record in words and figures; one under review has no amount."""
        begin = row.started_at or row.stopped_at
        local = local_datetime(begin, self._zone)
        moment = f"{day_of_year(local, self._language)} {clock_time(local)}"
        amount_ct = row.amount_ct if isinstance(row, StatementRow) else None
        solar_wh = row.solar_wh if isinstance(row, StatementRow) else None
        return SessionRow(
            moment if row.started_at else self._words["until"].format(time=moment),
            self._charger(row.charge_point_id, row.connector_id),
            self._card_names.get(id_tag_key(row.id_tag or ""), ""),
            hours(row.duration_s),
            unknown(self._language)
            if is_unknown(row)
            else grouped_kwh(row.consumed_wh, self._language),
            self._eur(amount_ct),
            tuple(self._marks(row)),
            self._solar(solar_wh),
        )

    def _charger(self, charge_point_id: str | None, connector_id: int | None) -> str:
        """Return the names of a charger and its connector; empty if the record has none."""
        if charge_point_id is None:
            return ""
        meter = self._allowlist.meter(charge_point_id)
        connector = meter.connectors.get(connector_id or 0)
        return ", ".join(filter(None, (meter.name or charge_point_id, connector)))

    def _marks(self, row: StatementRow | RecordUnderReview) -> Iterator[str]:
        """Yield the remarks on a record; other flags may name people."""
        if row.entry != "record":
            yield entry(row.entry, self._language)
        for flag in row.flags.split("; "):
            if flag.startswith("late: "):
                yield phrase(flag, self._language)


def listed(months: Sequence[MonthFigures]) -> list[MonthFigures]:
    """Return months as a list shows them: the newest first, from the first one with anything.

    The newest two are always there.
    """
    rows = list(months[::-1])
    while len(rows) > 2 and not rows[-1].wh and rows[-1].eur == NOTHING:
        rows.pop()
    return rows


def _in_force(records: Sequence[StatementRow]) -> list[StatementRow]:
    """Return the records without dismissed ones, and without those that others take back.

    A record and its reversal in the same month add up to nothing.
    """
    of_month = {row.file_name for row in records}
    reversed_files = {
        row.replaces_file
        for row in records
        if row.entry == "reversal" and row.replaces_file in of_month
    }
    return [
        row
        for row in records
        if row.entry != "dismissal"
        and row.file_name not in reversed_files
        and not (row.entry == "reversal" and row.replaces_file in reversed_files)
    ]
