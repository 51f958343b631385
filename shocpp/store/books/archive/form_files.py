"""The files of forms, beside those of the closings.

The name of a file has a part of the hash of its closing and its bytes. So a changed file is found
even if the database is lost.
"""

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.store.books.archive.forms import FormRow
from shocpp.store.books.closings import Closing

FILES = "**/00_closed_*_*.pdf"
"""The pattern of the files of forms below the accounting folder."""

_NAME = re.compile(
    r"00_closed_(?P<year>[0-9]{4})_(?P<month>[0-9]{2})_(?P<index>[0-9]{3,})"
    r"_(?P<language>[a-z]{2})_(?P<digest>[0-9a-f]{12})\.pdf"
)


class FormName(NamedTuple):
    """The parts of the name of a form's file; `month` is YYYY-MM."""

    month: str
    account_index: int
    language: str
    digest: str


def form_path(folder: Path, month: str, name: str) -> Path:
    """Return the path of a form's file; `month` is YYYY-MM."""
    return folder.joinpath(*month.split("-"), name)


def form_name(closing: Closing, account_index: int, language: str, content: bytes) -> str:
    """Return the name of a form's file, as in `00_closed_2026_10_002_de_1f2e3d4c5b6a.pdf`."""
    month = closing.month.replace("-", "_")
    digest = name_digest(closing.hash, content)
    return f"00_closed_{month}_{account_index:03}_{language}_{digest}.pdf"


def name_digest(closing_hash: str, content: bytes) -> str:
    """Return the hash in a name: it belongs to these bytes, printed after this closing."""
    return hashlib.sha256(closing_hash.encode() + b"\n" + content).hexdigest()[:12]


def is_whole(path: Path, form: FormRow) -> bool:
    """Return True if a file has the bytes of a form."""
    with suppress(OSError):
        return sha256_of(path.read_bytes()) == form.sha256
    return False


def is_form_name(name: object) -> bool:
    """Return True if a form's file can have this name, so that it leads out of no folder."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def parsed_name(path: Path) -> FormName | None:
    """Return the parts of the name of a form's file, or None if it is not named so."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    month = f"{match['year']}-{match['month']}"
    return FormName(month, int(match["index"]), match["language"], match["digest"])


def form_paths(folder: Path) -> list[Path]:
    """Return the files of forms below a folder, in the order of their paths."""
    return sorted(path for path in folder.glob(FILES) if parsed_name(path) and path.is_file())


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
