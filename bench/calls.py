"""The time until a charger that answers at once has answered: CGI, HTTP and Python by turns.

    python -m bench.calls [--rounds 200]

The server has one worker and a scratch home; server and charger are processes on 127.0.0.1. A round
starts the interpreter with nothing to do (`python3 -I -S -c pass`), then cgi-bin/caller.py with the
environment of a web server. The script passes its request to the server; once more it answers by
itself, because the folder of the sockets is hidden. Then the round sends requests over one
persistent HTTP connection and by `place_call`. Times are from before the start to after the exit,
and from before the request to after its answer. Only the ratio is comparable between machines.
Prints a table as in RESULTS.md.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import servers
from bench.machine import percentile
from bench.measure import Figures, Sections, header, options_of, row, run
from bench.servers import ADDRESS, PATIENCE_S, ROOT, TOKEN, Ours
from shocpp.calls.placing import place_call
from shocpp.database_path import sockets_folder

CHARGER = "charger-0"
WARM_UP = 3
A_ROUND = 20
"""Requests over HTTP and by Python in a round; each takes a tenth of a CGI process's time."""

PYTHON = [sys.executable, "-I", "-S"]
BARE = [*PYTHON, "-c", "pass"]
CGI = [*PYTHON, str(ROOT / "cgi-bin" / "caller.py")]
PAYLOAD = {"vendorId": "de.example", "data": "how are you?"}
NAMES = ("hello", "hello-again")
"""Names used by turns, because the same name twice within 10 s is one Call."""


def request_of(name: str) -> dict[str, str]:
    """Return the CGI variables that nginx and fcgiwrap set (RFC 3875)."""
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


class Bench:
    """The five measurements; each `…_ms` list has the time of every run."""

    def __init__(self, server: Ours) -> None:
        self._server = server
        self._http = http.client.HTTPConnection(ADDRESS, server.port, timeout=PATIENCE_S)
        self._requests = 0
        self.bare_ms: list[float] = []
        self.cgi_ms: list[float] = []
        self.alone_ms: list[float] = []
        self.http_ms: list[float] = []
        self.python_ms: list[float] = []

    def round(self) -> None:
        """Run all five measurements once."""
        self._time(self.bare_ms, lambda: self._run(BARE, {}), "")
        self._time(self.cgi_ms, self._call, "Accepted\n")
        with self._without_sockets():
            self._time(self.alone_ms, self._call, "Accepted\n")
        for _ in range(A_ROUND):
            self._time(self.http_ms, self._request, "Accepted\n")
        for _ in range(A_ROUND):
            self._time(self.python_ms, self._place, '{"status":"Accepted"}')

    def clear(self) -> None:
        """Drop the times so far."""
        for times in (self.bare_ms, self.cgi_ms, self.alone_ms, self.http_ms, self.python_ms):
            times.clear()

    def _time(self, times: list[float], run: Callable[[], Any], expected: str) -> None:
        begun = time.perf_counter()
        answer = run()
        times.append((time.perf_counter() - begun) * 1000)
        assert answer == expected, answer

    def _name(self) -> str:
        self._requests += 1
        return NAMES[self._requests % len(NAMES)]

    @contextmanager
    def _without_sockets(self) -> Iterator[None]:
        folder = Path(sockets_folder(str(self._server.settings.database)))
        hidden = folder.rename(folder.with_name("hidden"))
        yield
        hidden.rename(folder)

    def _call(self) -> str:
        return self._run(CGI, request_of(self._name()))

    def _run(self, command: list[str], request: dict[str, str]) -> str:
        environment = {**self._server.environment, **request}
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        return done.stdout.decode().partition("\r\n\r\n")[2]

    def _request(self) -> str:
        path, credentials = f"/cgi-bin/caller?canned={self._name()}", f"Bearer {TOKEN}"
        self._http.request("GET", path, headers={"Authorization": credentials})
        return self._http.getresponse().read().decode()

    def _place(self) -> str | None:
        outcome = place_call(self._server.settings, CHARGER, "DataTransfer", PAYLOAD)
        return outcome.confirmation


def calling(options: argparse.Namespace) -> Figures:
    """Measure a Call from five kinds of callers to the charger's answer."""
    entry = {"action": "DataTransfer", "payload": PAYLOAD, "charge_point": CHARGER}
    with (
        servers.ours({"canned.json": dict.fromkeys(NAMES, entry)}) as server,
        servers.idle_chargers(server, 1),
    ):
        bench = Bench(server)
        for _ in range(WARM_UP):
            bench.round()
        bench.clear()
        for _ in range(options.rounds):
            bench.round()
    header("from … to the charger's answer", "count", "p50 ms", "p99 ms")
    for name, times in (
        ("interpreter, bare: `python3 -I -S -c pass`", bench.bare_ms),
        ("CGI: start of `cgi-bin/caller.py` to its exit", bench.cgi_ms),
        ("CGI that answers by itself, likewise", bench.alone_ms),
        ("HTTP: canned call on a kept connection", bench.http_ms),
        ("Python: `place_call` in a process that runs", bench.python_ms),
    ):
        p50, p99 = (percentile(sorted(times), part) for part in (0.5, 0.99))
        row(name, str(len(times)), f"{p50:.2f}", f"{p99:.2f}")
    ratios = []
    for name, times in (("CGI process", bench.cgi_ms), ("CGI process alone", bench.alone_ms)):
        pairs = zip(times, bench.bare_ms, strict=True)
        ratios.append(statistics.median(cgi / bare for cgi, bare in pairs))
        print(f"\nA {name} takes {ratios[-1]:.2f} × the bare start (median of the rounds' ratios).")
    return {"CGI × bare Python": ratios[0]}


SECTIONS: Sections = {"calls": calling}


if __name__ == "__main__":
    run(SECTIONS, options_of(__doc__, SECTIONS))
