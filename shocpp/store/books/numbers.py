"""The numbers of records and of transactions: given once, and the same for ever.

A number is the row id. A record whose file comes back into a database gets its number again. If
another record has it, the older of both keeps it, and the other one is *renumbered*.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

from shocpp.store import properties
from shocpp.store.changes import RECORD
from shocpp.store.database import Database

START_NUMBERS = ("number", "last_record")
"""The numbers of its transaction in a record's file: its own, and that of the newest record then.

Files of older releases do not have them.
"""

_ABOVE = "numbers_above"


class Renumbering(NamedTuple):
    """A record, given by its file name, that got `number` instead of `former_number`.

    `decided_by` and `decided_why` say who did it and why.
    """

    file_name: str
    number: int
    former_number: int
    decided_by: str
    decided_why: str
    booked_ms: int


class Holder(NamedTuple):
    """The record that has a number; `month` is YYYY-MM."""

    file_name: str
    booked_ms: int
    month: str


def first_number(db: Database) -> int | None:
    """Return the number of the first record above those of other databases, afterwards None.

    None lets SQLite give the number after the highest one.
    """
    # The number of each later record costs no query.
    if db.is_remembered(_ABOVE):
        return None
    above = properties.numbers_above(db)
    if _highest(db) >= above:
        db.remember(_ABOVE)
        return None
    return above + 1


def next_number(db: Database) -> int:
    """Return the number of the next record."""
    return max(_highest(db), properties.numbers_above(db)) + 1


def _highest(db: Database) -> int:
    (number,) = db.execute("SELECT coalesce(max(id), 0) FROM accounting_record").fetchone()
    return int(number)


def holder(db: Database, number: int) -> Holder | None:
    """Return the record with this number, or None if the number is free."""
    row = db.execute(
        "SELECT file_name, booked_ms, month FROM accounting_record WHERE id = ?", (number,)
    ).fetchone()
    return Holder(*row) if row else None


def root_of(
    db: Database, entry: str, replaces: int | None, started_transaction: int | None
) -> str | None:
    """Return the name of the case that an entry decides; None if the entry is the case itself.

    It is the first record of its chain of decisions (12), or the transaction that it ended (T5).
    """
    if replaces is not None:
        (root,) = db.execute(
            "SELECT coalesce(root, CAST(id AS TEXT)) FROM accounting_record WHERE id = ?",
            (replaces,),
        ).fetchone()
        return str(root)
    has_ended = entry != "record" and started_transaction is not None
    return f"T{started_transaction}" if has_ended else None


# -- other numbers for rows of a database ----------------------------------------------------------

REFERENCES = {
    "accounting_record": (
        *(("accounting_record", "replaces"), ("price", "record"), ("price_part", "record")),
    ),
    "started_transaction": (
        *(("accounting_record", "started_transaction"), ("meter_reading", "started_transaction")),
        *(("received_stop", "started_transaction"), ("signed_value", "started_transaction")),
    ),
}
"""The columns that refer to the numbers of a table."""

_LAST = {
    "accounting_record": ("started_transaction", "last_record"),
    "started_transaction": ("received_stop", "last_start"),
}
"""The column with the newest number of a table as of the time of a row."""

_PREFIX = {"accounting_record": "", "started_transaction": "T"}
"""The letter before the numbers of a table in the name of a case."""


def renumber(db: Database, table: str, numbers: Mapping[int, int]) -> None:
    """Give other numbers to rows, in the caller's write transaction.

    `numbers` are the new ones by the present ones; a new one is free, or becomes free here.
    """
    changed = [pair for pair in numbers.items() if pair[0] != pair[1]]
    if not changed:
        return
    # SQLite checks them at the COMMIT, when the columns that refer to the rows are changed as well.
    db.execute("PRAGMA defer_foreign_keys=ON")
    db.execute("CREATE TEMP TABLE renumbered (before INTEGER PRIMARY KEY, after INTEGER) STRICT")
    db.executemany("INSERT INTO renumbered VALUES (?, ?)", changed)
    for referring, column in (*REFERENCES[table], (table, "id")):
        # In two steps: a new number may be the present one of a row whose turn comes later.
        db.execute(
            f"UPDATE {referring} SET {column} ="
            f" (SELECT -after FROM renumbered WHERE before = {column})"
            f" WHERE {column} IN (SELECT before FROM renumbered)"
        )
        db.execute(f"UPDATE {referring} SET {column} = -{column} WHERE {column} < 0")
    db.execute(
        "UPDATE accounting_record SET root = (SELECT '-' || ?1 || after FROM renumbered"
        " WHERE root = ?1 || before) WHERE root IN (SELECT ?1 || before FROM renumbered)",
        (_PREFIX[table],),
    )
    db.execute("UPDATE accounting_record SET root = ltrim(root, '-') WHERE root GLOB '-*'")
    db.execute("DROP TABLE renumbered")


def move(db: Database, number: int, to: int) -> None:
    """Give another number to one record; its file is written again."""
    renumber(db, "accounting_record", {number: to})
    ((charge_point, connector_id),) = db.execute(
        "UPDATE accounting_record SET exported_ms = NULL WHERE id = ?"
        " RETURNING charge_point, connector_id",
        (to,),
    ).fetchall()
    db.changes.note(RECORD, charge_point, connector_id, to)


_KEYS = {
    "accounting_record": "file_name",
    "started_transaction": "charge_point, received_ms, start_key",
    "received_stop": "charge_point, received_ms, stop_key",
}
"""The columns that recognise a row which is derived again."""


class FormerNumbers:
    """The numbers of a database whose records and transactions are deleted and derived again.

    Make it before they are deleted, call `note_remaining` then, and `restore` at the end.
    """

    def __init__(self, db: Database) -> None:
        """Read the numbers, and let new records begin above them."""
        self._db = db
        self._numbers = {table: dict(_keyed(db, table, "id")) for table in _LAST}
        self._lasts = {table: dict(_keyed(db, *of_table)) for table, of_table in _LAST.items()}
        self._remaining: dict[str, set[int]] = {}
        properties.raise_numbers_above(db, _highest(db))

    def note_remaining(self) -> None:
        """Note the rows that were not deleted."""
        self._remaining = {
            table: {number for (number,) in self._db.execute(f"SELECT id FROM {table}")}
            for table in _KEYS
        }

    def restore(self) -> None:
        """Give their former numbers to the rows that were derived again as they were.

        No other row has one of these numbers afterwards.
        """
        for table, known in self._numbers.items():
            remaining = self._remaining[table]
            former = {key: number for key, number in known.items() if number not in remaining}
            present = [*_keyed(self._db, table, "id")]
            free = count(max([0, *known.values(), *(number for _, number in present)]) + 1)
            taken, numbers = {*former.values()}, dict.fromkeys(remaining, 0)
            for key, number in present:
                if number in remaining:
                    numbers[number] = number
                else:
                    derived = next(free) if number in taken else number
                    numbers[number] = former.pop(key, derived)
            self._restore_last(table, numbers)
            renumber(self._db, table, numbers)

    def _restore_last(self, table: str, numbers: Mapping[int, int]) -> None:
        """Restore the newest number as of the time of each derived row.

        A row that there was not before gets one below all numbers that were given later.
        """
        referring, column = _LAST[table]
        before: dict[int, int] = {}
        lowest = max(numbers.values(), default=0) + 1
        for number in sorted(numbers, reverse=True):
            before[number] = lowest - 1
            lowest = min(lowest, numbers[number])
        ids = {row: key for key, row in _keyed(self._db, referring, "id")}
        lasts = self._db.execute(f"SELECT id, {column} FROM {referring}").fetchall()
        self._db.executemany(
            f"UPDATE {referring} SET {column} = ? WHERE id = ?",
            [
                (self._lasts[table].get(ids[row], before.get(last, lowest - 1)), row)
                for row, last in lasts
                if row not in self._remaining[referring]
            ],
        )


def _keyed(db: Database, table: str, column: str) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield the key of each row of a table with a value, in the order of the row ids."""
    rows = db.execute(f"SELECT {column}, {_KEYS[table]} FROM {table} ORDER BY id").fetchall()
    return ((tuple(key), value) for value, *key in rows)


# -- renumberings, and the queue of those whose files are still to be written ----------------------

_COLUMNS = ", ".join(Renumbering._fields)


def record(db: Database, renumbering: Renumbering, exported_ms: int | None = None) -> None:
    """Write a renumbering, unless it is known; its file exists if `exported_ms` is given."""
    db.execute(
        f"INSERT OR IGNORE INTO renumbering ({_COLUMNS}, exported_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*renumbering, exported_ms),
    )


def unexported(db: Database) -> list[Renumbering]:
    """Return the renumberings whose files are still to be written."""
    return _select(db, "exported_ms IS NULL")


def exported(db: Database) -> list[Renumbering]:
    """Return the renumberings whose files were written."""
    return _select(db, "exported_ms IS NOT NULL")


def _select(db: Database, where: str) -> list[Renumbering]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM renumbering WHERE {where} ORDER BY id")
    return [Renumbering(*row) for row in rows.fetchall()]


def mark_exported(db: Database, written: Iterable[Renumbering], now_ms: int | None) -> None:
    """Note that the files of renumberings are on disk, or with None that they are missing."""
    db.executemany(
        "UPDATE renumbering SET exported_ms = ? WHERE file_name = ? AND number = ?",
        [(now_ms, item.file_name, item.number) for item in written],
    )
