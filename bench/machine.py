"""The machine under a benchmark: its description, and the resources of processes."""

import contextlib
import os
import platform
import resource
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """Return one line: date, processor, load average, system, and versions of the libraries."""
    model = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    packages = ", ".join(f"{name} {version(name)}" for name in ("gunicorn", "ocpp", "websockets"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of {model}, load average "
        f"{os.getloadavg()[0]:.1f} before, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {packages}."
    )


def family(pid: int) -> list[int]:
    """Return a process and all its descendants; the list grows while it is read."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
    return pids


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes so far, in seconds."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def cpu_by_thread(pids: Iterable[int]) -> dict[str, float]:
    """Return the CPU time of all threads of these processes so far, in seconds by name."""
    spent: dict[str, float] = defaultdict(float)
    for task in (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()):
        # A thread may end between the two steps.
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().strip()
            spent[name] += int((task / "schedstat").read_text().split()[0]) / 1e9
    return spent


def pss_kb(pids: Iterable[int]) -> int:
    """Return the PSS of these processes in KB: shared pages count in proportion."""
    return sum(_of(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in pids)


def threads(pid: int) -> int:
    """Return the number of threads of a process."""
    return _of(f"/proc/{pid}/status", "Threads:")


def descriptors(pid: int) -> int:
    """Return the number of open descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def _of(file: str, name: str) -> int:
    """Return the number in the line of a file of /proc that begins with this name."""
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def raise_descriptors() -> None:
    """Raise the soft limit of descriptors to the hard one, for this process and its children."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def percentile(sorted_values: Sequence[float], part: float) -> float:
    """Return the value below which this part (0 to 1) of all values lies."""
    return sorted_values[min(int(len(sorted_values) * part), len(sorted_values) - 1)]
