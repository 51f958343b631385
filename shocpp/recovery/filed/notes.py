"""The restoring of notes on sessions from their files."""

from pathlib import Path

from shocpp.bookkeeping.accounting_files.note_files import note_path, note_paths, read_note
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.store.books import records
from shocpp.store.books.archive import notes
from shocpp.store.database import Database
from shocpp.store.keys import BOOKS


def restore_notes(db: Database, accounting_folder: Path, folder: Path) -> list[str]:
    """Restore the notes in the files of a folder, the newest of each session.

    Returns a sentence for each file that is no note, or whose record is not in the books.
    """
    refused: list[str] = []
    for path in note_paths(folder):
        try:
            note = read_note(path)
        except UsageError as error:
            refused.append(str(error))
            continue
        with db.writing(keys=BOOKS):
            if records.number_of(db, note.file_name) is None:
                refused.append(f"{path}: its record is not in the books: {note.file_name}")
                continue
            is_in_place = path.resolve() == (accounting_folder / note_path(note)).resolve()
            if notes.of_file(db, note.file_name) != note:
                notes.record(db, note, now_ms() if is_in_place else None)
    return refused
