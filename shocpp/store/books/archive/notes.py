"""Notes on sessions: kilometres and a text, each of which may be missing.

A note belongs to the first record of a session, by the name of its file, which never changes. So
decisions and other numbers keep it. Of two notes on a session the newer one counts.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.store.database import Database


class Note(NamedTuple):
    """A note on the session whose first record is in this file, of this month (YYYY-MM)."""

    file_name: str
    month: str
    km: int | None
    text: str | None
    noted_by: str
    noted_ms: int


class Noted(NamedTuple):
    """The first record of a session, by the number of one of its records.

    `months` are those of both: a note must not change the statement of a closed one.
    """

    file_name: str
    month: str
    months: tuple[str, str]


_COLUMNS = ", ".join(Note._fields)


def session_of(db: Database, number: int) -> Noted | None:
    """Return the session that has a record with this number, or None."""
    row = db.execute(
        "SELECT coalesce(first.file_name, record.file_name), coalesce(first.month, record.month),"
        " record.month FROM accounting_record AS record"
        " LEFT JOIN accounting_record AS first ON first.id = CAST(record.root AS INTEGER)"
        " WHERE record.id = ?",
        (number,),
    ).fetchone()
    return None if row is None else Noted(row[0], row[1], (row[1], row[2]))


def of_file(db: Database, file_name: str) -> Note | None:
    """Return the note on a session, given by its first record, or None."""
    found = _select(db, "file_name = ?", file_name)
    return found[0] if found else None


def record(db: Database, note: Note, exported_ms: int | None = None) -> None:
    """Write a note; it replaces an older one on the same session."""
    db.execute(
        f"INSERT INTO session_note ({_COLUMNS}, exported_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (file_name) DO UPDATE SET month = excluded.month, km = excluded.km,"
        " text = excluded.text, noted_by = excluded.noted_by, noted_ms = excluded.noted_ms,"
        " exported_ms = excluded.exported_ms WHERE excluded.noted_ms >= session_note.noted_ms",
        (*note, exported_ms),
    )


def accounts_with_notes(db: Database, month: str) -> frozenset[int]:
    """Return the indices of the accounts whose records of a month (YYYY-MM) have notes.

    Statements of other accounts have no columns for them.
    """
    # Most databases have none, and the view costs more than this question.
    if db.execute("SELECT 1 FROM session_note LIMIT 1").fetchone() is None:
        return frozenset()
    rows = db.execute(
        "SELECT DISTINCT account_index FROM accounting WHERE month = ?"
        " AND (km IS NOT NULL OR note IS NOT NULL)",
        (month,),
    )
    return frozenset(index for (index,) in rows.fetchall())


def unexported(db: Database) -> list[Note]:
    """Return the notes whose files are still to be written."""
    return _select(db, "exported_ms IS NULL")


def exported(db: Database) -> list[Note]:
    """Return the notes whose files were written."""
    return _select(db, "exported_ms IS NOT NULL")


def mark_exported(db: Database, written: Iterable[Note], now_ms: int | None) -> None:
    """Note that the files of notes are on disk, or with None that they are missing.

    A note that was changed meanwhile is left out: its file is written again.
    """
    db.executemany(
        "UPDATE session_note SET exported_ms = ? WHERE file_name = ? AND noted_ms = ?"
        " AND km IS ? AND text IS ?",
        [(now_ms, note.file_name, note.noted_ms, note.km, note.text) for note in written],
    )


def _select(db: Database, where: str, *values: object) -> list[Note]:
    """Return the notes that match a condition, in the order of the names of their files."""
    sql = f"SELECT {_COLUMNS} FROM session_note WHERE {where} ORDER BY file_name"
    return [Note(*row) for row in db.execute(sql, values).fetchall()]
