"""The start, idle chargers, a stop, a reload, and a reconnect storm.

    python -m bench.crowd [--chargers 10000] [--repeats 3] [--only start,idle]

Idle chargers have booted and answer Calls. Memory is the PSS of all processes of the server; that
of one charger is the difference to the server without chargers. A storm of 2 000 reconnects is
measured beside the libraries of `bench.speed`.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from statistics import median
from typing import Any

from bench import peers, servers
from bench.frames import connected
from bench.machine import (
    cpu_by_thread,
    descriptors,
    family,
    percentile,
    pss_kb,
    threads,
)
from bench.measure import Figures, Sections, Server, header, options_of, row, run
from bench.servers import Ours, Running
from shocpp.calls.addressing import address
from shocpp.calls.placing import CallOptions, place
from shocpp.store.database import open_database

COMMANDS = 1_000
SETTLING_S = 3.0
STOPPED_WITH = 200
STORM = 2_000
PEERS = 1_000
"""So many chargers are enough to measure the peer's memory."""


def url_of(server: Ours | Running) -> str:
    """Return the WebSocket address of a server."""
    return f"ws://{servers.ADDRESS}:{server.port}"


def grown_kb(server: Ours | Running, number: int) -> float:
    """Return the memory in KB that each of this number of idle chargers adds to a server."""
    time.sleep(SETTLING_S)
    before = pss_kb(family(server.pid))
    with servers.idle_chargers(server, number):
        time.sleep(SETTLING_S)
        return (pss_kb(family(server.pid)) - before) / number


def start(options: argparse.Namespace) -> Figures:
    """Measure the time until the listener listens, and until it has upgraded a charger."""
    header("start", "s")
    listening, upgraded, used = [], [], []
    for _ in range(options.starts):
        begun = time.monotonic()
        # A household's: the file of all benchmarks has 10 000 chargers, and takes half of the time.
        with servers.ours({"charge_points.json": {"charger-0": {"auth": "none"}}}) as server:
            connected(url_of(server), "charger-0").close()
            upgraded.append(time.monotonic() - begun)
            listening.append(server.listens_after_s)
            used.append(server.listens_after_cpu_s)
    row("until it listens", f"{median(listening):.2f}")
    row("CPU time until then", f"{median(used):.2f}")
    row("until a charger's handshake is answered", f"{median(upgraded):.2f}")
    return {"seconds until it listens": median(listening)}


def idle(options: argparse.Namespace) -> Figures:
    """Measure memory, threads, descriptors, CPU and command times with idle chargers."""
    chargers, seconds = options.chargers, options.idle_seconds
    header("idle", "measured", "floor / ambition")
    with peers.ocpp() as peer:
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
            used = idle_cpu(server, seconds)
            row(f"idle CPU with {chargers:,}, all pinged each 30 s", f"{used:.2%}", "")
    with servers.ours() as server, servers.idle_chargers(server, 100):
        used = idle_cpu(server, seconds)
        row("idle CPU with 100", f"{used:.2%}", "0.5 % / 0.1 %")
    figures = {"KB of an idle charger": each_kb, "idle CPU with 100, %": used * 100}
    return figures | ({"MB with 10 000 idle": all_kb / 1024} if chargers == 10_000 else {})


def commands_ms(server: Ours, chargers: int) -> tuple[float, float]:
    """Return p50 and p99 of a Call in ms, for a caller with an open database as in the web app."""
    random_, times, payload = random.Random(1), [], {"vendorId": "de.example"}
    with open_database(server.settings.database) as db:
        for _ in range(COMMANDS):
            name = f"charger-{random_.randrange(chargers)}"
            begun = time.perf_counter()
            addressed = address(db, name, "DataTransfer", payload)
            placed = place(db, addressed, "DataTransfer", CallOptions("a program"))
            times.append((time.perf_counter() - begun) * 1e3)
            assert placed.outcome.confirmation == '{"status":"Accepted"}', placed
    times.sort()
    return percentile(times, 0.5), percentile(times, 0.99)


def idle_cpu(server: Ours, seconds: float) -> float:
    """Return the share of a core that the server uses while no message arrives."""
    time.sleep(SETTLING_S)
    pids = family(server.pid)
    before = sum(cpu_by_thread(pids).values())
    time.sleep(seconds)
    return (sum(cpu_by_thread(pids).values()) - before) / seconds


def stops(options: argparse.Namespace) -> Figures:
    """Measure the time until the last Close after a stop and after a reload."""
    header("end", "measured", "floor / ambition")
    for label, number in (("stop", signal.SIGTERM), ("reload", signal.SIGHUP)):
        closed, exited, codes = [], [], set()
        for _ in range(options.repeats):
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
    return {}


def storm_of(server: AbstractContextManager[Any]) -> dict[str, float]:
    """Let 2 000 chargers connect and boot at once; return the figures of `bench/storm.py`."""
    with server as running:
        time.sleep(1.0)
        command = [sys.executable, "-m", "bench.storm", url_of(running), "--chargers", str(STORM)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        figures: dict[str, float] = json.loads(done.stdout)
        return figures


def storm(options: argparse.Namespace) -> Figures:
    """Measure the time of a reconnect storm, by turns with both peers that are libraries."""
    header("storm", "s", "ours ×", "hung up on")
    servers_by_name: dict[str, Server] = {
        "ours": servers.ours,
        "ocpp": peers.ocpp,
        "ocpp-rpc": peers.ocpp_rpc,
    }
    storms: dict[str, list[dict[str, float]]] = {name: [] for name in servers_by_name}
    for _ in range(options.repeats):
        for name, server in servers_by_name.items():
            storms[name].append(storm_of(server()))
    for name, each in storms.items():
        pairs = zip(each, storms["ours"], strict=True)
        ratio = median(other["last"] / ours["last"] for other, ours in pairs)
        last, lost = (median(figures[key] for figures in each) for key in ("last", "lost"))
        row(f"{STORM:,} chargers, {name}", f"{last:.2f}", f"{ratio:.2f}", f"{lost:g}")
    return {}


SECTIONS: Sections = {
    "start": start,
    "stops": stops,
    "storm": storm,
    "idle": idle,
}


if __name__ == "__main__":
    run(SECTIONS, options_of(__doc__, SECTIONS))
