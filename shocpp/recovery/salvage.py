"""The salvage of a damaged database: what can be read of it, for `shocpp rebuild`.

Records without a file get their files, which the rebuild imports. Then the frames of messages that
are in no file are replayed: open transactions, and stops whose records could not be read. A message
is recognised by its Charge Point, time of receipt and natural key, so that none counts twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.central_system.conversations.conversation import connection_of
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import OPEN_TO_ALL
from shocpp.configuration.tags import owners
from shocpp.errors import ConfigError, StoreUnavailable
from shocpp.ledger.matching import keyed_stop
from shocpp.ledger.transactions import keyed_start
from shocpp.ocpp.connection import Reported
from shocpp.ocpp.facts import TransactionStarted, TransactionStopped
from shocpp.recovery.replay import FOR_EVER_MS, LedgerReplay
from shocpp.recovery.restore import Progress
from shocpp.settings import Settings
from shocpp.store import gauges
from shocpp.store.books import restored, transactions
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import EnergyFrame, Frame
from shocpp.store.database import Database, open_database
from shocpp.store.files.backups import beside
from shocpp.store.files.page_rows import Pages
from shocpp.store.files.salvaged_rows import Unreadable, copy_readable, energy_frames
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate


class Salvaged(NamedTuple):
    """The result of a salvage: new files of records, replayed messages, and the losses."""

    files: int
    messages: int
    unreadable: Unreadable


class MessageReplay(LedgerReplay):
    """The replay of messages that the books, which were made from files, do not have."""

    def __init__(self, db: Database, settings: Settings) -> None:
        super().__init__(db, settings)
        known = restored.remaining(db)
        self._starts, self._stops = known.starts, known.stops
        self._without_start = restored.without_start(db)
        self._newest: dict[int, int] = {}
        for row, moment_ms, _ in (*known.starts, *known.stops):
            self._newest[row] = max(self._newest.get(row, 0), moment_ms)

    def replay_unknown(self, frame: EnergyFrame) -> bool:
        """Replay a frame of another database if its message is not in this one.

        Returns True if it was replayed. It is written inside the caller's transaction.
        """
        connection = connection_of(self._allowlist.entry(frame.charge_point_id) or OPEN_TO_ALL, 0)
        event = connection.receive(frame.text, frame.moment_ms)
        fact = event.fact if isinstance(event, Reported) else None
        receipt = (frame.charge_point, frame.moment_ms)
        if isinstance(fact, TransactionStarted):
            start = keyed_start(fact)
            key, known, has_clock = start.natural_key, self._starts, start.has_clock
        elif isinstance(fact, TransactionStopped):
            stop = keyed_stop(fact)
            key, known, has_clock = stop.natural_key, self._stops, stop.has_clock
        else:
            # Readings count for transactions that are open; all others have their records.
            since_ms = restored.open_since_ms(self._db, frame.charge_point)
            if fact is None or since_ms is None or frame.moment_ms < since_ms:
                return False
            key, known, has_clock = "", set(), True
        # Without a clock, a repeat is recognised by the time of receipt only, so that messages from
        # before the newest known one are left out.
        newest_ms = self._newest.get(frame.charge_point, 0)
        if (*receipt, key) in known or (not has_clock and frame.moment_ms <= newest_ms):
            return False
        answer_ms = None if frame.answer is None else frame.moment_ms
        stored = Frame(
            *(frame.charge_point, "in", frame.action, frame.moment_ms),
            *(frame.text, frame.answer, answer_ms),
        )
        frames.record(self._db, [stored])
        restored.orphan_replaced(self._db, frame.moment_ms)
        self._replay(frame._replace(id=stored.id or 0))
        if isinstance(fact, TransactionStarted) and fact.started_ms is not None:
            # The row of the start could not be read, and that of its record could.
            ended_by = self._without_start.pop(
                (frame.charge_point, fact.connector_id, fact.started_ms), None
            )
            if ended_by is not None:
                restored.give_records(self._db, frame.charge_point, key, frame.moment_ms, ended_by)
        return True


@contextmanager
def readable_part(settings: Settings, progress: Progress) -> Iterator[tuple[Database, Unreadable]]:
    """Yield a database with the rows that can be read of the damaged one, for the block.

    Raises StoreUnavailable if the damaged file cannot be read, or its rows cannot be written.
    """
    path = settings.database.with_name(f"{settings.database.name}.salvaged")
    _remove(path)
    try:
        migrate(path, now_ms())
        pages = Pages(settings.database)
        with open_database(path) as db:
            with progress("pages of the old database", pages.count) as advance:
                unreadable = copy_readable(db, pages, advance)
            yield db, unreadable
    except OSError as error:
        raise StoreUnavailable(f"{error.filename or path}: {error.strerror}") from error
    finally:
        _remove(path)


def write_files_of(readable: Database, settings: Settings) -> int:
    """Write the files of records and closings that have none; return their number.

    Raises OSError if the folder cannot be written.
    """
    files = RecordFiles(settings.accounting_folder)
    files.requeue_missing(readable)
    count = gauges.waiting_files(readable)
    while files.export(readable, now_ms()):
        pass
    return count


def replay_messages(
    db: Database, readable: Database, settings: Settings, progress: Progress
) -> int:
    """Replay the messages in the salvaged frames that the books lack; return their number.

    `db` has the records of all files. Raises StoreUnavailable.
    """
    # A rebuild that was cut off between the renames goes on, and may find a -wal.
    if frames.newest(db):
        return 0
    _bind_accounts(db, readable, settings)
    replay, count = MessageReplay(db, settings), 0
    total = frames.count_with_energy(readable)
    with progress("frames of the old database", total) as advance, db.writing(keys=EVERYTHING):
        for frame in energy_frames(readable):
            row = identities.enter(db, frame.charge_point_id, frame.moment_ms)
            count += replay.replay_unknown(frame._replace(charge_point=row))
            advance(1)
        restored.orphan_replaced(db, FOR_EVER_MS)
    return count


def _bind_accounts(db: Database, readable: Database, settings: Settings) -> None:
    """Give the account indices of the old database their names, unless a record has done so."""
    names = transactions.account_names(readable)
    # The names in tags.json are certainly whole.
    with suppress(ConfigError):
        listed = owners(settings.tags_file, names).values()
        names |= {owner.account_index: owner.account for owner in listed}
    with db.writing(keys=EVERYTHING):
        bound = transactions.account_names(db)
        for index, name in names.items():
            if index not in bound and name.isprintable():
                transactions.bind_account(db, index, name)


def _remove(path: Path) -> None:
    for file in (path, *beside(path)):
        file.unlink(missing_ok=True)
