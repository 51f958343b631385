"""The chain of closed months: its links, their files, and the proof that nothing was changed.

A link is the hash of a month's statement, of all its records with their prices, and of the link
before it. A later change to one of them would have to change every later link, and the hashes that
were printed on statements since.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.ocpp.times import format_timestamp, parse_timestamp
from shocpp.reports.snapshot import content_text
from shocpp.store.books import closings
from shocpp.store.books.archive.form_files import is_form_name
from shocpp.store.books.closings import Closing
from shocpp.store.database import Database

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")

_FILES = "**/00_closed_*.json"


def closing_of(db: Database, month: str, content: str, closed_ms: int, closed_by: str) -> Closing:
    """Return the link that closes a month (YYYY-MM), after the last link of the chain.

    `content` is the JSON text of the statement. Nothing is written.
    """
    last = closings.chain(db)[-1:]
    count, digest = _digest(db, month)
    unhashed = Closing(
        number=last[0].number + 1 if last else 1,
        month=month,
        closed_ms=closed_ms,
        closed_by=closed_by,
        content=content,
        records=count,
        records_digest=digest,
        previous=last[0].hash if last else "",
        hash="",
    )
    return unhashed._replace(hash=_hash(unhashed))


def _digest(db: Database, month: str) -> tuple[int, str]:
    """Return the number of a month's records and the SHA-256 of all their columns and prices."""
    # Row by row: a month may have a million records.
    digest, count = hashlib.sha256(), 0
    for record_text in closings.digest_lines(db, month):
        digest.update(record_text.encode() + b"\n")
        count += 1
    return count, digest.hexdigest()


def _hash(closing: Closing) -> str:
    """Return the SHA-256 of a link; its own `hash` counts as empty."""
    text = json.dumps(closing._replace(hash=""), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class VerifiedLink(NamedTuple):
    """A link of the chain, and a sentence on the change that breaks it; None if it is whole."""

    closing: Closing
    broken: str | None


def verify_links(db: Database, folder: Path) -> Iterator[VerifiedLink]:
    """Yield each link, from the first to the last, compared with its records and its file.

    `folder` is the accounting folder. A whole link after a broken one vouches only for its own
    month.
    """
    previous_hash = ""
    for number, closing in enumerate(closings.chain(db), 1):
        yield VerifiedLink(closing, _broken(db, folder, closing, number, previous_hash))
        previous_hash = closing.hash


def _broken(
    db: Database, folder: Path, closing: Closing, number: int, previous_hash: str
) -> str | None:
    """Return a sentence on the first change that breaks a link, or None."""
    if closing.number != number or closing.previous != previous_hash:
        return "the link before it was changed or removed"
    if closing.hash != _hash(closing):
        return "this closing was changed after it was written"
    different = difference(db, closing)
    if different is not None:
        return different
    path = folder / file_name(closing.month)
    try:
        filed = read_closing(path)
    except FileNotFoundError:
        # A lost file breaks nothing: the server writes it again, as every accounting file.
        return None
    except UsageError as error:
        return str(error)
    return None if filed == closing else f"{path} differs from the database"


def difference(db: Database, closing: Closing) -> str | None:
    """Return a sentence on how a month's records differ from its closing, or None."""
    count, digest = _digest(db, closing.month)
    if count != closing.records:
        return f"{closing.records} records were closed, and there are {count}"
    if digest != closing.records_digest:
        return "a record or its price has been changed since"
    return None


def files_outside_chain(db: Database, folder: Path) -> list[Path]:
    """Return the closings' files that are not links of this chain.

    Where there are any, the end of the chain was cut off or lost.
    """
    known = {Path(file_name(closing.month)).name for closing in closings.chain(db)}
    return [path for path in closing_paths(folder) if path.name not in known]


def closing_paths(folder: Path) -> list[Path]:
    """Return the files of closings below a folder, in the order of their paths."""
    return sorted(folder.glob(_FILES))


def file_name(month: str) -> str:
    """Return the file of a closing, relative to the accounting folder; `month` is YYYY-MM."""
    return f"{month.replace('-', '/')}/00_closed_{month.replace('-', '_')}.json"


def file_text(closing: Closing) -> str:
    """Return a closing as the JSON text of its file."""
    values = closing._asdict()
    values |= {"closed_at": format_timestamp(values.pop("closed_ms"))}
    values |= {"content": json.loads(closing.content)}
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def read_closing(path: Path) -> Closing:
    """Return the closing in a file.

    Raises FileNotFoundError, or UsageError if it is not a closing or was changed.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        closed_ms = parse_timestamp(values.pop("closed_at"))
        # The hash is over the text, so the content gets its one spelling back.
        values["content"] = content_text(values["content"])
        closing = Closing(closed_ms=closed_ms or 0, **values)
        kinds = (int, str, int, str, str, int, str, str, str)
        # Not isinstance: JSON's true is an int to Python.
        if not all(type(value) is kind for value, kind in zip(closing, kinds, strict=True)):
            raise ValueError("a value has the wrong type")
        # They become parts of paths.
        names = [form["name"] for form in json.loads(closing.content).get("forms", [])]
        if not _MONTH.fullmatch(closing.month) or not all(map(is_form_name, names)):
            raise ValueError("its month or the name of a form is none")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is not the closing of a month: {error}") from None
    if closing.hash != _hash(closing):
        raise UsageError(f"{path} has been changed since it was written")
    return closing
