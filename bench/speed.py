"""Messages a second and the times of their answers, beside a peer in the same run.

    python -m bench.speed [SECONDS] [--repeats 3] [--plot bench/speed.svg]

Our server is that of `shocpp-listener` with one worker and a scratch home on a real disk; it
validates and commits before it answers. The peer is the documented Central System of PyPI `ocpp`
(`bench/peer.py`), which stores nothing. Each measurement starts a server, ours and the peer's by
turns. Figures are medians of the repeats, ratios are medians of the ratios of each repeat. `share`
is the part of a core that the load itself used. Prints tables as in RESULTS.md.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median
from typing import Any

from bench import servers
from bench.chargers import Load
from bench.machine import machine
from bench.plotting import Line, plot

SEED = 12.7
"""Messages a second of the Bash scripts that shocpp replaces, measured with eight chargers."""

CROWDS = (1, 8, 32, 100, 250, 500)
GOALS = {1: (4, 6), 100: (12, 25), 500: (15, 30)}

Server = Callable[[], AbstractContextManager[Any]]


def measured(server: Server, chargers: int, talk: str, seconds: float, rate: float = 0) -> Load:
    """Start a server, and return its figures under this load."""
    with server() as running:
        url = f"ws://{servers.ADDRESS}:{running.port}"
        command = [sys.executable, "-m", "bench.chargers", url, "--chargers", str(chargers)]
        command += ["--seconds", str(seconds), "--talk", talk]
        command += ["--rate", str(rate)] if rate else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr}")
        return Load(**json.loads(done.stdout))


class Pair:
    """The figures of our server and of the peer, one of each repeat."""

    def __init__(self) -> None:
        self.ours: list[Load] = []
        self.peers: list[Load] = []

    def ratio(self) -> float:
        """Return the median ratio of our rate to the peer's."""
        pairs = zip(self.ours, self.peers, strict=True)
        return median(ours.rate / peer.rate for ours, peer in pairs)

    def add(self, chargers: int, talk: str, seconds: float, rate: float = 0) -> None:
        """Measure both servers once."""
        self.ours.append(measured(servers.ours, chargers, talk, seconds, rate))
        self.peers.append(measured(servers.peer, chargers, talk, seconds, rate))


def of(loads: list[Load], name: str) -> float:
    """Return the median of one figure."""
    return median(getattr(load, name) for load in loads)


def main() -> None:
    """Print the tables, and draw the plot."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("seconds", type=float, nargs="?", default=4.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plot", metavar="SVG")
    options = parser.parse_args()
    crowds = {chargers: Pair() for chargers in CROWDS}
    paced = Pair()
    sessions: list[Load] = []
    transactions: list[Load] = []
    heartbeats: list[Load] = []
    for _ in range(options.repeats):
        for chargers, pair in crowds.items():
            pair.add(chargers, "mix", options.seconds)
        paced.add(500, "mix", options.seconds * 2, rate=400)
        sessions.append(measured(servers.ours, 8, "sessions", options.seconds))
        transactions.append(measured(servers.ours, 100, "transactions", options.seconds))
        heartbeats.append(measured(servers.ours, 100, "heartbeats", options.seconds))
    print(f"`python -m bench.speed`, {machine()}\n")
    _print_crowds(crowds)
    _print_paced(paced)
    _print_ours(sessions, transactions, heartbeats)
    if options.plot:
        _draw(crowds, options.plot)


def _print_crowds(crowds: dict[int, Pair]) -> None:
    print(
        "| chargers | ours msg/s | peer msg/s | ratio | floor / ambition | p99 ms, ours | peer |"
        " share, ours | peer |\n|---|---|---|---|---|---|---|---|---|"
    )
    for chargers, pair in crowds.items():
        goal = " / ".join(f"{times} ×" for times in GOALS.get(chargers, ()))
        print(
            f"| {chargers} | {of(pair.ours, 'rate'):,.0f} | {of(pair.peers, 'rate'):,.0f} | "
            f"{pair.ratio():.1f} × | {goal} | {of(pair.ours, 'p99'):.1f} | "
            f"{of(pair.peers, 'p99'):.1f} | {of(pair.ours, 'share'):.0%} | "
            f"{of(pair.peers, 'share'):.0%} |"
        )


def _print_paced(pair: Pair) -> None:
    print("\n| 500 chargers, 400 msg/s | p50 ms | p99 ms | worst ms |\n|---|---|---|---|")
    for name, loads in (("ours", pair.ours), ("peer", pair.peers)):
        p50, p99, worst = (of(loads, figure) for figure in ("p50", "p99", "worst"))
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {worst:.1f} |")


def _print_ours(sessions: list[Load], transactions: list[Load], heartbeats: list[Load]) -> None:
    print("\n| ours alone | msg/s | p50 ms | p99 ms | share |\n|---|---|---|---|---|")
    for name, loads in (
        (f"8 chargers, whole sessions: {of(sessions, 'rate') / SEED:.0f} × the seed", sessions),
        ("100 chargers, StartTransaction and StopTransaction", transactions),
        ("100 chargers, Heartbeat", heartbeats),
    ):
        rate, share = of(loads, "rate"), of(loads, "share")
        p50, p99 = of(loads, "p50"), of(loads, "p99")
        print(f"| {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {share:.0%} |")


def _draw(crowds: dict[int, Pair], file: str) -> None:
    lines = {
        title: [
            Line(name, [(n, of(loads, figure)) for n, loads in each])
            for name, each in (
                ("shocpp", [(n, pair.ours) for n, pair in crowds.items()]),
                ("ocpp + websockets", [(n, pair.peers) for n, pair in crowds.items()]),
            )
        ]
        for title, figure in (("messages a second", "rate"), ("p99 of an answer, ms", "p99"))
    }
    plot(lines, "chargers", file)


if __name__ == "__main__":
    main()
