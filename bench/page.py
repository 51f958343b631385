"""Open pages: first load, first paint, MeterValues to the screen, and the cost of watchers.

    python -m bench.page [--only load,screen,watchers] [--seconds 10] [--loads 10]
                         [--sizes 1 100] [--pages 100 1000] [--chargers 100]

load loads the first page in Chromium through the shipped nginx (`bench/loading.py`). screen sends
MeterValues until two pages in Chromium show them, one that watches and one that polls
(`bench/screen.py`). watchers measures idle pages: 100 chargers send a Heartbeat a second each, by
turns, all the time. Rows without a page, with idle pages on `/stream`, and with as many pages that
fetch `/` every 5 s over connections that stay open. CPU is that of the server's worker, less that
of the row without a page. Memory is the growth of its PSS while the pages are opened. All of it
takes five minutes, and needs chromium, nginx and openssl.
"""

import argparse
import socket
import time
from typing import NamedTuple

from bench.charging import ask, charge_points_of, charging
from bench.loading import load
from bench.machine import cpu_s, family, percentile, pss_kb, threads
from bench.measure import Figures, Sections, header, row, run
from bench.screen import screen
from bench.servers import ADDRESS, Ours, ours
from bench.watching import polling, watching
from shocpp.central_system.watchers import MOST_OF_OWNER


class Costs(NamedTuple):
    """The costs of a number of pages."""

    cpu_share: float
    threads: int
    heartbeat_p99_ms: float


def costs(server: Ours, chargers: list[socket.socket], seconds: float) -> Costs:
    """Return the costs of the present pages while the chargers send Heartbeats."""
    (worker,) = family(server.pid)[1:]
    begun, cpu, delays = time.monotonic(), cpu_s([worker]), list[float]()
    while (now := time.monotonic()) < begun + seconds:
        delays.append(ask(chargers[len(delays) % len(chargers)], "Heartbeat"))
        # Each charger once a second, as in the other rows.
        time.sleep(max(0.0, now + 1.0 / len(chargers) - time.monotonic()))
    took = time.monotonic() - begun
    share = (cpu_s([worker]) - cpu) / took
    p99_ms = percentile(sorted(delays), 0.99) * 1e3
    return Costs(share, threads(worker), p99_ms)


def watchers(options: argparse.Namespace) -> Figures:
    """Measure idle pages that watch, beside as many that poll."""
    with (
        ours({"charge_points.json": charge_points_of(options.chargers)}) as server,
        charging(f"ws://{ADDRESS}:{server.port}", options.chargers) as chargers,
    ):
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
    return {}


def _print(name: str, present: Costs, none: Costs, memory: str) -> None:
    row(
        name,
        f"{100 * (present.cpu_share - none.cpu_share):+.1f}",
        memory,
        str(present.threads - none.threads),
        f"{present.heartbeat_p99_ms:.2f}",
        f"{present.heartbeat_p99_ms / none.heartbeat_p99_ms:.2f}",
    )


SECTIONS: Sections = {"load": load, "screen": screen, "watchers": watchers}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="SECTIONS")
    parser.add_argument("--loads", type=int, default=10, help="load: loads of each page")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 100], help="load: chargers")
    parser.add_argument("--samples", type=int, default=30, help="screen: values of one charger")
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 1_000], help="watchers")
    parser.add_argument("--seconds", type=float, default=10.0, help="watchers: of each row")
    parser.add_argument("--chargers", type=int, default=100, help="screen, watchers")
    run(SECTIONS, parser.parse_args())


if __name__ == "__main__":
    main()
