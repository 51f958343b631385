"""A terminal in tests: a person who runs one of our commands in it, and types answers."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.world import launcher
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S

CONTROLLED = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""A program that becomes a command which its terminal controls: Ctrl-C reaches no other."""


class Session(NamedTuple):
    """The end of a command in a terminal: its exit code, and all that it has printed."""

    code: int
    output: str

    @property
    def lines(self) -> list[str]:
        """Return the lines of the output."""
        return self.output.splitlines()


def run_in_terminal(
    home: Home, *command: str, answers: str = "", columns: int = 100, **environment: str
) -> Session:
    """Run a command in a terminal of this width, in which somebody types these answers."""
    here, there = _open(columns)
    os.write(here, answers.encode())
    kept = {name: value for name, value in home.environment.items() if name != "COLUMNS"}
    process = launcher.start(
        [BIN / command[0], *command[1:]],
        stdin=there,
        stdout=there,
        stderr=there,
        env=kept | environment,
        cwd=home.folder,
        start_new_session=True,
    )
    os.close(there)
    try:
        output = _read(here)
        return Session(process.wait(PATIENCE_S), output.decode().replace("\r\n", "\n"))
    finally:
        process.kill()
        process.wait()
        os.close(here)


class Terminal:
    """A terminal in which a command runs, and in which somebody types while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.output = ""
        self._descriptor = descriptor
        self._read_up_to = 0

    def type(self, text: str) -> None:
        """Type a text; "\\n" is Enter, and "\\x03" is Ctrl-C."""
        os.write(self._descriptor, text.encode())

    def read_until(self, text: str) -> str:
        """Return the output since the last call, up to this text."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.output.find(text, self._read_up_to)) < 0:
            assert _has_output(self._descriptor, deadline), self.output
            chunk = b""
            # Linux reports the end as an error.
            with contextlib.suppress(OSError):
                chunk = os.read(self._descriptor, 65_536)
            assert chunk, self.output
            self.output += chunk.decode(errors="replace").replace("\r\n", "\n")
        begin, self._read_up_to = self._read_up_to, found + len(text)
        return self.output[begin : self._read_up_to]


@contextlib.contextmanager
def in_terminal(*command: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a command in a terminal that controls it; it is killed at the end, if it still runs."""
    here, there = _open(columns=100)
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, str(BIN / command[0]), *command[1:]],
        stdin=there,
        stdout=there,
        stderr=there,
        env=environment,
        start_new_session=True,
    )
    os.close(there)
    try:
        yield Terminal(process, here)
    finally:
        process.kill()
        process.wait()
        os.close(here)


def _open(columns: int) -> tuple[int, int]:
    """Return both ends of a terminal without echo: its output is only that of the command."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    attributes = termios.tcgetattr(there)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(there, termios.TCSANOW, attributes)
    return here, there


def _read(terminal: int) -> bytes:
    """Return all that is printed in a terminal until the last program has left it."""
    output = b""
    deadline = time.monotonic() + PATIENCE_S
    while _has_output(terminal, deadline):
        # Linux reports the end as an error, macOS as an empty read.
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    return output


def _has_output(terminal: int, deadline: float) -> bool:
    """Wait for output until this time; return True if there is some, or the end."""
    # select() takes no descriptor above 1023, and a long run of tests may have more.
    output = select.poll()
    output.register(terminal, select.POLLIN)
    return bool(output.poll(max(deadline - time.monotonic(), 0) * 1_000))
