"""Measurements under a load, of several servers by turns, and the rows of their tables.

A benchmark has sections, each with a table of its own. A section returns its figures by the names
that `bench/goals.py` knows.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import NamedTuple

from bench.chargers import WARM_UP_S, Load
from bench.machine import machine, raise_descriptors
from bench.servers import ADDRESS, Ours, Running

Server = Callable[[], AbstractContextManager[Ours | Running]]
Figures = dict[str, float]
Sections = Mapping[str, Callable[[argparse.Namespace], Figures]]

SIZES = (
    ("filled", "filled", 500_000),
    ("backlog", "backlog", 10_000),
    ("sustained", "sustained", 60),
    ("start", "starts", 5),
    ("idle", "chargers", 10_000),
    ("idle", "idle-seconds", 60),
    ("calls", "rounds", 200),
    ("growth", "readings", 10_000_000),
)
"""The sizes of sections that are options: section, name and default."""


class Case(NamedTuple):
    """A load for some servers.

    servers     their names
    rate        messages a second of all chargers together; 0 for as many as the server answers
    """

    talk: str
    chargers: int
    servers: tuple[str, ...]
    rate: float = 0


def under_load(
    server: Ours | Running,
    talk: str,
    chargers: int,
    seconds: float,
    *,
    rate: float = 0,
    warm_up: float = WARM_UP_S,
    wh: int = 1_000,
) -> Load:
    """Return the figures of a running server under this load."""
    url = f"ws://{ADDRESS}:{server.port}{server.path}"
    command = [sys.executable, "-m", "bench.chargers", url, f"--password={server.password}"]
    command += ["--talk", talk, "--chargers", str(chargers), "--seconds", str(seconds)]
    command += ["--warm-up", str(warm_up), "--wh", str(wh), "--pid", str(server.pid)]
    command += ["--rate", str(rate)] if rate else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return Load(**json.loads(done.stdout))


class ByTurns:
    """The figures of cases, one of each server and repeat."""

    def __init__(self, servers: Mapping[str, Server], cases: Sequence[Case], wh: int = 1_000):
        self._servers, self._wh = servers, wh
        self._loads: dict[Case, dict[str, list[Load]]] = {
            case: {name: [] for name in case.servers} for case in cases
        }

    def repeat(self, repeats: int, seconds: float) -> None:
        """Start each server for each case, by turns, and measure it."""
        for _ in range(repeats):
            for case, loads in self._loads.items():
                for name, each in loads.items():
                    with self._servers[name]() as server:
                        talk, chargers, rate = case.talk, case.chargers, case.rate
                        load = under_load(server, talk, chargers, seconds, rate=rate, wh=self._wh)
                    each.append(load)

    def loads(self, case: Case, server: str) -> list[Load]:
        """Return the figures of one server."""
        return self._loads[case][server]

    def line(self, server: str) -> list[tuple[int, list[Load]]]:
        """Return the numbers of chargers of a server's cases, with its figures."""
        cases = self._loads.items()
        return [(case.chargers, loads[server]) for case, loads in cases if server in loads]

    def ratio(self, case: Case, server: str, figure: str = "rate") -> float:
        """Return the median ratio of the first server's figure to that of another one."""
        first, other = self._loads[case][case.servers[0]], self._loads[case][server]
        pairs = zip(first, other, strict=True)
        return median(getattr(a, figure) / getattr(b, figure) for a, b in pairs)

    def table(self) -> None:
        """Print a row for each case and server.

        "first ×" is the first server's rate as a multiple of this one's; "by CPU" is the same of
        the messages for an equal CPU time, which other load on the machine disturbs less.
        """
        print(
            "\n| messages | chargers | server | msg/s | first × | p50 ms | p99 ms | worst ms |"
            " CPU µs a message | first × by CPU | load's share |"
            "\n|---|---|---|---|---|---|---|---|---|---|---|"
        )
        for case, loads in self._loads.items():
            paced = f", {case.rate:g} a second" if case.rate else ""
            for name, each in loads.items():
                ratio = by_cpu = ""
                if name != case.servers[0]:
                    ratio = f"{self.ratio(case, name):.2f}"
                    by_cpu = f"{1 / self.ratio(case, name, 'cpu_us'):.2f}"
                print(
                    f"| {case.talk}{paced} | {case.chargers} | {name} | {of(each, 'rate'):,.0f} |"
                    f" {ratio} | {of(each, 'p50'):.2f} | {of(each, 'p99'):.2f} |"
                    f" {of(each, 'worst'):.1f} | {of(each, 'cpu_us'):.0f} |"
                    f" {by_cpu} | {of(each, 'share'):.0%} |",
                    flush=True,
                )


def of(loads: Sequence[Load], name: str) -> float:
    """Return the median of one figure."""
    return median(getattr(load, name) for load in loads)


def row(*cells: str) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def header(*cells: str) -> None:
    """Print the first two lines of a table."""
    print()
    row(*cells)
    print("|" + "---|" * len(cells), flush=True)


def options_of(doc: str | None, sections: Iterable[str]) -> argparse.Namespace:
    """Return the options of a benchmark whose default sections these are."""
    parser = argparse.ArgumentParser(description=str(doc).partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="the time of a measurement")
    parser.add_argument("--repeats", type=int, default=3, help="figures are their medians")
    parser.add_argument("--only", default=",".join(sections), metavar="SECTIONS")
    parser.add_argument("--crowds", default="1,8,100,500", help="mix, meter_values: chargers")
    parser.add_argument("--plot", metavar="SVG", help="mix: draw its plot")
    for section, name, number in SIZES:
        parser.add_argument(f"--{name}", type=int, default=number, help=f"{section}: {number:,}")
    return parser.parse_args()


def run(sections: Sections, options: argparse.Namespace) -> Figures:
    """Run the sections that the options name, print their tables, and return all figures."""
    raise_descriptors()
    figures: Figures = {}
    names = options.only.split(",")
    if unknown := set(names) - set(sections):
        sys.exit(f"no section {', '.join(unknown)}; there are {', '.join(sections)}")
    print(machine(), flush=True)
    for name in names:
        print(f"\n{name}: {sections[name].__doc__}", flush=True)
        figures |= sections[name](options)
    return figures
