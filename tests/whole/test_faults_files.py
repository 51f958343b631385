"""Files that people and other programs damage or delete while the server runs or rests."""

import contextlib
import json
import shutil
import sqlite3
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world.faults import (
    DAY,
    START,
    STOP,
    ask,
    assert_booked_once,
    assert_each_record_has_its_file,
    connect,
    frame,
    healthz,
)
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

Serve = Callable[..., Server]

# --- tags.json ---


def status(server: Server, id_tag: str) -> str:
    """Return the status that a card gets."""
    with connect(server.url("garage")) as charger:
        return str(ask(charger, "Authorize", {"idTag": id_tag})["idTagInfo"]["status"])


BROKEN = {
    "empty": lambda good: "",
    "half-written": lambda good: good[: len(good) // 2],
    "no list": lambda good: "{}",
    "not JSON": lambda good: good.replace(":", "="),
    "a card of two": lambda good: good.replace('"1111"', '"3333"'),
    "no UTF-8": lambda good: good.replace("company-x", "\udcff"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_while_tags_json_is_broken_the_last_good_cards_count_and_health_tells_it(
    server: Server, broken: Callable[[str], str]
) -> None:
    file = server.home.tags_file
    good = file.read_text()
    assert (status(server, "3333"), status(server, "new")) == ("Accepted", "Invalid")
    file.write_text(broken(good.replace('"3333"', '"3333", "new"')), errors="surrogateescape")
    told = wait_for(lambda: (line := healthz(server)) != (200, "ok\n") and line, 5)
    assert told[0] == 200
    assert (str(file) in told[1], told[1].count("\n")) == (True, 1)
    assert (status(server, "3333"), status(server, "new")) == ("Accepted", "Invalid")
    assert "the 3 accounts read before stay in force" in server.log()
    file.write_text(good.replace('"3333"', '"3333", "new"'))
    wait_for(lambda: healthz(server) == (200, "ok\n"), 5)
    assert (status(server, "3333"), status(server, "new")) == ("Accepted", "Accepted")


def test_a_tags_json_that_goes_and_comes_back_during_a_transaction_moves_no_energy(
    server: Server,
) -> None:
    file = server.home.tags_file
    good = file.read_text()
    with connect(server.url("garage")) as charger:
        file.unlink()
        wait_for(lambda: "does not exist" in healthz(server)[1], 5)
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
        file.write_text('[{"index": 2, "account": "family-y", "ids": []}]')
        wait_for(lambda: healthz(server) == (200, "ok\n"), 5)
        assert ask(charger, "StopTransaction", STOP) == {}
        file.write_text(good)
    assert_booked_once(server.home)


# --- the accounting folder ---


def charge(server: Server, number: int = 0) -> None:
    """A transaction of a charger, in a month of its own."""
    month = f"2025-{number + 1:02}-10"
    begin_wh = START["meterStart"] + number * 33_000
    start = {"meterStart": begin_wh, "timestamp": f"{month}T05:00:00Z"}
    stop = {"meterStop": begin_wh + 33_000, "timestamp": f"{month}T07:10:00Z"}
    with connect(server.url("garage")) as charger:
        begun = ask(charger, "StartTransaction", START | start)
        stop["transactionId"] = begun["transactionId"]
        assert ask(charger, "StopTransaction", stop) == {}


def content(home: Home) -> dict[Path, bytes]:
    """Every accounting file."""
    return {file: file.read_bytes() for file in home.record_files()}


def has_files(home: Home, number: int) -> bool:
    """Return True if so many records have their files and none waits for one."""
    waiting = home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL")
    return len(home.record_files()) == number and not waiting


def test_an_accounting_folder_deleted_while_the_server_runs_comes_back_with_the_next_record(
    server: Server,
) -> None:
    home = server.home
    for number in range(3):
        charge(server, number)
    wait_for(lambda: has_files(home, 3))
    before = content(home)
    shutil.rmtree(home.folder / "accounting")
    charge(server, 3)
    wait_for(lambda: has_files(home, 4))
    assert before.items() < content(home).items()
    assert_each_record_has_its_file(home)
    assert (home.folder / "accounting").stat().st_mode & 0o077 == 0


def test_what_is_deleted_while_the_server_rests_comes_back_and_the_rest_is_not_touched(
    server: Server,
) -> None:
    home = server.home
    for number in range(3):
        charge(server, number)
    wait_for(lambda: has_files(home, 3))
    assert server.stop() == 0
    before = content(home)
    one, other, kept = home.record_files()
    one.unlink()
    shutil.rmtree(other.parent)
    written = kept.stat().st_mtime_ns
    (home.folder / "accounting" / "notes.txt").write_text("of a person")
    server.restart()
    wait_for(lambda: has_files(home, 3))
    assert content(home) == before
    assert kept.stat().st_mtime_ns == written


def test_an_accounting_folder_deleted_while_the_server_rests_comes_back(server: Server) -> None:
    home = server.home
    charge(server)
    wait_for(lambda: has_files(home, 1))
    before = content(home)
    assert server.stop() == 0
    shutil.rmtree(home.folder / "accounting")
    server.restart()
    wait_for(lambda: has_files(home, 1))
    assert content(home) == before


def test_what_a_killed_process_has_left_half_written_is_in_nobodys_way(
    home: Home, serve: Serve, tmp_path: Path
) -> None:
    """In a container the next process has the same pid."""
    elsewhere = Home(tmp_path / "elsewhere")
    said = "".join(frame(f"{n}", call) for n, call in enumerate(DAY))
    elsewhere.run("shocpp-backend", "-c", "garage", stdin=said)
    (file,) = (path.relative_to(elsewhere.folder) for path in elsewhere.record_files())
    server = serve()
    (worker,) = server.workers()
    leftover = home.folder / file.parent / f".{file.name}.{worker}"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("{")
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        ask(charger, "StopTransaction", STOP)
    wait_for(lambda: has_files(home, 1), 5)
    assert json.loads((home.folder / file).read_text())["consumed_wh"] == 33_000


def test_accounting_files_that_wait_for_long_are_named(server: Server) -> None:
    home = server.home
    folder = home.folder / "accounting"
    charge(server)
    wait_for(lambda: has_files(home, 1))
    shutil.rmtree(folder)
    folder.write_text("no folder")
    charge(server, 1)
    noted = "SELECT value FROM property WHERE name = 'unwritable_folder'"
    ((text,),) = wait_for(lambda: home.query(noted))
    since_ms, reason = json.loads(text)
    assert reason == f"{folder} cannot be written: Not a directory"
    assert healthz(server) == (200, "ok\n")
    assert "waited since" not in check(home).stdout
    metrics = metrics_of(server)
    assert metrics["shocpp_waiting_accounting_files"] >= 1
    assert 0 <= metrics["shocpp_oldest_waiting_accounting_file_seconds"] < 600
    # A quarter of an hour later, after a restart.
    server.stop()
    with contextlib.closing(sqlite3.connect(home.database, timeout=10)) as db, db:
        earlier = json.dumps([since_ms - 20 * 60_000, reason])
        db.execute("UPDATE property SET value = ? WHERE name = 'unwritable_folder'", (earlier,))
    folder.unlink()
    folder.mkdir()
    (folder / "2025").write_text("no folder")
    server.restart()
    charge(server, 2)
    told = wait_for(lambda: (line := healthz(server))[1] != "ok\n" and line)
    assert told[0] == 200
    assert "accounting files have waited since 20" in told[1]
    assert metrics_of(server)["shocpp_oldest_waiting_accounting_file_seconds"] > 15 * 60
    checked = check(home)
    assert checked.returncode == 1
    assert "accounting files have waited since" in checked.stdout
    (folder / "2025").unlink()
    charge(server, 3)
    wait_for(lambda: has_files(home, 4))
    wait_for(lambda: healthz(server) == (200, "ok\n"))
    assert home.query(noted) == []
    assert metrics_of(server)["shocpp_oldest_waiting_accounting_file_seconds"] == 0


def metrics_of(server: Server) -> dict[str, float]:
    """Return the metrics without labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    values = (line.split() for line in lines if line[0] != "#" and "{" not in line)
    return {name: float(value) for name, value in values}
