"""The cost of a transaction while the ledger grows, of its views, and of backup and rebuild.

    python -m bench.books [TRANSACTIONS]

One charger, one process, no sockets: frames go through the bookkeeping into a database on tmpfs if
there is one, so the figures are of the program and not of a disk. Each figure has a reference in
the same run: the first quarter for the growth, SQLite's own copy for the backup, and a plain sum
over all records for the views.
"""

import json
import logging
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Receive
from shocpp.bookkeeping.posting import posting
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.ocpp.connection import Connection
from shocpp.ocpp.times import format_timestamp
from shocpp.recovery import rebuild
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database
from shocpp.store.files.backups import back_up
from shocpp.store.schema.migrations import migrate

BEGUN_MS = 1_790_000_000_000
EVERY_MS = 3_600_000
VIEWS = ("audit", "gaps", "review", "monthly_consumption")


def main() -> None:
    """Print a line for each figure."""
    logging.disable(logging.CRITICAL)
    transactions = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="books-", dir=fast) as folder:
        settings = read_settings({"SHOCPP_HOME": folder, "TZ": "Europe/Berlin"})
        settings.tags_file.parent.mkdir()
        settings.tags_file.write_text('[{"index": 1, "account": "a", "ids": ["1111"]}]')
        migrate(settings.database, BEGUN_MS)
        with open_database(settings.database) as db:
            _grow(db, settings, transactions)
            _read(db)
            _maintain(db, settings)
        _rebuild(settings, transactions)


def _grow(db: Database, settings: Settings, transactions: int) -> None:
    tags, chargers = TagsFile(settings.tags_file), AllowlistFile(settings.charge_points_file)
    books = Bookkeeping(db, tags, posting(db, settings), "bench", chargers)
    quarter, first_us = transactions // 4, 0.0
    for part in range(4):
        begun = time.process_time()
        for number in range(part * quarter, (part + 1) * quarter):
            _charge(books, number)
        us = (time.process_time() - begun) / quarter * 1e6
        first_us = first_us or us
        print(f"{(part + 1) * quarter:7} transactions  {us:6.0f} us each  {us / first_us:5.2f} x")


def _charge(books: Bookkeeping, number: int) -> None:
    """Start and stop once; every fiftieth leaves a gap, every hundredth has an unknown card."""
    now_ms, wh = BEGUN_MS + number * EVERY_MS, 1_000 + number * 500 + number // 50 * 100
    card = "?" if number % 100 == 0 else "1111"
    start = {"connectorId": 1, "idTag": card, "meterStart": wh, "timestamp": _time(now_ms)}
    answer = json.loads(_send(books, "StartTransaction", start, now_ms))
    transaction_id = answer[2]["transactionId"]
    stop = {
        "transactionId": transaction_id,
        "meterStop": wh + 500,
        "timestamp": _time(now_ms + 60_000),
    }
    _send(books, "StopTransaction", stop, now_ms + 60_000)


def _time(ms: int) -> str:
    return format_timestamp(ms)


def _send(books: Bookkeeping, action: str, payload: dict[str, object], now_ms: int) -> str:
    text = json.dumps([2, "1", action, payload])
    event = Connection(55).receive(text, now_ms)
    (answer,) = books.write([Receive("token", "garage", text, now_ms, event)], now_ms)
    return str(answer)


def _read(db: Database) -> None:
    plain_s = _timed(
        lambda: db.execute("SELECT sum(consumed_wh) FROM accounting_record").fetchall()
    )
    for view in VIEWS:
        took_s = _timed(lambda view=view: db.execute(f"SELECT * FROM {view}").fetchall())  # type: ignore[misc]
        print(f"view {view:20} {took_s * 1e3:8.1f} ms  {took_s / plain_s:6.0f} x a plain sum")


def _maintain(db: Database, settings: Settings) -> None:
    copy = settings.home / "copy.sqlite3"
    ours_s = _timed(lambda: back_up(db, copy, lambda _pages: None))

    def plain() -> None:
        with sqlite3.connect(settings.home / "plain.sqlite3") as other:
            db.connection.backup(other)
        other.close()

    plain_s = _timed(plain)
    print(
        f"backup, looked through    {ours_s * 1e3:8.1f} ms  {ours_s / plain_s:6.1f} x a plain copy"
    )
    files = RecordFiles(settings.accounting_folder)
    begun = time.perf_counter()
    while files.export(db, BEGUN_MS):
        pass
    print(f"all record files          {(time.perf_counter() - begun) * 1e3:8.1f} ms")


def _rebuild(settings: Settings, transactions: int) -> None:
    @contextmanager
    def silent(_label: str, _length: int) -> Iterator[Callable[[int], None]]:
        yield lambda _steps: None

    for name, run in (
        ("from frames", rebuild.rebuild_from_frames),
        ("from files", rebuild.rebuild),
    ):
        if run is rebuild.rebuild:
            settings.database.unlink()
        begun = time.perf_counter()
        rebuilt = run(settings, silent)
        took_s = time.perf_counter() - begun
        assert not rebuilt.restored.refused, rebuilt.restored.refused[:3]
        print(f"rebuild {name:17} {took_s * 1e3:8.1f} ms  {transactions / took_s:6.0f} records/s")


def _timed(work: Callable[[], object]) -> float:
    """Return the shortest time of three runs, in seconds."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


if __name__ == "__main__":
    main()
