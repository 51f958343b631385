"""A scratch folder, as TMPDIR of processes: what they leave in it, and those that still run."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.world.machine import wait_for


def environment(scratch: Path) -> dict[str, str]:
    """Return the environment of a user with settings, which the demo must ignore."""
    paths = {name: str(scratch / "user") for name in ("SHOCPP_HOME", "SHOCPP_DATABASE")}
    others = {"SHOCPP_HEARTBEAT": "never", "WS_PORT": "1", "TZ": "America/New_York"}
    return os.environ | paths | others | {"TMPDIR": str(scratch)}


def processes_in(scratch: Path) -> list[int]:
    """Return the pids of all processes with this scratch folder in their environment."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and f"TMPDIR={scratch}\0".encode() in (entry / "environ").read_bytes():
                pids.append(int(entry.name))
    return pids


@contextlib.contextmanager
def killing_all_in(scratch: Path) -> Iterator[None]:
    """Kill the processes of a scratch folder at the end of the block."""
    try:
        yield
    finally:
        for pid in processes_in(scratch):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def assert_nothing_is_left(scratch: Path) -> None:
    """Assert that no process runs and no file is left."""
    assert wait_for(lambda: not processes_in(scratch), 5)
    assert list(scratch.iterdir()) == []
