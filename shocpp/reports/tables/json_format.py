"""The statement of a month as one JSON object, for programs.

Every figure is a whole number in the unit of its name (`_wh`, `_ct`, `microeuro_per_kwh`, `_bp` of
a rate, `_s`). It is exact in every programming language and programs can add it up. Energies and
amounts also exist as texts for people, `"kwh": "33.250"` and `"eur": "10.40"`. Times are UTC, but
for `localtime`; an unknown value is null. `records` come last, each on a line of its own, because a
month may be larger than memory. Their columns are in `columns.py`.
"""

import json
from collections.abc import Iterator
from typing import Any

from shocpp.language.figures import euro, kwh
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.snapshot import plain
from shocpp.reports.statement import Rows, Statement
from shocpp.reports.tables.cells import columns_of, values_of
from shocpp.reports.tables.columns import JSON
from shocpp.store.books.audit import Gap
from shocpp.texts import without_controls


def json_of(statement: Statement, rows: Rows) -> Iterator[str]:
    """Yield the statement in chunks, which together are one JSON object."""
    # The records are written one by one into the end of the frame, so that no list holds them all.
    yield from object_with_records(_frame(statement), statement, rows)


def object_with_records(
    frame: dict[str, object], statement: Statement, rows: Rows
) -> Iterator[str]:
    """Yield one JSON object in chunks: `frame`, and at its end the records of a statement."""
    text = json.dumps(frame, ensure_ascii=False, indent=2)
    yield without_controls(text.removesuffix("\n}")) + ',\n  "records": ['
    # `json.dumps` with this option would make an encoder for each record.
    encode = json.JSONEncoder(ensure_ascii=False).encode
    before = "\n    "
    columns = columns_of(JSON, statement)
    names, values = [column.key for column in columns], values_of(columns, statement)
    for row in rows:
        record = encode(dict(zip(names, values((None, row, *row)), strict=True)))
        # Nearly every record is ASCII: to search it takes as long as to encode it.
        yield before + (record if record.isprintable() else without_controls(record))
        before = ",\n    "
    yield "\n  ]\n}\n"


def _frame(statement: Statement) -> dict[str, object]:
    """Return everything but the records."""
    version = statement.snapshot_version
    return {
        "period": statement.period.name,
        "account": statement.only,
        "zone": statement.zone_name,
        "created_at": statement.created_at,
        "version": statement.version,
        "closed": plain(statement.closed, version),
        "operator": plain(statement.operator, version),
        "total": _total(statement),
        "accounts": [_sums(sums, statement) for sums in plain(statement.accounts, version)],
        "unassigned_wh": statement.unassigned_wh,
        "under_review": plain(statement.under_review, version),
        "unfinished": plain(statement.unfinished, version),
        "audit": plain(statement.audited, version),
        "gaps": [_gap(gap) for gap in statement.gaps],
        "imported_wh": dict(statement.imported_wh),
        "decided_later_wh": dict(statement.decided_later_wh),
        "chargers": [_charger(charger) for charger in plain(statement.chargers, version)],
    }


def _total(statement: Statement) -> dict[str, object]:
    """Return the sums over the accounts; `total_ct` is None if none of them has a price."""
    wh = sum(sums.wh for sums in statement.accounts)
    # Without any price the total is null; 0 would mean that charging was free.
    owed = [sums.total_ct for sums in statement.accounts if sums.total_ct is not None]
    total_ct = sum(owed) if owed else None
    total: dict[str, object] = {
        "transactions": sum(sums.transactions for sums in statement.accounts),
        "wh": wh,
        "kwh": kwh(wh, "en"),
        "total_ct": total_ct,
        "eur": _eur(total_ct),
    }
    if statement.has_solar:
        total["solar_wh"] = sum(sums.solar_wh or 0 for sums in statement.accounts)
    return total


def _sums(sums: dict[str, Any], statement: Statement) -> dict[str, object]:
    """Return the sums of an account with texts of its energy and its amount to pay."""
    # Sites without a meter print the same keys as ever.
    if not statement.has_solar:
        sums.pop("solar_wh", None)
    return {**sums, "kwh": kwh(sums["wh"], "en"), "eur": _eur(sums["total_ct"])}


def _eur(amount_ct: int | None) -> str | None:
    """Return cents as a text in euro, such as `10.40`."""
    return None if amount_ct is None else euro(amount_ct, "en")


def _gap(gap: Gap) -> dict[str, object]:
    """Return a gap with the column names of the view `gaps`."""
    return {
        "number": gap.number,
        "charge_point_id": gap.charge_point_id,
        "connector_id": gap.connector_id,
        "from_wh": gap.from_wh,
        "to_wh": gap.to_wh,
        "gap_wh": gap.to_wh - gap.from_wh,
        "after": format_timestamp(gap.after_ms),
        "before": format_timestamp(gap.before_ms),
        "dismissed": gap.dismissed,
    }


def _charger(charger: dict[str, object]) -> dict[str, object]:
    """Return a charger without `connectors` if none of them has a name."""
    # Months that were closed before connectors had names print the same bytes as ever.
    return {key: value for key, value in charger.items() if key != "connectors" or value}
