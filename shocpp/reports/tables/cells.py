"""A column of a month's records, and the function that makes the values of a record.

The columns themselves are in `columns.py`.
"""

from collections.abc import Callable, Sequence
from itertools import count
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from shocpp.ledger.record import ENERGY_UNKNOWN
from shocpp.reports.statement import Statement
from shocpp.store.books.statements.statement_records import RecordUnderReview, StatementRow


class Api(NamedTuple):
    """A column of the view `accounting`, in the document of the API.

    `kind` is a JSON type, or `time` for UTC in ISO 8601; with a question mark it may be null.
    """

    kind: str
    description: str
    example: Any


class Csv(NamedTuple):
    """A column of the CSV file for people.

    `text` is the method of `csv_format.Texts` that writes its values; `titles` are by language.
    """

    text: str
    titles: dict[str, str]


class Pdf(NamedTuple):
    """A column of the PDF, with its width in points.

    `text` is the method of `pdf.subject.Texts` that writes its values; `titles` are by language,
    and have at most two lines. With `right` a cell is a figure that ends at the right side;
    otherwise it is a text, `indent` points further to the right than others. Columns with
    `stretches` share the width that the page has left.
    """

    text: str
    titles: dict[str, str]
    width: float
    right: bool = False
    indent: float = 0
    stretches: bool = False


class Column(NamedTuple):
    """A column of a month's records.

    Formats for programs print its value: `value` returns it, or it is the field of StatementRow
    that is named `field`, by default `key`. The field `record` is all of it. Formats for people
    print a text of the value. They omit a column with `is_money` if nothing in the statement has a
    price. All formats omit one with `is_note` if no record of the statement has a note, and one
    with `is_solar` if nobody knows the solar energy of any record.
    """

    key: str
    api: Api | None = None
    csv: Csv | None = None
    pdf: Pdf | None = None
    field: str = ""
    value: Callable[[StatementRow, Statement], Any] | None = None
    is_money: bool = False
    is_note: bool = False
    is_solar: bool = False


def since(version: int, *keys: str) -> dict[str, int]:
    """Return these keys, each with the first version of a snapshot that has it."""
    return dict.fromkeys(keys, version)


NUMBERED = 3
"""The version of snapshots since which a row is printed with the number of its record."""


ADDRESSED = 4
"""The version since which a statement has its recipient, its number, and the way of payment.

Since then it is a letter (`pdf.letter`); months that were closed before keep the layout that they
had.
"""


SOLAR = 5
"""The version since which a statement has the solar energy of its records."""


def is_numbered(statement: Statement) -> bool:
    """Return True if the rows of a statement have the numbers of their records."""
    return statement.snapshot_version >= NUMBERED


def is_addressed(statement: Statement) -> bool:
    """Return True if a statement has its recipient, its number, and the way of payment."""
    return statement.snapshot_version >= ADDRESSED


def row_numbers(statement: Statement) -> Callable[[StatementRow], int | None]:
    """Return a function that takes each record in order, and returns the number printed in its row.

    That is the record's own number. In months that were closed before NUMBERED the rows are
    counted, and a dismissed record has no number.
    """
    if is_numbered(statement):
        return attrgetter("number")
    position = count(1)
    return lambda row: None if row.entry == "dismissal" else next(position)


def is_unknown(row: StatementRow | RecordUnderReview) -> bool:
    """Return True if nobody knows the energy of a record; its Wh are 0."""
    return ENERGY_UNKNOWN in row.flags and row.entry != "reversal"


class _PriceParts(tuple[dict[str, int], ...]):
    """The parts of a price: a list in JSON, and in CSV one cell such as `20000@312700 …`."""

    def __str__(self) -> str:
        return " ".join([f"{part['wh']}@{part['microeuro_per_kwh']}" for part in self])


_ONE_PRICE = _PriceParts()
"""The parts of nearly every record: they are made once."""


def price_parts(row: StatementRow, _: Statement) -> _PriceParts:
    """Return the parts of the price of a record that has several."""
    if not row.parts:
        return _ONE_PRICE
    return _PriceParts({"wh": wh, "microeuro_per_kwh": price} for wh, price in row.parts)


Format = tuple[tuple[Column, int], ...]
"""The columns of a format in their order, each with the first version of a snapshot that has it."""


def columns_of(
    format_: Format, statement: Statement, *, has_prices: bool = True
) -> tuple[Column, ...]:
    """Return a statement's columns in a format, without those of money unless it has prices.

    Those of notes and of solar energy are only in a statement that has them.
    """
    has_notes = statement.only is None or any(
        sums.account_index in statement.noted for sums in statement.accounts
    )
    has_notes = has_notes and bool(statement.noted)
    return tuple(
        [
            column
            for column, version in format_
            if version <= statement.snapshot_version
            and (has_prices or not column.is_money)
            and (has_notes or not column.is_note)
            and (statement.has_solar or not column.is_solar)
        ]
    )


_FIELDS = ("row", "record", *StatementRow._fields)
"""The number in a record's row, the record, and its fields."""


def values_of(
    columns: tuple[Column, ...], statement: Statement
) -> Callable[[tuple[Any, ...]], Sequence[Any]]:
    """Return a function that returns the values of a record, in the order of the columns.

    Its argument is `(number, record, *record)`: the number that is printed in the row, None for a
    row that has none, the record, and its fields.
    """
    # A month may have 100 000 records: the columns are looked up once, and nearly all values of a
    # record are picked at once.
    pick = itemgetter(*(_index(column) for column in columns))
    computed = [(index, column.value) for index, column in enumerate(columns) if column.value]

    def values(row: tuple[Any, ...]) -> list[Any]:
        picked = [*pick(row)]
        for index, value in computed:
            picked[index] = value(row[1], statement)
        return picked

    return values if computed else pick


def _index(column: Column) -> int:
    """Return the index of a column's field in _FIELDS; any, if its value is computed."""
    return 0 if column.value else _FIELDS.index(column.field or column.key)
