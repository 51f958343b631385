"""The files of notes on sessions: one JSON file a note, beside that of the session's record."""

import json
import re
from pathlib import Path

from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.ocpp.times import format_timestamp, parse_timestamp
from shocpp.store.books.archive.notes import Note

_NAME = "00_note_{}.json"
_FILE_NAME = re.compile(r"[0-9]{1,12}-[0-9a-f]{12}\.json")


def note_path(note: Note) -> Path:
    """Return the path of a note's file below the accounting folder."""
    name = _NAME.format(note.file_name.removesuffix(".json"))
    return Path(*note.month.split("-"), name)


def note_text(note: Note) -> str:
    """Return a note as the JSON text of its file."""
    content = {
        "entry": "note",
        "of_file": note.file_name,
        "month": note.month,
        "km": note.km,
        "text": note.text,
        "noted_by": note.noted_by,
        "noted_at": format_timestamp(note.noted_ms),
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def note_paths(folder: Path) -> list[Path]:
    """Return the files of notes below a folder, in the order of their paths."""
    return sorted(folder.glob(f"**/{_NAME.format('*')}"))


def read_note(path: Path) -> Note:
    """Return the note in a file; raises UsageError if it is none."""
    try:
        content = json.loads(path.read_bytes())
        noted_ms = parse_timestamp(content["noted_at"])
        values = [content[key] for key in ("of_file", "month", "km", "text", "noted_by")]
        note = Note._make((*values, noted_ms or 0))
        Month.parse(note.month)
        texts = (note.file_name, note.noted_by, note.text or "")
        is_note = all(isinstance(text, str) for text in texts) and noted_ms is not None
        is_note = is_note and (note.km is None or (type(note.km) is int and note.km >= 0))
        if not is_note or not _FILE_NAME.fullmatch(note.file_name):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{path} is no note on a session") from None
    return note
