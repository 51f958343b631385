"""The statement of a span of days: the records that ended in it, with their sums by account.

A record belongs to the span if its end does, in local time; it may be billed in any month. Each
month involved is read as its own statement: so closed months keep their prices, open ones are
provisional, and an account gets nothing of the others. Base fees and VAT belong to whole months,
and are only in the statements of those.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.language.dates import day
from shocpp.language.figures import euro, kwh
from shocpp.language.month import Month
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.month import month_statement
from shocpp.reports.snapshot import VERSION
from shocpp.reports.statement import Charger, Statement, Sums
from shocpp.reports.tables.json_format import object_with_records
from shocpp.reports.text.seed_layout import WIDTH, seed_array
from shocpp.store.books import closings
from shocpp.store.books.statements import months_with_records
from shocpp.store.books.statements.statement_records import SeedRow, StatementRow
from shocpp.texts import controls_to_blanks


class Span(NamedTuple):
    """The statement of a span of days, both included.

    `frame` has the account, sums, chargers and cards of all its months, and is no statement of a
    month. `statements` are those of the months in which the records are billed. `months` has the
    number of the closing, or None, by the names of the months of the days and of the records.
    `unassigned_wh` is booked to no account. `under_review` counts records that no account pays yet.
    """

    first: date
    last: date
    frame: Statement
    statements: tuple[Statement, ...]
    months: dict[str, int | None]
    unassigned_wh: int
    under_review: int
    ended: tuple[int, int]

    @property
    def is_provisional(self) -> bool:
        """Return True if a month is open, so that amounts and records may change."""
        return None in self.months.values()


def span_statement(books: Books, first: date, last: date, only: str | None = None) -> Span:
    """Return the statement of the days from `first` to `last`, for all accounts or `only` one.

    Raises UsageError if the last day is before the first one, or if no month has the account.
    """
    if last < first:
        raise UsageError(f"the last day, {last}, is before the first one, {first}")
    ended = _moment(books, first), _moment(books, last + timedelta(days=1))
    billed = months_with_records.months_of_ended(books.db, ended)
    calendar = _months_between(Month(first.year, first.month), Month(last.year, last.month))
    # Without records, the month of the last day knows the accounts.
    wholes = [month_statement(books, month) for month in billed or calendar[-1:]]
    statements = tuple(wholes if only is None else _of_account(books, wholes, only))
    # The names of the last month, as in the statement of a year.
    names = {sums.account_index: sums.account for whole in statements for sums in whole.accounts}
    chargers: dict[str, Charger] = {}
    cards: dict[str, str] = {}
    for statement in statements:
        chargers |= {charger.charge_point_id: charger for charger in statement.chargers}
        cards |= statement.cards
    totals = {index: _Total() for index in names}
    unassigned_wh = 0
    for row in _rows(books, statements, ended):
        if row.account_index == UNASSIGNED_INDEX:
            unassigned_wh += row.consumed_wh
        else:
            totals.setdefault(row.account_index, _Total()).add(row)
            names.setdefault(row.account_index, row.account)
    sums = (total.sums(index, names[index]) for index, total in totals.items())
    frame = statements[-1]._replace(
        # The columns of the span are those of today, also for months that were closed before.
        snapshot_version=VERSION,
        closed=None,
        accounts=tuple(sorted(sums, key=lambda each: each.account)),
        chargers=tuple(chargers.values()),
        noted=frozenset().union(*(statement.noted for statement in statements)),
        cards=cards,
    )
    closings_of = {
        month.name: closings.of_month(books.db, month.name)
        for month in sorted({*billed, *calendar})
    }
    months = {
        name: None if closing is None else closing.number for name, closing in closings_of.items()
    }
    waiting = sum(_is_within(row.stopped_at, ended) for s in statements for row in s.under_review)
    return Span(first, last, frame, statements, months, unassigned_wh, waiting, ended)


def rows_of(books: Books, span: Span) -> Iterator[StatementRow]:
    """Yield the records of a span, month by month, with the last names of their accounts."""
    names = {sums.account_index: sums.account for sums in span.frame.accounts}
    for row in _rows(books, span.statements, span.ended):
        yield row._replace(account=names.get(row.account_index, row.account))


def text_of_span(books: Books, span: Span, language: str) -> Iterator[str]:
    """Yield the span as text: sums, the state of its months, and the records as in a month's."""
    words, accounts = _WORDS[language], span.frame.accounts
    days = (day(when, language) for when in (span.first, span.last))
    yield words["title"].format(*days) + "\n\n"
    for sums in accounts:
        name = controls_to_blanks(sums.account)
        yield f"{words['account']} {name:<{WIDTH}} {_figures([sums], language)}\n"
    width = 9 + WIDTH
    yield f"{words['total']:<{width}} {_figures([*accounts], language)}\n\n"
    unpriced_wh = sum(sums.unpriced_wh for sums in accounts)
    if any(sums.amount_ct is not None for sums in accounts):
        if unpriced_wh:
            yield words["unpriced"].format(kwh(unpriced_wh, language)) + "\n"
        yield words["amounts"] + "\n"
        if _names_vat(span):
            yield words["vat"] + "\n"
    if span.unassigned_wh:
        yield words["unassigned"].format(kwh(span.unassigned_wh, language)) + "\n"
    if span.under_review:
        yield words["under_review"].format(span.under_review) + "\n"
    for key, is_closed in (("closed", True), ("open", False)):
        months = [
            name.replace("-", "/")
            for name, number in span.months.items()
            if (number is not None) == is_closed
        ]
        if months:
            yield words[key].format(", ".join(months)) + "\n"
    yield f"\n{words['records']}\n\n"
    yield from seed_array(_seed_rows(books, span), numbered=True)
    yield "\n"


def _names_vat(span: Span) -> bool:
    """Return True if amounts may include VAT, and the statements of their months name it."""
    return any(
        sums.taxes and statement.names_vat(sums)
        for statement in span.statements
        for sums in statement.accounts
    )


def json_of_span(books: Books, span: Span) -> Iterator[str]:
    """Yield the span as one JSON object, whose records have the keys of a month's."""
    frame, accounts = span.frame, span.frame.accounts
    content: dict[str, object] = {
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "account": frame.only,
        "zone": frame.zone_name,
        "created_at": frame.created_at,
        "months": [{"month": name, "closed": number} for name, number in span.months.items()],
        "is_provisional": span.is_provisional,
        "total": _sums_in_json([*accounts]),
        "accounts": [
            {"account_index": sums.account_index, "account": sums.account, **_sums_in_json([sums])}
            for sums in accounts
        ],
        "unassigned_wh": span.unassigned_wh,
        "under_review": span.under_review,
    }
    yield from object_with_records(content, frame, rows_of(books, span))


def _sums_in_json(accounts: list[Sums]) -> dict[str, object]:
    wh, amount_ct = sum(sums.wh for sums in accounts), _amount(accounts)
    solar_wh = _solar_wh(accounts)
    solar = {} if solar_wh is None else {"solar_wh": solar_wh}
    return {
        "transactions": sum(sums.transactions for sums in accounts),
        "wh": wh,
        "kwh": kwh(wh, "en"),
        "amount_ct": amount_ct,
        "eur": None if amount_ct is None else euro(amount_ct, "en"),
        "unpriced_wh": sum(sums.unpriced_wh for sums in accounts),
        **solar,
    }


def _amount(accounts: list[Sums]) -> int | None:
    """Return the sum of the amounts in cents, or None if no record has a price."""
    amounts = [sums.amount_ct for sums in accounts if sums.amount_ct is not None]
    return sum(amounts) if amounts else None


def _figures(accounts: list[Sums], language: str) -> str:
    """Return energy, amount and solar energy as the end of a line."""
    solar_wh = _solar_wh(accounts)
    solar = "" if solar_wh is None else _WORDS[language]["solar"].format(kwh(solar_wh, language))
    amount_ct = _amount(accounts)
    amount = "" if amount_ct is None else f" {euro(amount_ct, language):>10} EUR"
    return f"{kwh(sum(sums.wh for sums in accounts), language):>10} kWh{amount}{solar}"


def _solar_wh(accounts: list[Sums]) -> int | None:
    """Return the sum of the solar energy, or None if it is known of no record."""
    known = [sums.solar_wh for sums in accounts if sums.solar_wh is not None]
    return sum(known) if known else None


def _seed_rows(books: Books, span: Span) -> Iterator[SeedRow]:
    for statement in span.statements:
        yield from books.seed_rows(statement, span.ended)


def _rows(
    books: Books, statements: tuple[Statement, ...], ended: tuple[int, int]
) -> Iterator[StatementRow]:
    for statement in statements:
        yield from books.rows(statement, ended=ended)


def _of_account(books: Books, wholes: list[Statement], only: str) -> Iterator[Statement]:
    """Yield the statements of one account, of the months that have it."""
    found = False
    for whole in wholes:
        with suppress(UsageError):
            yield of_account(whole, books.name_in(whole, only))
            found = True
    if not found:
        raise wholes[-1].lacks(only)


class _Total:
    """The running sums of an account."""

    def __init__(self) -> None:
        self.transactions = self.wh = self.unpriced_wh = 0
        self.amount_ct: int | None = None
        self.solar_wh: int | None = None

    def add(self, row: StatementRow) -> None:
        """Add a record; a reversal takes away the one that it reverses."""
        self.transactions += {"reversal": -1, "dismissal": 0}.get(row.entry, 1)
        self.wh += row.consumed_wh
        if row.amount_ct is None:
            self.unpriced_wh += row.consumed_wh
        else:
            self.amount_ct = (self.amount_ct or 0) + row.amount_ct
        if row.solar_wh is not None:
            self.solar_wh = (self.solar_wh or 0) + row.solar_wh

    def sums(self, index: int, account: str) -> Sums:
        """Return the sums; base fees and taxes are those of whole months, and not here."""
        figures = (self.transactions, self.wh, self.amount_ct, self.unpriced_wh)
        sums = Sums(index, account, *figures, (), (), (), self.amount_ct)
        return sums._replace(solar_wh=self.solar_wh)


def _moment(books: Books, when: date) -> int:
    """Return the beginning of a day of local time, in milliseconds since 1970."""
    local = datetime(when.year, when.month, when.day, tzinfo=books.zone)
    return int(local.timestamp() * 1000)


def _is_within(stopped_at: str, ended: tuple[int, int]) -> bool:
    moment_ms = int(datetime.fromisoformat(stopped_at).timestamp() * 1000)
    return ended[0] <= moment_ms < ended[1]


def _months_between(first: Month, last: Month) -> list[Month]:
    months = [first]
    while months[-1] < last:
        months.append(months[-1].next())
    return months


_WORDS = {
    "de": {
        "title": "Abrechnung vom {} bis {}",
        "account": "Mandant:",
        "total": "Gesamt :",
        "amounts": "Beträge der Vorgänge; Grundpreise und Summen zum Bezahlen haben die Monate.",
        "vat": "Umsatzsteuer ist darin, wo Preise sie enthalten; auf Nettopreise kommt sie noch.",
        "solar": ", davon Solar {} kWh",
        "unpriced": "ohne Preis: {} kWh",
        "unassigned": "Nicht zugeordnet: {} kWh (unbekannte Karten)",
        "under_review": "In Prüfung, nicht in den Summen: {}",
        "closed": "Abgeschlossen: {}",
        "open": "Offen, also vorläufig: {}",
        "records": "Abrechnungsdatensätze:",
    },
    "en": {
        "title": "Statement from {} to {}",
        "account": "Account:",
        "total": "Total:",
        "amounts": "Amounts of transactions; base fees and sums to pay are those of the months.",
        "vat": "They include VAT where prices do; on net prices it comes on top.",
        "solar": ", of which solar {} kWh",
        "unpriced": "without a price: {} kWh",
        "unassigned": "Not assigned: {} kWh (unknown cards)",
        "under_review": "Under review, not in the sums: {}",
        "closed": "Closed: {}",
        "open": "Open, so provisional: {}",
        "records": "Accounting records:",
    },
}
