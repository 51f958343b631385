"""Chargers that send as much as they can: the disk never fills, and others are billed to the Wh.

`SHOCPP_FLOODS=all` floods a disk of 400 MB with the default settings for a minute.
"""

import contextlib
import itertools
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.world.connections import BOOT, START, STOP, ask, close_code, connect
from tests.world.faults import healthz, small_disk
from tests.world.floods import ALL, honest_charger, upgraded
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

Serve = Callable[..., Server]

MB = 1_000_000
LARGE = 7_900_000
SIZE = "400m" if ALL else "64m"
SETTINGS = {} if ALL else {"SHOCPP_CHARGER_MB": "1", "SHOCPP_RESERVE_MB": "40"}
RESERVE = 8 * MB if ALL else 40 * MB
FLOOD_S = 60 if ALL else 8

TEXT = "x" * 3_000
"""A member of a sample that is just short enough to be stored."""

# -- a charger over its budget --------------------------------------------------------------------


def test_a_charger_over_its_budget_is_billed_and_read_slowly(home: Home, serve: Serve) -> None:
    server = serve(SHOCPP_CHARGER_MB="1")
    with honest_charger(server), connect(server.url("garage")) as charger:
        ask(charger, "Heartbeat", {})
        for _ in range(2):
            # Both are just below twice the budget.
            transfer = {"vendorId": "x", "data": "x" * 998_430}
            assert ask(charger, "DataTransfer", transfer) == {"status": "UnknownVendorId"}
        begun = time.monotonic()
        sent = ask(charger, "StartTransaction", START)
        # A charger that is read slowly would wait a minute after a message of this size.
        assert time.monotonic() - begun < 20
        ask(charger, "StopTransaction", STOP | {"transactionId": sent["transactionId"]})
        for number in range(3):
            ask(charger, "Heartbeat", {}, f"{number}")
        assert time.monotonic() - begun > 2.5
        assert charger.ping().wait(10)
    assert server.log().count("garage has sent more than 1000 kB today") == 1
    assert server.log().count("garage has sent twice as much") == 1
    wait_for(lambda: home.query("SELECT 1 FROM dropped_frames WHERE action = 'Heartbeat'"))
    assert home.query("SELECT consumed_wh FROM accounting WHERE charge_point_id = 'garage'") == [
        (33_000,)
    ]
    assert home.query("SELECT action, frames FROM dropped_frames ORDER BY 1") == [
        ("DataTransfer", 1),
        ("Heartbeat", 3),
    ]
    told = home.run("shocpp", "frames", "-c", "garage").stdout
    assert "garage: 4 frames of " in told


def test_a_charger_that_is_read_slowly_is_not_taken_for_silent_and_can_be_closed(
    home: Home, serve: Serve
) -> None:
    server = serve(SHOCPP_CHARGER_MB="1")
    with connect(server.url("garage")) as charger:
        ask(charger, "Heartbeat", {})
        for _ in range(4):
            charger.send(json.dumps([2, "1", "DataTransfer", {"data": "x" * 900_000}]))
        charger.recv(10)
        assert server.stop() == 0
        assert close_code(charger) == 1012


# -- caps -----------------------------------------------------------------------------------------


def is_taken(server: Server, name: str) -> bool:
    """Return True if a charger with this name is served; strangers are counted now and then."""
    with connect(server.url(name)) as charger:
        try:
            ask(charger, "Heartbeat", {})
        except ConnectionClosed:
            return False
    return True


def test_beyond_100_strangers_only_new_names_are_refused(home: Home, serve: Serve) -> None:
    server = serve()
    for number in range(100):
        with connect(server.url(f"n{number}")) as charger:
            ask(charger, "Heartbeat", {})
    with connect(server.url("new")) as charger:
        assert close_code(charger) == 1013
    with connect(server.url("n7")) as charger:
        ask(charger, "StartTransaction", START)
        ask(charger, "StopTransaction", STOP)
    # One of them is billed now, and is no stranger any more.
    wait_for(lambda: is_taken(server, "other"))
    with connect(server.url("newer")) as charger:
        assert close_code(charger) == 1013
    told = home.run("shocpp", "charge-points", "--refused").stdout
    assert "too many new names; more than 100 chargers are not listed; admit it: shocpp" in told
    assert "charge-points add newer" in told
    home.charge_points_file.write_text(
        json.dumps({"newer": {"auth": "none"}, "*": {"auth": "none"}})
    )
    with connect(server.url("newer")) as charger:
        ask(charger, "Heartbeat", {})


# -- a disk that is nearly full -------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk, which outlives the server on it."""
    with small_disk(tmp_path / "disk", SIZE) as folder:
        yield folder


def metrics(server: Server) -> dict[str, float]:
    """Return the gauges of the disk."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    gauges = [line.split() for line in lines if line.startswith(("shocpp_disk", "shocpp_ledger"))]
    return {name: float(value) for name, value in gauges}


def free_bytes(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def leave(disk: Path, megabytes: float) -> None:
    """Fill the disk up to so many free megabytes, or make room."""
    (disk / "ballast").unlink(missing_ok=True)
    size = free_bytes(disk) - int(megabytes * MB)
    with open(disk / "ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def test_a_low_disk_is_told_before_only_transactions_are_written(
    disk: Path,
) -> None:
    home = Home(disk / "home")
    server = Server(home, SHOCPP_RESERVE_MB="8")
    home.environment["SHOCPP_RESERVE_MB"] = "8"
    try:
        with connect(server.url("garage")) as charger:
            ask(charger, "BootNotification", BOOT)
            leave(disk, 12)
            wait_for(lambda: healthz(server)[1].startswith("space is low: 12 MB are left for "))
            assert metrics(server)["shocpp_ledger_only"] == 0
            assert "below 8.0 MB" not in home.run("shocpp", "check").stdout
            leave(disk, 6)
            wait_for(lambda: healthz(server)[1].startswith("space is used up: "))
            assert healthz(server)[0] == 200
            gauges = metrics(server)
            assert gauges.pop("shocpp_disk_free_bytes") < 7 * MB
            assert gauges == {"shocpp_disk_reserve_bytes": 8 * MB, "shocpp_ledger_only": 1}
            assert "only transactions are written" in home.run("shocpp", "check").stdout
            ask(charger, "DataTransfer", {"vendorId": "x"})
            ask(charger, "StartTransaction", START)
            with connect(server.url("new")) as stranger:
                assert close_code(stranger) == 1013
            leave(disk, 30)
            wait_for(lambda: healthz(server) == (200, "ok\n"))
            ask(charger, "DataTransfer", {"vendorId": "y"})
            ask(charger, "StopTransaction", STOP)
        assert home.query("SELECT consumed_wh FROM accounting") == [(33_000,)]
        assert home.query("SELECT vendor_id FROM data_transfer") == [("y",)]
        assert home.query("SELECT id, reason FROM refused_attempts") == [
            ("new", "no space for new names")
        ]
    finally:
        server.kill()


# -- chargers that flood ----------------------------------------------------------------------

Texts = Iterator[str]


def call(action: str, payload: Any, unique_id: object = 1) -> str:
    return json.dumps([2, f"{unique_id}", action, payload])


def stop_forged(number: int, size: int) -> str:
    """Return a stop of nobody with samples of so many bytes."""
    sample = f'{{"sampledValue":[{{"value":"1","text":"{TEXT}"}}]}}'
    data = ",".join(itertools.repeat(sample, size // (len(sample) + 1)))
    return (
        f'[2,"{number}","StopTransaction",{{"transactionId":{number},"meterStop":{number},'
        f'"timestamp":"2026-10-01T05:00:00Z","transactionData":[{data}]}}]'
    )


def floods() -> dict[str, Texts]:
    """Return the texts that each flooding charger sends without end."""
    numbers = itertools.count(1)
    value = {"sampledValue": [{"value": "5"}]}
    long_value = {"sampledValue": [{"value": "5", "text": TEXT}]}
    data = call("DataTransfer", {"vendorId": "x", "data": "d" * LARGE})
    values = call("MeterValues", {"connectorId": 1, "meterValue": [long_value] * (LARGE // 3_100)})
    samples = ",".join(['{"sampledValue":[{"value":"5"}]}'] * (LARGE // 33))
    tiny_values = f'[2,"1","MeterValues",{{"connectorId":1,"meterValue":[{samples}]}}]'
    tiny_stops = (
        f'[2,"{n}","StopTransaction",{{"transactionId":{n},"transactionData":[{samples}]}}]'
        for n in itertools.count(1)
    )
    urls = call("DataTransfer", {"vendorId": "x", "data": "a://:x" * (LARGE // 6) + "@"})
    members = call("DataTransfer", {f"{n}": 1 for n in range(650_000)})
    status = {"status": "Available", "errorCode": "NoError", "info": "i" * 50}
    return {
        "data": itertools.repeat(data),
        "status": (
            call("StatusNotification", {"connectorId": n % 10_000, **status}) for n in numbers
        ),
        "values": (
            call("MeterValues", {"connectorId": n % 10_000, "meterValue": [value]}) for n in numbers
        ),
        "large-values": itertools.repeat(values),
        "tiny-values": itertools.repeat(tiny_values),
        "tiny-stops": tiny_stops,
        "objects": itertools.repeat(tiny_values.replace('"sampledValue":[{"value":"5"}]', "")),
        "urls": itertools.repeat(urls),
        "members": itertools.repeat(members),
        "starts": (
            call("StartTransaction", {"connectorId": 1, "idTag": "3333", "meterStart": n}, n)
            for n in numbers
        ),
        "stops": (stop_forged(n, 100) for n in numbers),
        "large-stops": (stop_forged(n, LARGE) for n in numbers),
        "confirmations": itertools.repeat(json.dumps([3, "1", {"status": "c" * 100_000}])),
        "actions": (call("a" * 1_000 + f"{n}", {"junk": ["x"] * 10_000}) for n in numbers),
        "names": (stop_forged(n, 900_000) for n in numbers),
    }


def client_frame(text: str) -> bytes:
    """Return a text message under a mask of zeros."""
    payload = text.encode()
    if len(payload) < 126:
        head = bytes([0x80 | len(payload)])
    elif len(payload) < 65_536:
        head = b"\xfe" + len(payload).to_bytes(2, "big")
    else:
        head = b"\xff" + len(payload).to_bytes(8, "big")
    return b"\x81" + head + bytes(4) + payload


def flood(server: Server, name: str, texts: Texts, ended: threading.Event) -> None:
    """Send texts as fast as possible, and connect again whenever the connection ends."""
    for number in itertools.count():
        # Each connection of `names` has a new one.
        own = f"{name}{number}" if name == "names" else name
        with contextlib.suppress(OSError, AssertionError), upgraded(server, own) as wire:
            wire.settimeout(0.5)
            for text in texts:
                if ended.is_set():
                    return
                wire.sendall(client_frame(text))
                with contextlib.suppress(BlockingIOError):
                    if not wire.recv(1 << 20, socket.MSG_DONTWAIT):
                        break
                if name == "names":
                    break
        if ended.wait(0.02):
            return


class Billed:
    """An honest charger: it keeps a message until it is answered."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def ask(self, action: str, payload: object) -> Any:
        """Send a message until it is answered, on as many connections as it takes."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with (
                contextlib.suppress(ConnectionClosed, OSError, TimeoutError, InvalidStatus),
                connect(self.server.url("honest"), open_timeout=20) as wire,
            ):
                return ask(wire, action, payload)
            time.sleep(0.5)
        raise AssertionError(f"{action} was not answered")

    def charge(self, begin_wh: int, end_wh: int, pause_s: float) -> None:
        """Charge, with a reading now and then."""
        sent = self.ask("StartTransaction", START | {"meterStart": begin_wh})["transactionId"]
        for wh in range(begin_wh, end_wh, (end_wh - begin_wh) // 4):
            time.sleep(pause_s / 4)
            value = {"sampledValue": [{"value": f"{wh}"}]}
            values = {"connectorId": 1, "transactionId": sent, "meterValue": [value]}
            self.ask("MeterValues", values)
        self.ask("StopTransaction", STOP | {"transactionId": sent, "meterStop": end_wh})


@contextlib.contextmanager
def least_free(disk: Path) -> Iterator[list[int]]:
    """Yield a list whose only item is the smallest number of free bytes so far."""
    least, ended = [free_bytes(disk)], threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            least[0] = min(least[0], free_bytes(disk))

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield least
    finally:
        ended.set()
        watching.join(10)


@pytest.mark.timeout(300)
def test_flooding_chargers_do_not_fill_the_disk_and_an_honest_one_is_billed(
    disk: Path,
) -> None:
    home, ended = Home(disk / "home"), threading.Event()
    server = Server(home, **SETTINGS)
    honest = Billed(server)
    honest.ask("BootNotification", BOOT)
    # Known chargers may send larger messages.
    for name in floods():
        with connect(server.url(name)) as charger:
            ask(charger, "BootNotification", BOOT)
    flooding = [
        threading.Thread(target=flood, args=(server, name, texts, ended), daemon=True)
        for name, texts in floods().items()
    ]
    try:
        with least_free(disk) as least:
            for thread in flooding:
                thread.start()
            honest.charge(1_000, 9_000, FLOOD_S / 2)
            honest.charge(9_000, 11_345, FLOOD_S / 2)
            ended.set()
            for thread in flooding:
                thread.join(20)
        print(f"\nat least {least[0] / MB:.1f} MB were free; {server.log().count('closed')} closes")
        assert least[0] >= RESERVE / 2
        assert ALL or "only transactions are written now" in server.log()
        assert server.log().count("Booting worker") == 1
        assert "Traceback" not in server.log()
        assert healthz(server)[0] == 200
        server.kill()
        server.restart()
        for name in ("data", "large-stops", "honest"):
            with connect(server.url(name)) as charger:
                ask(charger, "Heartbeat", {})
        assert home.query("PRAGMA integrity_check") == [("ok",)]
        assert home.query(
            "SELECT consumed_wh FROM accounting WHERE charge_point_id = 'honest'"
            " AND review IS NULL ORDER BY number"
        ) == [(8_000,), (2_345,)]
    finally:
        ended.set()
        server.kill()
