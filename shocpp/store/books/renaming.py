"""The names of accounts in the books, and their change.

An index belongs to its account for ever, because it is in transaction ids. The name may change: the
table `account` has the present one, and tags.json also has the former ones. A record keeps the name
with which it was booked, in its row and in its file. Lists and open months show the present name.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.ledger.accounts import Account, Accounts
from shocpp.ledger.transaction_id import LAST_INDEX, UNASSIGNED_INDEX
from shocpp.store import people
from shocpp.store.books.transactions import account_names, present_name
from shocpp.store.changes import TRANSACTION
from shocpp.store.database import Database

Name = tuple[int, str]
"""An account index, and a name that its account has or had."""


def renamed(db: Database, bound: Mapping[int, str], accounts: Accounts) -> list[Account]:
    """Return the accounts of tags.json whose present name the database does not have yet.

    `bound` are the names that the books have. A name that is no former one is newer than the file.
    An account that is not in the books may have drivers.
    """
    return [
        account
        for index, account in accounts.by_index.items()
        if account.former
        and (
            bound[index] in account.former
            if index in bound
            else people.has_account(db, account.former)
        )
    ]


def follow(db: Database, accounts: Accounts) -> None:
    """Give the accounts of tags.json their present names, in the caller's write transaction.

    The devices and the invitations of their drivers follow. The index of an account that is not in
    the books stays free, so that it can still be removed.
    """
    for account in renamed(db, account_names(db), accounts):
        db.execute(
            "UPDATE account SET account = ?2 WHERE account_index = ?1",
            (account.account_index, account.name),
        )
        people.rename_account(db, account.former, account.name)
        rows = db.execute(
            "SELECT charge_point, connector_id, id FROM started_transaction"
            " WHERE state <> 'stopped' AND account_index = ?",
            (account.account_index,),
        )
        for charge_point, connector_id, row in rows.fetchall():
            db.changes.note(TRANSACTION, charge_point, connector_id, row)


class BookedName(NamedTuple):
    """The name with which a record was booked, the file of which has this name."""

    file_name: str
    account_index: int
    account: str


def former_names(db: Database) -> list[BookedName]:
    """Return the records that were booked with another name than the present one."""
    rows = db.execute(
        f"SELECT file_name, account_index, account FROM accounting_record AS record"
        f" WHERE account <> {present_name('record')}"
    )
    return [BookedName(*row) for row in rows.fetchall()]


def restore_names(db: Database, names: Iterable[BookedName]) -> None:
    """Give records that were derived again the names with which they were booked.

    Their files have these names, and the chain of closed months has their digests.
    """
    db.executemany(
        "UPDATE accounting_record SET account = ?3 WHERE file_name = ?1 AND account_index = ?2",
        [*names],
    )


def known_names(db: Database, accounts: Accounts) -> set[Name]:
    """Return the names, present and former, that accounts have in tags.json and in the books."""
    rows = db.execute("SELECT DISTINCT account_index, account FROM accounting_record").fetchall()
    listed = accounts.by_index.items()
    return {*rows, *((index, name) for index, account in listed for name in account.names)}


def names_in_month(db: Database, month: str) -> dict[int, str]:
    """Return the names with which the records of a month (YYYY-MM) were booked, by index."""
    rows = db.execute(
        "SELECT DISTINCT account_index, account FROM accounting_record WHERE month = ?", (month,)
    )
    return dict(rows.fetchall())


def names_until(db: Database, until_ms: int) -> list[Name]:
    """Return the names with which records were booked up to a time, each with its index."""
    return db.execute(
        "SELECT DISTINCT account_index, account FROM accounting_record"
        " WHERE booked_ms <= ? AND provenance <> 'imported'",
        (until_ms,),
    ).fetchall()


def require_bound(db: Database, name: Name, known: set[Name]) -> None:
    """Raise UsageError if another account has the index of a name.

    `known` are names of `known_names`. An index, once used, belongs to its account for ever.
    """
    account_index, account = name
    if not UNASSIGNED_INDEX <= account_index <= LAST_INDEX:
        raise UsageError(f"its account has the index {account_index}, not 0..{LAST_INDEX}")
    bound = account_names(db).get(account_index, account)
    if bound != account and not {name, (account_index, bound)} <= known:
        raise UsageError(
            f"index {account_index} belongs to the account {bound!r} in the books, not to "
            f'{account!r}; if both are names of one account, write the former one into "former" of '
            "its entry in tags.json"
        )
