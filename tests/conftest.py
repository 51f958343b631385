"""What the tests share: a home folder of their own, a real server in it, and real clients.

No test replaces a part of the house; what is faked is the world: the Charge Point and the clock it
writes. In CI (SHOCPP_NO_SKIPS=1) a test that would be skipped fails instead.
"""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shocpp.settings import Settings, read_settings

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PATIENCE_S = 20.0
NOT_ALLOWED = "not allowed here"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Turn skips into failures where a skip would hide a missing program.

    A right that a container does not give, nobody can install: such a skip says so, and stays one.
    """
    report = yield
    if (
        report.skipped
        and os.environ.get("SHOCPP_NO_SKIPS") == "1"
        and not hasattr(report, "wasxfail")
        and NOT_ALLOWED not in str(report.longrepr)
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped although SHOCPP_NO_SKIPS=1: {report.longrepr}"
    return report


def needs(program: str) -> str:
    """The path of a program of the system; the test is skipped where it is missing."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def wait_for(what: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """The first true value of `what`; fails when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.01)
    pytest.fail(f"waited {timeout_s} s in vain for {what}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, nor will in another process that runs tests."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port // 2 % share == number:  # by halves: Linux prefers ports of one parity here
            return port


class Home:
    """A home folder: configuration, database and accounting files of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SHOCPP_")},
            "SHOCPP_HOME": str(folder),
            "WS_ADDRESS": "127.0.0.1",
            "TZ": "Europe/Berlin",
        }
        (folder / "conf").mkdir(parents=True)
        shutil.copy(ROOT / "conf" / "tags.json.example", self.tags_file)

    @property
    def tags_file(self) -> Path:
        """Its tags.json."""
        return self.folder / "conf" / "tags.json"

    @property
    def charge_points_file(self) -> Path:
        """Its charge_points.json."""
        return self.folder / "conf" / "charge_points.json"

    @property
    def database(self) -> Path:
        """Its database."""
        return self.folder / "db" / "shocpp.sqlite3"

    @property
    def settings(self) -> Settings:
        """What a process started in it runs with."""
        return read_settings(self.environment)

    def run(self, *command: str, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env=self.environment | more.pop("env", {}),
            **more,
        )

    @contextlib.contextmanager
    def backend(self, charge_point_id: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """A running `shocpp-backend` of a charger, which is killed when a test waits for ever."""
        with (
            open(self.folder / "log", "ab") as log,
            subprocess.Popen(
                [str(BIN / "shocpp-backend"), "--charge-point", charge_point_id],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment | more,
            ) as process,
        ):
            patience = threading.Timer(PATIENCE_S, process.kill)
            patience.start()
            try:
                yield process
            finally:
                patience.cancel()
                process.kill()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of its database, read as `sqlite3` would."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as db:
            return db.execute(sql, values).fetchall()

    def record_files(self) -> list[Path]:
        """Its accounting files."""
        return sorted((self.folder / "accounting").glob("*/*/[0-9]*-*.json"))


class Server:
    """A `shocpp-listener` with everything below it, ended by its pid."""

    command: tuple[str, ...] = (str(BIN / "shocpp-listener"),)

    def __init__(self, home: Home, **environment: str) -> None:
        self.home = home
        self.port = int(environment.get("WS_PORT") or free_port())
        self.environment = environment
        self.log_file = home.folder / "log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with open(self.log_file, "ab") as log:
            process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                env={**self.home.environment, **self.environment, "WS_PORT": str(self.port)},
                start_new_session=True,
            )
        self.process = process
        wait_for(lambda: process.poll() is not None or self._answers())
        assert process.poll() is None, self.log()
        return process

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe,
        ):
            probe.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(200)
        return False

    def url(self, charge_point_id: str = "") -> str:
        """The address of a charger."""
        return f"ws://127.0.0.1:{self.port}/{charge_point_id}"

    def log(self) -> str:
        """What it has logged."""
        return self.log_file.read_text(errors="replace")

    def workers(self) -> list[int]:
        """The pids of its gunicorn workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def kill(self) -> None:
        """End master and workers at once, as a power cut would."""
        for pid in [self.process.pid, *self.workers()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """End it as systemd does; returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def restart(self) -> None:
        """Start it again on the same port, after `stop` or `kill`."""
        self._start()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder with the example accounts and no database yet."""
    return Home(tmp_path / "home")


@pytest.fixture
def serve(home: Home) -> Iterator[Callable[..., Server]]:
    """Starts servers in the test's home; they end with the test."""
    servers: list[Server] = []

    def start(**environment: str) -> Server:
        servers.append(Server(home, **environment))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A running server."""
    return serve()
