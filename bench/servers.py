"""Our server as it is measured: as `shocpp-listener` starts it, with a scratch home on a real disk.

It runs in an environment made of requirements.lock alone, which `make peers` makes. A benchmark of
the whole, not of its parts, therefore measures the product as `make run` installs it.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.machine import cpu_by_thread, family
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
ROOT = Path(__file__).parent.parent
INSTALLED = ROOT / "build" / "bench"
"""The environments of the measured server and of the peers (`make peers`)."""

PYTHON = INSTALLED / "ours" / "bin" / "python"
LISTENER = "from shocpp.interfaces.cli import listener; listener()"
THREAD_NAMES = str(ROOT / "bench" / "thread_names")

TAGS = [{"index": 1, "account": "family-y", "ids": ["3333"], "concurrent": True}]


class Running(NamedTuple):
    """A peer that listens; `{}` in its path is the name of a charger."""

    pid: int
    port: int
    process: subprocess.Popen[bytes]
    path: str = "/{}"
    password: str = ""


class Ours(NamedTuple):
    """Our server, its settings, and the environment of the server and of our commands."""

    pid: int
    port: int
    process: subprocess.Popen[bytes]
    settings: Settings
    environment: dict[str, str]
    listens_after_s: float
    listens_after_cpu_s: float
    path: str = "/{}"
    password: str = ""


def installed(path: Path) -> str:
    """Return the path of a measured program; exit if it is not installed."""
    if not path.exists():
        sys.exit(f"{path.relative_to(ROOT)} is missing: run make peers first")
    return str(path)


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
        time.sleep(0.005)


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
def ours(
    conf: Mapping[str, Any] | None = None,
    *,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    database: Path | None = None,
) -> Iterator[Ours]:
    """Run our server with these files in conf/, by name, and a copy of this database."""
    with tempfile.TemporaryDirectory(prefix="shocpp-bench-") as folder, contextlib.ExitStack() as s:
        home, port = Path(folder), free_port()
        (home / "conf").mkdir()
        files = {"tags.json": TAGS, "charge_points.json": CHARGE_POINTS, **(conf or {})}
        for name, content in files.items():
            (home / "conf" / name).write_text(json.dumps(content))
        whole = environment_of(home, port) | {"PYTHONPATH": THREAD_NAMES, **(environment or {})}
        if workers > 1:
            whole["GUNICORN_CMD_ARGS"] = f"--workers {workers}"
        settings = read_settings(whole)
        if database:
            settings.database.parent.mkdir(exist_ok=True)
            shutil.copyfile(database, settings.database)
        log = home / "log"
        begun = time.monotonic()
        process = s.enter_context(running([installed(PYTHON), "-c", LISTENER], whole, log))
        wait_for(lambda: listens(port), process, log)
        took, used = time.monotonic() - begun, sum(cpu_by_thread([process.pid]).values())
        # gunicorn listens before it has started its workers.
        wait_for(lambda: len(family(process.pid)) > workers, process, log)
        yield Ours(process.pid, port, process, settings, whole, took, used)


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
