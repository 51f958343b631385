"""The machine under the tests: folders, programs, ports, and waiting for a condition."""

import itertools
import os
import random
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
PATIENCE_S = 40.0
NOT_ALLOWED = "not allowed here"


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


def _own_ports() -> Iterator[int]:
    # Below the ports that the kernel gives to outgoing connections, which may take one between
    # this answer and its use; each process that runs tests has its own share of them.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    size = (20_000 - 10_240) // share
    first = 10_240 + number * size
    # Two runs of the tests on one machine hardly ever begin at the same port.
    begun = random.randrange(size)
    return (first + (begun + step) % size for step in itertools.count())


_PORTS = _own_ports()


def is_free(port: int) -> bool:
    """Return True if a server can listen on a port of this machine."""
    with socket.socket() as probe:
        # Connections that have ended may still have it, which keeps no server out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other call has given lately."""
    while True:
        port = next(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
