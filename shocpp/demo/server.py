"""The Central System of the demo: the real one, as a process, in a scratch home folder.

It is started again on its port whenever it ends. It neither reads nor writes files of the user: no
SHOCPP_ variable is inherited, and every path lies in the scratch folder.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Self

from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.output import Output
from shocpp.errors import ConfigError, Unreachable
from shocpp.installation.files import SHIPPED
from shocpp.settings import DEFAULT_ZONE, Settings, read_settings

ADDRESS = "127.0.0.1"
STOP_TIMEOUT_S = 5.0

TIMEOUT_S = 30.0
"""The longest wait for an answer of the server."""

NOT_INHERITED = ("SHOCPP_", "WS_", "GUNICORN_")
"""The prefixes of environment variables that the server does not get."""


class Server:
    """A `shocpp-listener` in `folder`, from `start` until the end of the `with` block.

    `report` gets a sentence each time the server was started again. It runs on a thread of this
    class. `variables` are settings of the server. The constructor raises ConfigError if the port is
    taken.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        report: Callable[[str], None],
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.port = _free_port(port)
        self._folder = folder
        self._report = report
        self._environment = {
            **{name: v for name, v in os.environ.items() if not name.startswith(NOT_INHERITED)},
            "SHOCPP_HOME": str(folder),
            "WS_ADDRESS": ADDRESS,
            "WS_PORT": str(self.port),
            "TZ": DEFAULT_ZONE,
            **variables,
        }
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._stopping = False
        self._trouble: str | None = None
        (folder / "conf").mkdir()
        for name in ("tags.json", "canned.json"):
            shutil.copy(SHIPPED / "conf" / f"{name}.example", folder / "conf" / name)

    @property
    def settings(self) -> Settings:
        """The settings of the server."""
        return read_settings(self._environment)

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start(self) -> None:
        """Start the server, and start it again whenever it ends."""
        self._process = self._spawn()
        self._watcher.start()

    def check(self) -> None:
        """Raise ConfigError with the last line of its log if the server could not be started."""
        if self._trouble is not None:
            raise ConfigError(self._trouble)

    def run(self, command: str, *arguments: str) -> str:
        """Run a console script in the server's home, and return its output.

        `command` is the name of its function in `interfaces.cli`. Raises ConfigError if it fails.
        """
        done = subprocess.run(
            [*_console_script(command), *arguments],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise ConfigError(done.stderr.strip() or f"{command} ended with {done.returncode}")
        return done.stdout

    def await_idle(self, charger: ChargePoint, output: Output) -> None:
        """Print until all messages of the charger are answered.

        Raises ConfigError if the server could not be started, and Unreachable after a timeout.
        """
        deadline = monotonic() + TIMEOUT_S
        while not charger.wait_until_idle(timeout=0.2):
            output.pause(0)
            self.check()
            if monotonic() > deadline:
                raise Unreachable(f"the demo's server does not answer within {TIMEOUT_S:.0f} s")
        output.pause(0)

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Start the server's process; its output is appended to the log file."""
        with open(self._log_file, "ab") as log:
            return subprocess.Popen(
                _console_script("listener"),
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A process group of its own: its workers can be killed with it, and Ctrl-C in the
                # terminal reaches the demo only.
                start_new_session=True,
            )

    @property
    def _log_file(self) -> Path:
        """The file with the output of the server, in the scratch folder."""
        return self._folder / "log"

    def _watch(self) -> None:
        """Start the server again after each end; an exit code above 0 is a failed start."""
        process = self._process
        while process is not None:
            code = process.wait()
            with self._lock:
                # Workers without a master keep the port.
                _kill_group(process.pid)
                process = None
                if code > 0:
                    lines = self._log_file.read_text(errors="replace").strip().splitlines()
                    self._trouble = lines[-1] if lines else f"the server ended with {code}"
                elif not self._stopping:
                    process = self._process = self._spawn()
            if process is not None:
                self._report(f"The server has ended, and is started again (pid {process.pid}).")

    def _stop(self) -> None:
        """End the server and all its processes; a server that does not stop is killed."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        _kill_group(process.pid)
        process.wait()
        if self._watcher.is_alive():
            self._watcher.join(STOP_TIMEOUT_S)


def _console_script(command: str) -> list[str]:
    """Return the command of a console script, run by this interpreter and not found by PATH."""
    return [sys.executable, "-c", f"from shocpp.interfaces.cli import {command}; {command}()"]


def _free_port(port: int) -> int:
    """Return the port, or a free one for 0; raises ConfigError if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
            # With SO_REUSEADDR two sockets may bind a port, but only one may listen.
            probe.listen(1)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {ADDRESS}:{port}: {error.strerror}; leave --port out"
            ) from None
        return int(probe.getsockname()[1])


def _kill_group(pid: int) -> None:
    """Kill all processes of the group that this process leads."""
    # macOS answers EPERM if only zombies are left in the group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
