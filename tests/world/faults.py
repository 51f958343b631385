"""Shared parts of the fault tests: a day's transaction, the oracle of its energy, disturbances.

All of it works on real processes from outside: strace makes system calls fail or kills at them, and
nothing in the product knows. The day is one transaction of 33 kWh of family-y at the charger
`garage`.
"""

import contextlib
import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.world.connections import START, STOP, ask, connect
from tests.world.home import Home
from tests.world.machine import NOT_ALLOWED, needs, wait_for
from tests.world.server import Server

__all__ = ["START", "STOP", "ask", "connect"]

EVERY_STEP = os.environ.get("SHOCPP_FAULTS") == "all"
"""Not a sample of the moments at which something can fail, but each of them."""

BOOT = {"chargePointVendor": "go-e", "chargePointModel": "V3", "chargePointSerialNumber": "219010"}
DAY = (("BootNotification", BOOT), ("StartTransaction", START), ("StopTransaction", STOP))


def assert_booked_once(home: Home, charge_point_id: str = "garage") -> None:
    """The day's energy is in the books, in one record and one file, and nothing is left over."""
    assert home.query("PRAGMA integrity_check") == [("ok",)]
    assert home.query(
        "SELECT charge_point_id, account, transaction_id, consumed_wh, review FROM accounting"
    ) == [(charge_point_id, "family-y", 20_009_042, 33_000, None)]
    assert home.query("SELECT state, count(*) FROM started_transaction") == [("stopped", 1)]
    assert home.query("SELECT wh FROM monthly_consumption") == [(33_000,)]
    wait_for(lambda: not home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"))
    assert_each_record_has_its_file(home)


def assert_each_record_has_its_file(home: Home) -> None:
    """Books and folder say the same."""
    records = home.query("SELECT file_name, account, consumed_wh FROM accounting ORDER BY 1")
    files = [(file.name, json.loads(file.read_text())) for file in home.record_files()]
    told = [(name, record["account"], record["consumed_wh"]) for name, record in files]
    assert sorted(told) == records


def not_allowed_here(what: str) -> None:
    """Skip a test for want of a right, which nothing can be installed for."""
    pytest.skip(f"{NOT_ALLOWED}: {what}")


def as_root() -> list[str]:
    """Return the words that make a command run as root."""
    return [] if os.geteuid() == 0 else [needs("sudo"), "-n"]


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size},mode=0755,uid={os.getuid()}"
    mount = [*as_root(), needs("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if (mounted := subprocess.run(mount, capture_output=True, text=True)).returncode:
        not_allowed_here(f"mount ({mounted.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run([*as_root(), needs("umount"), "--lazy", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    """Make a small disk `ro`, or `rw` again."""
    subprocess.run([*as_root(), needs("mount"), "-o", f"remount,{option}", str(folder)], check=True)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte is free on a small disk."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    yield
    ballast.unlink()


@contextlib.contextmanager
def failing(server: Server, fault: str) -> Iterator[None]:
    """A system call of the server's worker fails, such as `fdatasync:error=EIO`."""
    (worker,) = server.workers()
    trace = [needs("strace"), "-f", "-p", str(worker), "-o", os.devnull]
    command = [
        *as_root(),
        *trace,
        "-e",
        f"trace={fault.partition(':')[0]}",
        "-e",
        f"inject={fault}",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        if not re.search(r"attached", told := tracer.stderr.readline()):
            not_allowed_here(told.strip())
        try:
            yield
        finally:
            tracer.terminate()
            tracer.stderr.read()


def healthz(server: Server) -> tuple[int, str]:
    """The status of /healthz, and its one line."""
    url = f"http://127.0.0.1:{server.port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def refusal(server: Server) -> tuple[int, int] | None:
    """The status that a charger's handshake is refused with, and its Retry-After."""
    try:
        with connect(server.url("garage")):
            return None
    except InvalidStatus as refused:
        response = refused.response
        return response.status_code, int(response.headers.get("Retry-After", 0))


def frame(unique_id: str, call: tuple[str, Any]) -> str:
    """A Call's text, as a line."""
    return json.dumps([2, unique_id, *call]) + "\n"


class LivingCharger(threading.Thread):
    """Charges again and again until stopped; `energy_wh` is the energy it has reported."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(name=f"c{number}", daemon=True)
        self.transactions = self.energy_wh = 0
        self.ended = threading.Event()
        self.url = f"{url}{self.name}"
        self.register_wh = number * 10_000_000
        self.wire: ClientConnection | None = None
        self.line = contextlib.ExitStack()

    def run(self) -> None:
        """Live."""
        with self.line:
            while not self.ended.is_set():
                self.charge()

    def charge(self) -> None:
        """Begin and end a transaction."""
        raise NotImplementedError


Chargers = TypeVar("Chargers", bound=Sequence[LivingCharger])


@contextlib.contextmanager
def living(chargers: Chargers) -> Iterator[Chargers]:
    """Chargers that charge all through the block; at its end each has done so once more."""
    for charger in chargers:
        charger.start()
    try:
        go_on(chargers)
        yield chargers
        go_on(chargers)
    finally:
        for charger in chargers:
            charger.ended.set()
        for charger in chargers:
            charger.join(20)


def go_on(chargers: Sequence[LivingCharger]) -> None:
    """Wait until every charger has begun and ended another transaction."""
    before = [charger.transactions for charger in chargers]
    wait_for(lambda: all(c.transactions > n + 1 for c, n in zip(chargers, before, strict=True)))
