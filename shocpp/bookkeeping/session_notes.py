"""Notes of people on sessions: kilometres and a text, for the statement of an open month."""

from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.store.books import closings
from shocpp.store.books.archive import notes
from shocpp.store.books.archive.notes import Note
from shocpp.store.database import Database
from shocpp.store.keys import BOOKS
from shocpp.texts import printable_line

LONGEST_TEXT, MOST_KM = 200, 9_999_999


class Change(NamedTuple):
    """A change of a note; None leaves a part as it is, an empty text removes it."""

    km: str | None
    text: str | None


def note_session(
    db: Database, settings: Settings, number: int, change: Change, noted_by: str
) -> Note:
    """Change the note on the session of a record, and write its file.

    Raises UsageError if there is no such record, if its month is closed, or for a wrong value.
    """
    with db.writing(keys=BOOKS):
        session = notes.session_of(db, number)
        if session is None:
            raise UsageError(f"there is no record {number}; the numbers: shocpp sessions")
        for month in session.months:
            if closings.is_closed(db, month):
                raise UsageError(
                    f"record {number} is of {month}, which is closed: its statement is fixed, and "
                    "gets no note any more"
                )
        former = notes.of_file(db, session.file_name)
        km, text = (former.km, former.text) if former else (None, None)
        note = Note(
            *(session.file_name, session.month),
            km if change.km is None else _km(change.km),
            text if change.text is None else _text(change.text),
            noted_by,
            # A change within the same millisecond is the newer one, too.
            max(now_ms(), former.noted_ms + 1 if former else 0),
        )
        notes.record(db, note)
    write_files(db, settings)
    return note


def _km(text: str) -> int | None:
    """Return kilometres, None for an empty text; raises UsageError for any other text."""
    plain = "".join(text.split())
    if not plain:
        return None
    if not (plain.isascii() and plain.isdecimal()) or int(plain) > MOST_KM:
        raise UsageError(f"--km: {text!r} are no kilometres; write whole ones such as 123456")
    return int(plain)


def _text(text: str) -> str | None:
    """Return the text of a note on one line, None for an empty one; raises UsageError."""
    printable = printable_line(text)
    if printable is None:
        raise UsageError("--text has control characters; write it on one line")
    line = printable.strip()
    if len(line) > LONGEST_TEXT:
        raise UsageError(f"--text has {len(line)} characters; at most {LONGEST_TEXT} fit")
    return line or None
