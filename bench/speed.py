"""How many messages a second, and how long one waits, beside a peer in the same run.

    python -m bench.speed [SECONDS] [--repeats 3] [--plot bench/speed.svg]

Ours is what `shocpp-listener` starts: one worker, in a scratch home on a real disk; it validates
and commits before it answers. The peer is the documented Central System of PyPI `ocpp`
(`bench/peer.py`), which keeps nothing. Each measurement has a server of its own, ours and the
peer's by turns; figures are medians of the repeats, ratios those of the ratios in each repeat.
`share` is how much of a core the load itself took. Ends with tables as RESULTS.md has them.
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
    """What a fresh server does under this load."""
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
    """Our loads and the peer's, of the repeats so far."""

    def __init__(self) -> None:
        self.ours: list[Load] = []
        self.peers: list[Load] = []

    def ratio(self) -> float:
        pairs = zip(self.ours, self.peers, strict=True)
        return median(ours.rate / peer.rate for ours, peer in pairs)

    def add(self, chargers: int, talk: str, seconds: float, rate: float = 0) -> None:
        self.ours.append(measured(servers.ours, chargers, talk, seconds, rate))
        self.peers.append(measured(servers.peer, chargers, talk, seconds, rate))


def of(loads: list[Load], name: str) -> float:
    """The median of one figure."""
    return median(getattr(load, name) for load in loads)


def main() -> None:
    """Print the tables, and draw the plot."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("seconds", type=float, nargs="?", default=4.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plot", metavar="SVG")
    asked = parser.parse_args()
    crowds = {chargers: Pair() for chargers in CROWDS}
    paced = Pair()
    sessions: list[Load] = []
    transactions: list[Load] = []
    heartbeats: list[Load] = []
    for _ in range(asked.repeats):
        for chargers, pair in crowds.items():
            pair.add(chargers, "mix", asked.seconds)
        paced.add(500, "mix", asked.seconds * 2, rate=400)
        sessions.append(measured(servers.ours, 8, "sessions", asked.seconds))
        transactions.append(measured(servers.ours, 100, "transactions", asked.seconds))
        heartbeats.append(measured(servers.ours, 100, "heartbeats", asked.seconds))
    print(f"`python -m bench.speed`, {machine()}\n")
    _tell_crowds(crowds)
    _tell_paced(paced)
    _tell_ours(sessions, transactions, heartbeats)
    if asked.plot:
        _draw(crowds, asked.plot)


def _tell_crowds(crowds: dict[int, Pair]) -> None:
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


def _tell_paced(pair: Pair) -> None:
    print("\n| 500 chargers, 400 msg/s | p50 ms | p99 ms | worst ms |\n|---|---|---|---|")
    for name, loads in (("ours", pair.ours), ("peer", pair.peers)):
        p50, p99, worst = (of(loads, figure) for figure in ("p50", "p99", "worst"))
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {worst:.1f} |")


def _tell_ours(sessions: list[Load], transactions: list[Load], heartbeats: list[Load]) -> None:
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
