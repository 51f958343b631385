"""The content of a record's file, which `rebuild` and `import` read back."""

from operator import attrgetter

from shocpp.ocpp.times import format_timestamp
from shocpp.store.books.outbox import Unexported
from shocpp.store.books.prices import RecordPrice

_SEED_KEYS = ("localtime", "unixtime", "account", "begin_kwh", "end_kwh", "consumed_kwh")
_PART_KEYS = (
    *("began_ms", "ended_ms", "wh", "basis", "rate", "valid_from", "microeuro_per_kwh", "vat_bp"),
    *("vat_included", "amount_ct"),
)
"""The keys of a part of a record's price, in their order."""

_part_values = attrgetter(*_PART_KEYS)


def file_content(record: Unexported) -> dict[str, object]:
    """Return the content of a record's file.

    First come the seed's keys as strings, then ours with their types, then the price and the
    columns that `rebuild` makes the transaction and its stop from.
    """
    seeds = {key: str(record.columns[key]) for key in _SEED_KEYS}
    price = None if record.price is None else price_content(record.price)
    nested = {"price": price, "start": record.start, "stop": record.stop, "signed": record.signed}
    columns = {**record.columns, **seeds, **nested}
    # The files of records whose solar energy nobody knows are those of older versions.
    return {key: value for key, value in columns.items() if (key, value) != ("solar_wh", None)}


def price_content(priced: RecordPrice) -> dict[str, object]:
    """Return the price of a record as its file holds it; amounts are in cents."""
    priced_ms, (amount_ct, parts, note) = priced
    return {
        "priced_at": format_timestamp(priced_ms),
        "amount_ct": amount_ct,
        "note": note,
        "parts": [dict(zip(_PART_KEYS, _part_values(part), strict=True)) for part in parts],
    }
