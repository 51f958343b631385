"""Accounting files back into the books (a room): what `import` and `rebuild` do.

A file is restored once, whatever happens: its name is a record's for ever, and a stop that is on
file has its record, under whatever name. So both may be repeated, and go on where they were
interrupted. Decisions come after the records they are about, the closings of months last: what is
found after them goes into the open month.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from shocpp.bookkeeping.chain import (
    closing_paths,
    difference,
    file_name,
    read_closing,
)
from shocpp.bookkeeping.posting import open_ms, place_in
from shocpp.bookkeeping.record_files import record_paths, write_files
from shocpp.clock import now_ms
from shocpp.configuration.tags import owners
from shocpp.errors import UsageError
from shocpp.ledger.booking import Record, late_record
from shocpp.ledger.transaction_id import LAST_INDEX, UNASSIGNED_INDEX
from shocpp.ocpp.identity import is_identity
from shocpp.recovery.filed_records import Filed, read_filed
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.books import closings, prices, records, restored, signed_values, transactions
from shocpp.store.books.closings import Closing
from shocpp.store.books.records import Origin, RecordLocation
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

_Item = TypeVar("_Item")

AT_ONCE = 200
"""Files a write transaction takes: few enough that a server beside it does not wait long."""


class Restored(NamedTuple):
    """How many files became records, how many were known, and what is wrong with the others."""

    restored: int
    known: int
    refused: list[str]


Tell = Callable[[int], None]
"""Is told how much more of a long piece of work is done."""

Progress = Callable[[str, int], AbstractContextManager[Tell]]
"""Shows how far a long piece of work is, by its name and how much there is of it."""


class Restoring:
    """The restoring of files into one database.

    `charge_point_id` is where the records of the seed's files are from, if somebody knows.
    """

    def __init__(
        self, db: Database, settings: Settings, charge_point_id: str | None = None
    ) -> None:
        self.refused: list[str] = []
        self._db = db
        self._folder = settings.accounting_folder
        self._tags_file = settings.tags_file
        self._charge_point_id = charge_point_id
        self._owners = owners(settings.tags_file, transactions.account_names(db))
        self._restored = self._known = 0
        self._decisions: list[Filed] = []
        self._belated: list[Filed] = []
        self._zone = settings.zone

    def restore(self, paths: Iterable[Path], closed: Iterable[Path], tell: Tell) -> Restored:
        """Restore all of these files that are not records yet; raises StoreUnavailable.

        `closed` are the files of closings.
        """
        self.restore_records(paths, tell)
        for decisions in _slices(self.decisions(), AT_ONCE):
            with self._db.writing():
                for decision in decisions:
                    self.restore_one(decision)
        self._restore_closings(closed)
        for filed in self._belated:
            self._set_aside(filed)
        return self.outcome()

    def _restore_closings(self, paths: Iterable[Path]) -> None:
        filed = []
        for path in paths:
            try:
                filed.append((read_closing(path), path))
            except (UsageError, FileNotFoundError) as error:
                self.refused.append(str(error))
        for closing, path in sorted(filed):
            with self._db.writing():
                self._restore_closing(closing, path)

    def _restore_closing(self, closing: Closing, path: Path) -> None:
        there = closings.of_month(self._db, closing.month)
        if there is not None:
            trouble = None if there.hash == closing.hash else "its month was closed in another way"
        else:
            trouble = difference(self._db, closing)
        if trouble is None and there is None:
            is_there = path == self._folder / file_name(closing.month)
            try:
                with self._db.apart():
                    closings.record(self._db, closing, now_ms() if is_there else None)
            except UsageError as error:
                trouble = str(error)
        if trouble is not None:
            self.refused.append(
                f"{path}: {trouble}; import it again once that is mended, or move this file out of "
                "the folder and close the month anew: shocpp close"
            )

    def restore_records(
        self, paths: Iterable[Path], tell: Tell, wanted: Callable[[Filed], bool] = lambda _: True
    ) -> None:
        """Restore those that no human has decided, as far as they are wanted.

        Ours first: they know accounts that tags.json has lost, and which of two twins waits.
        """
        seeds: list[Filed] = []
        for some in _slices(paths, AT_ONCE):
            filed = [filed for filed in map(self._read, some) if filed is not None]
            self._decisions += [one for one in filed if one.entry != "record"]
            seeds += [one for one in filed if one.account_index is None]
            with self._db.writing():
                for one in filed:
                    if one.entry == "record" and one.account_index is not None and wanted(one):
                        self.restore_one(one)
            tell(len(some))
        if seeds:
            self._owners = owners(self._tags_file, transactions.account_names(self._db))
        for some_seeds in _slices(seeds, AT_ONCE):
            with self._db.writing():
                for one in some_seeds:
                    if wanted(one):
                        self.restore_one(one)

    def decisions(self) -> list[Filed]:
        """Those that humans have decided, in the order of their times: what they are about first.

        A reversal goes before what replaces its record. Of two decisions on one record, as after
        an older copy of the database was in use again, the later one holds.
        """
        by_name = {one.place.file_name: one for one in self._decisions}
        ordered = sorted(self._decisions, key=lambda one: _turn(one, by_name))
        last = {_about(one): one for one in ordered}
        for one in ordered:
            if last[_about(one)] is not one:
                self._set_aside(one)
                self.refused.append(f"{one.path}: it was decided in another way since; set aside")
        return [one for one in ordered if last[_about(one)] is one]

    def outcome(self) -> Restored:
        """What has come of it so far."""
        return Restored(self._restored, self._known, self.refused)

    def _read(self, path: Path) -> Filed | None:
        try:
            return read_filed(path)
        except UsageError as error:
            self.refused.append(str(error))
            return None

    def restore_one(self, filed: Filed) -> None:
        """Restore a record that is not there yet, inside the caller's write transaction."""
        try:
            with self._db.apart():
                known = self._is_known(filed)
                if known:
                    self._look_again(filed)
                else:
                    self._restore(filed)
        except UsageError as error:
            self.refused.append(f"{filed.path}: {error}")
        else:
            self._known += known
            self._restored += not known

    def _is_known(self, filed: Filed) -> bool:
        if records.number_of(self._db, filed.place.file_name) is not None:
            return True
        charge_point = self._row(filed)
        return (
            charge_point is not None
            and filed.stop is not None
            and restored.has_stop(self._db, charge_point, filed.stop)
        )

    def _look_again(self, filed: Filed) -> None:
        """What an import that was cut off, or an older copy of the database, has left of a file."""
        db, number = self._db, records.number_of(self._db, filed.place.file_name)
        stored = None if number is None else records.stored(db, number)
        if number is None or stored is None:
            return
        if stored.place.month != filed.place.month:
            self._belated.append(filed)
        elif filed.price is not None and prices.of_record(db, number) is None:
            wh = sum(part.wh for part in filed.price.price.parts)
            if wh == stored.record.consumed_wh and not closings.is_closed(db, stored.place.month):
                prices.freeze(db, number, filed.price.price, filed.price.priced_ms)

    def _row(self, filed: Filed) -> int | None:
        name = filed.charge_point_id
        if name is None and filed.account_index is None:
            name = self._charge_point_id
        if name is None:
            return None
        row = identities.enter(self._db, name, filed.booked_ms)
        identities.heard_since(self._db, row, filed.booked_ms)
        return row

    def _restore(self, filed: Filed) -> None:
        db, charge_point = self._db, self._row(filed)
        record = filed.record
        if filed.account_index is None:
            record = self._of_the_seed(filed)
        self._require_bound(record.account_index, record.account)
        start = stop = replaces = None
        if charge_point is not None and filed.start is not None:
            start = restored.restore_start(db, charge_point, filed.start)
        if charge_point is not None and filed.stop is not None:
            stop = restored.restore_stop(db, charge_point, start, filed.stop)
        signed_values.restore(db, charge_point, start, stop, filed.signed)
        if filed.replaces_file is not None:
            replaces = self._replaced(filed, filed.replaces_file)
        origin = Origin(
            *(charge_point, stop, start, filed.entry, replaces),
            *(filed.decided_by, filed.decided_why),
        )
        record, place = self._in_open_month(record, filed)
        month = self._folder / place.month.replace("-", "/")
        is_there = filed.path.parent.resolve() == month.resolve()
        number = records.record(
            db, origin, record, place, filed.booked_ms, now_ms() if is_there else None
        )
        if filed.price is not None:
            prices.freeze(db, number, filed.price.price, filed.price.priced_ms)

    def _in_open_month(self, record: Record, filed: Filed) -> tuple[Record, RecordLocation]:
        """The record and its place, moved where its month is closed without it."""
        if not closings.is_closed(self._db, filed.place.month):
            return record, filed.place
        self._belated.append(filed)
        late = late_record(record, filed.place.month, open_ms(self._db, now_ms(), self._zone))
        return late, place_in(late.billed_ms, self._zone, filed.place.file_name)

    def _require_bound(self, account_index: int, account: str) -> None:
        """An index, once used, is that of its account for ever."""
        if not UNASSIGNED_INDEX <= account_index <= LAST_INDEX:
            raise UsageError(f"its account has the index {account_index}, not 0..{LAST_INDEX}")
        bound = transactions.account_names(self._db).get(account_index, account)
        if bound != account:
            raise UsageError(
                f"index {account_index} belongs to the account {bound!r} in the books, not to "
                f"{account!r}"
            )

    def _of_the_seed(self, filed: Filed) -> Record:
        """Its account's index; a second record of one transaction, which the seed booked, waits."""
        record = filed.record
        if record.account not in self._owners:
            raise UsageError(
                f"there is no account {record.account!r}; add it to tags.json with the index it "
                "had and an empty list of ids, and import again"
            )
        record = record._replace(account_index=self._owners[record.account].account_index)
        twin = records.twin_of(self._db, record)
        if twin is None or record.review is not None:
            return record
        return record._replace(review=f"{twin} has the same account and readings")

    def _replaced(self, filed: Filed, file_name: str) -> int:
        number = records.number_of(self._db, file_name)
        if number is None:
            raise UsageError(f"what it decides on is not on file: {file_name}")
        other = records.decided(self._db, number, filed.entry)
        if other is not None:
            self._set_aside(filed)
            raise UsageError(f"{file_name} was decided in another way since: {other}")
        return number

    def _set_aside(self, filed: Filed) -> None:
        """A decision that another one has overtaken must not come back at the next rebuild."""
        if filed.path.resolve().is_relative_to(self._folder.resolve()):
            filed.path.replace(filed.path.with_name(f"{filed.path.name}.superseded"))


def _about(filed: Filed) -> tuple[str, bool]:
    """What a decision is about: no record has two reversals, nor two entries in its stead."""
    itself = f"{filed.place.file_name}, which replaces nothing"
    return filed.replaces_file or itself, filed.entry == "reversal"


def _turn(filed: Filed, by_name: Mapping[str, Filed]) -> tuple[int, int, bool]:
    """When it is a decision's turn: our clock may have been set back since what it is about."""
    about, depth, moment_ms = filed, 0, filed.booked_ms
    while depth < len(by_name):  # damaged files may go round in a circle
        before = by_name.get(about.replaces_file or "")
        if before is None:
            break
        about, depth, moment_ms = before, depth + 1, max(moment_ms, before.booked_ms)
    return moment_ms, depth, filed.entry != "reversal"


def _slices(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def import_files(
    db: Database, settings: Settings, path: Path, charge_point_id: str | None, progress: Progress
) -> Restored:
    """Take the records at a path into the books; those of the seed may be older than the books.

    Transactions that the seed's scripts have begun are then known by their ids alone, for so long
    as in a new database. Raises UsageError where the path does not exist, or the name is none.
    """
    if charge_point_id is not None and not is_identity(charge_point_id):
        raise UsageError(f"{charge_point_id!r} cannot be the name of a charger")
    paths = record_paths(path)
    with db.writing():
        properties.remember_import(db, now_ms())
    with progress("accounting files", len(paths)) as tell:
        restored = Restoring(db, settings, charge_point_id).restore(
            paths, closing_paths(path), tell
        )
    write_files(db, settings)
    return restored
