"""Messages a second and the times of their answers, beside three peers in the same run.

    python -m bench.speed [--seconds 4] [--repeats 3] [--only mix,paced] [--plot bench/speed.svg]

Our server has one worker. It reads each message and commits it before it answers. Two peers are
libraries as their documentation starts them: PyPI `ocpp`, and npm `ocpp-rpc` in strict mode, which
is much faster. Both validate and store nothing. PyPI `arthexis` keeps its books. Each
measurement starts a server of its own, by turns. Figures are medians of the repeats, ratios are
medians of the ratios of each repeat. No two messages of a charger are equal. The load takes one
of the machine's cores in part: its `share`.
"""

import argparse
import tempfile
from pathlib import Path

from bench import growth, peers, servers
from bench.measure import ByTurns, Case, Figures, Sections, Server, header, of, options_of, row, run
from bench.plotting import Line, plot

SERVERS: dict[str, Server] = {
    "ours": servers.ours,
    "ocpp": peers.ocpp,
    "ocpp-rpc": peers.ocpp_rpc,
    "arthexis": peers.arthexis,
}
LIBRARIES = ("ours", "ocpp", "ocpp-rpc")
MOST_OF_BOOKS = 100
"""With more chargers than these, arthexis answers less than once a measurement."""

PACED = Case("mix", 500, LIBRARIES, 400)
PACE = 2
"""A paced measurement takes so many times as long: its p99 needs many messages."""


def crowds(talk: str, options: argparse.Namespace) -> tuple[ByTurns, Figures]:
    """Measure all peers with each number of chargers."""
    cases = [
        Case(talk, number, tuple(SERVERS) if number <= MOST_OF_BOOKS else LIBRARIES)
        for number in map(int, options.crowds.split(","))
    ]
    runs = ByTurns(SERVERS, cases)
    runs.repeat(options.repeats, options.seconds)
    runs.table()
    ratios = {
        f"{talk} × {peer}, {case.chargers}": runs.ratio(case, peer)
        for case in cases
        for peer in case.servers[1:]
    }
    return runs, ratios


def mix(options: argparse.Namespace) -> Figures:
    """Measure Heartbeat and MeterValues by turns, and draw the plot."""
    runs, ratios = crowds("mix", options)
    if options.plot:
        panels = {"messages a second": "rate", "p99 of an answer, ms": "p99"}
        lines = {
            title: [
                Line(name, [(number, of(loads, figure)) for number, loads in runs.line(name)])
                for name in SERVERS
            ]
            for title, figure in panels.items()
        }
        plot(lines, "chargers", options.plot)
    return ratios


def meter_values(options: argparse.Namespace) -> Figures:
    """Measure MeterValues of twelve samples alone."""
    return crowds("meter_values", options)[1]


def others(options: argparse.Namespace) -> Figures:
    """Measure Heartbeats and whole sessions."""
    cases = [Case("heartbeats", 100, LIBRARIES), Case("sessions", 8, LIBRARIES)]
    runs = ByTurns(SERVERS, [*cases, Case("sessions", 100, LIBRARIES)])
    runs.repeat(options.repeats, options.seconds)
    runs.table()
    return {}


def books(options: argparse.Namespace) -> Figures:
    """Measure starts and stops beside the peer that keeps its books."""
    cases = [Case("transactions", number, ("ours", "arthexis")) for number in (1, 100)]
    runs = ByTurns(SERVERS, cases)
    runs.repeat(options.repeats, options.seconds)
    runs.table()
    return {}


def paced(options: argparse.Namespace) -> Figures:
    """Measure the times of answers at a rate that each server sustains."""
    runs = ByTurns(SERVERS, [PACED])
    runs.repeat(options.repeats, options.seconds * PACE)
    runs.table()
    return {"paced p99 × ocpp-rpc": runs.ratio(PACED, "ocpp-rpc", "p99")}


def cpu(options: argparse.Namespace) -> Figures:
    """Measure the CPU time of each thread of our server, and of the libraries as a whole."""
    cases = [Case("mix", 1, LIBRARIES), Case("mix", 100, LIBRARIES)]
    cases += [Case("meter_values", 100, LIBRARIES), Case("transactions", 100, LIBRARIES)]
    runs = ByTurns(SERVERS, cases)
    runs.repeat(options.repeats, options.seconds)
    header("CPU µs a message", "chargers", "ours", *LIBRARIES[1:], "threads of ours")
    for case in cases:
        loads = runs.loads(case, "ours")
        all_us = [f"{of(runs.loads(case, name), 'cpu_us'):.0f}" for name in LIBRARIES]
        threads = sorted(loads[0].cpu.items(), key=lambda item: -item[1])
        text = ", ".join(f"{name} {us:.1f}" for name, us in threads if us >= 0.1)
        row(case.talk, str(case.chargers), *all_us, text)
    return {}


def filled(options: argparse.Namespace) -> Figures:
    """Measure our server with an empty database and with one of many readings, by turns."""
    with tempfile.TemporaryDirectory(prefix="filled-bench-") as folder:
        database, wh = growth.database_of(Path(folder), options.filled)
        both: dict[str, Server] = {
            "empty": servers.ours,
            f"{options.filled:,} readings": lambda: servers.ours(database=database),
        }
        cases = [Case(talk, 100, tuple(both)) for talk in ("mix", "transactions")]
        runs = ByTurns(both, cases, wh)
        runs.repeat(options.repeats, options.seconds)
        runs.table()
    return {}


SECTIONS: Sections = {
    "mix": mix,
    "meter_values": meter_values,
    "others": others,
    "books": books,
    "paced": paced,
    "cpu": cpu,
    "filled": filled,
}


if __name__ == "__main__":
    run(SECTIONS, options_of(__doc__, SECTIONS))
