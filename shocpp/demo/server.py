"""The demo's own Central System: the real one, as a process, in a scratch home folder.

Floor: doors (demo). It is started again on its port whenever it ends, however it was ended. Nothing
of the user's is read or written: no SHOCPP_ variable is inherited, and every path lies in the
scratch folder.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from shocpp.errors import ConfigError
from shocpp.settings import CHECKOUT, DEFAULT_ZONE, Settings, read_settings

ADDRESS = "127.0.0.1"
STOP_SECONDS = 5.0
NOT_INHERITED = ("SHOCPP_", "WS_", "GUNICORN_")


class Server:
    """One `shocpp-listener` in `folder`, from `start` until the end of the `with` block.

    `tell` gets a sentence whenever it had to be started again, on a thread of this server's own.
    """

    def __init__(self, folder: Path, port: int, tell: Callable[[str], None]) -> None:
        self.port = _free_port(port)
        self._folder = folder
        self._tell = tell
        self._environment = {
            **{name: v for name, v in os.environ.items() if not name.startswith(NOT_INHERITED)},
            "SHOCPP_HOME": str(folder),
            "WS_ADDRESS": ADDRESS,
            "WS_PORT": str(self.port),
            "TZ": DEFAULT_ZONE,
        }
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._stopping = False
        self._trouble: str | None = None
        (folder / "conf").mkdir()
        for name in ("tags.json", "canned.json"):
            shutil.copy(CHECKOUT / "conf" / f"{name}.example", folder / "conf" / name)

    @property
    def settings(self) -> Settings:
        """What it runs with."""
        return read_settings(self._environment)

    @property
    def pid(self) -> int:
        """The process to kill, for those who want to see what happens then."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._process = self._spawn()
        self._watcher.start()

    def check(self) -> None:
        """Raises ConfigError with its last words where it could not be started."""
        if self._trouble is not None:
            raise ConfigError(self._trouble)

    def run(self, command: str, *arguments: str) -> str:
        """What one of the console scripts prints in its home; `command` is its name in the CLI."""
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

    def _spawn(self) -> subprocess.Popen[bytes]:
        with open(self._log_file, "ab") as log:
            return subprocess.Popen(
                _console_script("listener"),
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its workers can be ended with it, and Ctrl-C is for the demo to hear.
                start_new_session=True,
            )

    @property
    def _log_file(self) -> Path:
        return self._folder / "log"

    def _watch(self) -> None:
        process = self._process
        while process is not None:
            code = process.wait()
            with self._turn:
                _kill_group(process.pid)  # workers without a master keep the port
                process = None
                if code > 0:
                    said = self._log_file.read_text(errors="replace").strip().splitlines()
                    self._trouble = said[-1] if said else f"the server ended with {code}"
                elif not self._stopping:
                    process = self._process = self._spawn()
            if process is not None:
                self._tell(f"The server has ended, and is started again (pid {process.pid}).")

    def _stop(self) -> None:
        with self._turn:
            self._stopping = True
            process = self._process
        if process is None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        _kill_group(process.pid)
        process.wait()
        if self._watcher.is_alive():
            self._watcher.join(STOP_SECONDS)


def _console_script(command: str) -> list[str]:
    """A console script under this interpreter, wherever the script itself was installed."""
    return [sys.executable, "-c", f"from shocpp.interfaces.cli import {command}; {command}()"]


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
            probe.listen(1)  # two may bind with SO_REUSEADDR, one may listen
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {ADDRESS}:{port}: {error.strerror}; leave --port out"
            ) from None
        return int(probe.getsockname()[1])


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: nobody left but zombies
        os.killpg(pid, signal.SIGKILL)
