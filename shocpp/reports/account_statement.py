"""The statement of one account, made from the statement of all accounts.

It names only chargers and connectors that the account has used in the month, and has nothing of
another account: no name, no card, no energy and no amount. This module alone decides that; the
formats print what they get. Three rules need more than a selection:

- The meter check of a charger adds up the energy of everybody who has charged there. An account
  gets it only if no other account's energy can be in it (`Use.is_sole`).
- A decision may book a session to an account although it was started with the card of another one.
  The record then has neither the card nor the transaction id, which holds the other's index.
- Reasons are texts of people. Names of other accounts in them become an ellipsis.

Its records keep their readings, without which nobody could check them.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from shocpp.errors import UsageError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.reports.statement import Parties, Statement, Use
from shocpp.store.books import statement_records
from shocpp.store.books.audit import Audited
from shocpp.store.books.statement_records import RecordUnderReview, StatementRow
from shocpp.store.database import Database
from shocpp.texts import without_names

Row = TypeVar("Row", StatementRow, RecordUnderReview)

ASSIGNED_BY = "assigned by "
"""The begin of the flag of a transaction that a human has assigned; the reason follows."""


def parties_of(db: Database, statement: Statement) -> Parties:
    """Return the parties of a month's statement for all accounts.

    Those of a closed month never change, because its records do not.
    """
    month = statement.period.name
    used = {
        *statement_records.uses(db, month),
        *((row.account, row.charge_point_id, row.connector_id) for row in statement.unfinished),
    }
    users: dict[str, set[str]] = defaultdict(set)
    for account, charge_point_id, _ in used:
        users[charge_point_id].add(account)
    until_ms = int(datetime.fromisoformat(statement.created_at).timestamp() * 1000)
    for meter in statement.audited:
        here = users[meter.charge_point_id]
        # What is in no record of the month may be a case of an earlier one, of anybody.
        if len(here) == 1 and not _is_booked(meter):
            here |= statement_records.measured_accounts(db, meter.charge_point_id, until_ms)
    names = {sums.account for sums in statement.accounts} | {account for account, *_ in used}
    return Parties(
        frozenset(names - {UNASSIGNED}),
        frozenset(Use(*use, is_sole=len(users[use[1]]) == 1) for use in used),
        statement_records.moved(db, month),
    )


def _is_booked(meter: Audited) -> bool:
    """Return True if all energy that a meter has counted is booked in the month, once."""
    return meter.restarts == 0 and not any(
        (meter.unassigned_wh, meter.under_review_wh, meter.gap_wh, meter.overlap_wh)
    )


def of_account(statement: Statement, account: str) -> Statement:
    """Return the same statement for one account, without anything of the others.

    Raises UsageError if the statement does not have the account.
    """
    chosen = tuple(sums for sums in statement.accounts if sums.account == account)
    if not chosen:
        known = ", ".join(sums.account for sums in statement.accounts)
        raise UsageError(f"there is no account {account!r} in this month; one of: {known}")
    connectors: dict[str, set[str]] = defaultdict(set)
    sole = set()
    for use in statement.parties.uses:
        if use.account == account:
            # Keys of JSON are strings.
            connectors[use.charge_point_id].add(str(use.connector_id))
            if use.is_sole:
                sole.add(use.charge_point_id)
    return statement._replace(
        only=account,
        accounts=chosen,
        # Unassigned energy belongs to no account.
        unassigned_wh=0,
        under_review=tuple(
            own_row(row, statement.parties, account)
            for row in statement.under_review
            if row.account == account
        ),
        unfinished=tuple(row for row in statement.unfinished if row.account == account),
        audited=tuple(meter for meter in statement.audited if meter.charge_point_id in sole),
        shared=tuple(
            meter.charge_point_id
            for meter in statement.audited
            if meter.charge_point_id in connectors.keys() - sole
        ),
        gaps=tuple(
            gap._replace(dismissed=_own_text(gap.dismissed, statement.parties, account))
            for gap in statement.gaps
            if gap.charge_point_id in sole
        ),
        imported_wh=tuple(booked for booked in statement.imported_wh if booked[0] in sole),
        decided_later_wh=tuple(
            booked for booked in statement.decided_later_wh if booked[0] in sole
        ),
        chargers=tuple(
            charger._replace(
                connectors={
                    number: name
                    for number, name in charger.connectors.items()
                    if number in connectors[charger.charge_point_id]
                }
            )
            for charger in statement.chargers
            if charger.charge_point_id in connectors
        ),
    )


def own_row(row: Row, parties: Parties, account: str) -> Row:
    """Return an account's record as its statement prints it."""
    # Nearly all records are of this kind.
    if row.entry == "record" and ASSIGNED_BY not in row.flags:
        return row
    return row._replace(**hidden(row._asdict(), parties, account))


def hidden(row: Mapping[str, Any], parties: Parties, account: str) -> dict[str, Any]:
    """Return the fields of an account's record that its account sees otherwise.

    `row` has the record's values by field.
    """
    changes: dict[str, Any] = {}
    # A case of a month that was closed before cases had numbers may have any card.
    if row["entry"] != "record" and (row["number"] is None or row["number"] in parties.moved):
        changes = {"id_tag": None, "transaction_id": None}
    changes["decided_why"] = _own_text(row["decided_why"], parties, account)
    if ASSIGNED_BY in row["flags"]:
        changes["flags"] = _own_text(row["flags"], parties, account)
    return changes


def _own_text(text: str | None, parties: Parties, account: str) -> str | None:
    return None if text is None else without_names(text, parties.names, account)
