"""The schema of a database compared with the one that the migrations of this version make.

a table, column or trigger of ours differs          DamagedDatabase, with the name
a trigger of others on a table of ours              DamagedDatabase: it changes the books
a view or an index of ours is missing or differs    it is made again
an index that an older version has made             it is dropped
tables, views and indexes of others                 they stay, and triggers on their own tables
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

from shocpp.errors import UnusableDatabase
from shocpp.store.database import Database
from shocpp.store.sqlite_errors import damaged


class Part(NamedTuple):
    """A table, index, trigger or view of a schema, with the table that it belongs to."""

    kind: str
    table: str
    sql: str


Schema = dict[str, Part]
"""The parts of a schema by name, without the indexes that SQLite makes by itself."""


def schema_of(connection: sqlite3.Connection) -> Schema:
    """Return the schema of a connection."""
    rows = connection.execute(
        "SELECT name, type, tbl_name, sql FROM sqlite_master WHERE sql <> ''"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {name: Part(kind, table, _normal(sql)) for name, kind, table, sql in rows.fetchall()}


def made_by(statements: Iterable[str]) -> tuple[Schema, set[str]]:
    """Return the schema that the statements of all migrations make, and the names of all indexes.

    These are also the indexes that a later migration drops again.
    """
    indexes: set[str] = set()
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
        for statement in statements:
            scratch.execute(statement)
            if (index := _INDEX.search(statement)) is not None:
                indexes.add(index[1])
        return schema_of(scratch), indexes


_INDEX = re.compile(r"^\s*CREATE (?:UNIQUE )?INDEX (\w+)", re.MULTILINE)


def views_in(text: str) -> set[str]:
    """Return the names of the views that a text of views.sql makes."""
    return set(re.findall(r"^CREATE VIEW (\w+)", text, re.MULTILINE))


def require_equal(database: Database, made: Schema) -> None:
    """Raise DamagedDatabase for the first table or trigger that differs from the migrations."""
    present = schema_of(database.connection)
    for name, part in made.items():
        if part.kind != "index" and present.get(name) != part:
            what = "lacks" if name not in present else "has another text of"
            raise damaged(database.path, f"it {what} the {part.kind} {name}")


def refuse_triggers_of_others(database: Database, made: Schema) -> None:
    """Raise UnusableDatabase if a table of ours has a trigger that no migration makes."""
    for name, part in schema_of(database.connection).items():
        ours = made.get(part.table)
        if part.kind == "trigger" and name not in made and ours is not None:
            raise UnusableDatabase(
                f"{database.path} has the trigger {name} on {part.table}, which is not of shocpp "
                f"and can change the books; drop it: sqlite3 {database.path} 'DROP TRIGGER {name}'"
            )


def indexes_to_mend(
    database: Database, made: Schema, ever: set[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each index to drop, the statement that makes it again, and the reason.

    The statement is empty for an index of an older version.
    """
    present = schema_of(database.connection)
    for name, part in made.items():
        if part.kind == "index" and present.get(name) != part:
            lacks = "has another" if name in present else "lacks the"
            yield name, part.sql, f"{lacks} index {name}, which is now made again"
    for name in sorted(ever & present.keys() - made.keys()):
        yield name, "", f"has the index {name} of an older version, which is now dropped"


def has_views(database: Database, statements: Iterable[str]) -> bool:
    """Return True if the database has the views that these statements make."""
    present = {part.sql for part in schema_of(database.connection).values()}
    return all(_normal(statement.rstrip().rstrip(";")) in present for statement in statements)


def digest_of(database: Database, version: int) -> str:
    """Return a digest of all that the schema has now, and of the version of this program."""
    rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
    return hashlib.sha256(repr((version, rows.fetchall())).encode()).hexdigest()


def _normal(sql: str) -> str:
    """Return a statement without comments, quotes of names and differences of white space."""
    # SQLite quotes the name when a table is renamed, and ALTER TABLE appends columns as written.
    without_comments = re.sub(r"--[^\n]*", " ", sql)
    spaced = re.sub(r"([(),])", r" \1 ", without_comments)
    return " ".join(spaced.replace('"', "").split())
