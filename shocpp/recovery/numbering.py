"""The numbers of restored records: from their files, or new ones.

A record gets the number in its file, unless an older one has that number. A record without one gets
the next number above all that are known.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shocpp.bookkeeping.accounting_files.record_files import filed_number, is_number
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.ledger.decisions import BY_SHOCPP
from shocpp.ocpp.times import parse_timestamp
from shocpp.recovery.filed.records import Filed
from shocpp.store import properties
from shocpp.store.books import closings, numbers
from shocpp.store.books.numbers import Renumbering
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS


class FiledNumbers:
    """The numbers of the records that one command restores.

    `renumbered` are the records that got another number than their files said.
    """

    def __init__(self, db: Database, folder: Path) -> None:
        """Begin without any file; `folder` is the accounting folder."""
        self.renumbered: list[Renumbering] = []
        self._db = db
        self._folder = folder
        self._decided: dict[str, tuple[Renumbering, Path]] = {}

    def read(self, paths: Iterable[Path], renumberings: Iterable[Path]) -> list[str]:
        """Read the renumberings and the highest number in the files.

        Returns a sentence for each file of a renumbering that cannot be read. Raises
        StoreUnavailable.
        """
        refused, highest = [], max((filed_number(path) or 0 for path in paths), default=0)
        for path in renumberings:
            try:
                renumbering = _read(path)
            except UsageError as error:
                refused.append(str(error))
                continue
            highest = max(highest, renumbering.number)
            known = self._decided.get(renumbering.file_name)
            if known is None or _age(known[0]) < _age(renumbering):
                self._decided[renumbering.file_name] = renumbering, path
        with self._db.writing(keys=NO_KEYS):
            properties.raise_numbers_above(self._db, highest)
        return refused

    def number_for(self, filed: Filed) -> int:
        """Return the number of a record that is restored now, in the caller's write transaction."""
        decided = self._decided.get(filed.place.file_name)
        if decided is not None:
            renumbering, path = decided
            is_in_folder = path.parent.resolve() == self._folder.resolve()
            numbers.record(self._db, renumbering, now_ms() if is_in_folder else None)
        number = filed.number if decided is None else decided[0].number
        if number is None:
            return numbers.next_number(self._db)
        holder = numbers.holder(self._db, number)
        if holder is None:
            return number
        following = numbers.next_number(self._db)
        file_name = filed.place.file_name
        # A closed month is printed with its numbers for ever.
        is_older = (filed.booked_ms, file_name) < (holder.booked_ms, holder.file_name)
        if is_older and not closings.is_closed(self._db, holder.month):
            numbers.move(self._db, number, following)
            self._note(holder.file_name, following, number, file_name)
            return number
        self._note(file_name, following, number, holder.file_name)
        return following

    def _note(self, file_name: str, number: int, former_number: int, older: str) -> None:
        """Write that a record got another number, because an older one has its former number."""
        why = f"{former_number} is the number of {older.removesuffix('.json')}, which is older"
        renumbering = Renumbering(file_name, number, former_number, BY_SHOCPP, why, now_ms())
        numbers.record(self._db, renumbering)
        self.renumbered.append(renumbering)


def _age(renumbering: Renumbering) -> tuple[int, int]:
    return renumbering.booked_ms, renumbering.number


def _read(path: Path) -> Renumbering:
    """Return the renumbering in a file; raises UsageError if it is none."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        renumbering = Renumbering(
            values["replaces_file"],
            values["number"],
            values["former_number"],
            values["decided_by"],
            values["decided_why"],
            parse_timestamp(values["booked_at"]) or 0,
        )
        texts = (renumbering.file_name, renumbering.decided_by, renumbering.decided_why)
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a value has the wrong type")
        if not is_number(renumbering.number) or not is_number(renumbering.former_number):
            raise ValueError("its numbers are not those of records")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is not a renumbering of a record: {error}") from None
    return renumbering
