"""The same load on a slow disk, such as an SD card: each sync takes 10 ms longer.

    python -m bench.disks [--seconds 4] [--repeats 3] [--only slow,backlog] [--backlog 10000]

A library that is loaded into our server delays fsync and fdatasync (`tests/world/disk.c`). In the
section backlog one charger sends what it has buffered in an outage, and waits for each answer: a
tenth of the messages are starts, and a tenth are stops.
"""

import argparse
import select
import time
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from bench import servers
from bench.chargers import Charger
from bench.crowd import url_of
from bench.machine import family, pss_kb
from bench.measure import ByTurns, Case, Figures, Sections, header, of, options_of, row, run
from bench.servers import INSTALLED, Ours
from bench.talks import TALKS
from tests.world.disk import compiled, slow_disk

SYNC_MS = 10
DISKS = ("this disk", f"+{SYNC_MS} ms")
CROWDS = (1, 20, 100)
WARM_UP = 1_000


def slow_server() -> AbstractContextManager[Ours]:
    """Run our server on a disk whose syncs take 10 ms longer."""
    library = compiled(Path(servers.installed(INSTALLED)))
    return servers.ours(environment=slow_disk(library, SYNC_MS))


def outage(running: AbstractContextManager[Ours], messages: int) -> tuple[float, float]:
    """Let one charger send so many messages after an outage.

    Return the seconds until the last answer, and the MB by which the server grew.
    """
    with running as server:
        time.sleep(1.0)
        charger = Charger(url_of(server), "charger-0", TALKS["outage"])
        poll = select.epoll()
        poll.register(charger.socket, select.EPOLLIN)
        for number in range(messages + WARM_UP):
            if number == WARM_UP:
                before, begun = pss_kb(family(server.pid)), time.perf_counter()
            charger.send_next(0.0)
            while not charger.is_free:
                poll.poll(servers.PATIENCE_S)
                charger.receive()
        took = time.perf_counter() - begun
        return took, (pss_kb(family(server.pid)) - before) / 1024


def slow(options: argparse.Namespace) -> Figures:
    """Measure the mix on both disks."""
    cases = [Case("mix", number, DISKS) for number in CROWDS]
    runs = ByTurns(dict(zip(DISKS, (servers.ours, slow_server), strict=True)), cases)
    runs.repeat(options.repeats, options.seconds)
    runs.table()
    rates = {case.chargers: of(runs.loads(case, DISKS[1]), "rate") for case in cases}
    return {f"mix, {number} at {SYNC_MS} ms": rate for number, rate in rates.items()}


def backlog(options: argparse.Namespace) -> Figures:
    """Measure the messages of one charger after an outage, on both disks."""
    header("disk", f"{options.backlog:,} messages, s", "messages a second", "memory, MB")
    figures = {}
    for disk, server in zip(DISKS, (servers.ours, slow_server), strict=True):
        runs = [outage(server(), options.backlog) for _ in range(options.repeats)]
        took, grown = (median(figures) for figures in zip(*runs, strict=True))
        row(disk, f"{took:.1f}", f"{options.backlog / took:,.0f}", f"{grown:+.1f}")
        # So that a shorter backlog can be compared with the goal, too.
        figures[f"backlog, {disk}"] = took * 10_000 / options.backlog
    return figures


SECTIONS: Sections = {"slow": slow, "backlog": backlog}


if __name__ == "__main__":
    run(SECTIONS, options_of(__doc__, SECTIONS))
