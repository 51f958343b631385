"""Parties of a month: the accounts at each charger, and records of other accounts' cards."""

import json
from collections.abc import Iterable

from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.store.database import Database

_OF_SOMEBODY = "NOT (entry = 'dismissal' AND account_index = 0)"

_MOVED = (
    "SELECT record.id FROM accounting_record AS record"
    " LEFT JOIN accounting_record AS first ON first.id = CAST(record.root AS INTEGER)"
    " LEFT JOIN started_transaction AS started ON record.root LIKE 'T%'"
    " AND started.id = CAST(ltrim(record.root, 'T') AS INTEGER)"
    # An unknown card belongs to whom its energy was assigned.
    " WHERE coalesce(first.account_index, started.account_index) NOT IN (record.account_index,"
    f" {UNASSIGNED_INDEX})"
)
"""The records of decisions whose card is that of another account: the first one of their case."""


def uses(db: Database, month: str) -> list[tuple[int, str, int | None]]:
    """Return the indices of accounts with records in a month (YYYY-MM).

    Each comes with a Charge Point and connector. Records under review count, too; a gap that a
    human has dismissed is the use of nobody.
    """
    return db.execute(
        "SELECT DISTINCT account_index, charge_point_id, connector_id FROM accounting_record"
        " JOIN charge_point ON charge_point.id = accounting_record.charge_point"
        f" WHERE month = ? AND {_OF_SOMEBODY}",
        (month,),
    ).fetchall()


def measured_accounts(db: Database, charge_point_id: str, until_ms: int) -> set[int]:
    """Return the indices of accounts of which a register of the Charge Point has counted energy.

    They are those of the records that were booked up to `until_ms`.
    """
    # Two parts, because each has an index: a Charge Point may have many records.
    of_charge_point = (
        f"SELECT account_index FROM accounting_record WHERE {_OF_SOMEBODY}"
        " AND booked_ms <= :until_ms AND provenance <> 'imported' AND charge_point ="
        " (SELECT id FROM charge_point WHERE charge_point_id = :charge_point_id)"
    )
    rows = db.execute(
        f"{of_charge_point} AND review IS NULL UNION {of_charge_point} AND review IS NOT NULL",
        {"until_ms": until_ms, "charge_point_id": charge_point_id},
    )
    return {account_index for (account_index,) in rows.fetchall()}


def moved(db: Database, month: str) -> frozenset[int]:
    """Return the numbers of a month's records (YYYY-MM) with the card of another account."""
    # The plus keeps the index of decisions, which are few, from losing to that of months.
    rows = db.execute(f"{_MOVED} AND record.root IS NOT NULL AND +record.month = ?", (month,))
    return frozenset(number for (number,) in rows.fetchall())


def moved_of(db: Database, numbers: Iterable[int]) -> frozenset[int]:
    """Return those of these numbers whose records have the card of another account."""
    rows = db.execute(
        f"{_MOVED} AND record.id IN (SELECT value FROM json_each(?))", (json.dumps([*numbers]),)
    )
    return frozenset(number for (number,) in rows.fetchall())


def is_booked(db: Database, account_index: int, account: str) -> bool:
    """Return True if a record was booked to this index with this name."""
    sql = "SELECT 1 FROM accounting_record WHERE account_index = ? AND account = ? LIMIT 1"
    return db.execute(sql, (account_index, account)).fetchone() is not None
