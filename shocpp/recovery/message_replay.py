"""The replay of messages of a damaged database that the books, made from files, do not have.

A message is recognised by its Charge Point, time of receipt and natural key, so that none counts
twice. A record whose start or stop could not be read gets it back from the frame. A transaction
whose frame could not be read comes back from its row.
"""

from collections import deque
from collections.abc import Iterable

from shocpp.bookkeeping.posting import digest_of
from shocpp.central_system.conversations.conversation import connection_of
from shocpp.configuration.charge_points import OPEN_TO_ALL
from shocpp.errors import UsageError
from shocpp.ledger.matching import KeyedStop, keyed_stop
from shocpp.ledger.transactions import DEFAULT_TAG_USED, keyed_start
from shocpp.ocpp.connection import Reported
from shocpp.ocpp.facts import TransactionStarted, TransactionStopped
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.stored.cutting import cut_samples
from shocpp.ocpp.times import format_timestamp
from shocpp.recovery.replay import LedgerReplay
from shocpp.settings import Settings
from shocpp.store.books import stops
from shocpp.store.books.restoring import lost_rows, restored
from shocpp.store.books.restoring.lost_rows import ReadableStart
from shocpp.store.books.restoring.restored import Assigned
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import EnergyFrame, Frame
from shocpp.store.database import Database

_Key = tuple[int, int, str]
"""A message: Charge Point, time of receipt, natural key."""


class MessageReplay(LedgerReplay):
    """The replay into a database that has the records of all files.

    `refused` has a sentence for each message that cannot be booked.
    """

    def __init__(self, db: Database, settings: Settings, starts: Iterable[ReadableStart]) -> None:
        """Prepare the replay inside the caller's write transaction.

        `starts` are the rows of transactions that could be read, by receipt.
        """
        super().__init__(db, settings)
        self.refused: list[str] = []
        known = restored.remaining(db)
        self._starts, self._stops = known.starts, known.stops
        self._without_start = lost_rows.without_start(db)
        self._without_stop = lost_rows.without_stop(db)
        self._newest: dict[int, int] = {}
        for row, moment_ms, _ in (*known.starts, *known.stops):
            self._newest[row] = max(self._newest.get(row, 0), moment_ms)
        self._waiting: deque[tuple[_Key, ReadableStart]] = deque()
        for start in starts:
            row = identities.enter(db, start.charge_point_id, start.received_ms)
            key = (row, start.received_ms, str(start.columns["start_key"]))
            if key not in known.starts:
                self._expect(key, start)
        # Without a clock starts of one read may have equal keys.
        self._unknown: dict[_Key, list[int]] = {}
        for key, start in self._waiting:
            self._unknown.setdefault(key, []).append(int(start.columns["id"]))
        self._from_rows: set[_Key] = set()

    def _expect(self, key: _Key, start: ReadableStart) -> None:
        """Note a transaction that is in no file, and its columns that no frame has."""
        self._waiting.append((key, start))
        columns = start.columns
        if columns["assigned_by"] is not None:
            account = (columns["account_index"], columns["account"])
            self._assigned[key] = Assigned(*key, *account, columns["assigned_by"])
        if DEFAULT_TAG_USED in columns["flags"]:
            self._effective_id_tags[key] = columns["id_tag"]

    def replay_unknown(self, frame: EnergyFrame) -> int:
        """Replay a frame of another database if its message is not in this one.

        Returns the number of messages that were written: this one, and starts of before that are in
        no frame. They are written inside the caller's transaction.
        """
        count = self.restore_starts(frame.moment_ms)
        try:
            with self._db.savepoint():
                return count + self._replay_unknown(frame)
        except UsageError as error:
            self.refused.append(
                f"the {frame.action} of {frame.charge_point_id} at "
                f"{format_timestamp(frame.moment_ms)} is not booked ({error}); it stays in the old "
                "database; look for its energy: shocpp review"
            )
            return count

    def restore_starts(self, before_ms: int) -> int:
        """Write the transactions from before a time of which no frame has come.

        Returns their number.
        """
        count = 0
        while self._waiting and self._waiting[0][1].received_ms < before_ms:
            key, start = self._waiting.popleft()
            if key in self._unknown and lost_rows.restore_unstopped(self._db, key[0], start):
                self._from_rows.add(key)
                self._give_records(key, start.columns["connector_id"], start.columns["started_ms"])
                count += 1
        return count

    def _replay_unknown(self, frame: EnergyFrame) -> bool:
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
            if (*receipt, key) not in known and self._give_stop(frame, stop):
                self._record(frame)
                return True
        else:
            # Readings count for transactions that are open; all others have their records.
            since_ms = restored.open_since_ms(self._db, frame.charge_point)
            if fact is None or since_ms is None or frame.moment_ms < since_ms:
                return False
            key, known, has_clock = "", set(), True
        if (*receipt, key) in self._from_rows:
            # The clock was set back: the row came before its frame.
            self._record(frame)
            return False
        # Without a clock, a repeat is recognised by the time of receipt only, so that messages from
        # before the newest known one are left out, unless there is a row of theirs.
        newest_ms = self._newest.get(frame.charge_point, 0)
        is_old = not has_clock and frame.moment_ms <= newest_ms
        if (*receipt, key) in known or (is_old and (*receipt, key) not in self._unknown):
            return False
        row_id = self._record(frame)
        restored.orphan_replaced(self._db, frame.moment_ms)
        self._replay(frame._replace(id=row_id))
        if isinstance(fact, TransactionStarted):
            numbers = self._unknown.pop((*receipt, key), [])
            if numbers:
                # People know it by this number: T8.
                lost_rows.renumber_start(self._db, *receipt, key, numbers[0])
            if numbers[1:]:
                self._unknown[(*receipt, key)] = numbers[1:]
            self._give_records((*receipt, key), fact.connector_id, fact.started_ms)
        return True

    def _record(self, frame: EnergyFrame) -> int:
        """Write a frame with its answer, and return its row id."""
        answer_ms = None if frame.answer is None else frame.moment_ms
        stored = Frame(
            *(frame.charge_point, "in", frame.action, frame.moment_ms),
            *(frame.text, frame.answer, answer_ms),
        )
        frames.record(self._db, [stored])
        return stored.id or 0

    def _give_records(self, key: _Key, connector_id: int, started_ms: int | None) -> None:
        """Give a transaction its records, whose rows could be read while its own could not."""
        if started_ms is None:
            return
        ended_by = self._without_start.pop((key[0], connector_id, started_ms), None)
        if ended_by is not None:
            charge_point, received_ms, start_key = key
            lost_rows.give_records(self._db, charge_point, start_key, received_ms, ended_by)

    def _give_stop(self, frame: EnergyFrame, stop: KeyedStop) -> bool:
        """Give a stop to its record, which could be read while the row of the stop could not.

        Returns True if there is one. The name of its file is a hash of the stop.
        """
        without = self._without_stop.get(frame.charge_point)
        if not without:
            return False
        # Equal stops have names with their numbers, from 0.
        alike = len(stops.stops_alike(self._db, frame.charge_point, stop))
        for number in range(alike + len(without) + 1):
            parts = (stop.natural_key, *([number] if number else []))
            digest = digest_of(identity_key(frame.charge_point_id), *parts)
            record = without.get(digest)
            # Without a clock a later repeat has the same key, and another time of receipt.
            if record is not None and (stop.has_clock or record.booked_ms == frame.moment_ms):
                del without[digest]
                text = cut_samples(frame.text)
                lost_rows.give_stop(
                    self._db, frame.charge_point, record.number, stop, frame.moment_ms, text
                )
                return True
        return False
