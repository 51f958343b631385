"""The rows of the books in a damaged database, written into a new one by the shapes of the rows.

The schema may be lost, so a row is taken for one of the table whose columns have the types of its
values. The shapes of these tables differ.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.charge_points.frames import EnergyFrame
from shocpp.store.database import Database
from shocpp.store.files.page_rows import PageRow, Pages, Value
from shocpp.store.keys import EVERYTHING
from shocpp.store.site import dimmings

_TABLES = (
    *("charge_point", "started_transaction", "received_stop", "accounting_record"),
    # The words of these two tell them from prices and others, whose columns have the same types.
    *("dim_signal", "dimming"),
    *("price", "price_part", "closed_month", "signed_value", "renumbering", "frame", "account"),
    "session_note",
)
_TYPES: dict[str, type] = {"INTEGER": int, "TEXT": str}
_WORDS = {
    "accounting_record": (1, ("record", "reversal", "replacement", "dismissal")),
    "dim_signal": (2, dimmings.SOURCES),
    "dimming": (4, dimmings.SOURCES),
    "frame": (2, ("in", "out")),
    "started_transaction": (9, ("open", "orphaned", "stopped")),
}
"""A column of a table, and the values that it may have."""

_NEVER_ALTERED = ("dim_signal", "dimming", "price")
"""Tables whose rows have all columns; a minute of the site would be a price with fewer."""

_SCHEMA_ROW = ("type", "name", "tbl_name", "rootpage", "sql")
"""The columns of SQLite's own table of tables."""

ROWS_AT_ONCE = 5_000
"""The number of rows in a write transaction."""


_IDENTITIES = "sqlite_autoindex_charge_point_1"
"""The index of the identities, which has them once more, with their row ids."""


_NAMED = (
    "INSERT OR IGNORE INTO charge_point"
    " (charge_point_id, identity_key, id, first_heard_ms, last_heard_ms) VALUES (?, ?, ?, 0, 0)"
)

_NAMELESS = "charge_point NOT IN (SELECT id FROM charge_point)"


class Unreadable(NamedTuple):
    """The numbers of pages and of rows of a damaged database that could not be read.

    `tables` are the tables of the books that lack pages; all of them, if that is not known.
    """

    pages: int
    rows: int
    tables: tuple[str, ...] = ()


class _Shape(NamedTuple):
    """The columns of a table: their types, and how many rows of old versions have at least."""

    table: str
    columns: tuple[tuple[str, type, bool], ...]
    fewest: int
    has_row_id: bool

    def fits(self, row: PageRow) -> bool:
        """Return True if a row can be one of this table."""
        values = row.values
        if (row.row_id is not None) != self.has_row_id:
            return False
        if not self.fewest <= len(values) <= len(self.columns):
            return False
        if self.table in _WORDS:
            index, words = _WORDS[self.table]
            if values[index] not in words:
                return False
        # SQLite stores NULL in place of the row id.
        first = 1 if self.has_row_id else 0
        if self.has_row_id and values[0] is not None:
            return False
        pairs = zip(values[first:], self.columns[first:], strict=False)
        return all(
            not is_needed if value is None else type(value) is kind
            for value, (_, kind, is_needed) in pairs
        )


def copy_readable(
    db: Database,
    pages: Pages,
    names: Sequence[tuple[int, str]],
    advance: Callable[[int], None],
) -> Unreadable:
    """Write all rows of the books that can be read into a new database.

    `names` are indices with names that their accounts have or had. `advance` gets the number of
    pages that were read since its last call. Raises StoreUnavailable.
    """
    shapes = [_shape(db, table) for table in _TABLES]
    # The rows that others refer to may be lost.
    db.execute("PRAGMA foreign_keys=OFF")
    waiting: list[tuple[str, Sequence[Value]]] = []
    roots: dict[str, int] = {}
    read = 0
    for row in pages.rows():
        if row is None:
            read += 1
            if read % 100 == 0 or len(waiting) > ROWS_AT_ONCE:
                _insert(db, waiting)
                waiting = []
                advance(read)
                read = 0
            continue
        if len(row.values) == len(_SCHEMA_ROW) and row.values[0] in ("table", "index"):
            schema_row = dict(zip(_SCHEMA_ROW, row.values, strict=True))
            name, root = schema_row["name"], schema_row["rootpage"]
            if isinstance(name, str) and isinstance(root, int):
                roots[name] = root
        for shape in shapes:
            if shape.fits(row):
                values = row.values[1:] if shape.has_row_id else row.values
                key = (row.row_id,) if shape.has_row_id else ()
                columns = ", ".join(name for name, _, _ in shape.columns[: len(row.values)])
                marks = ", ".join("?" * len(row.values))
                sql = f"INSERT OR IGNORE INTO {shape.table} ({columns}) VALUES ({marks})"
                waiting.append((sql, (*key, *values)))
                break
    _insert(db, waiting)
    advance(read)
    _insert(db, _identities(pages, roots.get(_IDENTITIES, 0)))
    damaged = _delete_damaged(db, names)
    tables = tuple(name for name in _TABLES if not pages.is_intact(roots.get(name, 0)))
    return Unreadable(pages.unreadable_pages, pages.unreadable_rows + damaged, tables)


def _identities(pages: Pages, root: int) -> list[tuple[str, Sequence[Value]]]:
    """Return the INSERTs of the Charge Points in the index of identities."""
    if not pages.is_intact(root):
        return []
    # Its keys are the identities without case. That is how all are compared.
    rows = [row.values for row in pages.rows_below(root)]
    return [(_NAMED, (key, key, row_id)) for key, row_id in rows]


def _insert(db: Database, waiting: list[tuple[str, Sequence[Value]]]) -> None:
    with db.writing(keys=EVERYTHING, durable=False):
        for sql, values in waiting:
            # A row that its table refuses was damaged, too.
            try:
                db.execute(sql, values)
            except (sqlite3.IntegrityError, OverflowError):
                continue


def _delete_damaged(db: Database, names: Sequence[tuple[int, str]]) -> int:
    """Delete records and prices whose columns contradict each other; return their number.

    SQLite has no checksums: a flipped byte is a value as any other. Their frames are replayed. A
    former name of an account is in `names`, or in several records: no damage is twice the same.
    """
    with db.writing(keys=EVERYTHING, durable=False):
        cursor = db.execute(
            "DELETE FROM accounting_record WHERE month <> substr(local_time, 1, 7)"
            " OR (begin_wh >= 0 AND begin_kwh <> begin_wh / 1000)"
            " OR (end_wh >= 0 AND end_kwh <> end_wh / 1000)"
            " OR (entry = 'record' AND flags = '' AND provenance = 'started'"
            "  AND consumed_wh <> max(end_wh - begin_wh, 0))"
            " OR account <> coalesce((SELECT account FROM account"
            "  WHERE account.account_index = accounting_record.account_index), account)"
            "  AND (account_index, account) NOT IN (SELECT account_index, account"
            "   FROM accounting_record GROUP BY account_index, account HAVING count(*) > 1"
            "   UNION SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
            "   FROM json_each(?))"
            " OR file_name NOT GLOB '[0-9]*-[0-9a-f]*.json'",
            (json.dumps(names),),
        )
        # Half a price would make the file of its record unreadable.
        incomplete = db.execute(
            "DELETE FROM price WHERE amount_ct <> (SELECT coalesce(sum(amount_ct), 0)"
            " FROM price_part WHERE price_part.record = price.record)"
        )
        db.execute("DELETE FROM price_part WHERE record NOT IN (SELECT record FROM price)")
    return cursor.rowcount + incomplete.rowcount


def _shape(db: Database, table: str) -> _Shape:
    rows = db.execute(f"PRAGMA table_info({table})").fetchall()
    needed = [index for index, row in enumerate(rows) if row[3] and row[4] is None]
    columns = tuple((row[1], _TYPES[row[2]], bool(row[3])) for row in rows)
    keys = [row for row in rows if row[5]]
    fewest = len(rows) if table in _NEVER_ALTERED else max(needed) + 1
    return _Shape(table, columns, fewest, len(keys) == 1 and keys[0][2] == "INTEGER")


def energy_frames(db: Database) -> Iterator[EnergyFrame]:
    """Yield the frames with energy of all Charge Points that are known, in the order of receipt."""
    rows = db.execute(
        "SELECT frame.id, frame.charge_point, charge_point_id, action, moment_ms, text, answer"
        " FROM frame JOIN charge_point ON charge_point.id = frame.charge_point"
        " WHERE direction = 'in' AND action IN ('StartTransaction', 'StopTransaction',"
        " 'MeterValues') ORDER BY frame.id"
    )
    for row in rows:
        yield EnergyFrame(*row)


def records_of_nameless(db: Database) -> list[tuple[int, str, str]]:
    """Return the records of Charge Points without a name: (Charge Point, month, file name)."""
    return db.execute(
        f"SELECT charge_point, month, file_name FROM accounting_record WHERE {_NAMELESS}"
    ).fetchall()


def name(db: Database, charge_point: int, charge_point_id: str) -> None:
    """Give a Charge Point its name."""
    with db.writing(keys=EVERYTHING, durable=False):
        db.execute(_NAMED, (charge_point_id, identity_key(charge_point_id), charge_point))


def count_nameless(db: Database) -> int:
    """Return the number of records and of messages of Charge Points without a name."""
    (count,) = db.execute(
        f"SELECT (SELECT count(*) FROM accounting_record WHERE {_NAMELESS}) +"
        f" (SELECT count(*) FROM frame WHERE {_NAMELESS}"
        "  AND action IN ('StartTransaction', 'StopTransaction'))"
    ).fetchone()
    return int(count)
