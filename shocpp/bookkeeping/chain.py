"""The chain of closed months (a room): what each link vouches for, its file, and the proof.

A link is the hash of the month's paper, of all its records with their prices, and of the link
before it. Whoever changes one of them afterwards would have to change every later link, and the
hashes that were printed on papers since.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.ocpp.times import format_timestamp, parse_timestamp
from shocpp.reports.snapshot import content_text
from shocpp.store.books import closings
from shocpp.store.books.closings import Closing
from shocpp.store.database import Database

_FILES = "**/00_closed_*.json"


def closing_of(db: Database, month: str, content: str, closed_ms: int, closed_by: str) -> Closing:
    """The link that closes a month (YYYY-MM), after the last one there is."""
    last = closings.chain(db)[-1:]
    count, digest = _digest(db, month)
    bare = Closing(
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
    return bare._replace(hash=_hash(bare))


def _digest(db: Database, month: str) -> tuple[int, str]:
    """How many records a month has, and the SHA-256 of what the books say of them."""
    digest, count = hashlib.sha256(), 0
    for said in closings.vouched(db, month):
        digest.update(said.encode() + b"\n")
        count += 1
    return count, digest.hexdigest()


def _hash(closing: Closing) -> str:
    told = json.dumps(closing._replace(hash=""), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


class Proved(NamedTuple):
    """A link of the chain, and what is wrong with it; None: it is whole."""

    closing: Closing
    broken: str | None


def prove(db: Database, folder: Path) -> Iterator[Proved]:
    """Each link from the first to the last, held against the books and against its file.

    A link after a broken one is only as good as its own content.
    """
    before = ""
    for place, closing in enumerate(closings.chain(db), 1):
        yield Proved(closing, _broken(db, folder, closing, place, before))
        before = closing.hash


def _broken(db: Database, folder: Path, closing: Closing, place: int, before: str) -> str | None:
    if closing.number != place or closing.previous != before:
        return "the link before it is not the one that it was linked to"
    if closing.hash != _hash(closing):
        return "what was closed has been changed since"
    different = difference(db, closing)
    if different is not None:
        return different
    path = folder / file_name(closing.month)
    try:
        filed = read_closing(path)
    except FileNotFoundError:
        return None  # it is written again, as every file of the books
    except UsageError as error:
        return str(error)
    return None if filed == closing else f"{path} says otherwise"


def difference(db: Database, closing: Closing) -> str | None:
    """What the books say otherwise than a closing; None: its month is as it was closed."""
    count, digest = _digest(db, closing.month)
    if count != closing.records:
        return f"{closing.records} records were closed, and there are {count}"
    if digest != closing.records_digest:
        return "a record or its price has been changed since"
    return None


def unchained(db: Database, folder: Path) -> list[Path]:
    """The files of closings that are no links here: the end of the chain was cut off, or lost."""
    known = {Path(file_name(closing.month)).name for closing in closings.chain(db)}
    return [path for path in closing_paths(folder) if path.name not in known]


def closing_paths(folder: Path) -> list[Path]:
    """The files of closings below a folder."""
    return sorted(folder.glob(_FILES))


def file_name(month: str) -> str:
    """The file of a closing, below the accounting folder."""
    return f"{month.replace('-', '/')}/00_closed_{month.replace('-', '_')}.json"


def file_text(closing: Closing) -> str:
    """A closing as its file tells it."""
    told = closing._asdict()
    told |= {"closed_at": format_timestamp(told.pop("closed_ms"))}
    told |= {"content": json.loads(closing.content)}
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def read_closing(path: Path) -> Closing:
    """The closing of a file; raises FileNotFoundError, or UsageError saying what is wrong."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        closed_ms = parse_timestamp(values.pop("closed_at"))
        values["content"] = content_text(values["content"])
        told = Closing(closed_ms=closed_ms or 0, **values)
        kinds = (int, str, int, str, str, int, str, str, str)
        if not all(type(value) is kind for value, kind in zip(told, kinds, strict=True)):
            raise ValueError("a value has the wrong type")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is not the closing of a month: {error}") from None
    if told.hash != _hash(told):
        raise UsageError(f"{path} has been changed since it was written")
    return told
