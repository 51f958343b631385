"""The snapshot of a closed month: its statement, without the records, as JSON and back.

A snapshot is stored for ever, and the chain of closings hashes its text. So its keys are listed
here, with the version since which a snapshot has them, and do not follow the fields of the types. A
closed month prints only the keys of its version: one that was closed before a key existed prints
the same bytes as ever.

Three rules follow:

- A key is never renamed or removed.
- A new key belongs to the next version, and a function like `_complete_version_1` adds its value to
  older snapshots.
- A format prints what a version adds only if `snapshot_version` of the statement has it. So a new
  column of a format (`tables/columns.py`) belongs to the next version, too.
"""

import json
import types
import typing
from collections.abc import Collection
from functools import cache
from typing import Any

from shocpp.configuration.operator import Operator
from shocpp.errors import UsageError
from shocpp.ledger.accounts import NO_RECIPIENT, Recipient
from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import Tax
from shocpp.reports.statement import (
    Charger,
    Closed,
    Form,
    Parties,
    Statement,
    Sums,
    Unfinished,
    Use,
)
from shocpp.reports.tables.cells import ADDRESSED, NUMBERED, SOLAR, since
from shocpp.reports.tables.columns import FORMATS
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statements.statement_records import RecordUnderReview

_KEYS: dict[type, dict[str, int]] = {
    Operator: since(1, "name", "address", "contact", "tax_number", "signed_by", "note")
    | since(
        *(ADDRESSED, "vat_id", "tax", "tax_note", "iban", "account_holder", "payment_days"),
    ),
    Recipient: since(ADDRESSED, *Recipient._fields),
    Form: since(ADDRESSED, *Form._fields),
    Use: since(ADDRESSED, "account", "charge_point_id", "connector_id", "is_sole"),
    Parties: since(ADDRESSED, "names", "uses", "moved"),
    Closed: since(1, "number", "closed_at", "closed_by", "hash"),
    PriceUsed: since(
        *(1, "basis", "rate", "valid_from", "microeuro_per_kwh", "wh", "amount_ct", "vat_bp"),
        "vat_included",
    ),
    Fee: since(1, "valid_from", "days", "of_days", "amount_ct", "vat_bp", "vat_included"),
    Tax: since(1, "vat_bp", "net_ct", "vat_ct", "gross_ct"),
    Sums: since(
        *(1, "account_index", "account", "transactions", "wh", "amount_ct", "unpriced_wh"),
        *("prices", "fees", "taxes", "total_ct"),
    )
    | since(ADDRESSED, "recipient", "number")
    | since(SOLAR, "solar_wh"),
    RecordUnderReview: since(
        *(1, "localtime", "unixtime", "account", "consumed_wh", "begin_wh", "end_wh"),
        *("account_index", "charge_point_id", "connector_id", "id_tag", "transaction_id"),
        *("started_at", "stopped_at", "booked_at", "duration_s", "charging_s", "stop_reason"),
        *("provenance", "review", "flags", "entry", "replaces_file", "decided_by", "decided_why"),
    )
    | since(NUMBERED, "number"),
    Unfinished: since(
        1, "charge_point_id", "connector_id", "id_tag", "account", "started_at", "consumed_wh"
    )
    | since(NUMBERED, "number"),
    Audited: since(
        *(1, "charge_point_id", "meter_wh", "booked_wh", "unassigned_wh", "under_review_wh"),
        *("gap_wh", "overlap_wh", "restarts"),
    ),
    Gap: since(
        *(1, "number", "charge_point", "charge_point_id", "connector_id", "from_wh", "to_wh"),
        *("after_ms", "before_ms", "dismissed"),
    ),
    Charger: since(
        1, "charge_point_id", "name", "serial", "meter_serial", "meter_note", "connectors"
    ),
    Statement: since(2, "snapshot_version")
    | since(
        *(1, "year", "month", "only", "zone_name", "created_at", "version", "operator", "closed"),
        *("accounts", "unassigned_wh", "under_review", "unfinished", "audited", "gaps"),
        *("imported_wh", "decided_later_wh", "chargers", "cards"),
    )
    | since(ADDRESSED, "forms", "parties", "noted"),
}
"""The keys of each type in their order, with the version since which snapshots have them."""

VERSION = max(
    *(version for keys in _KEYS.values() for version in keys.values()),
    *(version for columns in FORMATS for _, version in columns),
)
"""The version of the snapshots that are written: the newest of a key or of a format's column."""


def snapshot(statement: Statement) -> str:
    """Return the statement as JSON in the one spelling that is hashed."""
    return content_text(plain(statement, VERSION))


def from_snapshot(text: str) -> Statement:
    """Return the statement of a text that `snapshot` has made, in this or an older version.

    Raises UsageError if a newer program has made it.
    """
    content = _content(text)
    version = content["snapshot_version"]
    if version == 1:
        _complete_version_1(content)
    if version < NUMBERED:
        _complete_version_2(content)
    if version < ADDRESSED:
        _complete_version_3(content)
    if version < SOLAR:
        _complete_version_4(content)
    statement = _typed(Statement, content)
    assert isinstance(statement, Statement)
    return statement


def sums_from_snapshot(text: str, indices: Collection[int] | None = None) -> tuple[Sums, ...]:
    """Return the sums of the accounts of a snapshot, or of some of them.

    Most of the time that a snapshot takes goes into all the rest. Raises UsageError as
    `from_snapshot` does.
    """
    content = _content(text)
    if content["snapshot_version"] < ADDRESSED:
        _complete_version_3(content)
    if content["snapshot_version"] < SOLAR:
        _complete_version_4(content)
    return tuple(
        _typed(Sums, sums)
        for sums in content["accounts"]
        if indices is None or sums["account_index"] in indices
    )


def _content(text: str) -> dict[str, Any]:
    """Return the content of a snapshot with its version; raises UsageError if it is a newer one."""
    content: dict[str, Any] = json.loads(text)
    # Version 1 does not name itself.
    version = content.setdefault("snapshot_version", 1)
    if version > VERSION:
        raise UsageError(
            f"the month was closed by a newer shocpp (its snapshot has version {version}, this one "
            f"reads up to {VERSION}); install the newer one"
        )
    return content


def _complete_version_1(content: dict[str, Any]) -> None:
    """Add to the content of a snapshot of version 1 what version 2 always has.

    It also has the whole kWh of records under review, which no format prints and nobody reads.
    """
    for charger in content["chargers"]:
        # The first programs closed months before connectors had names.
        charger.setdefault("connectors", {})


def _complete_version_2(content: dict[str, Any]) -> None:
    """Add to the content of a snapshot of version 2 what version 3 has: numbers of its cases."""
    for case in (*content["under_review"], *content["unfinished"]):
        case["number"] = None


def _complete_version_3(content: dict[str, Any]) -> None:
    """Add to the content of a snapshot of version 3 what version 4 has: recipients and payment."""
    content["operator"] |= {
        **dict.fromkeys(("vat_id", "tax", "tax_note", "iban", "account_holder"), ""),
        "payment_days": None,
    }
    for sums in content["accounts"]:
        sums |= {"recipient": NO_RECIPIENT._asdict(), "number": ""}
    content |= {"forms": [], "parties": {"names": {}, "uses": [], "moved": []}, "noted": []}


def _complete_version_4(content: dict[str, Any]) -> None:
    """Add to the content of a snapshot of version 4 what version 5 has: solar energy."""
    for sums in content["accounts"]:
        sums["solar_wh"] = None


def plain(value: Any, version: int) -> Any:
    """Return a value of a statement as JSON has it, with the keys of a version.

    Types become dictionaries, tuples become lists, and sets sorted ones, at every level.
    """
    if isinstance(value, frozenset):
        return sorted((plain(item, version) for item in value), key=content_text)
    if not isinstance(value, tuple):
        return value
    if not hasattr(value, "_fields"):
        return [plain(item, version) for item in value]
    return {
        key: plain(getattr(value, key), version)
        for key, first_version in _KEYS[type(value)].items()
        if first_version <= version
    }


def _typed(kind: Any, value: Any) -> Any:
    """Return a value of JSON as a value of this type, at every level."""
    inner = typing.get_args(kind)
    # There are no floats: energy and money are integers, which come back from JSON exactly.
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(kind, types.UnionType):
        # The unions are all `X | None`, and None has been returned above.
        return _typed(next(member for member in inner if member is not type(None)), value)
    if isinstance(value, list) and typing.get_origin(kind) is frozenset:
        return frozenset(_typed(inner[0], item) for item in value)
    if isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        return tuple(_typed(item_kind, item) for item_kind, item in zip(kinds, value, strict=True))
    if kind in _KEYS:
        return kind(**{key: _typed(_hints(kind)[key], value[key]) for key in _KEYS[kind]})
    # A mapping of texts, such as the names of cards, is the same in JSON.
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def content_text(content: object) -> str:
    """Return the content of a snapshot as JSON in the one spelling that is hashed."""
    # The chain of closings hashes this text: another separator would break every older link.
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
