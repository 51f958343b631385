"""Where a record goes in the books (a room): its month, its price, and the name of its file.

Every record passes here, whether a charger's stop or a human's decision made it. What belongs to a
closed month goes into the open one, and says so; its price is still that of the time in which the
energy flowed.
"""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.configuration.tariffs import TariffsFile
from shocpp.language.dates import local_time, month_of
from shocpp.ledger.booking import Record, late_record
from shocpp.ledger.tariffs import Price, reversed_price
from shocpp.settings import Settings
from shocpp.store.books import closings, prices, readings, records
from shocpp.store.books.records import Origin, RecordLocation
from shocpp.store.database import Database


class Posted(NamedTuple):
    """A record as it is in the books."""

    number: int
    record: Record
    place: RecordLocation


class Posting:
    """The posting of records into one database, inside the caller's write transactions."""

    def __init__(self, db: Database, zone: ZoneInfo, tariffs: TariffsFile) -> None:
        self._db = db
        self._zone = zone
        self._tariffs = tariffs

    def post(self, origin: Origin, record: Record, posted_ms: int, *said: object) -> Posted:
        """Put a record into the books; what is `said` of the same record names its file."""
        place = _place(record.billed_ms, self._zone, *said)
        if closings.is_closed(self._db, place.month):
            record = late_record(record, place.month, open_ms(self._db, posted_ms, self._zone))
            place = _place(record.billed_ms, self._zone, *said)
        number = records.record(self._db, origin, record, place, posted_ms)
        price = self._price(origin, record)
        if price is not None:
            prices.freeze(self._db, number, price, posted_ms)
        return Posted(number, record, place)

    def accounts_to_price(self, month: str) -> list[str]:
        """The accounts with a tariff that have records of a month (YYYY-MM) without a price."""
        tariffs = self._tariffs.tariffs()
        unpriced = prices.unpriced_accounts(self._db, month) if tariffs.by_account else []
        return [account for account in unpriced if tariffs.periods(account)]

    def price_unpriced(self, month: str, priced_ms: int) -> None:
        """Price what had no tariff when it was booked and has one now.

        Only what has never had a price gets one. Their files are written again, with it.
        """
        priced = []
        for account in self.accounts_to_price(month):
            for number in prices.unpriced(self._db, month, account):
                found = records.stored(self._db, number)
                price = found and self._price(found.origin, found.record)
                if price:
                    prices.freeze(self._db, number, price, priced_ms)
                    priced.append(number)
        records.take_back(self._db, priced)

    def _price(self, origin: Origin, record: Record) -> Price | None:
        if origin.entry == "dismissal":
            return None
        if origin.entry == "reversal":
            frozen = prices.of_record(self._db, origin.replaces or 0)
            return None if frozen is None else reversed_price(frozen.price)
        row, db = origin.started_transaction, self._db
        return self._tariffs.tariffs().price(
            record, lambda: [] if row is None else readings.of_transaction(db, row), self._zone
        )


def posting(db: Database, settings: Settings) -> Posting:
    """The posting of a process that is no server."""
    return Posting(db, settings.zone, TariffsFile(settings.tariffs_file))


def open_ms(db: Database, moment_ms: int, zone: ZoneInfo) -> int:
    """This moment, or, where a clock that was wrong has closed its month, the next open one."""
    while closings.is_closed(db, month_of(moment_ms, zone)):
        first = datetime.fromtimestamp(moment_ms / 1000, zone).replace(day=1)
        moment_ms = int((first + timedelta(days=32)).replace(day=1).timestamp() * 1000)
    return moment_ms


def place_in(month_ms: int, zone: ZoneInfo, file_name: str) -> RecordLocation:
    """The place of a record whose file has its name already."""
    local = local_time(month_ms, zone)
    return RecordLocation(local[:7], local, file_name)


def _place(billed_ms: int, zone: ZoneInfo, *said: object) -> RecordLocation:
    """The name of a file comes from numbers and a hash only: no charger has a part in a path."""
    digest = hashlib.sha256("\n".join(map(str, said)).encode()).hexdigest()
    return place_in(billed_ms, zone, f"{billed_ms // 1000}-{digest[:12]}.json")
