"""The cost of a message and of a report while the database grows to ten million meter values.

    python -m bench.growth [--readings 10000000]

A hundred chargers charge once in 35 hours and send a hundred meter values each time. Starts and
stops go through the bookkeeping; the store's functions write the frames and readings between them,
so that years take minutes. Each size has a database of its own on disk, whose last record is of
today. Then messages go through the bookkeeping in the batches of a busy server, and reports and
queries run as users run them. Every figure is a median; that of a message is the CPU time of this
process, by turns with an empty database. The month has 2 000 records at each size.
"""

import argparse
import contextlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from bench.measure import Figures, Sections, options_of, run
from bench.servers import TAGS
from bench.talks import CARD, transaction_id_of
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Receive
from shocpp.bookkeeping.posting import posting
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.language.month import Month
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.json_text import to_text
from shocpp.ocpp.times import format_timestamp
from shocpp.reports import month as reports
from shocpp.settings import Settings, read_settings
from shocpp.store.books import readings
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points import charging, frames, identities
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.listings import pages
from shocpp.store.schema.migrations import migrate

CHARGERS = 100
VALUES_A_SESSION = 100
DAYS_BEFORE_LOAD = 21
A_ROUND = CHARGERS * VALUES_A_SESSION
BATCHES = 30
DAY_MS = 86_400_000
EVERY_MS = 21 * 60_000
"""The time between two meter values of a charger: ten million take four years."""

WH_A_VALUE = 100

Spent = dict[str, list[float]]
"""By action, the CPU time of a message in each batch, in µs."""


class Books:
    """The database of the hundred chargers, and the measurement of messages."""

    def __init__(self, db: Database, settings: Settings, values: int, days_ago: int = 1) -> None:
        self._db, self._settings = db, settings
        chargers, tags = AllowlistFile(settings.charge_points_file), TagsFile(settings.tags_file)
        self._books = Bookkeeping(db, tags, posting(db, settings), "bench", chargers)
        self._rounds = values // A_ROUND
        self._begun_ms = now_ms() - days_ago * DAY_MS - self._rounds * VALUES_A_SESSION * EVERY_MS
        self._values = self._sent = 0
        self._connections = [Connection(55) for _ in range(CHARGERS)]
        with db.writing(keys=EVERYTHING):
            self._rows = [
                identities.enter(db, f"charger-{n}", self._begun_ms) for n in range(CHARGERS)
            ]

    def grow(self) -> None:
        """Let all chargers charge until the database has its size."""
        for number in range(self._rounds):
            begun_ms = self._begun_ms + number * VALUES_A_SESSION * EVERY_MS
            begin_wh = number * VALUES_A_SESSION * WH_A_VALUE
            ids = self._start(begun_ms, begin_wh, {})
            with self._db.writing(keys=EVERYTHING, durable=False):
                self._put_values(begun_ms, begin_wh)
            self._stop(ids, begun_ms + VALUES_A_SESSION * EVERY_MS, begin_wh, {})
        with self._db.writing(keys=EVERYTHING):
            self._db.execute("UPDATE accounting_record SET exported_ms = 0")

    def _put_values(self, begun_ms: int, begin_wh: int) -> None:
        rows, waiting = [], []
        last = self._db.execute("SELECT max(id) FROM started_transaction").fetchone()[0]
        for number in range(A_ROUND):
            turn, charger = divmod(number, CHARGERS)
            at_ms, wh = begun_ms + turn * EVERY_MS, begin_wh + turn * WH_A_VALUE
            row, transaction = self._rows[charger], last - CHARGERS + 1 + charger
            text = self._meter_values(f"{self._values:08d}", 1, at_ms, wh)
            frame = Frame(row, "in", "MeterValues", at_ms, text)
            rows.append(frame)
            its_readings = (Reading(at_ms, wh, 11_000),)
            waiting.append(FrameReadings(frame, 1, transaction, its_readings))
            self._values += 1
        frames.record(self._db, rows)
        readings.record(self._db, waiting)

    def _meter_values(self, unique_id: str, transaction_id: int, at_ms: int, wh: int) -> str:
        sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        value = {"timestamp": format_timestamp(at_ms), "sampledValue": [sample]}
        payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
        return to_text([2, unique_id, "MeterValues", payload])

    def measure(self, number: int, spent: Spent) -> None:
        """Add the CPU times of one batch: all chargers start, report and stop."""
        at_ms = now_ms() - DAY_MS + number * 60_000
        wh = (self._rounds * VALUES_A_SESSION + number) * WH_A_VALUE
        ids = self._start(at_ms, wh, spent)
        value = {"timestamp": format_timestamp(at_ms), "sampledValue": [{"value": str(wh + 5)}]}
        values = {"connectorId": 1, "meterValue": [value]}
        self._send(spent, "MeterValues", [values | {"transactionId": number} for number in ids])
        self._stop(ids, at_ms + 30_000, wh - (VALUES_A_SESSION - 1) * WH_A_VALUE, spent)

    def _start(self, at_ms: int, wh: int, spent: Spent) -> list[int]:
        at = format_timestamp(at_ms)
        start = {"connectorId": 1, "idTag": CARD, "meterStart": wh, "timestamp": at}
        answers = self._send(spent, "StartTransaction", [start] * CHARGERS)
        return [transaction_id_of(answer.encode()) for answer in answers]

    def _stop(self, ids: Sequence[int], at_ms: int, begin_wh: int, spent: Spent) -> None:
        wh = begin_wh + VALUES_A_SESSION * WH_A_VALUE
        stop = {"meterStop": wh, "timestamp": format_timestamp(at_ms)}
        self._send(spent, "StopTransaction", [stop | {"transactionId": number} for number in ids])

    def _send(self, spent: Spent, action: str, payloads: Sequence[object]) -> list[str]:
        moment_ms, jobs = now_ms(), []
        self._sent += 1
        for number, payload in enumerate(payloads):
            text = to_text([2, str(self._sent), action, payload])
            connection = self._connections[number]
            event = connection.receive(text, moment_ms)
            assert isinstance(event, Reported), event
            jobs.append(Receive(f"t{number}", f"charger-{number}", text, moment_ms, event))
        begun = time.process_time()
        answers = self._books.write(jobs, moment_ms)  # type: ignore[arg-type]
        spent.setdefault(action, []).append((time.process_time() - begun) / CHARGERS * 1e6)
        assert all(isinstance(answer, str) for answer in answers), answers
        return answers


@contextlib.contextmanager
def new_books(folder: Path) -> Iterator[tuple[Database, Settings]]:
    """Open an empty database in this folder."""
    settings = read_settings({"SHOCPP_HOME": str(folder), "TZ": "Europe/Berlin"})
    settings.tags_file.parent.mkdir()
    settings.tags_file.write_text(json.dumps(TAGS))
    migrate(settings.database, 0)
    with open_database(settings.database) as db:
        db.expect_many_writes()
        yield db, settings


def database_of(folder: Path, values: int) -> tuple[Path, int]:
    """Make a database of so many meter values for a server under load; return it with a register.

    It ends before the load begins, 20 days ago. No register of its chargers is above that one.
    """
    logging.disable(logging.CRITICAL)
    with new_books(folder) as (db, settings):
        Books(db, settings, values, DAYS_BEFORE_LOAD).grow()
        # The copy for a server is of the file alone.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return settings.database, values // A_ROUND * VALUES_A_SESSION * WH_A_VALUE


def queries(db: Database, settings: Settings) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the measured reports and queries: name and function."""
    at = datetime.now(settings.zone).replace(day=1) - timedelta(days=1)

    def statement() -> list[object]:
        readable = reports.Books(db, settings)
        return list(readable.rows(reports.month_statement(readable, Month(at.year, at.month))))

    yield f"the statement of {at:%Y-%m}, {len(statement()):,} records", statement
    yield "the power of a charger", lambda: charging.powers(db, "charger-7")
    yield "its last 50 frames", lambda: list(frames.of_charge_point(db, "charger-7", 50))
    yield (
        "a page of its meter values",
        lambda: pages.meter_values_after(db, pages.Sample(100_000), 100, 8),
    )


def growing(options: argparse.Namespace) -> Figures:
    """Measure messages and reports in databases of three sizes, messages beside an empty one."""
    logging.disable(logging.CRITICAL)
    most = options.readings
    for size in (most // 20, most // 4, most):
        with (
            tempfile.TemporaryDirectory(prefix="growth-") as folder,
            tempfile.TemporaryDirectory(prefix="growth-") as empty_folder,
            new_books(Path(folder)) as (db, settings),
            new_books(Path(empty_folder)) as (empty_db, empty_settings),
        ):
            empty = Books(empty_db, empty_settings, 0)
            ratios = _measure(db, settings, size, empty)
    return ratios


def _measure(db: Database, settings: Settings, size: int, empty: Books) -> Figures:
    """Print the figures of a size; return the ratios of its messages to those of an empty one."""
    begun = time.perf_counter()
    books = Books(db, settings, size)
    books.grow()
    took = time.perf_counter() - begun
    size_mb = sum(f.stat().st_size for f in settings.database.parent.iterdir()) >> 20
    recorded = db.execute("SELECT count(*) FROM accounting").fetchone()[0]
    print(
        f"{size:,} meter values, {recorded:,} records, {size_mb:,} MB, grown in {took:.0f} s",
        flush=True,
    )
    for name, query in queries(db, settings):
        print(f"  {name:42} {_ms(query):8.1f} ms", flush=True)
    spent: Spent = {}
    spent_empty: Spent = {}
    for number in range(BATCHES):
        books.measure(number, spent)
        empty.measure(number, spent_empty)
    ratios = {}
    for action, each in spent.items():
        us, empty_us = median(each), median(spent_empty[action])
        ratios[f"{action} × empty"] = us / empty_us
        print(f"  {action:42} {us:8.1f} µs of CPU, {us / empty_us:.2f} × the empty database")
    return ratios


def _ms(query: Callable[[], object]) -> float:
    """Return the median time of five runs in ms."""
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        query()
        taken.append((time.perf_counter() - begun) * 1e3)
    return median(taken)


SECTIONS: Sections = {"growth": growing}


if __name__ == "__main__":
    run(SECTIONS, options_of(__doc__, SECTIONS))
