"""A guard of write transactions: each row that a connection writes lies within the declared keys.

TEMP triggers report every row with its Charge Point and its month. SQLite ignores the keys, so a
forgotten key would show only on an engine with several writers.
"""

from collections.abc import Iterator

from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS, Keys
from tests.world.desk import Office

CONDITIONAL = {
    ("call", "UPDATE"),
    ("call", "DELETE"),
    ("connection", "DELETE"),
    ("frame", "DELETE"),
}
"""Writes that one statement decides: a Call's state, the release of a connection, the purge."""

MONTH_OF = {
    "accounting_record": "{row}.month",
    "price": "(SELECT month FROM accounting_record WHERE id = {row}.record)",
    "price_part": "(SELECT month FROM accounting_record WHERE id = {row}.record)",
    "closed_month": "{row}.month",
}

IDENTITY_KEY = "(SELECT identity_key FROM charge_point WHERE id = {row}.charge_point)"

OPERATIONS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


class WrittenKeys:
    """The guard of one connection.

    tables     the tables of which it has seen rows
    outside    a sentence for each row outside the keys of its transaction
    needed     the fields of `Keys` without which a row would have been outside
    """

    def __init__(self, db: Database) -> None:
        self.tables: set[str] = set()
        self.outside: list[str] = []
        self.needed: set[str] = set()
        self._db = db
        db.connection.create_function("written", 4, self._check)
        for statement in triggers(db):
            db.execute(statement)

    def _check(
        self, table: str, operation: str, charge_point: str | None, month: str | None
    ) -> None:
        """Compare a written row with the keys of its transaction."""
        self.tables.add(table)
        keys, write = self._db.keys, (table, operation)
        if keys.everything or write in CONDITIONAL:
            return
        missing = missing_keys(keys, write, charge_point, month)
        self.outside += [f"{operation} {table}: {key} is not declared" for key in missing]
        for field, nothing in NO_KEYS._asdict().items():
            if missing_keys(keys._replace(**{field: nothing}), write, charge_point, month):
                self.needed.add(field)


def missing_keys(
    keys: Keys, write: tuple[str, str], charge_point: str | None, month: str | None
) -> list[str]:
    """Return the keys that a row needs and that are not declared."""
    missing = []
    # The time of its file is no fact about the energy of a record.
    is_at = charge_point is not None and write != ("accounting_record", "UPDATE")
    if is_at and charge_point not in keys.charge_points:
        missing.append(f"charge point {charge_point!r}")
    is_link = write == ("closed_month", "INSERT")
    if month is not None and month not in keys.months and (is_link or not keys.books):
        missing.append(f"month {month}")
    if is_link and not keys.chain:
        missing.append("chain")
    return missing


def triggers(db: Database) -> Iterator[str]:
    """Yield a trigger for each operation on each table with a Charge Point or a month."""
    tables = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        columns = {name for _, name, *_ in db.execute(f"PRAGMA main.table_info({table})")}
        for operation, row in OPERATIONS.items():
            charge_point = "NULL"
            if "identity_key" in columns:
                charge_point = f"{row}.identity_key"
            elif "charge_point" in columns:
                charge_point = (
                    f"(SELECT identity_key FROM charge_point WHERE id = {row}.charge_point)"
                )
            if table == "accounting_record":
                charge_point = f"coalesce({charge_point}, '')"
            month = MONTH_OF.get(table, "NULL").format(row=row)
            if (charge_point, month) != ("NULL", "NULL"):
                yield (
                    f"CREATE TEMP TRIGGER written_{operation}_{table} AFTER {operation}"
                    f" ON main.{table} BEGIN SELECT"
                    f" written('{table}', '{operation}', {charge_point}, {month}); END"
                )


class GuardedOffice(Office):
    """An office whose connection is guarded; `outside` are sentences on rows outside the keys."""

    def _open(self) -> None:
        super()._open()
        self.written = WrittenKeys(self.db)
        # Those of the connection before a restart count, too.
        self.outside = self.written.outside = getattr(self, "outside", [])
