"""The subject of a PDF statement: its account and language, the names and texts that it prints."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.language.dates import clock_time, day, local_datetime
from shocpp.language.figures import grouped_ct_per_kwh, grouped_euro, grouped_kwh, hours
from shocpp.language.month import Month
from shocpp.language.phrases import entry, masked, phrase, stop_reason, unknown
from shocpp.ledger.accounts import id_tag_key
from shocpp.ledger.missing_start import START_DECODED
from shocpp.reports.pdf.labels import Label, label_of
from shocpp.reports.statement import Statement, Sums
from shocpp.reports.tables.cells import is_unknown
from shocpp.store.books.statements.statement_records import StatementRow

LATE = timedelta(minutes=15)
"""A record booked so long after its stop was stored by the charger while it was offline."""

MOST_PRICES = 8
"""The most lines of prices in a row."""

MOST_REMARKS = 30
"""The most remarks with a number of their own."""


class Subject(NamedTuple):
    """The statement of one account in one language.

    `label` returns a label of `labels.py` in this language. `names` has the names of chargers by
    `charge_point_id`, only of those that have a name. `has_taxes` is False if the statement must
    not name a tax or its rate.
    """

    statement: Statement
    month: Month
    account: Sums
    language: str
    label: Label
    zone: ZoneInfo
    names: dict[str, str]
    has_taxes: bool = True

    def charge_point(self, charge_point_id: str | None) -> str:
        """Return the name of a charger, or its id; imported records have no charger."""
        if charge_point_id is None:
            return self.label("imported")
        return self.names.get(charge_point_id, charge_point_id)

    def charger_and_connector(self, charge_point_id: str | None, connector_id: int | None) -> str:
        """Return a charger and its connector, as in `garage / 1`, each by its name or id."""
        charger = self.charge_point(charge_point_id)
        if connector_id is None:
            return charger
        name = self.statement.connector(charge_point_id, connector_id)
        return f"{charger} / {name or connector_id}"

    def card(self, id_tag: str) -> str:
        """Return the name of a card, if it has one, and the last four characters of its id."""
        name = self.statement.cards.get(id_tag_key(id_tag), "")
        return f"{name} {masked(id_tag)}".lstrip()


def subject_of(
    statement: Statement,
    account: Sums,
    language: str,
    more_words: dict[str, dict[str, str]] | None = None,
) -> Subject:
    """Return the subject of an account's statement; `more_words` are labels of its layout."""
    names = {
        charger.charge_point_id: charger.name for charger in statement.chargers if charger.name
    }
    zone = ZoneInfo(statement.zone_name)
    label = label_of(language, more_words)
    return Subject(statement, statement.period, account, language, label, zone, names)


class FootContent:
    """The facts of the rows that the foot prints.

    `rows` counts the rows. `wh_of_days` is their energy by the day of the month, such as `02`.
    `marks` has the meanings of marks, `remarks` the numbers of flags. `decisions` are records with
    the number that is printed in their row, or None.
    """

    def __init__(self) -> None:
        """Begin without any row."""
        self.rows = 0
        self.marks: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.decisions: list[tuple[int | None, StatementRow]] = []
        self.wh_of_days: dict[str, int] = {}


class Texts:
    """The texts of a statement's rows; `foot_content` gets the meanings of their marks."""

    duration = staticmethod(hours)

    def __init__(self, subject: Subject, foot_content: FootContent) -> None:
        self._subject, self._foot_content = subject, foot_content
        self._language = subject.language
        # All have the decimals of whole Wh: readers can subtract the readings themselves.
        self.kwh = partial(grouped_kwh, language=subject.language)
        self.stop_reason = partial(stop_reason, language=subject.language)

    def text(self, value: str | int | None) -> str:
        """Return a text or a number unchanged."""
        return "–" if value is None else str(value)

    def known_kwh(self, wh: int | None) -> str:
        """Return an energy, or a dash if nobody knows it."""
        return "–" if wh is None else self.kwh(wh)

    def energy(self, row: StatementRow) -> str:
        """Return the energy of a record, or that nobody knows it."""
        return unknown(self._language) if is_unknown(row) else self.kwh(row.consumed_wh)

    def euro(self, ct: int | None) -> str:
        """Return an amount."""
        return "–" if ct is None else grouped_euro(ct, self._language)

    def card(self, id_tag: str | None) -> str:
        """Return the name and number of a card."""
        return self._subject.card(id_tag) if id_tag else "–"

    def charger_and_connector(self, row: StatementRow) -> str:
        """Return the charger and its connector."""
        return self._subject.charger_and_connector(row.charge_point_id, row.connector_id)

    def km_and_note(self, row: StatementRow) -> str:
        """Return kilometres and note of a record, as far as it has them."""
        km = "" if row.km is None else f"{row.km} km"
        return " ".join(filter(None, (km, row.note)))

    def start(self, row: StatementRow) -> str:
        """Return date and time of the start, or the date of the end if the start is not known."""
        zone = self._subject.zone
        if row.started_at is None:
            return f"{day(local_datetime(row.stopped_at, zone), self._language)} –"
        started = local_datetime(row.started_at, zone)
        return f"{day(started, self._language)} {clock_time(started)}"

    def end(self, row: StatementRow) -> str:
        """Return the time of the end; it has no date, but `+1` if it is on the next day."""
        ended = local_datetime(row.stopped_at, self._subject.zone)
        if row.started_at is None:
            return clock_time(ended)
        days = (ended.date() - local_datetime(row.started_at, self._subject.zone).date()).days
        return clock_time(ended) + f" {days:+}" * bool(days)

    def prices(self, row: StatementRow) -> str:
        """Return the price of a record, or a line for each of its prices with its kWh.

        A record with more than MOST_PRICES prices ends with an ellipsis.
        """
        language = self._language
        if row.amount_ct is None:
            return "–"
        if row.microeuro_per_kwh is not None:
            return grouped_ct_per_kwh(row.microeuro_per_kwh, language)
        # Parts with the same price become one line, even if another price was valid between them.
        sums: dict[int, int] = {}
        for wh, microeuro in row.parts:
            sums[microeuro] = sums.get(microeuro, 0) + wh
        lines = [
            f"{grouped_kwh(wh, language)} × {grouped_ct_per_kwh(price, language)}"
            for price, wh in sums.items()
        ]
        return "\n".join(lines if len(lines) <= MOST_PRICES else [*lines[: MOST_PRICES - 1], "…"])

    def marks(self, row: StatementRow) -> str:
        """Return the marks of a row, and note their meanings for the legend."""
        return " ".join(self._marks(row))

    def _marks(self, row: StatementRow) -> Iterator[str]:
        """Yield each mark."""
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
        mark, known = self._subject.label(f"mark_{kind}"), self._foot_content.marks
        # The mark of a split price has one meaning for each way of splitting.
        if meaning not in known.get(mark, "").split("; "):
            known[mark] = f"{known[mark]}; {meaning}" if mark in known else meaning
        return mark

    def _remark(self, flag: str) -> str:
        """Return the number of a flag; flags after the first MOST_REMARKS share one mark."""
        known = self._foot_content.remarks
        if flag not in known and len(known) >= MOST_REMARKS:
            return self._mark("other", self._subject.label("other"))
        return known.setdefault(flag, str(len(known) + 1))


def is_late(row: StatementRow) -> bool:
    """Return True if a charger reported a transaction's end more than LATE after it."""
    # Decisions and imported records are always booked after the end.
    if row.entry != "record" or row.provenance in ("imported", "decided"):
        return False
    booked_at, stopped_at = map(datetime.fromisoformat, (row.booked_at, row.stopped_at))
    return booked_at - stopped_at > LATE


def _remarks(flags: str) -> list[str]:
    """Return the flags of a record that no mark explains."""
    # The mark `decoded` says the same as its flag.
    return [flag for flag in flags.split("; ") if flag and flag != START_DECODED]
