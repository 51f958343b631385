"""New accounts, and the removal of an account or a card that has never charged.

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
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import id_tag_key
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.books import closings, transactions
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.listings.in_use import used_cards


def add_account(db: Database | None, settings: Settings, name: str) -> None:
    """Add an account without cards; None is a database not made yet.

    Raises EditRefused or ConfigError.
    """
    bound = transactions.account_names(db) if db else {}
    closed = {account.account_index for account in closings.accounts(db)} if db else ()
    editing.add_account(settings.tags_file, bound, name, closed)


def remove_card(
    db: Database | None, settings: Settings, account: str, id_tag: str, seen: str | None = None
) -> None:
    """Remove a card from its account; None is a database not made yet.

    `seen` is the digest of the entry that a form was made from. Raises EditRefused if the card has
    charged, ConfigError, or ChangedMeanwhile.
    """
    bound = transactions.account_names(db) if db else {}

    def require_unused() -> None:
        if db is not None and used_cards(db, [id_tag_key(id_tag)]):
            raise EditRefused("card_used", card=id_tag)

    editing.remove_card(settings.tags_file, bound, account, id_tag, require_unused, seen)


def can_be_removed(db: Database, settings: Settings, account_index: int, account: str) -> bool:
    """Return True if an account has never been in the books, and no web user is its driver."""
    try:
        drivers = _drivers(settings, account)
    except ConfigError:
        return False
    in_books = account_index in transactions.account_names(db) or account_index in _billed(db)
    return not (in_books or drivers)


def remove_account(
    db: Database | None, settings: Settings, account: str, seen: str | None = None
) -> None:
    """Remove an account with its cards, its mail addresses, and the devices of its drivers.

    `seen` is the digest of the entry that a form was made from. Raises EditRefused if the account
    is in the books or web users are its drivers; ConfigError; ChangedMeanwhile; StoreUnavailable.
    """
    bound = transactions.account_names(db) if db else {}
    billed = _billed(db) if db else ()
    # A file with an error refuses, before anything is written.
    load_operator(settings.operator_file)
    end = partial(_end_drivers, db, settings, account)
    editing.remove_account(settings.tags_file, bound, account, billed, end, seen)
    set_mail_of_account(settings.operator_file, account, ())


def _end_drivers(db: Database | None, settings: Settings, account: str) -> None:
    names = _drivers(settings, account)
    if names:
        file = settings.people_file.name
        raise EditRefused("account_drivers", file=file, users=", ".join(names), account=account)
    if db is not None:
        with db.writing(keys=NO_KEYS):
            people.end_account(db, account, now_ms())


def _drivers(settings: Settings, account: str) -> list[str]:
    """Return the users of the web server that are drivers of an account; raises ConfigError."""
    users = load_people(settings.people_file) or {}
    return [name for name, user in users.items() if user.account == account]


def _billed(db: Database) -> set[int]:
    """Return the indices of accounts that owe an amount of a closed month."""
    return {closed.account_index for closed in closings.accounts(db) if closed.is_billed}
