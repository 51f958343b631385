"""The writer and its housekeeping: record files, old frames, a database that was moved away."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from shocpp.store.charge_points import frames
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from tests.world.connections import BOOT, START, STOP, ask, connect
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

Serve = Callable[..., Server]


def test_a_record_becomes_a_file_in_the_seeds_form(server: Server) -> None:
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        ask(charger, "StopTransaction", STOP)
    (file,) = wait_for(server.home.record_files)
    assert file.parent == server.home.folder / "accounting" / "2026" / "10"
    assert file.name.startswith("1790838600-")
    record = json.loads(file.read_text())
    assert list(record)[:6] == [
        "localtime",
        "unixtime",
        "account",
        "begin_kwh",
        "end_kwh",
        "consumed_kwh",
    ]
    assert [record[key] for key in list(record)[:6]] == [
        "2026-10-01 09:10:00",
        "1790838600",
        "family-y",
        "9042",
        "9075",
        "33",
    ]
    assert (record["consumed_wh"], record["charge_point_id"]) == (33_000, "garage")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_could_not_be_written_is_written_at_the_next_start(server: Server) -> None:
    accounting = server.home.folder / "accounting"
    wait_for(accounting.exists)
    accounting.rmdir()
    accounting.write_text("in the way")
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        assert ask(charger, "StopTransaction", STOP) == {}
    wait_for(lambda: "record files cannot be written now" in server.log())
    assert server.stop() == 0
    accounting.unlink()
    server.restart()
    wait_for(lambda: len(server.home.record_files()) == 1)


def test_a_file_that_is_there_already_is_not_written_again(server: Server) -> None:
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        ask(charger, "StopTransaction", STOP)
    (file,) = wait_for(home.record_files)
    wait_for(lambda: not home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"))
    server.kill()
    before = (file.stat().st_mtime_ns, file.read_bytes())
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        db.execute("UPDATE accounting_record SET exported_ms = NULL")
    server.restart()
    wait_for(lambda: not home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"))
    assert home.record_files() == [file]
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before


def test_old_frames_go_but_those_with_energy_and_the_newest_stay(home: Home) -> None:
    assert home.run("shocpp", "migrate").returncode == 0
    day_ms = 86_400_000
    now_ms = time.time_ns() // 1_000_000
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        old = (("Heartbeat", 91), ("StopTransaction", 91), ("Heartbeat", 89), ("Heartbeat", 91))
        frames.record(
            db, [Frame(None, "in", action, now_ms - days * day_ms, "[]") for action, days in old]
        )
    home.run("shocpp-backend", "-c", "garage", stdin="")
    assert home.query("SELECT id FROM frame ORDER BY id") == [(2,), (3,), (4,)]


def test_no_answer_is_sent_after_the_database_was_moved_away(
    server: Server,
) -> None:
    home = server.home
    away = home.database.with_name("away.sqlite3")
    with connect(server.url("garage")) as charger:
        ask(charger, "BootNotification", BOOT)
        home.database.rename(away)
        charger.send(json.dumps([2, "9", "StartTransaction", START]))
        assert list(_texts(charger)) == []
    assert "was moved away or replaced" in server.log()
    away.rename(home.database)
    wait_for(lambda: "sqlite3 can be written again" in server.log())
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042


def _texts(charger) -> list[str]:  # type: ignore[no-untyped-def]
    from websockets.exceptions import ConnectionClosed

    texts = []
    try:
        while True:
            texts.append(charger.recv(10))
    except ConnectionClosed:
        return texts


def test_a_killed_worker_is_reaped_by_its_successor(server: Server) -> None:
    import os
    import signal

    home = server.home
    (worker,) = server.workers()
    with connect(server.url("garage")) as charger:
        ask(charger, "BootNotification", BOOT)
        assert home.query("SELECT connected FROM charge_points") == [(1,)]
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: server.workers() and server.workers() != [worker])
        wait_for(lambda: home.query("SELECT connected FROM charge_points") == [(0,)])
    bells = Path(f"{home.database}-bells")
    # Beside the worker's own there is that of the process that decides on limits.
    wait_for(lambda: len([bell for bell in bells.iterdir() if bell.name != "site"]) == 1)
