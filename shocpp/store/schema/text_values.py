"""Text values that are not UTF-8: SQLite stores them, and its own checks do not find them."""

import sqlite3
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from shocpp.store.database import Database

ROWS_AT_ONCE = 2_000
"""The rows that are read between two checks of the clock."""


class Undecodable(NamedTuple):
    """A text that is not UTF-8: its table and column, and the primary key of its row."""

    table: str
    column: str
    row: str


class OutOfTime(Exception):
    """The deadline has come; its text is the name of the table that was not read to its end."""


def undecodable_texts(db: Database, deadline: float = float("inf")) -> Iterator[Undecodable]:
    """Yield every text that is not UTF-8, from all tables; each row is read once.

    Raises OutOfTime at `deadline` (monotonic). Only a table with such a text is read twice.
    """
    tables = db.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    for (table,) in tables:
        columns = db.execute(
            "SELECT name, pk FROM pragma_table_info(?) WHERE upper(type) = 'TEXT'", (table,)
        ).fetchall()
        texts = ", ".join(_quoted(name) for name, _ in columns)
        if not texts:
            continue
        try:
            # The driver decodes in C, which is faster than a check of each value in Python.
            for _ in _batches(db, f"SELECT {texts} FROM {_quoted(table)}", table, deadline):
                pass
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
                raise
            yield from _find(db, table, [name for name, _ in columns], deadline)


def _find(db: Database, table: str, columns: list[str], deadline: float) -> Iterator[Undecodable]:
    """Read a table again as bytes, and yield its texts that are not UTF-8."""
    query = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
    keys = [name for (name,) in db.execute(query, (table,)).fetchall()] or ["rowid"]
    names = ", ".join(_quoted(name) for name in [*keys, *columns])
    former, db.connection.text_factory = db.connection.text_factory, bytes
    try:
        for rows in _batches(db, f"SELECT {names} FROM {_quoted(table)}", table, deadline):
            for row in rows:
                for column, value in zip(columns, row[len(keys) :], strict=True):
                    if isinstance(value, bytes) and not _is_utf8(value):
                        yield Undecodable(table, column, _row_name(row[: len(keys)]))
    finally:
        db.connection.text_factory = former


def _batches(db: Database, sql: str, table: str, deadline: float) -> Iterator[list[Any]]:
    cursor = db.execute(sql)
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield rows
        if time.monotonic() > deadline:
            raise OutOfTime(table)


def _row_name(key: tuple[object, ...]) -> str:
    parts = (part.decode(errors="replace") if isinstance(part, bytes) else part for part in key)
    return ", ".join(str(part)[:40] for part in parts)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
