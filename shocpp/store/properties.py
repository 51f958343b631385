"""Facts about the database itself (memory floor)."""

from shocpp.store.database import Database


def probe(db: Database, now_ms: int) -> None:
    """A write that is there only to see whether writing works."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('probed_ms', ?)", (str(now_ms),))


def born_ms(db: Database, now_ms: int = 2**62) -> int:
    """Since when every start is on file: when this database was made, or files came into it."""
    (moment_ms,) = db.execute(
        "SELECT max(CAST(value AS INTEGER)) FROM property WHERE name = 'born_ms'"
        " OR name GLOB 'imported_ms*' AND CAST(value AS INTEGER) <= ?",
        (now_ms,),
    ).fetchone()
    return int(moment_ms)


def remember_import(db: Database, now_ms: int) -> None:
    """Files are taken into the books, and there may be starts that are older than these.

    Each import is remembered: what was decided before it, and between two, is decided again so.
    """
    name = f"imported_ms {now_ms}"
    db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, str(now_ms)))


def stored_allowlist(db: Database) -> str | None:
    """The last charge_points.json that was good."""
    found = db.execute("SELECT value FROM property WHERE name = 'charge_points'").fetchone()
    return found[0] if found else None


def store_allowlist(db: Database, text: str) -> None:
    """Keep a good charge_points.json."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('charge_points', ?)", (text,))


def kept_tags(db: Database) -> str | None:
    """The last tags.json that was good."""
    found = db.execute("SELECT value FROM property WHERE name = 'tags'").fetchone()
    return found[0] if found else None


def keep_tags(db: Database, text: str) -> None:
    """Keep a good tags.json."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('tags', ?)", (text,))
