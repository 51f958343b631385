"""New accounts, and the removal of one that nobody has ever charged to.

Closed months have all accounts of their time, also those without a record. What belongs to the name
of a removed account goes with it: the next account of that name may be somebody else.
"""

from functools import partial

from shocpp.clock import now_ms
from shocpp.configuration.editing import accounts as editing
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.configuration.editing.operator import set_mail_of_account
from shocpp.configuration.operator import load_operator
from shocpp.configuration.people import load_people
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.books import closings, transactions
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS


def add_account(db: Database | None, settings: Settings, name: str) -> None:
    """Add an account without cards; None is a database not made yet.

    Raises EditRefused or ConfigError.
    """
    bound = transactions.account_names(db) if db else {}
    closed = {account.account_index for account in closings.accounts(db)} if db else ()
    editing.add_account(settings.tags_file, bound, name, closed)


def remove_account(db: Database | None, settings: Settings, account: str) -> None:
    """Remove an account with its cards, its mail addresses, and the devices of its drivers.

    Raises EditRefused if it is in the books or web users are its drivers; ConfigError; or
    StoreUnavailable.
    """
    bound = transactions.account_names(db) if db else {}
    closed = closings.accounts(db) if db else []
    billed = {one.account_index for one in closed if one.is_billed}
    # A file with an error refuses, before anything is written.
    load_operator(settings.operator_file)
    end = partial(_end_drivers, db, settings, account)
    editing.remove_account(settings.tags_file, bound, account, billed, end)
    set_mail_of_account(settings.operator_file, account, ())


def _end_drivers(db: Database | None, settings: Settings, account: str) -> None:
    users = load_people(settings.people_file) or {}
    names = [name for name, user in users.items() if user.account == account]
    if names:
        file = settings.people_file.name
        raise EditRefused("account_drivers", file=file, users=", ".join(names), account=account)
    if db is not None:
        with db.writing(keys=NO_KEYS):
            people.end_account(db, account, now_ms())
