"""The reading of accounting files: ours, and those of the seed's scripts.

The seed's files have six keys, all strings, with whole kWh. Ours have typed keys besides, and the
columns of the transaction and its stop. A file that cannot be read is refused with a reason;
nothing is guessed.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shocpp.bookkeeping.accounting_files.record_files import is_number
from shocpp.errors import UsageError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.prices.tariffs import Price, PricePart
from shocpp.ledger.record import MOST_WH, Record
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ocpp.meter_values.signed_values import sample_of
from shocpp.ocpp.times import parse_timestamp
from shocpp.store.books.numbers import START_NUMBERS
from shocpp.store.books.prices import RecordPrice
from shocpp.store.books.records import START_COLUMNS, STOP_COLUMNS, RecordLocation
from shocpp.store.books.signed_values import SIGNED_COLUMNS

_Value = TypeVar("_Value")

_LOCAL_TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9]")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_MOST_BYTES = 8 * 1024 * 1024
"""The size above which a file is not even read: records are small."""

_NO_ACCOUNT = ("", "null", UNASSIGNED)
"""The spellings of the account of an unknown card in the seed's files."""


class Filed(NamedTuple):
    """The content of an accounting file.

    `start` and `stop` are the columns of the transaction and of the stop, None if the record has
    none. `account_index` is None in the seed's format, which has only the account's name.
    `replaces_file` is the name of the file that a decision is about. `number` is None in files of
    the seed and of older releases.
    """

    path: Path
    place: RecordLocation
    record: Record
    account_index: int | None
    booked_ms: int
    charge_point_id: str | None
    entry: str
    replaces_file: str | None
    decided_by: str | None
    decided_why: str | None
    price: RecordPrice | None
    start: dict[str, Any] | None
    stop: dict[str, Any] | None
    signed: tuple[dict[str, Any], ...] = ()
    number: int | None = None


def read_filed(path: Path) -> Filed:
    """Return the content of an accounting file.

    Raises UsageError with the path and the reason if it cannot be read.
    """
    try:
        # The reading of a named pipe would block for ever.
        if not path.is_file():
            raise UsageError(f"{path} is not a file")
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is too large for an accounting record")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} is not an accounting record, which is an object")
    try:
        return _ours(path, values) if "consumed_wh" in values else _seeds(path, values)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not an accounting record: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return f"it has no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)


def _location(path: Path, values: dict[str, Any]) -> RecordLocation:
    """Return the month and local time in a file, with the name of the file."""
    local_time = _text(values, "localtime")
    if not _LOCAL_TIME.fullmatch(local_time):
        raise ValueError(f"localtime is {local_time!r}, not YYYY-MM-DD HH:MM:SS")
    return RecordLocation.at(local_time, path.name)


def _seeds(path: Path, values: dict[str, Any]) -> Filed:
    """Return the content of a file of the seed's scripts.

    If its energy is not the difference of its readings, the record is put under review.
    """
    begin_wh, end_wh, consumed_wh = (
        _digits(values, key) * 1000 for key in ("begin_kwh", "end_kwh", "consumed_kwh")
    )
    billed_ms = _digits(values, "unixtime") * 1000
    agrees = consumed_wh >= 0 and consumed_wh == end_wh - begin_wh
    account = values.get("account")
    account = UNASSIGNED if account is None or account in _NO_ACCOUNT else _text(values, "account")
    record = Record(
        account_index=UNASSIGNED_INDEX,
        account=account,
        connector_id=None,
        id_tag=None,
        begin_wh=begin_wh,
        end_wh=end_wh,
        consumed_wh=max(consumed_wh, 0),
        started_ms=None,
        stopped_ms=billed_ms,
        billed_ms=billed_ms,
        duration_s=None,
        charging_s=None,
        stop_reason="Local",
        provenance="imported",
        review=None if agrees else f"the file says {consumed_wh // 1000} kWh of its readings",
        flags=("imported, whole kWh",),
    )
    rest = (None,) * 6
    return Filed(path, _location(path, values), record, None, billed_ms, None, "record", *rest)


def _ours(path: Path, values: dict[str, Any]) -> Filed:
    """Return the content of a file in our format."""
    stopped_ms = _moment(values, "stopped_at")
    unixtime = _digits(values, "unixtime")
    flags = _text(values, "flags")
    entry = _text(values, "entry") if "entry" in values else "record"
    replaces_file = _optional(values, "replaces_file", _text)
    if entry == ("reversal" if replaces_file is None else "record"):
        raise ValueError(f"a {entry} cannot replace {replaces_file or 'nothing'}")
    record = Record(
        account_index=_whole(values, "account_index"),
        account=_text(values, "account"),
        connector_id=_optional(values, "connector_id", _whole),
        id_tag=_optional(values, "id_tag", _text),
        begin_wh=_whole(values, "begin_wh"),
        end_wh=_whole(values, "end_wh"),
        consumed_wh=_whole(values, "consumed_wh"),
        started_ms=_optional(values, "started_at", _moment),
        stopped_ms=stopped_ms,
        # The file holds whole seconds; the stop time has the milliseconds if it is that second.
        billed_ms=stopped_ms if stopped_ms // 1000 == unixtime else unixtime * 1000,
        duration_s=_optional(values, "duration_s", _whole),
        charging_s=_optional(values, "charging_s", _whole),
        stop_reason=_text(values, "stop_reason"),
        provenance=_text(values, "provenance"),
        review=_optional(values, "review", _text),
        flags=tuple(filter(None, flags.split("; "))),
        solar_wh=_solar_wh(values),
    )
    return Filed(
        path,
        _location(path, values),
        record,
        record.account_index,
        _moment(values, "booked_at"),
        _optional(values, "charge_point_id", _text),
        entry,
        replaces_file,
        _optional(values, "decided_by", _text),
        _optional(values, "decided_why", _text),
        None if values.get("price") is None else _price(values["price"]),
        _start(values),
        _columns(values, "stop", STOP_COLUMNS),
        _signed(values),
        _optional(values, "number", _number),
    )


def _solar_wh(values: dict[str, Any]) -> int | None:
    """Return the solar energy of a record, or None; raises ValueError if it is too high."""
    # More than the energy would make the grid's part negative, and so its price.
    solar_wh, consumed_wh = _optional(values, "solar_wh", _whole), _whole(values, "consumed_wh")
    # Both are negative in a reversal.
    if solar_wh is not None and not min(consumed_wh, 0) <= solar_wh <= max(consumed_wh, 0):
        raise ValueError(f"solar_wh is {solar_wh}, and the energy {consumed_wh} Wh")
    return solar_wh


def _price(values: dict[str, Any]) -> RecordPrice:
    """Return the price of a record; raises ValueError if its parts are not its sum."""
    parts = tuple(_part(part) for part in values["parts"])
    amount_ct = _whole(values, "amount_ct")
    if sum(part.amount_ct for part in parts) != amount_ct:
        raise ValueError("the parts of its price are not its sum")
    price = Price(amount_ct, parts, _optional(values, "note", _text))
    return RecordPrice(_moment(values, "priced_at"), price)


def _part(values: dict[str, Any]) -> PricePart:
    return PricePart(
        began_ms=_optional(values, "began_ms", _whole),
        ended_ms=_whole(values, "ended_ms"),
        wh=_whole(values, "wh"),
        basis=_text(values, "basis"),
        rate=_text(values, "rate"),
        valid_from=_text(values, "valid_from"),
        microeuro_per_kwh=_whole(values, "microeuro_per_kwh"),
        vat_bp=_optional(values, "vat_bp", _whole),
        vat_included=values["vat_included"] is True,
        amount_ct=_whole(values, "amount_ct"),
    )


def _columns(values: dict[str, Any], key: str, columns: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the columns of a row that the file holds under this key, or None."""
    row = values.get(key)
    if row is None:
        return None
    if not isinstance(row, dict):
        raise ValueError(f"{key} is not an object")
    # Only known columns: their names go into SQL.
    return {column: _column(row, column) for column in columns}


def _start(values: dict[str, Any]) -> dict[str, Any] | None:
    """Return the columns of a transaction, with its numbers if the file has them."""
    start = _columns(values, "start", START_COLUMNS)
    if start is not None:
        own, last_record = START_NUMBERS
        start |= {
            own: _optional(values["start"], own, _number),
            last_record: _optional(values["start"], last_record, _whole),
        }
    return start


def _signed(values: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the rows of signed values; files of older versions have none."""
    rows = values.get("signed") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("signed is not a list of objects")
    for row in rows:
        sample_of(_text(row, "sample"))
        if row["with_stop"] not in (0, 1):
            raise ValueError(f"with_stop is {row['with_stop']!r}, not 0 or 1")
    return tuple({column: _column(row, column) for column in SIGNED_COLUMNS} for row in rows)


def _column(values: dict[str, Any], key: str) -> int | str | None:
    """Return the value of a column: a whole number, a text or None."""
    read = _text if isinstance(values[key], str) else _whole
    return None if values[key] is None else read(values, key)


def _optional(
    values: dict[str, Any], key: str, read: Callable[[dict[str, Any], str], _Value]
) -> _Value | None:
    """Return a value as `read` reads it, or None if it is null or missing."""
    return None if values.get(key) is None else read(values, key)


def _text(values: dict[str, Any], key: str) -> str:
    """Return a text; raises ValueError if it cannot be stored."""
    value = values[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}, not a text")
    # A lone surrogate raises here, where the file is known, and not in the database.
    value.encode()
    return value


def _whole(values: dict[str, Any], key: str) -> int:
    """Return a whole number that JSON holds as a number."""
    value = values[key]
    # JSON's true is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_WH:
        raise ValueError(f"{key} is {value!r}, not a whole number")
    return value


def _number(values: dict[str, Any], key: str) -> int:
    """Return the number of a record."""
    value = values[key]
    if not is_number(value):
        raise ValueError(f"{key} is {value!r}, not the number of a record")
    return value


def _digits(values: dict[str, Any], key: str) -> int:
    """Return a whole number that the seed's scripts write as a string."""
    value = values[key]
    # Not int() alone: it takes full-width digits and 1_000.
    if not _WHOLE.fullmatch(str(value)):
        raise ValueError(f"{key} is {value!r}, not a whole number")
    return int(value)


def _moment(values: dict[str, Any], key: str) -> int:
    """Return a time in UTC, in milliseconds since 1970."""
    moment_ms = parse_timestamp(values[key])
    if moment_ms is None:
        raise ValueError(f"{key} is {values[key]!r}, not a time such as 2026-10-01T07:10:00.000Z")
    return moment_ms
