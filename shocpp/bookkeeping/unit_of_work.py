"""The unit of work of a write transaction: rows that it collects, and rows that it reads once.

Rows that no decision reads are collected and written together before the commit. After the commit
the worker's caches learn the new rows, and the doorbells ring. What a rollback undoes must not stay
in a cache. A worker that is woken too early would not see the rows it is woken for.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from shocpp.bookkeeping.jobs import Connect, Job, Receive, Send
from shocpp.bookkeeping.reserve import Reserve
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.charge_points import OPEN_TO_ALL, Allowlist, Entry
from shocpp.configuration.tags import TagsFile
from shocpp.configuration.tariffs import TariffsFile
from shocpp.ledger.accounts import Accounts, effective_id_tag
from shocpp.ledger.matching import KeyedStop
from shocpp.ledger.own_readings import Running
from shocpp.ledger.prices.tariffs import Tariffs
from shocpp.ledger.transactions import KeyedStart
from shocpp.ocpp.facts import MeterValuesReported, Reading
from shocpp.ocpp.identity import identity_key
from shocpp.store import doorbells, properties
from shocpp.store.books import closings, prices, readings, renaming, transactions
from shocpp.store.books.prices import RecordPrice
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import NO_FRAME, Dropped, Frame, dropped
from shocpp.store.database import Database
from shocpp.store.keys import Keys
from shocpp.store.site import set_points

LAST_SEEN_EVERY_MS = 5_000
"""The smallest time between two writes of one Charge Point's last-seen time."""

MOST_CHARGE_POINTS, MOST_RUNNING = 10_000, 16
"""The number of Charge Points whose open transactions are cached, and that of transactions each."""


class ChargePoint(NamedTuple):
    """A Charge Point with its row id and the `identity_key` of its identity."""

    row: int
    charge_point_id: str
    key: str


RunningOf = dict[tuple[int, int | None], Running | None]
"""The transactions of a Charge Point that readings belong to, by connector and transaction id."""


class Caches:
    """The memory of a worker between its transactions: its files of conf/, and rows on disk.

    `awaits_export` is True while a record may wait for its accounting file, `observes` while
    somebody limits current. `reserve` is that of the disk.
    """

    def __init__(
        self,
        db: Database,
        tags: TagsFile,
        allowlist_file: AllowlistFile,
        reserve: Reserve | None = None,
    ) -> None:
        self.reserve = reserve or Reserve()
        self.tags = tags
        self.allowlist_file = allowlist_file
        self.stored_tags = properties.stored_tags(db)
        tags.fall_back_to(self.stored_tags)
        self.awaits_export = False
        self.observes = set_points.are_there(db)
        self.charge_points: dict[str, ChargePoint] = {}
        self.last_seen_ms: dict[int, int] = {}
        self.running: dict[int, RunningOf] = {}
        self._data_version: int | None = None

    def drop_running_of_others(self, db: Database) -> None:
        """Drop the open transactions if another connection may have begun or ended one."""
        version = db.version_of_others()
        if version != self._data_version or len(self.running) > MOST_CHARGE_POINTS:
            self.running.clear()
        self._data_version = version

    def key_of(self, charge_point_id: str) -> str:
        """Return the `identity_key` of a Charge Point."""
        known = self.charge_points.get(charge_point_id)
        return identity_key(charge_point_id) if known is None else known.key


def keys_of(jobs: Iterable[Job], caches: Caches, cards: Iterable[str] = ()) -> Keys:
    """Return the keys of a transaction that writes these jobs; `cards` are more keys of cards.

    A Call's claim and end and the release of a connection are conditional statements: no keys.
    """
    charge_points, all_cards, books = set[str](), set(cards), False
    for job in jobs:
        if isinstance(job, Receive):
            if job.charge_point_id is None:
                continue
            charge_points.add(caches.key_of(job.charge_point_id))
            fact = job.fact
            if isinstance(fact, KeyedStart):
                all_cards |= _single_cards(fact, job.charge_point_id, caches)
            elif isinstance(fact, KeyedStop):
                books = True
            elif isinstance(fact, MeterValuesReported) and fact.signed:
                # Signed values that follow their stop go into the file of its record.
                books = True
        elif isinstance(job, Send) and job.charge_point_id is not None:
            charge_points.add(caches.key_of(job.charge_point_id))
        elif isinstance(job, Connect):
            # The transaction decides which of the two identities the connection gets.
            charge_points.add(caches.key_of(job.charge_point_id))
            if job.fallback_id is not None:
                charge_points.add(caches.key_of(job.fallback_id))
    return Keys(books=books, cards=frozenset(all_cards), charge_points=frozenset(charge_points))


def _single_cards(start: KeyedStart, charge_point_id: str, caches: Caches) -> set[str]:
    """Return the key of a start's card if it may charge at only one Charge Point, else nothing."""
    id_tag = start.id_tag
    if not id_tag.key:
        entry = caches.allowlist_file.allowlist().entry_of(caches.key_of(charge_point_id))
        id_tag = effective_id_tag(id_tag, entry.default_tag if entry is not None else None)
    # The card's status depends on the time; this does not.
    return set() if caches.tags.newest.card(id_tag, now_ms=0).concurrent else {id_tag.key}


class UnitOfWork:
    """The unit of work of one write transaction, or of one savepoint in it.

    `has_records` becomes True when it writes a record that needs an accounting file. `log_lines`
    are to be logged once it is committed: level, text and arguments of each.
    """

    def __init__(self, db: Database, caches: Caches, now_ms: int) -> None:
        self.db = db
        self.now_ms = now_ms
        self.has_records = False
        self.log_lines: list[tuple[Any, ...]] = []
        self.reserve = caches.reserve
        self.observes = caches.observes
        self._caches = caches
        self._frames: list[Frame] = []
        self._dropped: list[Dropped] = []
        self._readings: list[FrameReadings] = []
        self._readings_of: dict[int, list[Reading]] = {}
        self._doorbells: list[str] = []
        self._actions: list[Callable[[], None]] = []
        self._prices: list[tuple[int, RecordPrice]] = []
        self._accounts: Accounts | None = None
        self._allowlist: Allowlist | None = None
        self._tariffs: Tariffs | None = None
        self._is_closed: dict[str, bool] = {}
        # Apart from the caches, which learn them after the commit.
        self._stored_tags = caches.stored_tags
        self._charge_points: dict[str, ChargePoint] = {}
        self._last_seen_ms: dict[int, int] = {}
        self._running: dict[int, RunningOf] = {}
        self._has_polled_others = False

    # -- rows that it reads once ------------------------------------------------------------------

    def charge_point(self, charge_point_id: str) -> ChargePoint:
        """Return a Charge Point; a new identity gets a row."""
        known = self._caches.charge_points.get(charge_point_id) or self._charge_points.get(
            charge_point_id
        )
        if known is None:
            key = identity_key(charge_point_id)
            row = identities.enter(self.db, charge_point_id, self.now_ms)
            known = self._charge_points[charge_point_id] = ChargePoint(row, charge_point_id, key)
        return known

    def allowlist(self) -> Allowlist:
        """Return the allowlist in force."""
        if self._allowlist is None:
            self._allowlist = self._caches.allowlist_file.allowlist()
        return self._allowlist

    def entry(self, charge_point: ChargePoint) -> Entry:
        """Return the allowlist entry of a Charge Point, or the open one if it is not listed.

        Frames of a charger that was just removed from the list are still written.
        """
        return self.allowlist().entry_of(charge_point.key) or OPEN_TO_ALL

    def accounts(self) -> Accounts:
        """Return the accounts in force, and store a new tags.json.

        The stored text is used while the file is broken or lost. The books get the names of
        accounts that were renamed, so that each decision of the unit has the same one.
        """
        if self._accounts is None:
            tags, bound = self._caches.tags, transactions.account_names(self.db)
            self._accounts = tags.accounts(bound)
            if tags.trouble is not None:
                # Another worker may have stored a newer text while the file was good.
                tags.fall_back_to(properties.stored_tags(self.db))
                self._accounts = tags.accounts(bound)
            if self._accounts.names_alike and renaming.renamed(self.db, bound, self._accounts):
                renaming.follow(self.db, self._accounts)
            if tags.text is not None and tags.text != self._stored_tags:
                properties.store_tags(self.db, tags.text)
                self._stored_tags = tags.text
        return self._accounts

    def tariffs(self, file: TariffsFile) -> Tariffs:
        """Return the prices in force; the file is checked once in a transaction."""
        if self._tariffs is None:
            tariffs = file.tariffs()
            self.accounts()
            # A rename changes tags.json before the prices. So the names are read after them: the
            # accounts of the unit may be older, and by * a record has a wrong price for ever.
            bound = transactions.account_names(self.db)
            self._tariffs = tariffs._replace(names=self._caches.tags.accounts(bound).names_alike)
        return self._tariffs

    def is_closed(self, month: str) -> bool:
        """Return True if a month (YYYY-MM) is closed; no job closes one."""
        is_closed = self._is_closed.get(month)
        if is_closed is None:
            is_closed = self._is_closed[month] = closings.is_closed(self.db, month)
        return is_closed

    def running(
        self, charge_point: ChargePoint, connector_id: int, transaction_id: int | None
    ) -> Running | None:
        """Return the transaction that MeterValues may belong to, or None.

        MeterValues are the most frequent messages, so the answer is cached. A transaction of the
        Charge Point that begins or ends here clears it, and so does a write of another connection.
        """
        if not self._has_polled_others:
            # Once is enough: while this transaction is open no other connection can write.
            self._has_polled_others = True
            self._caches.drop_running_of_others(self.db)
        row, key = charge_point.row, (connector_id, transaction_id)
        known = self._running.get(row)
        if known is None:
            known = self._running[row] = dict(self._caches.running.get(row, ()))
        if key not in known:
            # A charger may send any id, and must not fill the memory.
            if len(known) >= MOST_RUNNING:
                known.clear()
            known[key] = transactions.running(self.db, row, *key)
        return known[key]

    def forget_running(self, charge_point: ChargePoint) -> None:
        """Read the transactions of a Charge Point again, because one begins, ends or changes."""
        self._running[charge_point.row] = {}

    # -- rows that it collects --------------------------------------------------------------------

    def add_frame(
        self, sender: ChargePoint | None, direction: str, action: str, moment_ms: int, text: str
    ) -> Frame:
        """Add a frame, and return it; `direction` is seen from here."""
        row = None if sender is None else sender.row
        frame = Frame(row, direction, action, moment_ms, text)
        self._frames.append(frame)
        return frame

    def add_received(self, sender: ChargePoint | None, action: str, job: Receive) -> Frame:
        """Add a received frame, and note when its sender was last seen.

        Of a frame over the budget only the length is stored, and nothing while the disk's reserve
        is used. Starts and stops are always whole.
        """
        if sender is not None:
            row, moment_ms = sender.row, job.received_ms
            # The absolute difference: after our clock was set back, times must be written again.
            if abs(moment_ms - self._caches.last_seen_ms.get(row, 0)) >= LAST_SEEN_EVERY_MS:
                self._last_seen_ms[row] = moment_ms
        keeps_text = job.keeps_text and not self.reserve.is_used
        if keeps_text or isinstance(job.fact, (KeyedStart, KeyedStop)):
            return self.add_frame(sender, "in", action, job.received_ms, job.text)
        of_sender = None if sender is None else sender.row
        frame = Frame(of_sender, "in", action, job.received_ms, job.text, id=NO_FRAME)
        if not self.reserve.is_used:
            self._dropped.append(dropped(frame))
        return frame

    def add_readings(self, waiting: FrameReadings) -> None:
        """Add the readings of a frame of this unit."""
        self._readings.append(waiting)
        row = waiting.started_transaction
        if row is not None:
            self._readings_of.setdefault(row, []).extend(waiting.readings)

    def add_price(self, number: int, price: RecordPrice) -> None:
        """Add the price of a record of this unit."""
        self._prices.append((number, price))

    def price_of(self, number: int) -> RecordPrice | None:
        """Return the price of a record, also one that this unit has yet to write."""
        added = (price for record, price in self._prices if record == number)
        return next(added, None) or prices.of_record(self.db, number)

    def readings_of(self, started_transaction: int) -> list[Reading]:
        """Return the readings of a transaction in the order of receipt, the waiting ones too."""
        on_disk = readings.of_transaction(self.db, started_transaction)
        return on_disk + self._readings_of.get(started_transaction, [])

    def ring_after_commit(self, doorbell: str) -> None:
        """Ring this doorbell when the transaction is committed."""
        self._doorbells.append(doorbell)

    def once_committed(self, action: Callable[[], None]) -> None:
        """Call a function after the commit; it changes what a worker remembers of its rows."""
        self._actions.append(action)

    def log_once_committed(self, level: int, text: str, *arguments: object) -> None:
        """Log a line when the transaction is committed, and answered."""
        self.log_lines.append((level, text, *arguments))

    # -- its end ----------------------------------------------------------------------------------

    def write_rows(self) -> None:
        """Write the collected rows: readings refer to their frames, so frames come first."""
        frames.record(self.db, self._frames)
        if self._dropped:
            frames.record_dropped(self.db, self._dropped)
        if self._readings:
            readings.record(self.db, self._readings)
        if self._prices:
            prices.record_all(self.db, self._prices)
        if self._last_seen_ms:
            identities.record_last_seen(self.db, self._last_seen_ms)

    def after_commit(self) -> None:
        """Let the caches learn what is on disk now, and ring the doorbells."""
        caches = self._caches
        caches.stored_tags = self._stored_tags
        caches.charge_points.update(self._charge_points)
        caches.last_seen_ms.update(self._last_seen_ms)
        caches.running.update(self._running)
        caches.awaits_export |= self.has_records
        for action in self._actions:
            action()
        # A batch may ring the same one for each of its jobs.
        for doorbell in dict.fromkeys(self._doorbells):
            doorbells.ring(doorbell)
