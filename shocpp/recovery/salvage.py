"""The salvage of a damaged database: what can be read of it, for `shocpp rebuild`.

Records without a file get their files, which the rebuild imports. Then the frames of messages that
are in no file are replayed: open transactions, and stops whose records could not be read.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.clock import now_ms
from shocpp.configuration.tags import load_accounts, owners
from shocpp.errors import ConfigError, StoreUnavailable, UsageError
from shocpp.recovery.filed.records import read_filed
from shocpp.recovery.message_replay import MessageReplay
from shocpp.recovery.replay import FOR_EVER_MS
from shocpp.recovery.restore import Progress
from shocpp.settings import Settings
from shocpp.store import gauges
from shocpp.store.books import transactions
from shocpp.store.books.restoring import lost_rows, restored
from shocpp.store.charge_points import frames, identities
from shocpp.store.database import Database, open_database
from shocpp.store.files import salvaged_rows
from shocpp.store.files.backups import beside
from shocpp.store.files.page_rows import Pages
from shocpp.store.files.salvaged_rows import Unreadable, copy_readable, energy_frames
from shocpp.store.keys import EVERYTHING, NO_KEYS
from shocpp.store.schema.migrations import migrate
from shocpp.store.site import dimmings


class Salvaged(NamedTuple):
    """The result of a salvage: new files of records, replayed messages, and the losses.

    `nameless` are records and messages of chargers whose names could not be read.
    """

    files: int
    messages: int
    nameless: int
    unreadable: Unreadable


LOSSES = {
    "charge_point": "chargers: their names come from an index and the files, in lower case",
    "started_transaction": (
        "transactions: their starts come from files and frames; without a clock they stay lost, "
        "and open ones may have other numbers"
    ),
    "received_stop": "stops: they come from files and frames",
    "accounting_record": (
        "records: those without a file are booked from their frames, at the prices of "
        "conf/tariffs.json; make decisions that are in no file again: shocpp review"
    ),
    "price": "prices: set those that are in no file again: shocpp tariffs apply",
    "price_part": "prices: set those that are in no file again: shocpp tariffs apply",
    "closed_month": "closings: close months without a file again: shocpp close",
    "signed_value": "signed values: those that are in no file are lost",
    "renumbering": "reasons of new numbers: those that are in no file are lost",
    "session_note": "notes on sessions: those that are in no file are lost",
    "frame": "frames: open transactions lack their readings, and are booked when they stop",
    "account": "accounts: their names come from records and conf/tags.json",
    "dim_signal": "the grid operator's signal: the next one counts",
    "dimming": "the grid operator's dimmings: some are missing from their log",
}
"""The consequences of lost pages, by table."""


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
                unreadable = copy_readable(db, pages, _listed_names(settings), advance)
            yield db, unreadable
    except OSError as error:
        raise StoreUnavailable(f"{error.filename or path}: {error.strerror}") from error
    finally:
        _remove(path)


def _listed_names(settings: Settings) -> list[tuple[int, str]]:
    """Return the names of the accounts in tags.json, present and former, with their indices."""
    with suppress(FileNotFoundError, ConfigError):
        accounts = load_accounts(settings.tags_file, {}).by_index
        return [(index, name) for index, account in accounts.items() for name in account.names]
    return []


def write_files_of(readable: Database, settings: Settings) -> int:
    """Write the files of records and closings that have none; return their number.

    Raises OSError if the folder cannot be written.
    """
    _identify(readable, settings.accounting_folder)
    files = RecordFiles(settings.accounting_folder)
    files.requeue_missing(readable)
    count = gauges.waiting_files(readable)
    while files.export(readable, now_ms()):
        pass
    return count


def _identify(readable: Database, folder: Path) -> None:
    """Give nameless Charge Points the names in the files of their records."""
    named: set[int] = set()
    for charge_point, month, file_name in salvaged_rows.records_of_nameless(readable):
        path = folder.joinpath(*month.split("-"), file_name)
        if charge_point not in named and path.exists():
            with suppress(UsageError):
                name = read_filed(path).charge_point_id
                if name is not None:
                    salvaged_rows.name(readable, charge_point, name)
                    named.add(charge_point)


def replay_messages(
    db: Database, readable: Database, settings: Settings, progress: Progress
) -> tuple[int, list[str]]:
    """Replay the messages in the salvaged frames and rows that the books lack.

    Returns their number, and a sentence for each that cannot be booked. `db` has the records of all
    files. Raises StoreUnavailable.
    """
    # A rebuild that was cut off between the renames goes on, and may find a -wal.
    if frames.newest(db):
        return 0, []
    _bind_accounts(db, readable, settings)
    count, total = 0, frames.count_with_energy(readable)
    with progress("frames of the old database", total) as advance, db.writing(keys=EVERYTHING):
        replay = MessageReplay(db, settings, lost_rows.readable_starts(readable))
        for frame in energy_frames(readable):
            row = identities.enter(db, frame.charge_point_id, frame.moment_ms)
            count += replay.replay_unknown(frame._replace(charge_point=row))
            advance(1)
        count += replay.restore_starts(FOR_EVER_MS)
        restored.orphan_replaced(db, FOR_EVER_MS)
    return count, replay.refused


def restore_dimmings(db: Database, readable: Database) -> None:
    """Write the log of the grid operator's dimmings into the new database; it is in no file."""
    with db.writing(keys=NO_KEYS):
        dimmings.restore(db, readable)


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
