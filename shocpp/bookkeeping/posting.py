"""The posting of records: their month, their price, and the name of their file.

Every record passes here, both those of a StopTransaction and those of a human's decision. A record
of a closed month goes into the open month and says so. Its price is still that of the time in which
the energy flowed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from shocpp.admission.people.permits import accounts_in_force
from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.clock import now_ms
from shocpp.configuration.files import Stamp, stamp_of
from shocpp.configuration.tariffs import TariffsFile
from shocpp.language.dates import local_datetime, local_time
from shocpp.language.month import Month
from shocpp.ledger.prices.tariffs import Price, Tariffs, entry_price
from shocpp.ledger.record import Record, late_record
from shocpp.ocpp.facts import Reading
from shocpp.reports.books import Books
from shocpp.reports.provisional_prices import ProvisionalPrices
from shocpp.settings import Settings
from shocpp.store.books import closings, outbox, prices, records, rereading
from shocpp.store.books.prices import RecordPrice
from shocpp.store.books.records import Origin, RecordLocation
from shocpp.store.database import Database
from shocpp.store.keys import Keys
from shocpp.store.site import minutes

Names = Callable[[], Mapping[str, tuple[str, ...]]]
"""Returns all names of an account that was renamed, by each of them (`Accounts.names_alike`)."""


class Posted(NamedTuple):
    """A record as it was written: its number, and its month and file."""

    number: int
    record: Record
    place: RecordLocation


class PostingUnit(Protocol):
    """The posts of one write transaction, which share their reads (`UnitOfWork`)."""

    def readings_of(self, started_transaction: int) -> list[Reading]:
        """Return the readings of the transaction with this row id."""

    def is_closed(self, month: str) -> bool:
        """Return True if a month (YYYY-MM) is closed."""

    def tariffs(self, file: TariffsFile) -> Tariffs:
        """Return the prices in force."""

    def add_price(self, number: int, price: RecordPrice) -> None:
        """Write the price of the record with this number before the commit."""

    def price_of(self, number: int) -> RecordPrice | None:
        """Return the price of the record with this number, or None if it has none."""


class SinglePost:
    """A post that shares no reads with others."""

    def __init__(self, db: Database, names: Names) -> None:
        self._db = db
        self._names = names

    def readings_of(self, started_transaction: int) -> list[Reading]:
        """Return the readings of a transaction, read again from its frames."""
        # A decision about a record of an older version follows the present rule for readings.
        return rereading.readings_of(self._db, started_transaction)

    def is_closed(self, month: str) -> bool:
        """Return True if a month (YYYY-MM) is closed."""
        return closings.is_closed(self._db, month)

    def tariffs(self, file: TariffsFile) -> Tariffs:
        """Return the prices in force."""
        tariffs = file.tariffs()
        # A rename changes tags.json before the prices, so the names are read after them.
        return tariffs._replace(names=self._names())

    def add_price(self, number: int, price: RecordPrice) -> None:
        """Write the price of the record with this number."""
        prices.record(self._db, number, price.price, price.priced_ms)

    def price_of(self, number: int) -> RecordPrice | None:
        """Return the price of the record with this number, or None if it has none."""
        return prices.of_record(self._db, number)


class Posting:
    """Post records into one database, inside the caller's write transactions.

    `zone` is the local time that months follow. `names` are those of accounts that were renamed,
    for posts without a unit.
    """

    def __init__(
        self,
        db: Database,
        zone: ZoneInfo,
        tariffs: TariffsFile,
        names: Names = dict,
    ) -> None:
        self._db = db
        self._zone = zone
        self._tariffs = tariffs
        self._names = names

    def post(
        self,
        origin: Origin,
        record: Record,
        posted_ms: int,
        *name_parts: object,
        unit: PostingUnit | None = None,
    ) -> Posted:
        """Write a record and its price, and return it as it was written.

        The file name is a hash of `name_parts`: the same parts always give the same name. The price
        follows the readings of the unit, or without one those read again from the frames.
        """
        unit = unit or SinglePost(self._db, self._names)
        location = _hashed_location(record.billed_ms, self._zone, *name_parts)
        # Stops of offline transactions come days later (Enercab, Eledio), and a closed month is
        # printed the same for ever.
        if unit.is_closed(location.month):
            record = late_record(record, location.month, open_ms(self._db, posted_ms, self._zone))
            location = _hashed_location(record.billed_ms, self._zone, *name_parts)
        # In the caller's transaction, with its stop: a crash leaves both or neither, and a repeat
        # finds the stop (invariant I2).
        number = records.record(self._db, origin, record, location, posted_ms)
        price = self.price(origin, record, unit)
        if price is not None:
            unit.add_price(number, RecordPrice(posted_ms, price))
        return Posted(number, record, location)

    def price(
        self, origin: Origin, record: Record, unit: PostingUnit | None = None
    ) -> Price | None:
        """Return the price of a record, or None if it has no energy to pay for or no tariff.

        It is the price with which `post` writes the record.
        """
        original, row = origin.replaces or 0, origin.started_transaction
        reads = unit or SinglePost(self._db, self._names)

        def original_price() -> Price | None:
            priced = reads.price_of(original)
            return None if priced is None else priced.price

        return entry_price(
            reads.tariffs(self._tariffs),
            origin.entry,
            record,
            original_price,
            lambda: [] if row is None else reads.readings_of(row),
            self._zone,
            partial(minutes.between, self._db),
        )


def posting(db: Database, settings: Settings) -> Posting:
    """Return the posting of a process that is not a server, with its own tariffs.json."""
    return Posting(
        db, settings.zone, TariffsFile(settings.tariffs_file), _PresentNames(db, settings)
    )


class _PresentNames:
    """The names of renamed accounts, read again when tags.json changes."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._stamp: Stamp | None = None
        self._names: Mapping[str, tuple[str, ...]] | None = None

    def __call__(self) -> Mapping[str, tuple[str, ...]]:
        stamp = stamp_of(self._settings.tags_file)
        if self._names is None or stamp != self._stamp:
            self._stamp = stamp
            self._names = accounts_in_force(self._db, self._settings).names_alike
        return self._names


def apply_tariffs(books: Books, months: Sequence[Month]) -> int:
    """Set the provisional prices of these months for ever, and return their number.

    A month that is closed by now is left out. The files of the records are written again.
    """
    count, names = 0, frozenset(month.name for month in months)
    with books.db.writing(keys=Keys(months=names)):
        for month in months:
            if not closings.is_closed(books.db, month.name):
                count += set_prices(books.provisional_prices(month.name), now_ms())
    write_files(books.db, books.settings)
    return count


def set_prices(provisional: ProvisionalPrices, priced_ms: int) -> int:
    """Write the provisional prices of an open month, and return their number.

    The caller is in a write transaction. It writes the files of these records again.
    """
    priced = []
    for stored, price in provisional.each():
        prices.record(provisional.db, stored.number, price, priced_ms)
        priced.append(stored.number)
    outbox.unmark_exported(provisional.db, priced)
    return len(priced)


def open_ms(db: Database, moment_ms: int, zone: ZoneInfo) -> int:
    """Return this moment, or the first day of the next open month if its own month is closed.

    The present month can be closed if the clock was wrong when somebody closed it.
    """
    month = Month.of_moment(moment_ms, zone)
    if not closings.is_closed(db, month.name):
        return moment_ms
    while closings.is_closed(db, month.name):
        month = month.next()
    local = local_datetime(moment_ms, zone)
    first = local.replace(year=month.year, month=month.number, day=1)
    return int(first.timestamp() * 1000)


def location_in(month_ms: int, zone: ZoneInfo, file_name: str) -> RecordLocation:
    """Return the location of a record at this moment, whose file has this name already."""
    return RecordLocation.at(local_time(month_ms, zone), file_name)


def digest_of(*name_parts: object) -> str:
    """Return the digest in the name of a record's file; the same parts always give the same one."""
    return hashlib.sha256("\n".join(map(str, name_parts)).encode()).hexdigest()[:12]


def _hashed_location(billed_ms: int, zone: ZoneInfo, *name_parts: object) -> RecordLocation:
    # Digits and a hash only: a text from a charger must have no part in a path.
    return location_in(billed_ms, zone, f"{billed_ms // 1000}-{digest_of(*name_parts)}.json")
