"""The records of a month as CSV, in one format for people and one for programs.

The format for people has local times and the decimals and words of their language. It is UTF-8 with
a byte order mark, because Excel misreads umlauts without one. German Excel expects `;`, decimal
commas and 01.10.2026. The English file has `,`, decimal points and 2026-10-01, because Americans
and Britons read that date alike. Texts from chargers and users never run as a formula: an
apostrophe in front of them prevents it. Ids of cards are masked and begin with `…`, which also
preserves leading zeros.

The format for programs has the column names of the view `accounting`, UTC and unchanged texts.

There is no row of totals, because a spreadsheet would sort, filter and add it with the others. VAT
is computed for an account's month and not for a record, so it has no column; JSON has it.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

from shocpp.language.dates import local_time, spelled
from shocpp.language.figures import ct_per_kwh, euro, kwh
from shocpp.language.phrases import entry, masked, phrase, stop_reason
from shocpp.ledger.accounts import id_tag_key
from shocpp.reports.statement import Rows, Statement
from shocpp.store.books.statement_records import StatementRow

BYTE_ORDER_MARK = "\ufeff"
"""The first character of a CSV file for people."""

# East Asian spreadsheets accept the full-width signs as well.
_FORMULA_SIGNS = tuple("=+-@＝＋－＠")  # noqa: RUF001
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")
"""The control characters of Unicode, which become blanks in a cell."""

_MONEY_HEADERS = {
    "de": ("ct/kWh", "EUR", "Preisteile (kWh × ct)"),
    "en": ("ct/kWh", "EUR", "Price parts (kWh × ct)"),
}

_HEADERS = {
    "de": (
        *("Nr.", "Mandant", "Beginn", "Ende", "Abgerechnet", "Dauer", "Ladedauer"),
        *("Ladepunkt", "Anschluss", "Karte", "Kartennummer"),
        *("Zähler Beginn kWh", "Zähler Ende kWh", "kWh"),
        *("Grund", "Hinweise", "Signierte Werte", "Art"),
        *("Entschieden von", "Entschieden am", "Begründung", "Datensatz"),
    ),
    "en": (
        *("No.", "Account", "Start", "End", "Billed", "Duration", "Charging"),
        *("Charger", "Connector", "Card", "Card number"),
        *("Meter start kWh", "Meter end kWh", "kWh"),
        *("Reason", "Remarks", "Signed values", "Kind", "Decided by", "Decided at", "Why"),
        "Record",
    ),
}

"""The columns for people without those of money, in the order of `_PeopleColumns.cells`."""

_MONEY_INDEX = _HEADERS["en"].index("kWh") + 1
"""The position at which the columns of money are inserted, in every language."""

MACHINE_COLUMNS = (
    *("row", "localtime", "unixtime", "account_index", "account", "charge_point_id"),
    *("connector_id", "id_tag", "card_name", "transaction_id", "started_at", "stopped_at"),
    *("booked_at", "duration_s", "charging_s", "begin_wh", "end_wh", "consumed_wh", "kwh"),
    *("microeuro_per_kwh", "amount_ct", "eur", "price_parts", "price_note", "signed"),
    *("stop_reason", "provenance", "flags", "entry", "replaces_file", "decided_by"),
    *("decided_why", "file_name"),
)
"""The columns for programs, in their order.

`row` counts from 1; `price_parts` are Wh and microeuro per kWh, as in `20000@312700 …`.
"""


def csv_of(statement: Statement, rows: Rows, language: str = "de") -> Iterator[str]:
    """Yield the file for people, line by line.

    It has columns of money only if an account of the statement has a price.
    """
    line = csv_lines(";" if language == "de" else ",")
    columns = _PeopleColumns(statement, language)
    yield BYTE_ORDER_MARK + line(columns.headers())
    number = 0
    for row in rows:
        # A dismissed record is billed to nobody. It has no number, as in the PDF.
        is_billed = row.entry != "dismissal"
        number += is_billed
        yield line(columns.cells(str(number) if is_billed else "", row))


def csv_machine_of(statement: Statement, rows: Rows) -> Iterator[str]:
    """Yield the file for programs, line by line.

    It always has all columns; a cell is empty if its value is not known.
    """
    line = csv_lines(",")
    # No byte order mark: programs would read it as part of the first column's name.
    yield with_newline(line(MACHINE_COLUMNS))
    for number, row in enumerate(rows, 1):
        yield with_newline(line(_machine_cells(statement, number, row)))


# Accounts, chargers and cards repeat in nearly every row.
@lru_cache(maxsize=4096)
def defused(text: str | None) -> str:
    """Return a text from outside as a cell that no spreadsheet runs as a formula.

    Control characters become blanks, so that the cell has one line; None becomes an empty cell.
    """
    # Blanks are removed first: spreadsheets also run a formula that follows a tab or a blank.
    plain = (text or "").translate(_CONTROLS).strip()
    return f"'{plain}" if plain.startswith(_FORMULA_SIGNS) else plain


class _Line:
    """A file for `csv.writer` that returns each line instead of storing it."""

    def write(self, text: str) -> str:
        """Return the line; `writerow` returns this value to its caller."""
        return text


def csv_lines(delimiter: str) -> Callable[[Iterable[object]], str]:
    """Return a function that turns the cells of a row into one line, ended by CR LF."""
    # RFC 4180 §2 ends every line with CR LF.
    return csv.writer(_Line(), delimiter=delimiter, lineterminator="\r\n").writerow


def with_newline(line: str) -> str:
    """Return the line with LF in place of its CR LF."""
    # Before Python 3.13 csv quotes a carriage return in a cell only if lines end with one.
    # So lines are written with CR LF first.
    return line.removesuffix("\r\n") + "\n"


class _PeopleColumns:
    """The headers and cells of the file for people, in one language."""

    def __init__(self, statement: Statement, language: str) -> None:
        self._language = language
        self._zone = ZoneInfo(statement.zone_name)
        self._cards = statement.cards
        self._names = {
            charger.charge_point_id: charger.name or charger.charge_point_id
            for charger in statement.chargers
        }
        self._has_prices = any(sums.amount_ct is not None for sums in statement.accounts)

    def headers(self) -> list[str]:
        """Return the names of the columns, in their order."""
        return self._with_money(_HEADERS[self._language], _MONEY_HEADERS[self._language])

    def cells(self, number: str, row: StatementRow) -> list[str]:
        """Return the cells of a record, in the order of the headers.

        `number` is empty for a record that nobody owes.
        """
        language = self._language
        charger, id_tag = row.charge_point_id or "", row.id_tag or ""
        cells = (
            number,
            defused(row.account),
            self._local(row.started_at),
            self._local(row.stopped_at),
            spelled(row.localtime, language),
            _clock(row.duration_s),
            _clock(row.charging_s),
            defused(self._names.get(charger, charger)),
            "" if row.connector_id is None else str(row.connector_id),
            defused(self._cards.get(id_tag_key(id_tag))) if id_tag else "",
            defused(masked(id_tag)) if id_tag else "",
            # Figures are not defused: with an apostrophe, a spreadsheet cannot add the negative
            # energy of a reversal.
            kwh(row.begin_wh, language),
            kwh(row.end_wh, language),
            kwh(row.consumed_wh, language),
            defused(stop_reason(row.stop_reason, language)),
            defused(self._remarks(row.flags, row.price_note)),
            str(row.signed),
            entry(row.entry, language),
            defused(row.decided_by),
            self._local(row.booked_at if row.decided_by else None),
            defused(row.decided_why),
            # The file's name stays the same for ever; the record's number may change in a rebuild.
            row.file_name.removesuffix(".json"),
        )
        return self._with_money(cells, self._money(row))

    def _with_money(self, cells: tuple[str, ...], money: tuple[str, ...]) -> list[str]:
        """Return the cells with those of money in their place, if the statement has prices."""
        priced_cells = money if self._has_prices else ()
        return [*cells[:_MONEY_INDEX], *priced_cells, *cells[_MONEY_INDEX:]]

    def _money(self, row: StatementRow) -> tuple[str, str, str]:
        """Return the price, the amount, and the parts if the record has several prices."""
        language, price, amount_ct = self._language, row.microeuro_per_kwh, row.amount_ct
        # A record without one price for all of its energy has several, one for each part.
        parts = ""
        if price is None:
            parts = "; ".join(
                f"{kwh(wh, language)} × {ct_per_kwh(part, language)}" for wh, part in row.parts
            )
        return (
            "" if price is None else ct_per_kwh(price, language),
            "" if amount_ct is None else euro(amount_ct, language),
            # The parts of a reversal begin with a minus sign, which would start a formula.
            defused(parts),
        )

    def _remarks(self, flags: str, price_note: str | None) -> str:
        """Return the flags and the note on the price as words of the language."""
        remarks = "; ".join(filter(None, (flags, price_note)))
        return phrase(remarks, self._language)

    def _local(self, moment: str | None) -> str:
        """Return a UTC timestamp as local time in the language; empty for None."""
        return "" if moment is None else spelled(local_time(moment, self._zone), self._language)


def _clock(seconds: int | None) -> str:
    """Return a duration as h:mm:ss, which every spreadsheet reads; hours may exceed 24."""
    if seconds is None:
        return ""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _machine_cells(statement: Statement, number: int, row: StatementRow) -> list[object]:
    """Return the cells of a record in the order of MACHINE_COLUMNS."""
    # Texts stay verbatim: programs compare them with the database, and run no formulas.
    return [
        *(number, row.localtime, row.unixtime, row.account_index, row.account),
        *(row.charge_point_id, row.connector_id, row.id_tag),
        statement.cards.get(id_tag_key(row.id_tag)) if row.id_tag else None,
        *(row.transaction_id, row.started_at, row.stopped_at, row.booked_at, row.duration_s),
        *(row.charging_s, row.begin_wh, row.end_wh, row.consumed_wh, kwh(row.consumed_wh, "en")),
        *(row.microeuro_per_kwh, row.amount_ct),
        None if row.amount_ct is None else euro(row.amount_ct, "en"),
        " ".join(f"{wh}@{price}" for wh, price in row.parts),
        *(row.price_note, row.signed, row.stop_reason, row.provenance, row.flags, row.entry),
        *(row.replaces_file, row.decided_by, row.decided_why, row.file_name),
    ]
