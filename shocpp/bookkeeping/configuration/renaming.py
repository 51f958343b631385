"""The rename of an account; its index stays, and with it all that is booked.

The order makes each interruption harmless. tags.json comes first: whoever reads it knows the former
name as well, and prices under the former name still hold. Then the other files of conf/ follow, and
last the books. The same command again does what is left.
"""

from functools import partial

from shocpp.configuration.editing import accounts as editing
from shocpp.configuration.editing.renaming import NamingFiles, follow, require_following
from shocpp.configuration.files import conf_text
from shocpp.configuration.tags import checked_accounts
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.books import renaming, transactions
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS


def rename_account(
    db: Database | None, settings: Settings, account: str, name: str, seen: str | None = None
) -> None:
    """Give an account another name, in conf/ and in the books; None is a database not made yet.

    `seen` is the digest of the entry that a form was made from. Raises EditRefused, ConfigError,
    ChangedMeanwhile or StoreUnavailable.
    """
    bound = transactions.account_names(db) if db else {}
    path = settings.tags_file
    files = NamingFiles(
        settings.tariffs_file, settings.operator_file, settings.people_file, settings.canned_file
    )
    require = partial(require_following, files)
    editing.rename_account(path, bound, account, name, require, seen)
    text = conf_text(path)
    accounts = checked_accounts(text, path, bound, settings.zone)
    present = accounts.named(editing.new_name(name))
    if present is not None:
        follow(files, present.names)
    if db is not None:
        with db.writing(keys=NO_KEYS):
            renaming.follow(db, accounts)
            # In force while the file has an error: an older text would have the former name.
            properties.store_tags(db, text)
