"""The cost of open pages: idle watchers beside polling pages in the same run, and their delay.

    python -m bench.page [--pages 100 1000] [--chargers 100] [--seconds 20] [--samples 40]

100 chargers send a Heartbeat a second each, by turns, all the time. Rows without a page, with idle
pages on `/stream`, and with as many pages that fetch `/` every 5 s over connections that stay open.
CPU is that of the server's worker, less that of the row without a page. Memory is the growth of its
PSS while the pages are opened. At last a charger sends MeterValues, and the time until a page has
them is measured.
"""

import argparse
import contextlib
import json
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from bench.frames import booted, first_frame, framed
from bench.machine import cpu_s, family, machine, percentile, pss_kb, raise_descriptors, threads
from bench.measure import header, row
from bench.servers import ADDRESS, PATIENCE_S, Ours, ours
from shocpp.admission.people import devices
from shocpp.admission.people.roles import VIEWER, Person
from shocpp.central_system.watchers import MOST_OF_OWNER
from shocpp.clock import now_ms
from shocpp.store import people
from shocpp.store.database import open_database

POLL_EVERY_S = 5.0
"""The seconds between two fetches of a polling page."""

HEARTBEAT = b'[2,"h","Heartbeat",{}]'


class Costs(NamedTuple):
    """The costs of a number of pages."""

    cpu_share: float
    threads: int
    heartbeat_p99_ms: float


def cookies(server: Ours, number: int) -> list[str]:
    """Return the cookies of so many new devices."""
    with open_database(server.settings.database) as db:
        name = f"shocpp_{people.cookie_suffix(db)}"
        person = Person("bench", VIEWER)
        made = [devices.make_device(db, person, now_ms(), made_by="bench") for _ in range(number)]
    return [f"{name}={secret}" for secret, _ in made]


def request(server: Ours, path: str, cookie: str) -> bytes:
    """Return a request of a browser."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\nCookie: {cookie}\r\n\r\n".encode()
    )


@contextlib.contextmanager
def watching(server: Ours, number: int) -> Iterator[list[socket.socket]]:
    """Open pages that watch; each has got its first event."""
    with contextlib.ExitStack() as stack:
        pages: list[socket.socket] = []
        for cookie in cookies(server, -(-number // MOST_OF_OWNER)):
            for _ in range(min(MOST_OF_OWNER, number - len(pages))):
                page = socket.create_connection((ADDRESS, server.port), PATIENCE_S)
                stack.enter_context(page)
                page.sendall(request(server, "/stream", cookie))
                pages.append(page)
        for page in pages:
            received = b""
            while b"event: state" not in received:
                part = page.recv(65_536)
                assert part, received
                received += part
        yield pages


@contextlib.contextmanager
def polling(server: Ours, number: int) -> Iterator[None]:
    """Fetch the first page for so many pages, evenly, from a thread of its own."""
    ended, (cookie,) = threading.Event(), cookies(server, 1)

    def fetch() -> None:
        due, connection = time.monotonic(), socket.socket()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += POLL_EVERY_S / number
            with contextlib.suppress(OSError):
                connection.sendall(request(server, "/", cookie))
                if connection.recv(65_536):
                    continue
            connection.close()
            connection = socket.create_connection((ADDRESS, server.port), PATIENCE_S)
        connection.close()

    thread = threading.Thread(target=fetch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _is_readable(source: socket.socket, patience_s: float) -> bool:
    """Wait for bytes; return False if none come in time. `select` takes no large descriptors."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(patience_s * 1e3))


def ask(charger: socket.socket, call: bytes) -> float:
    """Send a Call, and return the seconds until its answer."""
    begun = time.perf_counter()
    charger.sendall(framed(call))
    received = b""
    while first_frame(received) is None:
        _is_readable(charger, PATIENCE_S)
        received += charger.recv(65_536)
    return time.perf_counter() - begun


def costs(server: Ours, chargers: list[socket.socket], seconds: float) -> Costs:
    """Return the costs of the present pages while the chargers send Heartbeats."""
    (worker,) = family(server.pid)[1:]
    begun, cpu, delays = time.monotonic(), cpu_s([worker]), list[float]()
    while (now := time.monotonic()) < begun + seconds:
        delays.append(ask(chargers[len(delays) % len(chargers)], HEARTBEAT))
        # Each charger once a second, as in the other rows.
        time.sleep(max(0.0, now + 1.0 / len(chargers) - time.monotonic()))
    took = time.monotonic() - begun
    share = (cpu_s([worker]) - cpu) / took
    p99_ms = percentile(sorted(delays), 0.99) * 1e3
    return Costs(share, threads(worker), p99_ms)


def meter_values(number: int) -> bytes:
    """Return MeterValues with another power each time."""
    samples = [
        {"value": str(1_000 + 100 * number), "measurand": "Power.Active.Import", "unit": "W"},
        {"value": str(5_000 + number), "unit": "Wh"},
    ]
    value = {"timestamp": datetime.now(UTC).isoformat(), "sampledValue": samples}
    return json.dumps(
        [2, str(number), "MeterValues", {"connectorId": 1, "meterValue": [value]}]
    ).encode()


def delays_s(charger: socket.socket, page: socket.socket, samples: int) -> list[float]:
    """Return the seconds from MeterValues to their event, at random moments, sorted."""
    delays = []
    for number in range(samples):
        time.sleep(random.uniform(0.2, 3.0))
        while _is_readable(page, 0.0):
            page.recv(65_536)
        begun = time.perf_counter()
        ask(charger, meter_values(number))
        received = b""
        while b"event: tiles" not in received and b"event: state" not in received:
            assert _is_readable(page, PATIENCE_S), "no event"
            received += page.recv(65_536)
        delays.append(time.perf_counter() - begun)
    return sorted(delays)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--chargers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--samples", type=int, default=40)
    options = parser.parse_args()
    raise_descriptors()
    print(f"`python -m bench.page`, {machine()}\n")
    # Listed chargers have tiles: those of the other benchmarks would be a page of 10 000.
    listed = {f"charger-{number}": {"auth": "none"} for number in range(options.chargers)}
    with ours({"charge_points.json": listed}) as server:
        url = f"ws://{ADDRESS}:{server.port}"
        chargers = [booted(url, f"charger-{number}")[0] for number in range(options.chargers)]
        status = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
        for charger in chargers:
            ask(charger, json.dumps([2, "s", "StatusNotification", status]).encode())
        header("pages", "% of a core", "KB a page", "threads more", "Heartbeat p99 ms", "of none")
        # The first requests make gunicorn's threads, their databases and caches, which stay.
        with watching(server, MOST_OF_OWNER), polling(server, 1_000):
            costs(server, chargers, options.seconds)
        for number in options.pages:
            none = costs(server, chargers, options.seconds)
            row("0", f"{100 * none.cpu_share:.1f}", "", "", f"{none.heartbeat_p99_ms:.2f}", "1")
            workers = family(server.pid)[1:]
            before_kb = pss_kb(workers)
            with watching(server, number):
                memory = f"{(pss_kb(workers) - before_kb) / number:.1f}"
                present = costs(server, chargers, options.seconds)
                _print(f"{number:,} watching", present, none, memory)
            with polling(server, number):
                present = costs(server, chargers, options.seconds)
                _print(f"{number:,} polling", present, none, "")
        with watching(server, max(options.pages)) as pages:
            delays = delays_s(chargers[0], pages[-1], options.samples)
        p50, p95, worst = (percentile(delays, part) * 1e3 for part in (0.5, 0.95, 1))
        print(
            f"\nMeterValues to the last of {max(options.pages):,} pages:"
            f" p50 {p50:.0f} ms, p95 {p95:.0f} ms, worst {worst:.0f} ms."
        )
        for charger in chargers:
            charger.close()


def _print(name: str, present: Costs, none: Costs, memory: str) -> None:
    row(
        name,
        f"{100 * (present.cpu_share - none.cpu_share):+.1f}",
        memory,
        str(present.threads - none.threads),
        f"{present.heartbeat_p99_ms:.2f}",
        f"{present.heartbeat_p99_ms / none.heartbeat_p99_ms:.2f}",
    )


if __name__ == "__main__":
    main()
