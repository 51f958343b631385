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

from shocpp.ledger.accounts import UNASSIGNED, Accounts
from shocpp.reports.statement import Parties, Statement, Use
from shocpp.store.books import renaming, transactions
from shocpp.store.books.audit import Audited
from shocpp.store.books.statements import parties
from shocpp.store.books.statements.statement_records import RecordUnderReview, StatementRow
from shocpp.store.database import Database
from shocpp.texts import without_names

Row = TypeVar("Row", StatementRow, RecordUnderReview)

ASSIGNED_BY = "assigned by "
"""The begin of the flag of a transaction that a human has assigned; the reason follows."""


def names_in(db: Database, statement: Statement, present: Mapping[int, str]) -> Mapping[int, str]:
    """Return the names that a month's statement has of its accounts, by index.

    An open month has the present names. A closed one is printed the same for ever, so it has those
    of its closing.
    """
    if statement.closed is None:
        return present
    booked = renaming.names_in_month(db, statement.period.name)
    return booked | {sums.account_index: sums.account for sums in statement.accounts}


def has_had(db: Database, listed: Accounts, account_index: int, name: str) -> bool:
    """Return True if the present account of an index has a name of a closed month, or had it.

    Closed months also have accounts that are in no record. Their index may have gone to another
    account since, which must not get their statements.
    """
    account = listed.by_index.get(account_index)
    if account is not None and name in account.names:
        return True
    bound = transactions.account_names(db).get(account_index)
    return bound == name or parties.is_booked(db, account_index, name)


def parties_of(db: Database, statement: Statement, names: Mapping[int, str]) -> Parties:
    """Return the parties of a month's statement for all accounts.

    `names` are those of its accounts, by index.
    """
    month = statement.period.name

    def name_of(index: int) -> str:
        # A server may have booked for another account since the names were read.
        return names.get(index, f"account {index}")

    used = {
        *(
            (name_of(index), charge_point_id, connector_id)
            for index, charge_point_id, connector_id in parties.uses(db, month)
        ),
        *((row.account, row.charge_point_id, row.connector_id) for row in statement.unfinished),
    }
    users: dict[str, set[str]] = defaultdict(set)
    for account, charge_point_id, _ in used:
        users[charge_point_id].add(account)
    until_ms = int(datetime.fromisoformat(statement.created_at).timestamp() * 1000)
    for meter in statement.audited:
        here = users[meter.charge_point_id]
        # Energy in no record of the month may belong to a case of an earlier one, of anybody.
        if len(here) == 1 and not _is_booked(meter):
            measured = parties.measured_accounts(db, meter.charge_point_id, until_ms)
            here |= set(map(name_of, measured))
    present = {sums.account for sums in statement.accounts} | {account for account, *_ in used}
    booked = renaming.names_until(db, until_ms)
    former = {name: name_of(index) for index, name in booked if name_of(index) in present}
    party_names = former | {name: name for name in present}
    party_names.pop(UNASSIGNED, None)
    return Parties(
        party_names,
        frozenset(Use(*use, is_sole=len(users[use[1]]) == 1) for use in used),
        parties.moved(db, month),
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
        raise statement.lacks(account)
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
        # The hashes of others' statements are nobody's business.
        forms=(),
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
    has_note = getattr(row, "note", None) is not None
    if row.entry == "record" and ASSIGNED_BY not in row.flags and not has_note:
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
        # A note may be about the car of the other account.
        changes |= dict.fromkeys(row.keys() & {"km", "note"})
    elif "note" in row:
        changes["note"] = _own_text(row["note"], parties, account)
    changes["decided_why"] = _own_text(row["decided_why"], parties, account)
    if ASSIGNED_BY in row["flags"]:
        changes["flags"] = _own_text(row["flags"], parties, account)
    return changes


def _own_text(text: str | None, parties: Parties, account: str) -> str | None:
    if text is None:
        return None
    others = [name for name, present in parties.names.items() if present != account]
    return without_names(text, others, account)
