"""Idle chargers: their cost, a stop, a reload, a reconnect storm, and the time after an outage.

    python -m bench.crowd [--chargers 10000] [--repeats 3]

Idle chargers have booted and answer Calls. Memory is the PSS of all processes of the server; that
of one charger is the difference to the server without chargers. Then follow a stop and a reload
with 200 chargers, a storm of 2 000 reconnects beside the peer of `bench.speed`, and one charger
that sends 10 000 messages after an outage and waits for each answer. Prints a table as in
RESULTS.md.
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
from shocpp.calls.placing import BY_A_PROGRAM, place
from shocpp.store.database import open_database

COMMANDS = 1_000
IDLE_S = 60.0
SETTLING_S = 3.0
STOPPED_WITH = 200
STORM = 2_000
OUTAGE = 10_000
PEERS = 1_000
"""So many chargers are enough to measure the peer's memory."""


def url_of(server: Ours | Running) -> str:
    """Return the WebSocket address of a server."""
    return f"ws://{servers.ADDRESS}:{server.port}"


def row(label: str, figure: str, goal: str) -> None:
    """Print a row of the table."""
    print(f"| {label} | {figure} | {goal} |", flush=True)


def grown_kb(server: Ours | Running, number: int) -> float:
    """Return the memory in KB that each of this number of idle chargers adds to a server."""
    time.sleep(SETTLING_S)
    before = pss_kb(family(server.pid))
    with servers.idle_chargers(server, number):
        time.sleep(SETTLING_S)
        return (pss_kb(family(server.pid)) - before) / number


def measure_idle(chargers: int) -> None:
    """Print memory, threads, descriptors, CPU and command times with idle chargers."""
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
    """Return p50 and p99 of a Call in ms, for a caller with an open database as in the web app."""
    random_, times, payload = random.Random(1), [], {"vendorId": "de.example"}
    with open_database(server.settings.database) as db:
        for _ in range(COMMANDS):
            name = f"charger-{random_.randrange(chargers)}"
            begun = time.perf_counter()
            addressed = address(db, name, "DataTransfer", payload)
            placed = place(db, addressed, "DataTransfer", BY_A_PROGRAM)
            times.append((time.perf_counter() - begun) * 1e3)
            assert placed.outcome.confirmation == '{"status":"Accepted"}', placed
    times.sort()
    return percentile(times, 0.5), percentile(times, 0.99)


def idle_cpu(server: Ours) -> float:
    """Return the share of a core that the server uses while no message arrives."""
    time.sleep(SETTLING_S)
    pids = family(server.pid)
    before = cpu_s(pids)
    time.sleep(IDLE_S)
    return (cpu_s(pids) - before) / IDLE_S


def measure_stops(repeats: int) -> None:
    """Print the time until the last Close after a stop and after a reload."""
    for label, number in (("stop", signal.SIGTERM), ("reload", signal.SIGHUP)):
        closed, exited, codes = [], [], set()
        for _ in range(repeats):
            with servers.ours() as server, servers.idle_chargers(server, STOPPED_WITH) as chargers:
                begun = time.monotonic()
                os.kill(server.pid, number)
                if number == signal.SIGTERM:
                    server.process.wait(servers.PATIENCE_S)
                    exited.append(time.monotonic() - begun)
                result = json.loads(chargers.communicate(timeout=servers.PATIENCE_S)[0])
                closed.append(result["last"] - begun)
                codes.add(json.dumps(result["codes"]))
        exit_text = f", exit after {median(exited):.2f} s" if exited else ""
        code_text = " ".join(sorted(codes))
        figure = f"the last Close after {median(closed):.2f} s {code_text}{exit_text}"
        goal = "1 s, exit 2 s / 0.1 s, 0.4 s" if exited else "1 s / 0.1 s"
        row(f"{label} with {STOPPED_WITH} chargers", figure, goal)


def storm_s(server: AbstractContextManager[Any]) -> float:
    """Return the seconds in which 2 000 chargers connect and boot at once."""
    with server as running:
        time.sleep(1.0)
        command = [sys.executable, "-m", "bench.storm", url_of(running), "--chargers", str(STORM)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return float(json.loads(done.stdout)["last"])


def measure_storm(repeats: int) -> None:
    """Print the time of a reconnect storm, ours and the peer's by turns."""
    ours, peers = [], []
    for _ in range(repeats):
        ours.append(storm_s(servers.ours()))
        peers.append(storm_s(servers.peer()))
    ratio = median(peer / our for our, peer in zip(ours, peers, strict=True))
    figure = f"{median(ours):.2f} s, the peer {median(peers):.2f} s: {ratio:.2f} ×"
    row(f"a storm of {STORM:,} chargers", figure, "0.9 × / 1.3 ×")


def measure_outage(repeats: int) -> None:
    """Print the time and memory of the messages of one charger after an outage."""
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
                charger.send_next(0.0)
                while not charger.is_free:
                    poll.poll(servers.PATIENCE_S)
                    charger.receive()
            took.append(time.perf_counter() - begun)
            grown.append((pss_kb(family(server.pid)) - before) / 1024)
    figure = f"{median(took):.1f} s, memory {median(grown):+.1f} MB"
    row(f"{OUTAGE:,} messages of one charger after an outage", figure, "10 s, flat / 2 s")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--chargers", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    raise_descriptors()
    print(f"`python -m bench.crowd`, {machine()}\n")
    print("| | measured | floor / ambition |\n|---|---|---|", flush=True)
    measure_stops(options.repeats)
    measure_outage(options.repeats)
    measure_storm(options.repeats)
    measure_idle(options.chargers)


if __name__ == "__main__":
    main()
