"""The upgrade of a database of version 6, in which a frame and its answer are two rows.

`make large` upgrades one of 5 GB.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from pathlib import Path

from shocpp.store.database import VERSION
from shocpp.store.files.header import APPLICATION_ID
from shocpp.store.schema.migrations import migrate
from tests.world.connections import ask, connect
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.server import Server

GIGABYTES = float(os.environ.get("SHOCPP_LARGE_GB") or 0.004)
EXCHANGES = int(GIGABYTES * 1_600_000)
"""An exchange and its reading had about 600 bytes."""

FEW_PAGES = 80
"""The rows of one worker and one Heartbeat, and new tables; a second copy of the frames needs
hundreds."""

OLD_FRAMES = """
WITH RECURSIVE exchange (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM exchange WHERE i < ?1 - 1)
INSERT INTO frame
SELECT 2 * i + 1 + answers, 1, iif(answers, 'out', 'in'), 'MeterValues', 1000 * i + answers,
       iif(answers, printf('[3,"%036d",{}]', i),
           printf('[2,"%036d","MeterValues",{"meterValue":[{"sampledValue":[{"value":"%d"},'
                  || '{"value":"%0200d"}]}]}]', i, i, i))
FROM exchange, (SELECT 0 AS answers UNION ALL SELECT 1)
"""
OLD_READINGS = """
INSERT INTO meter_reading SELECT (id + 1) / 2, 1, 1, NULL, NULL, moment_ms, id, NULL, id
FROM frame WHERE direction = 'in'
"""


def made_by_version_6(path: Path) -> None:
    """Make a database as version 6 left it, with many exchanges of one charger."""
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        for number in range(1, 7):
            (file,) = (ROOT / "db" / "migrations").glob(f"{number:04}_*.sql")
            db.executescript(file.read_text())
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute("PRAGMA user_version=6")
        db.execute("INSERT INTO property VALUES ('born_ms', '7')")
        db.execute(
            "INSERT INTO charge_point VALUES (1, 'a', 'a', NULL, NULL, NULL, NULL, NULL, 1, 1, 1)"
        )
        db.execute(OLD_FRAMES, (EXCHANGES,))
        db.execute(OLD_READINGS)
        for table in ("frame", "meter_reading"):
            db.execute(
                f"INSERT INTO {table}_block SELECT DISTINCT charge_point, id / 1024 FROM {table}"
            )
        db.execute("PRAGMA journal_mode=WAL")


def old_rows(path: Path) -> str:
    """Return a digest of the rows of version 6."""
    digest = hashlib.sha256()
    with contextlib.closing(sqlite3.connect(path)) as db:
        for row in db.execute(
            "SELECT id, charge_point, direction, action, moment_ms, text FROM frame WHERE id <= ?",
            (2 * EXCHANGES,),
        ):
            digest.update(repr(row).encode())
        for row in db.execute(
            "SELECT id, charge_point, received_ms, register_wh, frame FROM meter_reading"
        ):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def schema(path: Path) -> list[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()


def pages(home: Home) -> int:
    ((count,),) = home.query("PRAGMA page_count")
    return int(count)


def test_an_old_database_is_served_at_once_and_its_rows_stay(home: Home) -> None:
    made_by_version_6(home.database)
    rows, page_count = old_rows(home.database), pages(home)
    begun = time.monotonic()
    server = Server(home)
    try:
        with connect(server.url("garage")) as charger:
            took_s = time.monotonic() - begun
            ask(charger, "Heartbeat", {})
    finally:
        server.stop()
    print(f"{page_count * 4096 / 1e9:.3f} GB: a handshake succeeded {took_s:.1f} s after the start")
    assert home.query("PRAGMA user_version") == [(VERSION,)]
    assert home.query("SELECT count(*) FROM frame WHERE answer IS NOT NULL") == [(1,)]
    assert old_rows(home.database) == rows
    assert 0 <= pages(home) - page_count < FEW_PAGES
    assert home.query("PRAGMA quick_check") == [("ok",)]
    # Two samples of each frame: old readings have no position.
    listed = "SELECT count(*) FROM meter_values WHERE number <= 1000"
    assert home.query(listed) == [(2_000,)]
    fresh = home.database.with_name("fresh.sqlite3")
    migrate(fresh, 7)
    assert schema(home.database) == schema(fresh)
    *_, asked, answered = home.run("shocpp", "frames", "-n", "4").stdout.splitlines()
    assert ("Heartbeat" in asked, "currentTime" in answered) == (True, True)
