"""How long a caller waits for a charger that answers at once: CGI, HTTP and Python, by turns.

    python -m bench.calls [rounds]

A server of its own on 127.0.0.1 in a scratch home, with one worker, and a charger in a process of
its own. A round starts the interpreter with nothing to do (`python3 -I -S -c pass`), then
cgi-bin/caller.py with the environment that a web server gives it, and then asks over one kept HTTP
connection and by `place_call`. Times are from before the start to after the exit, and from before
the request to after its answer. Only the ratio is worth keeping. Ends with a table as RESULTS.md
has it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import platform
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from websockets import Subprotocol
from websockets.sync.client import connect

from shocpp.central_system.calls import place_call
from shocpp.settings import CHECKOUT, Settings, read_settings

ADDRESS = "127.0.0.1"
CHARGER = "garage"
PATIENCE_S = 20.0
TOKEN = "a-token-for-the-bench"
WARM_UP = 3
A_ROUND = 20
"""Requests over HTTP and by Python in a round: they take a tenth of a CGI process's time."""

PYTHON = [sys.executable, "-I", "-S"]
BARE = [*PYTHON, "-c", "pass"]
CGI = [*PYTHON, str(CHECKOUT / "cgi-bin" / "caller.py")]
PAYLOAD = {"vendorId": "de.example", "data": "how are you?"}
NAMES = ("hello", "hello-again")
"""By turns: the same name twice in 10 s is one Call."""


def environment_of(home: Path, port: int) -> dict[str, str]:
    ours = ("SHOCPP_", "WS_", "GUNICORN_", "PYTHONDONTWRITEBYTECODE")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "SHOCPP_HOME": str(home),
        "WS_ADDRESS": ADDRESS,
        "WS_PORT": str(port),
        "SHOCPP_TOKEN": TOKEN,
        "TZ": "Europe/Berlin",
    }


def request_of(name: str) -> dict[str, str]:
    """What nginx and fcgiwrap tell a CGI process (RFC 3875)."""
    return {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "QUERY_STRING": f"canned={name}",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_USER": "siri",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/cgi-bin/caller",
        "SERVER_NAME": "garage.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(log.read_text(errors="replace"))
        time.sleep(0.02)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), 1):
        return True
    return False


def is_booted(database: Path) -> bool:
    with contextlib.closing(sqlite3.connect(database)) as db:
        asked = "SELECT connected AND booted_at IS NOT NULL FROM charge_points"
        return db.execute(asked).fetchall() == [(1,)]


def be_a_charger(url: str) -> None:
    """Answer every Call at once, until the server goes."""
    with (
        contextlib.suppress(Exception),
        connect(url, subprotocols=[Subprotocol("ocpp1.6")], compression=None) as connection,
    ):
        boot = {"chargePointVendor": "go-e", "chargePointModel": "go-eCharger"}
        connection.send(json.dumps([2, "1", "BootNotification", boot]))
        for text in connection:
            kind, unique_id, *_ = json.loads(text)
            if kind == 2:
                connection.send(json.dumps([3, unique_id, {"status": "Accepted"}]))


class Bench:
    """The four things that are timed; each `…_ms` list gets what one took."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._http = http.client.HTTPConnection(ADDRESS, settings.port, timeout=PATIENCE_S)
        self._asked = 0
        self.bare_ms: list[float] = []
        self.cgi_ms: list[float] = []
        self.http_ms: list[float] = []
        self.python_ms: list[float] = []

    def round(self) -> None:
        self._time(self.bare_ms, lambda: self._run(BARE, {}), "")
        name = self._name()
        self._time(self.cgi_ms, lambda: self._run(CGI, request_of(name)), "Accepted\n")
        for _ in range(A_ROUND):
            self._time(self.http_ms, self._request, "Accepted\n")
        for _ in range(A_ROUND):
            self._time(self.python_ms, self._place, '{"status":"Accepted"}')

    def forget(self) -> None:
        for times in (self.bare_ms, self.cgi_ms, self.http_ms, self.python_ms):
            times.clear()

    def _time(self, times: list[float], run: Callable[[], Any], expected: str) -> None:
        begun = time.perf_counter()
        said = run()
        times.append((time.perf_counter() - begun) * 1000)
        assert said == expected, said

    def _name(self) -> str:
        self._asked += 1
        return NAMES[self._asked % len(NAMES)]

    def _run(self, command: list[str], request: dict[str, str]) -> str:
        environment = {**self._environment, **request}
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        return done.stdout.decode().partition("\r\n\r\n")[2]

    def _request(self) -> str:
        path, as_nginx = f"/cgi-bin/caller?canned={self._name()}", f"Bearer {TOKEN}"
        self._http.request("GET", path, headers={"Authorization": as_nginx})
        return self._http.getresponse().read().decode()

    def _place(self) -> str | None:
        outcome = place_call(self._settings, CHARGER, "DataTransfer", PAYLOAD)
        return outcome.confirmation


def percentile(times: list[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)]


def machine() -> str:
    model = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def report(bench: Bench, rounds: int) -> None:
    print(
        f"`python -m bench.calls {rounds}`, {datetime.now(UTC):%Y-%m-%d}: {machine()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, gunicorn "
        f"{version('gunicorn')}, one worker.\n"
    )
    print("| from … to the charger's answer | count | p50 ms | p99 ms |\n|---|---|---|---|")
    for name, times in (
        ("interpreter, bare: `python3 -I -S -c pass`", bench.bare_ms),
        ("CGI: start of `cgi-bin/caller.py` to its exit", bench.cgi_ms),
        ("HTTP: canned call on a kept connection", bench.http_ms),
        ("Python: `place_call` in a process that runs", bench.python_ms),
    ):
        p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
        print(f"| {name} | {len(times)} | {p50:.2f} | {p99:.2f} |")
    pairs = zip(bench.cgi_ms, bench.bare_ms, strict=True)
    ratio = statistics.median(cgi / bare for cgi, bare in pairs)
    print(f"\nA CGI process takes {ratio:.2f} × the bare start (median of the rounds' ratios).")


def main(rounds: int) -> None:
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shocpp-bench-")))
        environment = environment_of(home, free_port())
        (home / "conf").mkdir()
        entry = {"action": "DataTransfer", "payload": PAYLOAD, "charge_point": CHARGER}
        canned = dict.fromkeys(NAMES, entry)
        (home / "conf" / "canned.json").write_text(json.dumps(canned))
        (home / "conf" / "tags.json").write_text("[]")
        settings, log = read_settings(environment), home / "log"
        listener = [sys.executable, "-c", "from shocpp.doors.cli import listener; listener()"]
        server = stack.enter_context(running(listener, environment, log))
        wait_for(lambda: listens(settings.port), server, log)
        url = f"ws://{ADDRESS}:{settings.port}/{CHARGER}"
        charger = [sys.executable, __file__, "--charger", url]
        process = stack.enter_context(running(charger, environment, log))
        wait_for(lambda: is_booted(settings.database), process, log)
        bench = Bench(settings, environment)
        for _ in range(WARM_UP):
            bench.round()
        bench.forget()
        for _ in range(rounds):
            bench.round()
        report(bench, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("rounds", type=int, nargs="?", default=200)
    parser.add_argument("--charger", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.charger:
        be_a_charger(arguments.charger)
    else:
        main(max(arguments.rounds, 3))
