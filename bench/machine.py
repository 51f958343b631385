"""The machine under a benchmark: what it is, and what a process costs it."""

import contextlib
import os
import platform
import resource
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """One line: date, processor, system and the versions that matter."""
    model = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    packages = ", ".join(f"{name} {version(name)}" for name in ("gunicorn", "ocpp", "websockets"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of {model}, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {packages}."
    )


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of CPU that these processes have used so far."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


def pss_kb(pids: Iterable[int]) -> int:
    """The memory of these processes, what they share divided among those that share it."""
    return sum(_of(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in pids)


def threads(pid: int) -> int:
    """How many threads a process has."""
    return _of(f"/proc/{pid}/status", "Threads:")


def descriptors(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def _of(file: str, name: str) -> int:
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def raise_descriptors() -> None:
    """Let this process and those that it starts have as many descriptors as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def percentile(sorted_values: Sequence[float], part: float) -> float:
    """The value below which this part of all lies."""
    return sorted_values[min(int(len(sorted_values) * part), len(sorted_values) - 1)]
