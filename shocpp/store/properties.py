"""Facts about the database itself (memory floor)."""

from shocpp.store.database import Database


def probe(db: Database, now_ms: int) -> None:
    """A write that is there only to see whether writing works."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('probed_ms', ?)", (str(now_ms),))


def born_ms(db: Database) -> int:
    """When this database was made."""
    return int(db.execute("SELECT value FROM property WHERE name = 'born_ms'").fetchone()[0])


def kept_tags(db: Database) -> str | None:
    """The last tags.json that was good."""
    found = db.execute("SELECT value FROM property WHERE name = 'tags'").fetchone()
    return found[0] if found else None


def keep_tags(db: Database, text: str) -> None:
    """Keep a good tags.json."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('tags', ?)", (text,))
