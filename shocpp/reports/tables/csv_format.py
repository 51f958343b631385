"""The records of a month as CSV, in one format for people and one for programs.

The format for people has local times and the decimals and words of their language. It is UTF-8 with
a byte order mark, because Excel misreads umlauts without one. German Excel expects `;`, decimal
commas and 01.10.2026. The English file has `,`, decimal points and 2026-10-01, because Americans
and Britons read that date alike. Texts from chargers and users never run as a formula, and names
such as `0042`, `1E5` and `MAR1` stay texts: an apostrophe in front of them prevents the rest. Excel
and LibreOffice honour it with all options of the import, and to programs it is one more character;
`="0042"` is a formula, and quotes around a cell are ignored. Ids of cards are masked and begin with
`…`, which also preserves leading zeros.

The format for programs has the column names of the view `accounting`, UTC and unchanged texts, but
for control characters: they are escaped as in JSON, because the file may be printed on a terminal.
The columns of both are in `columns.py`.

There is no row of totals, because a spreadsheet would sort, filter and add it with the others. VAT
is computed for an account's month and not for a record, so it has no column; JSON has it.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

from shocpp.language.dates import local_time, spelled
from shocpp.language.figures import ct_per_kwh, euro, kwh
from shocpp.language.month import MONTH_NAMES
from shocpp.language.phrases import decided_why, entry, masked, phrase, stop_reason, unknown
from shocpp.reports.statement import Rows, Statement
from shocpp.reports.tables.cells import (
    SOLAR,
    columns_of,
    is_addressed,
    is_unknown,
    row_numbers,
    values_of,
)
from shocpp.reports.tables.columns import CSV, CSV_MACHINE
from shocpp.store.books.statements.statement_records import StatementRow
from shocpp.texts import controls_to_blanks, without_controls

BYTE_ORDER_MARK = "\ufeff"
"""The first character of a CSV file for people."""

# East Asian spreadsheets accept the full-width signs as well.
_FORMULA_SIGNS = tuple("=+-@＝＋－＠")  # noqa: RUF001

_MONTHS = {name.casefold() for names in MONTH_NAMES.values() for name in names}
_WORDS = {*_MONTHS, *(month[:3] for month in _MONTHS), "mrz", "sept", "am", "pm", "eur", "usd"}
_WEEKDAYS = (
    *("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonnabend", "sonntag"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
_MORE_WORDS = {
    *(*_WEEKDAYS, *(day[:2] for day in _WEEKDAYS[:8]), *(day[:3] for day in _WEEKDAYS[8:])),
    *("jänner", "jän", "feber"),
}
_SIGNS = r"[\d\s.,:;/+'%€$£()_-]"


def _pattern(words: set[str], letters: str) -> re.Pattern[str]:
    """Return the pattern of figures, dates and times that consist of signs, letters and words."""
    # The longest first, because a shorter one may be its begin.
    every = "|".join(sorted(words, reverse=True))
    return re.compile(rf"(?:{_SIGNS}|{letters}|{every})+", re.IGNORECASE)


# German and English, as spreadsheets guess them. `1E 5` and `5.E3` are figures, a T stands before a
# time, a Z behind it, and Excel reads `3 a` as 3 o'clock.
_CONVERTED = _pattern(
    _WORDS | _MORE_WORDS,
    r"(?<=[\d.,\s])e(?=\s?[+-]?\d)|(?<=\d)t(?=\d)|(?<=\d)z(?!\w)|(?<=\s)[ap](?!\w)",
)
_CONVERTED_BEFORE_SOLAR = _pattern(_WORDS, r"(?<=\d)e(?=[+-]?\d)")
_TRUTH_VALUES = ("true", "false", "wahr", "falsch")


def csv_of(statement: Statement, rows: Rows, language: str = "de") -> Iterator[str]:
    """Yield the file for people, line by line.

    It has columns of money only if an account of the statement has a price.
    """
    line = csv_lines(";" if language == "de" else ",")
    has_prices = any(sums.amount_ct is not None for sums in statement.accounts)
    columns = columns_of(CSV, statement, has_prices=has_prices)
    parts = [column.csv for column in columns if column.csv]
    yield BYTE_ORDER_MARK + line(part.titles[language] for part in parts)
    texts = Texts(statement, language)
    text_of = [getattr(texts, part.text) for part in parts]
    values = values_of(columns, statement)
    number_of = row_numbers(statement)
    for row in rows:
        cells = zip(text_of, values((number_of(row), row, *row)), strict=True)
        yield line([text(value) for text, value in cells])


def csv_machine_of(statement: Statement, rows: Rows) -> Iterator[str]:
    """Yield the file for programs, line by line.

    It always has all columns; a cell is empty if its value is not known.
    """
    line, columns = csv_lines(","), columns_of(CSV_MACHINE, statement)
    # No byte order mark: programs would read it as part of the first column's name.
    yield with_newline(line(column.key for column in columns))
    # Texts stay as they are: programs compare them with the database, and run no formulas.
    values = values_of(columns, statement)
    for position, row in enumerate(rows, 1):
        yield with_newline(line(values((position, row, *row))))


# Accounts, chargers and cards repeat in nearly every row.
@lru_cache(maxsize=4096)
def text_cell(text: str | None) -> str:
    """Return a text from outside as a cell that spreadsheets keep as a text.

    They run it neither as a formula, nor take it for a number, a date, a time or a truth value.
    """
    return _as_text(defused(text), _CONVERTED)


@lru_cache(maxsize=4096)
def _text_cell_before_solar(text: str | None) -> str:
    """Return a text as cells of months had it that were closed before SOLAR."""
    return _as_text(defused(text), _CONVERTED_BEFORE_SOLAR)


def _as_text(plain: str, converted: re.Pattern[str]) -> str:
    """Return a text with an apostrophe if a spreadsheet may take it for something else."""
    # A text that begins with an apostrophe is one already.
    if plain[:1] == "'":
        return plain
    is_figure = converted.fullmatch(plain) is not None and any(map(str.isdigit, plain))
    return f"'{plain}" if is_figure or plain.casefold() in _TRUTH_VALUES else plain


@lru_cache(maxsize=4096)
def defused(text: str | None) -> str:
    """Return a text from outside as a cell that no spreadsheet runs as a formula.

    Control characters become blanks, so that the cell has one line; None becomes an empty cell.
    """
    # Blanks are removed first: spreadsheets also run a formula that follows a tab or a blank.
    plain = controls_to_blanks(text or "").strip()
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
    r"""Return the line of a file for programs: with LF, and with control characters as `\u001b`.

    LF and tab in a cell stay.
    """
    # Before Python 3.13 csv quotes a carriage return in a cell only if lines end with one.
    # So lines are written with CR LF first.
    text = line.removesuffix("\r\n")
    if not text.isprintable():
        text = without_controls(text)
    return text + "\n"


class Texts:
    """The texts of the file for people, in one language; unknown values are empty.

    `text` returns a text from outside as a cell; in months that were closed before ADDRESSED, names
    that spreadsheets take for numbers have no apostrophe.
    """

    def __init__(self, statement: Statement, language: str) -> None:
        self._language = language
        self.text = text_cell
        if statement.snapshot_version < SOLAR:
            self.text = _text_cell_before_solar if is_addressed(statement) else defused
        self._zone = ZoneInfo(statement.zone_name)
        self._names = {
            charger.charge_point_id: charger.name or charger.charge_point_id
            for charger in statement.chargers
        }

    def number(self, number: int | None) -> str:
        """Return a number."""
        return "" if number is None else str(number)

    def local_time(self, local_time: str) -> str:
        """Return a local time in the language."""
        return spelled(local_time, self._language)

    def moment(self, moment: str | None) -> str:
        """Return a UTC timestamp as local time in the language."""
        return "" if moment is None else spelled(local_time(moment, self._zone), self._language)

    def duration(self, seconds: int | None) -> str:
        """Return a duration as h:mm:ss, which every spreadsheet reads; hours may exceed 24."""
        if seconds is None:
            return ""
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def charge_point(self, charge_point_id: str | None) -> str:
        """Return the name of a charger, or its id."""
        return self.text(self._names.get(charge_point_id or "", charge_point_id))

    def card_number(self, id_tag: str | None) -> str:
        """Return the last characters of a card's id."""
        return self.text(masked(id_tag)) if id_tag else ""

    # Figures are not defused: with an apostrophe, a spreadsheet cannot add the negative energy of a
    # reversal.

    def kwh(self, wh: int) -> str:
        """Return an energy."""
        return kwh(wh, self._language)

    def known_kwh(self, wh: int | None) -> str:
        """Return an energy, or a dash if nobody knows it."""
        return "–" if wh is None else self.kwh(wh)

    def energy(self, row: StatementRow) -> str:
        """Return the energy of a record, or that nobody knows it."""
        return unknown(self._language) if is_unknown(row) else self.kwh(row.consumed_wh)

    def euro(self, ct: int | None) -> str:
        """Return an amount."""
        return "" if ct is None else euro(ct, self._language)

    def ct_per_kwh(self, microeuro: int | None) -> str:
        """Return a price; a record with several has none for all of its energy."""
        return "" if microeuro is None else ct_per_kwh(microeuro, self._language)

    def parts(self, parts: tuple[dict[str, int], ...]) -> str:
        """Return the parts of a price."""
        if not parts:
            return ""
        language = self._language
        texts = (
            f"{kwh(part['wh'], language)} × {ct_per_kwh(part['microeuro_per_kwh'], language)}"
            for part in parts
        )
        # The parts of a reversal begin with a minus sign, which would start a formula.
        return self.text("; ".join(texts))

    def why(self, why: str | None) -> str:
        """Return the reason of a decision."""
        return self.text(decided_why(why, self._language))

    def stop_reason(self, reason: str) -> str:
        """Return the reason of a stop as a phrase."""
        return self.text(stop_reason(reason, self._language))

    def phrase(self, remarks: str) -> str:
        """Return flags and notes as words."""
        return self.text(phrase(remarks, self._language))

    def entry(self, entry_: str) -> str:
        """Return the kind of a record as a word."""
        return entry(entry_, self._language)

    def record(self, file_name: str) -> str:
        """Return the name of a record, which is that of its file."""
        return file_name.removesuffix(".json")
