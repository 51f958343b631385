"""The measured servers: ours as `shocpp-listener` starts it, and the peer.

Each is a process on 127.0.0.1; ours has a scratch home on a real disk.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.settings import Settings, read_settings

ADDRESS = "127.0.0.1"
PATIENCE_S = 20.0
TOKEN = "a-token-for-the-bench"
CHARGE_POINTS = {
    "*": {"auth": "none"},
    **{f"charger-{number}": {"auth": "none"} for number in range(10_000)},
}
"""The chargers of all benchmarks. Only listed ones may be more than a hundred."""

OURS = ("SHOCPP_", "WS_", "GUNICORN_", "PYTHONDONTWRITEBYTECODE")
LISTENER = [sys.executable, "-c", "from shocpp.interfaces.cli import listener; listener()"]

TAGS = [{"index": 1, "account": "family-y", "ids": ["3333"], "concurrent": True}]


class Running(NamedTuple):
    """A server that listens."""

    pid: int
    port: int
    process: subprocess.Popen[bytes]


class Ours(NamedTuple):
    """Our server, its settings, and the environment of the server and of our commands."""

    pid: int
    port: int
    process: subprocess.Popen[bytes]
    settings: Settings
    environment: dict[str, str]


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the end of the block."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the condition; exit with the log if the process ends or it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(log.read_text(errors="replace"))
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Return True if a server listens on this port."""
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), 1):
        return True
    return False


def environment_of(home: Path, port: int) -> dict[str, str]:
    """Return the environment of our server, without shocpp settings of the user."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
        "SHOCPP_HOME": str(home),
        "WS_ADDRESS": ADDRESS,
        "WS_PORT": str(port),
        "SHOCPP_TOKEN": TOKEN,
        # The load of a benchmark is that of many days, and all of it is to be stored.
        "SHOCPP_CHARGER_MB": "1000000",
        "TZ": "Europe/Berlin",
    }


@contextlib.contextmanager
def ours(conf: Mapping[str, Any] | None = None) -> Iterator[Ours]:
    """Run our server with one worker and these files in conf/, by name."""
    with tempfile.TemporaryDirectory(prefix="shocpp-bench-") as folder, contextlib.ExitStack() as s:
        home, port = Path(folder), free_port()
        (home / "conf").mkdir()
        files = {"tags.json": TAGS, "charge_points.json": CHARGE_POINTS, **(conf or {})}
        for name, content in files.items():
            (home / "conf" / name).write_text(json.dumps(content))
        environment, log = environment_of(home, port), home / "log"
        process = s.enter_context(running(LISTENER, environment, log))
        wait_for(lambda: listens(port), process, log)
        yield Ours(process.pid, port, process, read_settings(environment), environment)


@contextlib.contextmanager
def peer() -> Iterator[Running]:
    """Run the documented Central System of PyPI `ocpp`."""
    with tempfile.TemporaryDirectory(prefix="peer-bench-") as folder, contextlib.ExitStack() as s:
        port, log = free_port(), Path(folder) / "log"
        command = [sys.executable, "-m", "bench.peer", str(port)]
        process = s.enter_context(running(command, os.environ, log))
        wait_for(lambda: listens(port), process, log)
        yield Running(process.pid, port, process)


@contextlib.contextmanager
def idle_chargers(server: Ours | Running, number: int) -> Iterator[subprocess.Popen[str]]:
    """Connect this number of chargers that have booted and answer Calls (`bench/idle.py`)."""
    url = f"ws://{ADDRESS}:{server.port}"
    command = [sys.executable, "-m", "bench.idle", url, "--chargers", str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                sys.exit("the idle chargers are not ready")
            yield process
        finally:
            process.terminate()
