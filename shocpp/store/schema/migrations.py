"""Migrations: they make the database, or bring it to the version of this program.

A new database is made under another name and then renamed, so that there is never an incomplete
one. A file that is no database of shocpp stays as it is. Each start compares the schema with that
of the migrations (comparison.py).
"""
# Only this module switches WAL on, under a lock on the folder. Measured: several workers that do
# so on a new file end in "database is locked", because this PRAGMA ignores the busy timeout.

import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

from shocpp.errors import StoreUnavailable, UnusableDatabase
from shocpp.installation.files import SHIPPED
from shocpp.store.books.rereading import rekey_cards, reread_running
from shocpp.store.database import VERSION, Database, connect
from shocpp.store.files.backups import beside, sync
from shocpp.store.files.header import APPLICATION_ID, check_ours
from shocpp.store.files.locks import one_at_a_time
from shocpp.store.files.paths import require_path
from shocpp.store.keys import EVERYTHING
from shocpp.store.properties import raise_numbers_above
from shocpp.store.schema.comparison import (
    digest_of,
    has_views,
    indexes_to_mend,
    made_by,
    refuse_triggers_of_others,
    require_equal,
    views_in,
)
from shocpp.store.sqlite_errors import damaged, unusable

log = logging.getLogger(__name__)

_MIGRATIONS = SHIPPED / "db" / "migrations"
_VIEWS = SHIPPED / "db" / "views.sql"
_ADD_COLUMN = re.compile(r"^ALTER TABLE (\w+) ADD COLUMN ", re.MULTILINE)

_COMPLETIONS: dict[int, tuple[Callable[[Database], None], ...]] = {8: (reread_running, rekey_cards)}
"""The functions that complete a migration, in its transaction."""

_LARGE_BYTES = 256 * 1024 * 1024
"""The size up to which each start also checks all pages of the file (about one second).

Work on a larger file is announced in the log.
"""


def migrate(
    path: Path,
    now_ms: int,
    *,
    thorough: bool = True,
    highest_number: Callable[[], int] = lambda: 0,
    home: Path | None = None,
) -> None:
    """Make the database, or bring it to the version of this program.

    `thorough` also checks the pages of a file that is not too large. `highest_number` returns the
    highest number of a record in files; a new database begins above it. A missing folder is made if
    it is below `home`, or without one. Raises UnusableDatabase if the file is foreign, empty,
    damaged or newer; then it stays unchanged.
    """
    require_path(path, home)
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            sync(path.parent.parent)
    except OSError as error:
        raise UnusableDatabase(f"the folder {path.parent} cannot be made: {error}") from None
    with _turn(path):
        # A disk may fill up here, too. Nobody waits for it to recover: there is no server yet.
        try:
            if path.exists():
                _upgrade(path, thorough)
            else:
                _require_alone(path)
                _create(path, now_ms, highest_number)
        except UnusableDatabase:
            raise
        except StoreUnavailable as error:
            raise UnusableDatabase(str(error)) from error


def _turn(path: Path) -> AbstractContextManager[None]:
    """Return a lock that one process at a time holds while it migrates this database."""
    # The folder is locked, not the file: closing another descriptor of the database file would drop
    # the POSIX locks of SQLite on it.
    return one_at_a_time(path.parent, UnusableDatabase)


def put_in_place(new: Path, path: Path, aside: Path) -> None:
    """Replace a database by another closed one, and rename the former one to `aside`.

    The -wal and other files of the former one move with it. Raises OSError.
    """
    sync(new)
    # Between the two renames there is no database. Under the lock no worker makes an empty one.
    with _turn(path):
        for old, renamed in zip((path, *beside(path)), (aside, *beside(aside)), strict=True):
            if old.exists():
                old.rename(renamed)
        new.rename(path)
        sync(path.parent)


def _require_alone(path: Path) -> None:
    """Raise UnusableDatabase if a missing database has left a -wal or a journal."""
    # SQLite would write their pages into the new database.
    for left in beside(path):
        if left.suffix != f"{path.suffix}-shm" and left.exists() and left.stat().st_size:
            raise UnusableDatabase(
                f"{path} is missing, but {left} is there and has commits of it; put the database "
                "back beside that, or make it again from all files: shocpp rebuild"
            )


def _create(path: Path, now_ms: int, highest_number: Callable[[], int]) -> None:
    """Make a new database with all migrations and views, and rename it to `path`."""
    new = path.with_name(f"{path.name}.new")
    try:
        # An earlier attempt may have been killed.
        for leftover in (new, new.with_name(f"{new.name}-wal"), new.with_name(f"{new.name}-shm")):
            leftover.unlink(missing_ok=True)
        # The rights of the database are also those of its -wal and -shm, which SQLite makes.
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise UnusableDatabase(
            f"{path} cannot be made: {error}; see the rights of its folder"
        ) from None
    try:
        database = connect(new)
        with database.writing(keys=EVERYTHING):
            database.execute(f"PRAGMA application_id={APPLICATION_ID}")
        # One fsync at the end instead of forty: nobody opens the file before its rename.
        database.execute("PRAGMA synchronous=OFF")
        _apply(database, 0)
        with database.writing(keys=EVERYTHING):
            database.execute("INSERT INTO property VALUES ('born_ms', ?)", (str(now_ms),))
            number = highest_number()
            raise_numbers_above(database, number)
            _remember_schema(database)
        # The mode is stored in the file, so that every later connection uses it.
        database.execute("PRAGMA journal_mode=WAL")
        database.close()
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    try:
        sync(new)
        os.replace(new, path)
    except OSError as error:
        raise UnusableDatabase(f"{path} cannot be made: {error}; see its disk") from None
    if number:
        log.warning(
            "%s did not exist and is new and empty, but there are accounting files up to number "
            "%d; if the database was lost, stop the server and run: shocpp rebuild",
            path,
            number,
        )


def _upgrade(path: Path, thorough: bool) -> None:
    """Check an existing database, and apply the migrations that it lacks."""
    # SQLite would open it as an empty database. A full disk may have left it so.
    if path.stat().st_size == 0:
        raise UnusableDatabase(
            f"{path} is empty (0 bytes), which no database of shocpp ever is; restore a backup "
            "of it, or make it again from the accounting files: shocpp rebuild"
        )
    database = connect(path)
    version = check_ours(database)
    try:
        if version > VERSION:
            raise UnusableDatabase(
                f"{path} has version {version}, this program knows {VERSION}; "
                "it was written by a newer shocpp: use that one"
            )
        if thorough:
            _quick_check(database)
        if version < VERSION and (size := _large_size(path)):
            log.warning("%s (%s) gets version %d; this may take a minute", path, size, VERSION)
        _apply(database, version)
        _check_schema(database)
        database.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        database.close()


def _large_size(path: Path) -> str | None:
    """Return the size of a large file for the log, None for a smaller one."""
    size = path.stat().st_size
    return f"{size / 1e9:.1f} GB" if size > _LARGE_BYTES else None


def _quick_check(database: Database) -> None:
    """Raise UnusableDatabase if a page of the file is damaged; larger files are not checked."""
    if _large_size(database.path):
        return
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(database.path, verdict)


def _migration_files() -> list[Path]:
    """Return the files of db/migrations in the order of their numbers."""
    return sorted(_MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def _apply(database: Database, version: int) -> None:
    """Run the migrations after this version, and replace the views if their text has changed."""
    # Each migration and its version number are one transaction, also if the process is killed.
    # executescript() would commit it before its first statement, so each statement is run alone.
    for file in _migration_files():
        number = int(file.name[:4])
        if number > version:
            with database.writing(keys=EVERYTHING):
                for statement in _statements(file.read_text()):
                    _execute(database, statement)
                for complete in _COMPLETIONS.get(number, ()):
                    complete(database)
                database.execute(f"PRAGMA user_version={number}")
    views = _VIEWS.read_text()
    known = database.execute("SELECT value FROM property WHERE name = 'views'").fetchone()
    if known != (views,):
        _replace_views(database, views, known[0] if known else "")


def _execute(database: Database, statement: str) -> None:
    """Run a statement of a migration; a new column is added without reading the rows."""
    # Measured: SQLite 3.51 checks all rows of a STRICT table for each new column, which took six
    # minutes with 5 GB. Older rows are read with NULL or the default in either way.
    added = _ADD_COLUMN.search(statement)
    if added is None or database.execute(f"SELECT 1 FROM {added[1]}").fetchone() is None:
        database.execute(statement)
        return
    table = added[1]
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
        scratch.execute(database.execute(query, (table,)).fetchone()[0])
        # SQLite itself alters the text, so the schema is the same as after its own way.
        scratch.execute(statement)
        (altered,) = scratch.execute(query, (table,)).fetchone()
    version = int(_schema_version(database))
    database.execute("PRAGMA writable_schema=ON")
    try:
        database.execute(
            "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (altered, table)
        )
        # Other connections read the schema again when this number differs.
        database.execute(f"PRAGMA schema_version={version + 1}")
    except sqlite3.OperationalError:
        # After a full disk SQLite has rolled back by itself, and nothing more may be written.
        if not database.connection.in_transaction:
            raise
        # The SQLite of macOS lets nobody write the schema.
        database.execute(statement)
    finally:
        database.execute("PRAGMA writable_schema=RESET")


def _replace_views(database: Database, views: str, former: str) -> None:
    """Drop our views, which this text or the former one has made, and make those of this text.

    Views of others stay.
    """
    with database.writing(keys=EVERYTHING):
        for name in views_in(former) | views_in(views):
            database.execute(f"DROP VIEW IF EXISTS {name}")
        for statement in _statements(views):
            database.execute(statement)
        database.execute("INSERT OR REPLACE INTO property VALUES ('views', ?)", (views,))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of an SQL script, each of which ends at the end of a line."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check_schema(database: Database) -> None:
    """Make the indexes and views again that the database lacks, and drop old indexes of ours.

    Raises DamagedDatabase if a table or trigger differs from that of the migrations, and
    UnusableDatabase if rows that were written meanwhile break a unique index.
    """
    # Nearly every start ends here. SQLite's own number of the schema is not enough: it does not
    # change when somebody edits the file.
    known = database.execute("SELECT value FROM property WHERE name = 'schema_digest'").fetchone()
    if known == (digest_of(database, VERSION),):
        return
    made, ever = made_by(_all_statements())
    require_equal(database, made)
    refuse_triggers_of_others(database, made)
    views = _VIEWS.read_text()
    if not has_views(database, _statements(views)):
        log.warning("%s has other views than this version, which are now made again", database.path)
        _replace_views(database, views, "")
    with database.writing(keys=EVERYTHING):
        for name, sql, reason in indexes_to_mend(database, made, ever):
            size = _large_size(database.path)
            hint = f"; in a database of {size} this may take minutes" if size and sql else ""
            log.warning("%s %s%s", database.path, reason, hint)
            database.execute(f"DROP INDEX IF EXISTS {name}")
            try:
                database.execute(sql)
            except sqlite3.IntegrityError as error:
                raise UnusableDatabase(
                    f"{database.path} lacks the index {name}, and has rows that it forbids "
                    f"({error}); restore a backup, or delete one of these rows with sqlite3"
                ) from None
        _remember_schema(database)


def require_schema(database: Database) -> None:
    """Raise DamagedDatabase if a table or trigger is not that of this version's migrations."""
    require_equal(database, made_by(_all_statements())[0])


def _all_statements() -> Iterator[str]:
    for file in _migration_files():
        yield from _statements(file.read_text())


def _schema_version(database: Database) -> str:
    return str(database.execute("PRAGMA schema_version").fetchone()[0])


def _remember_schema(database: Database) -> None:
    """Note that this schema was compared, in the caller's write transaction."""
    database.execute(
        "INSERT OR REPLACE INTO property VALUES ('schema_digest', ?)",
        (digest_of(database, VERSION),),
    )
