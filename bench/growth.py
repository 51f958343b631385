"""What a message and a report cost as the books grow to ten million meter values.

    python -m bench.growth [METER_VALUES]

Frames, readings and records of a hundred chargers are put into a database on disk by the store's
own functions; at each size messages then go through the bookkeeper, in the batches of a busy
server, and reports and questions are asked as people ask them. Every figure is the median of some;
a message's is of this process' CPU. The peer is the same at the first size.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.chargers import told_id
from bench.machine import machine
from bench.papers import book
from shocpp.central_system.bookkeeping import Bookkeeping
from shocpp.central_system.clock import now_ms
from shocpp.central_system.jobs import Receive
from shocpp.central_system.listing import ListingFile
from shocpp.central_system.posting import posting
from shocpp.central_system.tags import TagsFile
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.json_text import to_text
from shocpp.ocpp.times import format_timestamp
from shocpp.reports import month
from shocpp.settings import Settings, read_settings
from shocpp.store import charge_points, charging, frames, pages, readings
from shocpp.store.database import Database, open_database
from shocpp.store.frames import FrameRow
from shocpp.store.migrations import migrate

CHARGERS = 100
VALUES_A_RECORD = 100
AT_ONCE = 10_000
BATCHES = 30
DAY_MS = 86_400_000
EVERY_MS = 1_000
"""From one meter value to the next: ten million take a hundred days."""


class Books:
    """The books of the hundred chargers, and what is measured of them."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db, self._settings = db, settings
        chargers, tags = ListingFile(settings.charge_points_file), TagsFile(settings.tags_file)
        self._books = Bookkeeping(db, tags, posting(db, settings), "bench", chargers)
        self._at_ms = now_ms() - 120 * DAY_MS
        self._values = 0
        self._session = 0
        self._connections = [Connection(55) for _ in range(CHARGERS)]
        with db.writing():
            self._rows = [
                charge_points.enter(db, f"charger-{n}", self._at_ms) for n in range(CHARGERS)
            ]

    def grow(self, values: int) -> None:
        """Until so many meter values are there, and a record for every hundred."""
        while self._values < values:
            with self._db.writing(durable=False):
                self._put(min(AT_ONCE, values - self._values))

    def _put(self, number: int) -> None:
        first, rows, taken = frames.next_id(self._db), [], readings.Batch(self._db)
        for place in range(number):
            charge_point = self._rows[self._values % CHARGERS]
            text = self._meter_values(f"{self._values:08d}", 1, self._values)
            rows.append(
                FrameRow(first + place, charge_point, "in", "MeterValues", self._at_ms, text)
            )
            reading = Reading(self._at_ms, self._values, 11_000)
            taken.add(charge_point, 1, None, (reading,), first + place, self._at_ms)
            if self._values % VALUES_A_RECORD == 0:
                session = self._values // VALUES_A_RECORD
                began_ms = self._at_ms - VALUES_A_RECORD * EVERY_MS
                book(self._db, self._settings, charge_point, session, began_ms, self._at_ms)
            self._at_ms += EVERY_MS
            self._values += 1
        frames.record(self._db, rows)
        taken.write()

    def _meter_values(self, unique_id: str, transaction_id: int, wh: int) -> str:
        sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        value = {"timestamp": format_timestamp(self._at_ms), "sampledValue": [sample]}
        payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
        return to_text([2, unique_id, "MeterValues", payload])

    def talk(self) -> dict[str, float]:
        """The CPU of a message of each kind, in µs: all chargers start, tell values, and stop."""
        spent: dict[str, list[float]] = {"StartTransaction": [], "MeterValues": []}
        spent["StopTransaction"] = []
        for _ in range(BATCHES):
            self._session += 1
            at = format_timestamp(now_ms() - DAY_MS + self._session * 60_000)
            wh = 10**9 + self._session * 1_000
            start = {"connectorId": 1, "idTag": "1111", "meterStart": wh, "timestamp": at}
            told = self._say(spent, "StartTransaction", [start] * CHARGERS)
            ids = [{"transactionId": told_id(answer.encode())} for answer in told]
            sample = {"value": str(wh + 500)}
            values = {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": [sample]}]}
            self._say(spent, "MeterValues", [values | one for one in ids])
            stop = {"meterStop": wh + 900, "timestamp": at}
            self._say(spent, "StopTransaction", [stop | one for one in ids])
        return {action: median(times) for action, times in spent.items()}

    def _say(
        self, spent: dict[str, list[float]], action: str, payloads: Sequence[object]
    ) -> list[str]:
        moment_ms, jobs = now_ms(), []
        for number, payload in enumerate(payloads):
            text = to_text([2, f"{action[:5]}{self._session}", action, payload])
            connection = self._connections[number]
            event = connection.receive(text, moment_ms)
            assert isinstance(event, Reported), event
            jobs.append(Receive(f"t{number}", f"charger-{number}", text, moment_ms, event))
        begun = time.process_time()
        answers = self._books.write(jobs, moment_ms)  # type: ignore[arg-type]
        spent[action].append((time.process_time() - begun) / CHARGERS * 1e6)
        assert all(isinstance(answer, str) for answer in answers), answers
        return answers


def asked(db: Database, settings: Settings) -> Iterator[tuple[str, Callable[[], object]]]:
    """What people ask: the name, and how it is done."""
    at = time.localtime(time.time() - 30 * 86_400)

    def paper() -> list[object]:
        drafted = month.month_paper(db, settings, at.tm_year, at.tm_mon)
        return list(month.rows_of_paper(db, drafted))

    yield "the paper of a month", paper
    yield "the power of a charger", lambda: charging.powers(db, "charger-7")
    yield "its last 50 frames", lambda: list(frames.of_charge_point(db, "charger-7", 50))
    yield (
        "a page of its meter values",
        lambda: pages.meter_values_after(db, pages.Sample(100_000), 100, 8),
    )


def main() -> None:
    """Print a line for each size."""
    logging.disable(logging.CRITICAL)
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print(f"`python -m bench.growth`, {machine()}\n")
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        settings = read_settings({"SHOCPP_HOME": folder, "TZ": "Europe/Berlin"})
        settings.tags_file.parent.mkdir()
        settings.tags_file.write_text('[{"index": 1, "account": "account-0", "ids": ["1111"]}]')
        migrate(settings.database, now_ms() - 120 * DAY_MS)
        with open_database(settings.database) as db:
            books = Books(db, settings)
            for size in (most // 100, most // 10, most):
                begun = time.perf_counter()
                books.grow(size)
                size_mb = sum(f.stat().st_size for f in Path(folder, "db").iterdir()) >> 20
                took = time.perf_counter() - begun
                print(f"{size:,} meter values, {size_mb:,} MB, grown in {took:.0f} s", flush=True)
                for action, us in books.talk().items():
                    print(f"  {action:28} {us:8.1f} µs of CPU", flush=True)
                for name, ask in asked(db, settings):
                    print(f"  {name:28} {_ms(ask):8.1f} ms", flush=True)


def _ms(ask: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begun) * 1e3)
    return median(taken)


if __name__ == "__main__":
    main()
