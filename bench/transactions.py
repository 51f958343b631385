"""Starts and stops a second: in a burst, for a minute with all files written, and by workers.

    python -m bench.transactions [--seconds 4] [--repeats 3] [--only burst,sustained,workers]

A hundred chargers start and stop, each waiting for its answers, which are durable. The files of
records are written after the answers. In a burst most of them are still to be written when the
clock stops; `sustained` counts the time until the last one is there.
"""

import argparse
import functools
import sqlite3
import sys
import time
from statistics import median

from bench import servers
from bench.measure import (
    ByTurns,
    Case,
    Figures,
    Sections,
    header,
    of,
    options_of,
    row,
    run,
    under_load,
)
from bench.servers import Ours
from shocpp.bookkeeping.accounting_files.record_files import record_paths

CHARGERS = 100
WORKERS = (1, 2, 4)
PATIENCE_S = 600.0


def burst(options: argparse.Namespace) -> Figures:
    """Measure the answers to starts and stops."""
    case = Case("transactions", CHARGERS, ("ours",))
    runs = ByTurns({"ours": servers.ours}, [case])
    runs.repeat(options.repeats, options.seconds)
    runs.table()
    return {"burst": of(runs.loads(case, "ours"), "rate")}


def sustained(options: argparse.Namespace) -> Figures:
    """Measure answers until all record files are written."""
    header("starts and stops for", "answers a second", "p99 ms", "files", "written after", "with")
    rates = []
    for _ in range(options.repeats):
        with servers.ours() as server:
            load = under_load(server, "transactions", CHARGERS, options.sustained, warm_up=0)
            begun = time.perf_counter()
            files = _wait_for_files(server, load.messages // 2 - CHARGERS)
            took = time.perf_counter() - begun
        rates.append(load.messages / (load.seconds + took))
        answers, p99 = f"{load.rate:,.0f}", f"{load.p99:.0f}"
        row(
            f"{load.seconds:.0f} s", answers, p99, f"{files:,}", f"{took:.1f} s", f"{rates[-1]:.0f}"
        )
    return {"sustained": median(rates)}


def _wait_for_files(server: Ours, least: int) -> int:
    """Wait until each record has its file; return their number, or exit if files are missing."""
    deadline = time.monotonic() + PATIENCE_S
    with sqlite3.connect(f"file:{server.settings.database}?mode=ro", uri=True) as db:
        while db.execute(
            "SELECT 1 FROM accounting_record WHERE exported_ms IS NULL LIMIT 1"
        ).fetchone():
            if time.monotonic() > deadline:
                sys.exit("the record files are not written")
            time.sleep(0.05)
        (records,) = db.execute("SELECT count(*) FROM accounting_record").fetchone()
    db.close()
    files = len(record_paths(server.settings.accounting_folder))
    if files != records or records < least:
        sys.exit(f"{files} files, {records} records, at least {least} stops were answered")
    return files


def workers(options: argparse.Namespace) -> Figures:
    """Measure one, two and four workers by turns."""
    names = {number: f"{number} worker{'s' * (number > 1)}" for number in WORKERS}
    with_workers = {
        name: functools.partial(servers.ours, workers=number) for number, name in names.items()
    }
    cases = [Case(talk, CHARGERS, tuple(with_workers)) for talk in ("transactions", "mix")]
    runs = ByTurns(with_workers, cases)
    runs.repeat(options.repeats, options.seconds)
    runs.table()
    return {
        f"{figure}, {number} workers × 1": 1 / runs.ratio(cases[0], names[number], figure)
        for number in WORKERS[1:]
        for figure in ("rate", "p99")
    }


SECTIONS: Sections = {"burst": burst, "sustained": sustained, "workers": workers}


if __name__ == "__main__":
    run(SECTIONS, options_of(__doc__, SECTIONS))
