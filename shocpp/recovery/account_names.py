"""The accounts of accounting files: an index, and the name with which a record was booked.

An account that was renamed since is known by each of its names, from tags.json and from the records
in the books. Its records keep the names of their files.
"""

from shocpp.admission.people.permits import accounts_in_force
from shocpp.configuration.tags import owners
from shocpp.errors import UsageError
from shocpp.ledger.record import Record
from shocpp.settings import Settings
from shocpp.store.books import renaming, transactions
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS


class FiledAccounts:
    """The accounts by which files are restored into one database; raises ConfigError."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._tags_file = settings.tags_file
        self._listed = accounts_in_force(db, settings)
        self._known = renaming.known_names(db, self._listed)
        self._names_alike = self._listed.names_alike
        self.read_owners()

    def read_owners(self) -> None:
        """Read tags.json and the accounts of the database again, for `index_of`."""
        self._owners = owners(self._tags_file, transactions.account_names(self._db))

    def require_bound(self, record: Record) -> None:
        """Raise UsageError if another account has the index of a record."""
        renaming.require_bound(self._db, (record.account_index, record.account), self._known)

    def index_of(self, name: str) -> int:
        """Return the index of an account by any of its names; raises UsageError without one."""
        owner = self._owners.get(self._names_alike.get(name, (name,))[0])
        if owner is None:
            raise UsageError(
                f"there is no account {name!r}; add it to tags.json with the index it had and an "
                "empty list of ids, and import again"
            )
        return owner.account_index

    def is_same(self, record: Record, filed: Record) -> bool:
        """Return True if a record is that of a file; its account may have had another name.

        The minutes of the site, from which its solar energy was derived, may be gone.
        """
        names = {(record.account_index, name) for name in (record.account, filed.account)}
        is_known = record.account == filed.account or names <= self._known
        return is_known and record == filed._replace(
            account=record.account, solar_wh=record.solar_wh
        )

    def follow(self) -> None:
        """Give the accounts their present names: the first file may have brought a former one."""
        with self._db.writing(keys=NO_KEYS):
            renaming.follow(self._db, self._listed)
