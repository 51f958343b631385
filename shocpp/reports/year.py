"""The statement of a year: the months of each account with their sums, and its simple formats.

A closed month has the sums of its closing; the sums of an open month are those of now. The records
are in the statements of the months. The PDF of a year is in `pdf/year.py`.
"""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from shocpp import __version__
from shocpp.clock import now_ms
from shocpp.configuration.operator import Operator, load_operator
from shocpp.errors import UsageError
from shocpp.language.figures import euro, kwh
from shocpp.language.month import Month, months_of
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.books import Books
from shocpp.reports.month import month_sums
from shocpp.reports.statement import Sums
from shocpp.reports.tables.csv_format import BYTE_ORDER_MARK, csv_lines, text_cell, with_newline
from shocpp.reports.text.seed_layout import WIDTH
from shocpp.store.books import closings
from shocpp.store.books.statements import months_with_records
from shocpp.texts import controls_to_blanks, without_controls


class Line(NamedTuple):
    """The sums of an account in a month.

    `month` is YYYY-MM. `amount_ct` is the amount of the records, `fees_ct` of base fees, `vat_ct`
    of taxes, and `total_ct` the amount to pay; None means that nothing has a price. `closed` is
    the number of the month's closing, or None while the month is open. `solar_wh` is the part of
    `wh` that is not from the grid, as far as it is known; None if it is of no record.
    """

    month: str
    account_index: int
    account: str
    transactions: int
    wh: int
    amount_ct: int | None
    fees_ct: int
    vat_ct: int
    total_ct: int | None
    closed: int | None
    solar_wh: int | None = None

    @property
    def added_vat_ct(self) -> int:
        """Return the VAT on net amounts, which is paid besides them."""
        return 0 if self.total_ct is None else self.total_ct - (self.amount_ct or 0) - self.fees_ct

    @property
    def included_vat_ct(self) -> int:
        """Return the VAT in gross amounts."""
        return self.vat_ct - self.added_vat_ct


class Year(NamedTuple):
    """The statement of a year.

    `lines` are in the order of accounts and months; an account that was renamed within the year has
    its last name there. `only` is the account that the statement is
    for, or None for all accounts. `created_at` is UTC, ISO 8601. `has_employer` is True if the one
    account is that of an employee.
    """

    year: int
    only: str | None
    lines: tuple[Line, ...]
    zone_name: str
    created_at: str
    version: str
    operator: Operator
    has_employer: bool = False

    @property
    def names_vat(self) -> bool:
        """Return True if the statement may name VAT, as those of the months."""
        return self.operator.names_vat and not self.has_employer

    @property
    def has_solar(self) -> bool:
        """Return True if the solar energy of any record is known."""
        return any(line.solar_wh is not None for line in self.lines)


def solar_of(lines: Iterable[Line]) -> int | None:
    """Return the sum of the solar energy of lines, None if no line has any."""
    known = [line.solar_wh for line in lines if line.solar_wh is not None]
    return sum(known) if known else None


def year_statement(books: Books, year: int, only: str | None = None) -> Year:
    """Return the statement of a year, for all accounts or `only` one.

    It has the months from the first one in the books to the present one, and closed months.
    Raises UsageError if no month has the account.
    """
    every, settings = month_lines(books, months_of(year)), books.settings
    lines = sorted(_with_last_names(books, every), key=_account_and_month)
    # A name that no account has now is that of a year of closed months.
    indices = () if only is None else books.indices_of(only)
    if indices:
        own = [
            line
            for line in every
            if line.account_index in indices and books.has_had(line.account_index, line.account)
        ]
        chosen = tuple(sorted(_with_last_names(books, own), key=_account_and_month))
    else:
        chosen = tuple(line for line in lines if only in (None, line.account))
    if only is not None and not chosen:
        known = ", ".join(sorted({line.account for line in lines})) or "none"
        raise UsageError(f"there is no account {only!r} in {year}; one of: {known}")
    return Year(
        year=year,
        only=only and chosen[0].account,
        lines=chosen,
        zone_name=settings.zone_name,
        created_at=format_timestamp(now_ms()),
        version=__version__,
        operator=load_operator(settings.operator_file).operator,
        has_employer=only is not None and _is_employee(books, chosen[-1].account_index),
    )


def _is_employee(books: Books, account_index: int) -> bool:
    """Return True if an account is that of an employee now."""
    return bool(books.accounts.recipient(account_index).employer)


def month_lines(books: Books, months: Iterable[Month], only: str | None = None) -> list[Line]:
    """Return the lines of the accounts in some months, or of one account.

    They are those of closed months, and from the first month in the books to the present one.
    """
    lines: list[Line] = []
    first = months_with_records.first_month(books.db)
    last = Month.of_moment(now_ms(), books.settings.zone)
    for month in months:
        # A month before the first record may be closed, too: its base fees count.
        is_closed = closings.is_closed(books.db, month.name)
        if is_closed or (first is not None and first <= month <= last):
            # Months are added, not computed again: a closed month keeps prices and rounding.
            accounts, closed = month_sums(books, month, only)
            lines += [_line(month, sums, closed) for sums in accounts]
    return lines


def _with_last_names(books: Books, lines: list[Line]) -> list[Line]:
    """Return the lines with one name for each account: that of its last month.

    So a year of closed months has the same names for ever. The line of an account that had the
    index before another one keeps its name.
    """
    in_order = sorted(lines, key=lambda line: line.month)
    names = {line.account_index: line.account for line in in_order}
    foreign = {
        (index, name)
        for index, name in {(line.account_index, line.account) for line in lines}
        if name != names[index] and not books.has_had(index, name)
    }
    return [
        line
        if (line.account_index, line.account) in foreign
        else line._replace(account=names[line.account_index])
        for line in lines
    ]


def _account_and_month(line: Line) -> tuple[str, str]:
    return line.account, line.month


def _line(month: Month, sums: Sums, closed: int | None) -> Line:
    """Return the line of an account; `closed` is the number of the month's closing."""
    return Line(
        *(month.name, sums.account_index, sums.account, sums.transactions, sums.wh, sums.amount_ct),
        *(sum(fee.amount_ct for fee in sums.fees), sum(tax.vat_ct for tax in sums.taxes)),
        *(sums.total_ct, closed, sums.solar_wh),
    )


_WORDS = {
    "de": {
        "title": "Jahresabrechnung:",
        "account": "Mandant:",
        "total": "Gesamt :",
        "one": "Vorgang",
        "many": "Vorgänge",
        "closed": "abgeschlossen",
        "open": "offen",
        "solar": "davon Solar",
    },
    "en": {
        "title": "Statement for the year:",
        "account": "Account:",
        "total": "Total:",
        "one": "transaction",
        "many": "transactions",
        "closed": "closed",
        "open": "open",
        "solar": "of which solar",
    },
}

_FIRST_HEADERS = {
    "de": ("Monat", "Mandant", "Vorgänge", "kWh", "EUR Energie", "EUR Grundpreis"),
    "en": ("month", "account", "transactions", "kWh", "EUR energy", "EUR base fee"),
}
"""The titles of the columns that each year has, and below those of the columns behind them."""

_CSV_HEADERS = {
    "de": {
        "added": "EUR zuzüglich USt",
        "surcharge": "EUR Zuschlag",
        "total": "EUR gesamt",
        "included": "EUR darin USt",
        "closing": "Abschluss",
        "solar": "kWh davon Solar",
    },
    "en": {
        "added": "EUR plus VAT",
        "surcharge": "EUR surcharge",
        "total": "EUR total",
        "included": "EUR VAT included",
        "closing": "closing",
        "solar": "kWh of which solar",
    },
}


def text_of_year(statement: Year, language: str) -> Iterator[str]:
    """Yield the year as text: the sum of each account, and its months below it."""
    words = _WORDS[language]
    yield f"{words['title']} {statement.year:04}\n"
    for name in dict.fromkeys(line.account for line in statement.lines):
        months = [line for line in statement.lines if line.account == name]
        title = f"{words['account']} {controls_to_blanks(name):<{WIDTH}}"
        yield f"\n{title} {_sums(months, language)}\n"
        for line in months:
            state = words["open"] if line.closed is None else f"{words['closed']} ({line.closed})"
            count = f"{line.transactions} {words['one' if line.transactions == 1 else 'many']}"
            month = line.month.replace("-", "/")
            yield f"  {month}  {count:<28} {_sums([line], language)}  {state}\n"
    width = len(words["account"]) + 1 + WIDTH
    yield f"\n{words['total']:<{width}} {_sums(statement.lines, language)}\n"


def _sums(lines: tuple[Line, ...] | list[Line], language: str) -> str:
    """Return the energy of the lines, their amount and their solar energy, as far as known."""
    owed = [line.total_ct for line in lines if line.total_ct is not None]
    amount = f" {euro(sum(owed), language):>12} EUR" if owed else ""
    solar_wh = solar_of(lines)
    solar = ""
    if solar_wh is not None:
        solar = f", {_WORDS[language]['solar']} {kwh(solar_wh, language)} kWh"
    return f"{kwh(sum(line.wh for line in lines), language):>12} kWh{amount}{solar}"


def csv_of_year(statement: Year, language: str) -> Iterator[str]:
    """Yield the year as CSV for people, as in `csv_format.py`: one line per account and month."""
    write, titles = csv_lines(";" if language == "de" else ","), _CSV_HEADERS[language]
    added, included = added_column(statement), includes_vat(statement)
    header = [*_FIRST_HEADERS[language]]
    header += [titles[added]] if added else []
    header += [titles["total"]]
    header += [titles["included"]] if included else []
    header += [titles["closing"]]
    header += [titles["solar"]] if statement.has_solar else []
    yield BYTE_ORDER_MARK + write(header)
    for line in statement.lines:
        money = [line.amount_ct, line.fees_ct]
        money += [line.added_vat_ct] if added else []
        money += [line.total_ct]
        money += [line.included_vat_ct] if included else []
        amounts = ("" if ct is None else euro(ct, language) for ct in money)
        energy = kwh(line.wh, language)
        known = "–" if line.solar_wh is None else kwh(line.solar_wh, language)
        solar = (known,) if statement.has_solar else ()
        account = text_cell(line.account)
        yield write((line.month, account, line.transactions, energy, *amounts, line.closed, *solar))


def added_column(statement: Year) -> str | None:
    """Return `added` if VAT is added to net amounts, `surcharge` if it must not be named, or None.

    With it, energy and base fee add up to the total.
    """
    if not any(line.added_vat_ct for line in statement.lines):
        return None
    return "added" if statement.names_vat else "surcharge"


def includes_vat(statement: Year) -> bool:
    """Return True if amounts include VAT that the statement may name."""
    return statement.names_vat and any(line.included_vat_ct for line in statement.lines)


def csv_machine_of_year(statement: Year) -> Iterator[str]:
    """Yield the year as CSV for programs, with the fields of Line in whole Wh and cents."""
    write = csv_lines(",")
    # Programs that know the columns of older versions find them at their places.
    # A Line is a tuple of cells in the order of its fields; the last one is the solar energy.
    columns = slice(None if statement.has_solar else -1)
    yield with_newline(write(Line._fields[columns]))
    for line in statement.lines:
        yield with_newline(write(tuple(line)[columns]))


def json_of_year(statement: Year) -> Iterator[str]:
    """Yield the year as one JSON object, whose `lines` have the fields of Line."""
    fields = Line._fields[: None if statement.has_solar else -1]
    lines = [dict(zip(fields, line, strict=False)) for line in statement.lines]
    content = {"year": statement.year, "only": statement.only, "lines": lines}
    yield without_controls(json.dumps(content, ensure_ascii=False, indent=2)) + "\n"
