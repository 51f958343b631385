"""Chargers that are merely there: what they cost, how they are left, and how they come back.

    python -m bench.crowd [--chargers 10000] [--repeats 3]

Idle ones have booted and answer Calls. Memory is PSS, of all processes of the server; that of one
charger is the difference to the server without any. Then: a stop and a reload with 200 of them, a
storm of 2 000 that come at once beside the peer of `bench.speed`, and one charger that has 10 000
messages to tell after an outage and waits for each answer. Ends with a table as RESULTS.md has it.
"""

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from statistics import median
from typing import Any

from bench import servers
from bench.chargers import TALKS, Charger
from bench.machine import (
    cpu_s,
    descriptors,
    family,
    machine,
    percentile,
    pss_kb,
    raise_descriptors,
    threads,
)
from bench.servers import Ours, Running
from shocpp.calls.addressing import address
from shocpp.calls.placing import ANYBODY, place
from shocpp.store.database import open_database

COMMANDS = 1_000
IDLE_S = 60.0
SETTLING_S = 3.0
STOPPED_WITH = 200
STORM = 2_000
OUTAGE = 10_000
PEERS = 1_000
"""So many tell the peer's memory as well as ten times as many."""


def url_of(server: Ours | Running) -> str:
    return f"ws://{servers.ADDRESS}:{server.port}"


def row(what: str, figure: str, goal: str) -> None:
    print(f"| {what} | {figure} | {goal} |", flush=True)


def grown_kb(server: Ours | Running, number: int) -> float:
    """What each of so many idle chargers adds to a server's memory."""
    time.sleep(SETTLING_S)
    before = pss_kb(family(server.pid))
    with servers.idle_chargers(server, number):
        time.sleep(SETTLING_S)
        return (pss_kb(family(server.pid)) - before) / number


def tell_idle(chargers: int) -> None:
    with servers.peer() as peer:
        peers_kb = grown_kb(peer, PEERS)
    with servers.ours() as server:
        time.sleep(SETTLING_S)
        worker = family(server.pid)[-1]
        empty_kb = pss_kb(family(server.pid))
        with servers.idle_chargers(server, chargers):
            time.sleep(SETTLING_S)
            all_kb = pss_kb(family(server.pid))
            each_kb = (all_kb - empty_kb) / chargers
            goal = "8 KB / 2 KB"
            row("memory of an idle charger", f"{each_kb:.1f} KB (peer: {peers_kb:.0f} KB)", goal)
            held = f"{all_kb / 1024:.0f} MB, {threads(worker)} threads, {descriptors(worker)} fds"
            row(f"{chargers:,} idle chargers on one worker", held, "150 MB, 16 threads / 60 MB")
            p50, p99 = commands_ms(server, chargers)
            row("a command among them, p50 / p99", f"{p50:.2f} / {p99:.2f} ms", "3 ms / 1 ms")
            used = idle_cpu(server)
            row(f"idle CPU with {chargers:,}, all pinged each 30 s", f"{used:.2%}", "")
    with servers.ours() as server, servers.idle_chargers(server, 100):
        row("idle CPU with 100", f"{idle_cpu(server):.2%}", "0.5 % / 0.1 %")


def commands_ms(server: Ours, chargers: int) -> tuple[float, float]:
    """How long a caller waits for any of them that has the database open, as the web door has."""
    chosen, times, payload = random.Random(1), [], {"vendorId": "de.example"}
    with open_database(server.settings.database) as db:
        for _ in range(COMMANDS):
            name = f"charger-{chosen.randrange(chargers)}"
            begun = time.perf_counter()
            addressed = address(db, name, "DataTransfer", payload)
            placed = place(db, server.settings, addressed, "DataTransfer", ANYBODY)
            times.append((time.perf_counter() - begun) * 1e3)
            assert placed.outcome.confirmation == '{"status":"Accepted"}', placed
    times.sort()
    return percentile(times, 0.5), percentile(times, 0.99)


def idle_cpu(server: Ours) -> float:
    """The part of a core that the server uses while nothing happens."""
    time.sleep(SETTLING_S)
    pids = family(server.pid)
    before = cpu_s(pids)
    time.sleep(IDLE_S)
    return (cpu_s(pids) - before) / IDLE_S


def tell_stops(repeats: int) -> None:
    for what, number in (("stop", signal.SIGTERM), ("reload", signal.SIGHUP)):
        closed, exited, codes = [], [], set()
        for _ in range(repeats):
            with servers.ours() as server, servers.idle_chargers(server, STOPPED_WITH) as chargers:
                begun = time.monotonic()
                os.kill(server.pid, number)
                if number == signal.SIGTERM:
                    server.process.wait(servers.PATIENCE_S)
                    exited.append(time.monotonic() - begun)
                told = json.loads(chargers.communicate(timeout=servers.PATIENCE_S)[0])
                closed.append(told["last"] - begun)
                codes.add(json.dumps(told["codes"]))
        left = f", exit after {median(exited):.2f} s" if exited else ""
        told_codes = " ".join(sorted(codes))
        figure = f"the last Close after {median(closed):.2f} s {told_codes}{left}"
        goal = "1 s, exit 2 s / 0.1 s, 0.4 s" if exited else "1 s / 0.1 s"
        row(f"{what} with {STOPPED_WITH} chargers", figure, goal)


def storm_s(server: AbstractContextManager[Any]) -> float:
    """How long 2 000 take that come at once."""
    with server as running:
        time.sleep(1.0)
        command = [sys.executable, "-m", "bench.storm", url_of(running), "--chargers", str(STORM)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return float(json.loads(done.stdout)["last"])


def tell_storm(repeats: int) -> None:
    ours, peers = [], []
    for _ in range(repeats):
        ours.append(storm_s(servers.ours()))
        peers.append(storm_s(servers.peer()))
    ratio = median(peer / our for our, peer in zip(ours, peers, strict=True))
    figure = f"{median(ours):.2f} s, the peer {median(peers):.2f} s: {ratio:.2f} ×"
    row(f"a storm of {STORM:,} chargers", figure, "0.9 × / 1.3 ×")


def tell_outage(repeats: int) -> None:
    took, grown = [], []
    for _ in range(repeats):
        with servers.ours() as server:
            time.sleep(1.0)
            charger = Charger(url_of(server), "charger-0", TALKS["outage"])
            poll = select.epoll()
            poll.register(charger.socket, select.EPOLLIN)
            for number in range(OUTAGE + 1_000):
                if number == 1_000:
                    before, begun = pss_kb(family(server.pid)), time.perf_counter()
                charger.say(0.0)
                while not charger.is_free:
                    poll.poll(servers.PATIENCE_S)
                    charger.hear()
            took.append(time.perf_counter() - begun)
            grown.append((pss_kb(family(server.pid)) - before) / 1024)
    figure = f"{median(took):.1f} s, memory {median(grown):+.1f} MB"
    row(f"{OUTAGE:,} messages of one charger after an outage", figure, "10 s, flat / 2 s")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--chargers", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    raise_descriptors()
    print(f"`python -m bench.crowd`, {machine()}\n")
    print("| | measured | floor / ambition |\n|---|---|---|", flush=True)
    tell_stops(asked.repeats)
    tell_outage(asked.repeats)
    tell_storm(asked.repeats)
    tell_idle(asked.chargers)


if __name__ == "__main__":
    main()
