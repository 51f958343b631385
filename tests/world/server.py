"""A real `shocpp-listener` in a home folder of its own."""

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.world import launcher
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S, free_port, is_free, wait_for


class Server:
    """A `shocpp-listener` with everything below it, ended by its pid."""

    command: tuple[str, ...] = (str(BIN / "shocpp-listener"),)

    def __init__(self, home: Home, **environment: str) -> None:
        self.home = home
        self.port = int(environment.get("WS_PORT") or free_port())
        self.environment = environment
        self.log_file = home.folder / "log"
        self._has_served = False
        self.restart()

    def launch(self) -> None:
        """Start its process, and wait for nothing."""
        with open(self.log_file, "ab") as log:
            self.process: subprocess.Popen[bytes] = launcher.start(
                self.command,
                stdout=log,
                stderr=log,
                env={**self.home.environment, **self.environment, "WS_PORT": str(self.port)},
                start_new_session=True,
            )

    def is_healthy(self) -> bool:
        """Return True if /healthz answers 200."""
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
        """Return its log."""
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
        """Start it again on the same port, after `stop` or `kill`; returns when it serves."""
        if self._has_served:
            # A killed worker has the port until it is gone.
            wait_for(lambda: is_free(self.port))
        self.launch()
        wait_for(lambda: self.process.poll() is not None or self.is_healthy())
        assert self.process.poll() is None, self.log()
        self._has_served = True
