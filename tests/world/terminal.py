"""A terminal in tests: a person who runs one of our commands in it, and types answers."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import NamedTuple

from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S


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
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    # Without echo: the output is only what the command prints.
    attributes = termios.tcgetattr(there)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(there, termios.TCSANOW, attributes)
    os.write(here, answers.encode())
    kept = {name: value for name, value in home.environment.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
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


def _read(terminal: int) -> bytes:
    """Return all that is printed in a terminal until the last program has left it."""
    output = b""
    deadline = time.monotonic() + PATIENCE_S
    while select.select([terminal], [], [], deadline - time.monotonic())[0]:
        # Linux reports the end as an error, macOS as an empty read.
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    return output
