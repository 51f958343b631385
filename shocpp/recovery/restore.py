"""The restoring of accounting files as records, for `import` and `rebuild`.

A file is restored once: its name belongs to one record for ever, and a stop in the database has a
record already, also under another name. So both commands may be repeated, and go on where they were
interrupted. Decisions come after the records that they are about, and closings of months last. A
record that is restored after the closing of its month goes into the open month.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from shocpp.bookkeeping.accounting_files.chain import closing_paths
from shocpp.bookkeeping.accounting_files.record_files import (
    record_paths,
    renumbering_paths,
    write_files,
)
from shocpp.bookkeeping.decisions.late_stops import supersede
from shocpp.bookkeeping.posting import location_in, open_ms, posting
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.ledger.decisions import ENDED_BY_HAND
from shocpp.ledger.record import OVERLAPS, Record, late_record
from shocpp.ocpp.identity import identity_key, is_identity
from shocpp.recovery.account_names import FiledAccounts
from shocpp.recovery.decision_order import in_order
from shocpp.recovery.filed.closings import restore_closings, restore_forms
from shocpp.recovery.filed.notes import restore_notes
from shocpp.recovery.filed.records import Filed, read_filed
from shocpp.recovery.numbering import FiledNumbers
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.books import closings, prices, records, signed_values
from shocpp.store.books.numbers import START_NUMBERS, Renumbering
from shocpp.store.books.records import Origin, RecordLocation
from shocpp.store.books.restoring import restored
from shocpp.store.books.stops import is_decided_above
from shocpp.store.charge_points import identities
from shocpp.store.database import Database
from shocpp.store.keys import BOOKS, NO_KEYS, Keys

_Item = TypeVar("_Item")

FILES_AT_ONCE = 200
"""The number of files in a write transaction: so few that a server beside it waits only briefly."""


class Restored(NamedTuple):
    """The number of files that became records, the number of known ones, and why others did not.

    `renumbered` are the records that got another number, because an older one has theirs.
    """

    restored: int
    known: int
    refused: list[str]
    renumbered: list[Renumbering]


Advance = Callable[[int], None]
"""Takes the number of items that were done since the last call."""

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Shows the progress of a long piece of work; takes its name and its number of items."""


class Importer:
    """The restoring of files into one database.

    `charge_point_id` is the Charge Point of the seed's files, which do not name it. `refused` has a
    sentence for each file that was not restored, `accounts` are the accounts of the files. Without
    `has_numbers` all records get new numbers.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        charge_point_id: str | None = None,
        *,
        has_numbers: bool = True,
    ) -> None:
        self.refused: list[str] = []
        self._db = db
        self._settings, self._folder = settings, settings.accounting_folder
        self._books = posting(db, settings)
        self._numbers = FiledNumbers(db, self._folder) if has_numbers else None
        self._charge_point_id = charge_point_id
        self.accounts = FiledAccounts(db, settings)
        self._restored = self._known = 0
        self._decisions: list[Filed] = []
        self._late: list[Filed] = []
        self._zone = settings.zone

    def restore(self, paths: Sequence[Path], folder: Path, advance: Advance) -> Restored:
        """Restore all of these files that are not records yet.

        `folder` has the files of closings, forms, renumberings and notes. Raises StoreUnavailable.
        """
        if self._numbers is not None:
            self.refused += self._numbers.read(paths, renumbering_paths(folder))
        self.restore_records(paths, advance)
        for decisions in _slices(self.decisions(), FILES_AT_ONCE):
            with self._db.writing(keys=self._keys(decisions)):
                for decision in decisions:
                    self.restore_one(decision)
        self.refused += restore_closings(self._db, self._folder, closing_paths(folder))
        self.refused += restore_forms(self._db, self._settings, folder)
        self.refused += restore_notes(self._db, self._folder, folder)
        self.accounts.follow()
        # These records have got a file in another month, and their old files would come back.
        for filed in self._late:
            self._set_aside(filed)
        return self.outcome()

    def restore_records(
        self,
        paths: Iterable[Path],
        advance: Advance,
        wanted: Callable[[Filed], bool] = lambda _: True,
    ) -> None:
        """Restore the wanted records; keep decisions of humans for `decisions`."""
        # Ours before the seed's: ours name accounts that tags.json may have lost, and a record of
        # the seed's waits for review if one of ours has the same account and readings.
        seeds: list[Filed] = []
        for some_paths in _slices(paths, FILES_AT_ONCE):
            some = [filed for filed in map(self._read, some_paths) if filed is not None]
            self._decisions += [filed for filed in some if filed.entry != "record"]
            seeds += [filed for filed in some if filed.account_index is None]
            with self._db.writing(keys=self._keys(some)):
                for filed in some:
                    is_ours = filed.entry == "record" and filed.account_index is not None
                    if is_ours and wanted(filed):
                        self.restore_one(filed)
            advance(len(some_paths))
        if seeds:
            self.accounts.read_owners()
        for some_seeds in _slices(seeds, FILES_AT_ONCE):
            with self._db.writing(keys=self._keys(some_seeds)):
                for filed in some_seeds:
                    if wanted(filed):
                        self.restore_one(filed)

    def decisions(self) -> list[Filed]:
        """Return the decisions that hold, in the order in which they must be restored.

        The files of the others are set aside.
        """
        decisions, superseded = in_order(self._decisions)
        for filed in superseded:
            self._set_aside(filed)
            self.refused.append(f"{filed.path}: it was decided in another way since; set aside")
        return decisions

    def outcome(self) -> Restored:
        """Return the result so far."""
        renumbered = [] if self._numbers is None else self._numbers.renumbered
        return Restored(self._restored, self._known, self.refused, renumbered)

    def _read(self, path: Path) -> Filed | None:
        try:
            return read_filed(path)
        except UsageError as error:
            self.refused.append(str(error))
            return None

    def restore_one(self, filed: Filed) -> None:
        """Restore a record if it is not known yet, inside the caller's write transaction.

        A file that does not fit into the database is refused and undoes no other one.
        """
        try:
            with self._db.savepoint():
                known = self._is_known(filed)
                if known:
                    self._complete(filed)
                else:
                    self._restore(filed)
        except UsageError as error:
            self.refused.append(f"{filed.path}: {error}")
        else:
            self._known += known
            self._restored += not known

    def _is_known(self, filed: Filed) -> bool:
        """Return True if a record has this file's name, or the stop of this file."""
        if records.number_of(self._db, filed.place.file_name) is not None:
            return True
        charge_point = self._row(filed)
        return (
            charge_point is not None
            and filed.stop is not None
            and restored.has_stop(self._db, charge_point, filed.stop)
        )

    def _complete(self, filed: Filed) -> None:
        """Finish a known record whose import was cut off, or that lacks the price in its file."""
        db, number = self._db, records.number_of(self._db, filed.place.file_name)
        stored = None if number is None else records.stored(db, number)
        if number is None or stored is None:
            return
        if stored.place.month != filed.place.month:
            self._late.append(filed)
        elif filed.price is not None and prices.of_record(db, number) is None:
            # Not in a closed month: a new price would break the chain.
            wh = sum(part.wh for part in filed.price.price.parts)
            if wh == stored.record.consumed_wh and not closings.is_closed(db, stored.place.month):
                prices.record(db, number, filed.price.price, filed.price.priced_ms)

    def _keys(self, some: Iterable[Filed]) -> Keys:
        """Return the keys of a transaction that restores these files."""
        return BOOKS.at(*map(self._name, some))

    def _name(self, filed: Filed) -> str | None:
        """Return the identity of a file's Charge Point, or None if it is not known."""
        is_of_the_seed = filed.charge_point_id is None and filed.account_index is None
        return self._charge_point_id if is_of_the_seed else filed.charge_point_id

    def _row(self, filed: Filed) -> int | None:
        """Return the row number of a file's Charge Point, or None if it is not known."""
        name = self._name(filed)
        if name is None:
            return None
        row = identities.enter(self._db, name, filed.booked_ms)
        identities.extend_seen(self._db, row, filed.booked_ms)
        return row

    def _restore(self, filed: Filed) -> None:
        """Write a record with its transaction, stop, signed values and price."""
        db, charge_point = self._db, self._row(filed)
        record = filed.record
        if filed.account_index is None:
            record = self._of_the_seed(filed)
        self.accounts.require_bound(record)
        self._require_no_stop(filed, charge_point)
        start = stop = replaces = None
        if charge_point is not None and filed.start is not None:
            no_numbers = {} if self._numbers else dict.fromkeys(START_NUMBERS)
            start = restored.restore_start(db, charge_point, filed.start | no_numbers)
        if charge_point is not None and filed.stop is not None:
            stop = restored.restore_stop(db, charge_point, start, filed.stop)
        signed_values.restore(db, charge_point, start, stop, filed.signed)
        if filed.entry == "record" and start is not None and filed.stop is not None:
            # As a stop that comes late, it wins over a human who has ended its transaction.
            of_stop = Origin(charge_point, stop, start)
            name_parts = (identity_key(filed.charge_point_id or ""), filed.stop["stop_key"])
            if supersede(db, self._books, of_stop, record, now_ms(), *name_parts):
                return
            if is_decided_above(db, start, record.begin_wh):
                record = record._replace(review=record.review or OVERLAPS)
        if filed.replaces_file is not None:
            self._require_undecided(filed, filed.replaces_file)
        number = None if self._numbers is None else self._numbers.number_for(filed)
        if filed.replaces_file is not None:
            # Now, because the record may just have got another number.
            replaces = records.number_of(db, filed.replaces_file)
        origin = Origin(
            *(charge_point, stop, start, filed.entry, replaces),
            *(filed.decided_by, filed.decided_why),
        )
        record, location = self._in_open_month(record, filed)
        month = self._folder / location.month.replace("-", "/")
        # A file that lies in its place is written again only if its content or number has changed.
        is_written = filed.path.parent.resolve() == month.resolve() and filed.number is not None
        is_written = is_written and number in (None, filed.number) and record is filed.record
        exported_ms = now_ms() if is_written else None
        number = records.record(db, origin, record, location, filed.booked_ms, exported_ms, number)
        if filed.price is not None:
            prices.record(db, number, filed.price.price, filed.price.priced_ms)

    def _in_open_month(self, record: Record, filed: Filed) -> tuple[Record, RecordLocation]:
        """Return the record and its location, moved to the open month if its own is closed."""
        if not closings.is_closed(self._db, filed.place.month):
            return record, filed.place
        self._late.append(filed)
        late = late_record(record, filed.place.month, open_ms(self._db, now_ms(), self._zone))
        return late, location_in(late.billed_ms, self._zone, filed.place.file_name)

    def _require_no_stop(self, filed: Filed, charge_point: int | None) -> None:
        """Raise UsageError if the stop of a transaction that a human has ended is booked here."""
        if ENDED_BY_HAND not in filed.record.flags or filed.replaces_file or filed.start is None:
            return
        if charge_point is not None and restored.is_stopped(self._db, charge_point, filed.start):
            self._set_aside(filed)
            raise UsageError("the transaction that it ends was stopped since; set aside")

    def _of_the_seed(self, filed: Filed) -> Record:
        """Return the record of a seed's file with the index of its account.

        The seed's scripts booked some transactions twice: a second record with the same account and
        readings is put under review. Raises UsageError if there is no such account.
        """
        record = filed.record
        record = record._replace(account_index=self.accounts.index_of(record.account))
        twin = records.record_with_same_readings(self._db, record)
        if twin is None or record.review is not None:
            return record
        return record._replace(review=f"{twin} has the same account and readings")

    def _require_undecided(self, filed: Filed, file_name: str) -> None:
        """Raise UsageError if a decision's record is missing, or was decided on in another way."""
        number = records.number_of(self._db, file_name)
        if number is None:
            raise UsageError(f"the record that it decides on is not in the books: {file_name}")
        other = records.decision_file(self._db, number, filed.entry)
        if other is not None:
            self._set_aside(filed)
            raise UsageError(f"{file_name} was decided in another way since: {other}")

    def _set_aside(self, filed: Filed) -> None:
        """Rename a file of the accounting folder, so that the next rebuild does not restore it."""
        if filed.path.resolve().is_relative_to(self._folder.resolve()):
            filed.path.replace(filed.path.with_name(f"{filed.path.name}.superseded"))


def _slices(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield the items in lists of this size; the last one may be shorter."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def import_files(
    db: Database, settings: Settings, path: Path, charge_point_id: str | None, progress: Progress
) -> Restored:
    """Import the records and closings at a path.

    After an import, as in a new database, a stop of an unknown transaction may be booked from its
    id for 30 days: the seed's scripts may have begun the transaction. Raises UsageError if the path
    does not exist or `charge_point_id` is not an identity.
    """
    if charge_point_id is not None and not is_identity(charge_point_id):
        raise UsageError(f"{charge_point_id!r} cannot be the name of a charger")
    paths = record_paths(path)
    with db.writing(keys=NO_KEYS):
        properties.remember_import(db, now_ms())
    with progress("accounting files", len(paths)) as advance:
        restored = Importer(db, settings, charge_point_id).restore(paths, path, advance)
    write_files(db, settings)
    return restored
