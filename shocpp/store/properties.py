"""The table `property`: facts about the database, and the last valid configuration files."""

import json
from typing import NamedTuple

from shocpp.store.database import Database


def probe(db: Database, now_ms: int) -> None:
    """Write a row only to learn whether writing works, in the caller's write transaction."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('probed_ms', ?)", (str(now_ms),))


def born_ms(db: Database, now_ms: int = 2**62) -> int:
    """Return the time since which every start is on file.

    That is when this database was made, or the last import up to `now_ms`. A transaction id from
    before may be genuine although no row has it.
    """
    (moment_ms,) = db.execute(
        "SELECT max(CAST(value AS INTEGER)) FROM property WHERE name = 'born_ms'"
        " OR name GLOB 'imported_ms*' AND CAST(value AS INTEGER) <= ?",
        (now_ms,),
    ).fetchone()
    return int(moment_ms)


def remember_import(db: Database, now_ms: int) -> None:
    """Note that records were imported: there may be older starts that no row has."""
    # A rebuild decides each stop again as it was decided then. So each import keeps its own row,
    # and `born_ms` can be asked as of any time.
    name = f"imported_ms {now_ms}"
    db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, str(now_ms)))


def numbers_above(db: Database) -> int:
    """Return the number above which this database gives its own numbers to records."""
    row = db.execute("SELECT value FROM property WHERE name = 'numbers_above'").fetchone()
    return int(row[0]) if row else 0


def raise_numbers_above(db: Database, number: int) -> None:
    """Give numbers to new records only above this one, which is the highest that is known."""
    if number > numbers_above(db):
        db.execute("INSERT OR REPLACE INTO property VALUES ('numbers_above', ?)", (str(number),))


def stored_allowlist(db: Database) -> str | None:
    """Return the text of the last valid charge_points.json, or None."""
    row = db.execute("SELECT value FROM property WHERE name = 'charge_points'").fetchone()
    return row[0] if row else None


def store_allowlist(db: Database, text: str) -> None:
    """Store the text of a valid charge_points.json."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('charge_points', ?)", (text,))


def stored_tags(db: Database) -> str | None:
    """Return the text of the last valid tags.json, or None."""
    row = db.execute("SELECT value FROM property WHERE name = 'tags'").fetchone()
    return row[0] if row else None


def store_tags(db: Database, text: str) -> None:
    """Store the text of a valid tags.json; it stays in force while the file is invalid."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('tags', ?)", (text,))


def stored_site(db: Database) -> str | None:
    """Return the text of the last valid site.json, or None."""
    row = db.execute("SELECT value FROM property WHERE name = 'site'").fetchone()
    return row[0] if row else None


def store_site(db: Database, text: str) -> None:
    """Store the text of a valid site.json; it stays in force while the file is invalid."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('site', ?)", (text,))


def forget_site(db: Database) -> None:
    """Delete the text of site.json, because the file was removed on purpose."""
    db.execute("DELETE FROM property WHERE name = 'site'")


def newest_backup_ms(db: Database) -> int | None:
    """Return the time of the newest complete copy that `shocpp backup` has made, or None."""
    row = db.execute("SELECT value FROM property WHERE name = 'backed_up_ms'").fetchone()
    return int(row[0]) if row else None


def record_backup(db: Database, now_ms: int) -> None:
    """Note that a complete copy was made; `now_ms` is a time before its first page was read."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('backed_up_ms', ?)", (str(now_ms),))


class UnwritableFolder(NamedTuple):
    """The accounting folder since it cannot be written: since when, and why."""

    since_ms: int
    reason: str


def unwritable_folder(db: Database) -> UnwritableFolder | None:
    """Return since when and why accounting files cannot be written, or None if they can."""
    row = db.execute("SELECT value FROM property WHERE name = 'unwritable_folder'").fetchone()
    return UnwritableFolder(*json.loads(row[0])) if row else None


def record_unwritable_folder(db: Database, reason: str, now_ms: int) -> UnwritableFolder:
    """Note that accounting files cannot be written; the time is that of the first such note."""
    known = unwritable_folder(db)
    noted = UnwritableFolder(known.since_ms if known else now_ms, reason)
    if noted != known:
        db.execute(
            "INSERT OR REPLACE INTO property VALUES ('unwritable_folder', ?)", (json.dumps(noted),)
        )
    return noted


def clear_unwritable_folder(db: Database) -> None:
    """Note that accounting files can be written again."""
    db.execute("DELETE FROM property WHERE name = 'unwritable_folder'")
