"""The month's records as CSV: for people with a spreadsheet, and for programs (a room).

For people: local_time times, decimals and words of their language, in UTF-8 with a byte order mark,
without which Excel takes umlauts for something else. German Excel reads `;`, decimal commas and
01.10.2026; in English it is `,`, decimal points and 2026-10-01, which Americans and Britons read
alike. What a charger or a human has typed never runs as a formula: it begins with an apostrophe
where it would. Ids of cards are masked, and begin with `…`, so that zeros in front stay.

For programs: the names of the view `accounting` where it has them, UTC, every text verbatim.

There is no row of totals: it would be sorted, filtered and summed up with the others. VAT is that
of an account's whole month, not of a record, so it has no column; the JSON form has it.
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

_RUNS = tuple("=+-@＝＋－＠")  # noqa: RUF001 - East Asian spreadsheets take the wide ones as well
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160)], " ")

_MONEY = {
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

_MONEY_AFTER = _HEADERS["en"].index("kWh") + 1

MACHINE_COLUMNS = (
    *("row", "localtime", "unixtime", "account_index", "account", "charge_point_id"),
    *("connector_id", "id_tag", "card_name", "transaction_id", "started_at", "stopped_at"),
    *("booked_at", "duration_s", "charging_s", "begin_wh", "end_wh", "consumed_wh", "kwh"),
    *("microeuro_per_kwh", "amount_ct", "eur", "price_parts", "price_note", "signed"),
    *("stop_reason", "provenance", "flags", "entry", "replaces_file", "decided_by"),
    *("decided_why", "file_name"),
)
"""`row` counts from 1; `price_parts` are Wh and microeuro per kWh, as in `20000@312700 …`."""


def csv_of(statement: Statement, rows: Rows, language: str = "de") -> Iterator[str]:
    """The records for people; columns of money only where something has a price."""
    line = csv_lines(";" if language == "de" else ",")
    people = _People(statement, language)
    yield BYTE_ORDER_MARK + line(people.headers())
    number = 0
    for row in rows:
        is_charge = row.row.entry != "dismissal"  # nobody owes it: the paper does not number it
        number += is_charge
        yield line(people.cells(str(number) if is_charge else "", row))


def csv_machine_of(statement: Statement, rows: Rows) -> Iterator[str]:
    """The records for programs, all columns always; what is not known is empty."""
    line = csv_lines(",")
    yield with_newline(line(MACHINE_COLUMNS))
    for number, row in enumerate(rows, 1):
        yield with_newline(line(_machine_cells(statement, number, row)))


@lru_cache(maxsize=4096)
def defused(text: str | None) -> str:
    """A text of somebody else, as a cell that no spreadsheet takes for a formula."""
    plain = (text or "").translate(_CONTROLS).strip()
    return f"'{plain}" if plain.startswith(_RUNS) else plain


class _Line:
    """What csv writes to; it hands each line on."""

    def write(self, text: str) -> str:
        return text


def csv_lines(delimiter: str) -> Callable[[Iterable[object]], str]:
    """What makes a line of a spreadsheet of its cells."""
    return csv.writer(_Line(), delimiter=delimiter, lineterminator="\r\n").writerow


def with_newline(line: str) -> str:
    """Before Python 3.13 csv quotes a carriage return only where lines end with one."""
    return line.removesuffix("\r\n") + "\n"


class _People:
    """The cells of a paper as its readers write them."""

    def __init__(self, statement: Statement, language: str) -> None:
        self._language = language
        self._zone = ZoneInfo(statement.zone_name)
        self._cards = statement.cards
        self._names = {
            charger.charge_point_id: charger.name or charger.charge_point_id
            for charger in statement.chargers
        }
        self._priced = any(sums.amount_ct is not None for sums in statement.accounts)

    def headers(self) -> list[str]:
        """The names of the columns."""
        return self._with_money(_HEADERS[self._language], _MONEY[self._language])

    def cells(self, number: str, statement_row: StatementRow) -> list[str]:
        """A record, in the order of the headers."""
        row, language = statement_row.row, self._language
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
            kwh(row.begin_wh, language),
            kwh(row.end_wh, language),
            kwh(row.consumed_wh, language),
            defused(stop_reason(row.stop_reason, language)),
            defused(self._remarks(row.flags, statement_row.price_note)),
            str(statement_row.signed),
            entry(row.entry, language),
            defused(row.decided_by),
            self._local(row.booked_at if row.decided_by else None),
            defused(row.decided_why),
            statement_row.file_name.removesuffix(".json"),
        )
        return self._with_money(cells, self._money(statement_row))

    def _with_money(self, cells: tuple[str, ...], money: tuple[str, ...]) -> list[str]:
        paid = money if self._priced else ()
        return [*cells[:_MONEY_AFTER], *paid, *cells[_MONEY_AFTER:]]

    def _money(self, row: StatementRow) -> tuple[str, str, str]:
        language, price, amount_ct = self._language, row.microeuro_per_kwh, row.amount_ct
        parts = ""
        if price is None:
            parts = "; ".join(
                f"{kwh(wh, language)} × {ct_per_kwh(part, language)}" for wh, part in row.parts
            )
        return (
            "" if price is None else ct_per_kwh(price, language),
            "" if amount_ct is None else euro(amount_ct, language),
            defused(parts),
        )

    def _remarks(self, flags: str, price_note: str | None) -> str:
        said = "; ".join(filter(None, (flags, price_note)))
        return phrase(said, self._language)

    def _local(self, moment: str | None) -> str:
        return "" if moment is None else spelled(local_time(moment, self._zone), self._language)


def _clock(seconds: int | None) -> str:
    """Hours, minutes and seconds, as every spreadsheet reads them; hours may be more than 24."""
    if seconds is None:
        return ""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _machine_cells(statement: Statement, number: int, statement_row: StatementRow) -> list[object]:
    row, amount_ct = statement_row.row, statement_row.amount_ct
    return [
        *(number, row.localtime, row.unixtime, row.account_index, row.account),
        *(row.charge_point_id, row.connector_id, row.id_tag),
        statement.cards.get(id_tag_key(row.id_tag)) if row.id_tag else None,
        *(row.transaction_id, row.started_at, row.stopped_at, row.booked_at, row.duration_s),
        *(row.charging_s, row.begin_wh, row.end_wh, row.consumed_wh, kwh(row.consumed_wh, "en")),
        *(statement_row.microeuro_per_kwh, amount_ct),
        None if amount_ct is None else euro(amount_ct, "en"),
        " ".join(f"{wh}@{price}" for wh, price in statement_row.parts),
        *(
            statement_row.price_note,
            statement_row.signed,
            row.stop_reason,
            row.provenance,
            row.flags,
        ),
        *(row.entry, row.replaces_file, row.decided_by, row.decided_why, statement_row.file_name),
    ]
