"""The counters of all workers in files, so that a restarted worker does not lose counts.

Each worker holds the lock of one file as long as it lives. A new worker takes over the file of a
dead one and adds its own counts. So no count is lost or counted twice when workers are killed or
reloaded. There are never more files than the highest number of workers at one time.

A free lock proves that the worker is dead, even after kill -9. A process id would not: another
program may have it by now. The writer thread publishes the counts once a second, because the loop
must never wait for a disk.
"""

import contextlib
import fcntl
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from shocpp.metrics.counters import BOUNDS_S, HISTOGRAMS, LENGTH, POSITIONS, Counters

LAYOUT = f"{crc32(repr((POSITIONS, HISTOGRAMS, BOUNDS_S)).encode()):08x}"
"""The names and order of all numbers as a checksum.

It is part of the file names, so that the files of another version are not added up.
"""

_HEALTH = LENGTH
"""The index of the number that is 1.0 if the worker is healthy, else 0.0; the counts precede it."""

_BYTES = 8 * (LENGTH + 1) + 4
"""The size of a file: doubles in the machine's order, and a CRC-32."""

READINGS = 100
"""The number of attempts to read a file that is just being written."""


class Totals(NamedTuple):
    """The sums of all files, and the numbers of live workers that are healthy or unhealthy."""

    numbers: Sequence[float]
    healthy: int
    unhealthy: int


class CounterFile:
    """The file of one worker's counters; only one thread may use it."""

    def __init__(self, folder: Path, counters: Counters) -> None:
        self._folder = folder
        self.counters = counters
        self._before = array("d", bytes(8 * LENGTH))
        self._descriptor: int | None = None
        self._path = folder

    def write(self) -> None:
        """Publish the counts, or leave it to the next call if the file cannot be written."""
        with contextlib.suppress(OSError):
            if self._descriptor is None or not _is_in_place(self._descriptor, self._path):
                self._take()
            assert self._descriptor is not None
            sums = [b + n for b, n in zip(self._before, self.counters.numbers, strict=True)]
            content = array("d", [*sums, self.counters.is_healthy]).tobytes()
            # Readers take no lock for it. The checksum shows them a file that is half written.
            os.pwrite(self._descriptor, content + crc32(content).to_bytes(4, "big"), 0)

    def close(self) -> None:
        """Release the file for the next worker."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self) -> None:
        """Take over the first file without a worker, or create one."""
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 0
        while self._descriptor is None:
            self._path = self._folder / f"{LAYOUT}-{number}"
            self._descriptor = _locked(self._path, os.O_RDWR | os.O_CREAT)
            number += 1
        # Added, not replaced: if the folder was removed meanwhile, the counts of the file before
        # belong to this worker too.
        numbers = _read(self._descriptor)
        if numbers is not None:
            self._before = array("d", map(float.__add__, self._before, numbers[:LENGTH]))


def sum_files(folder: Path) -> Totals:
    """Return the sums of the counters that all workers of this folder have published."""
    sums, health = array("d", bytes(8 * LENGTH)), [0, 0]
    for path in folder.glob(f"{LAYOUT}-*"):
        with contextlib.suppress(OSError), _opened(path) as descriptor:
            numbers = _read(descriptor)
            if numbers is not None:
                sums = array("d", map(float.__add__, sums, numbers[:LENGTH]))
                # A shared lock succeeds only without a live worker: dead ones have counts, but no
                # health.
                health[numbers[_HEALTH] == 1.0] += not _lock(descriptor, fcntl.LOCK_SH)
    return Totals(sums, healthy=health[1], unhealthy=health[0])


def remove_dead_files(folder: Path) -> None:
    """Remove the files of dead workers, at the start of the server before its first worker."""
    # Files of other versions, too: no worker would ever add them up. Counters begin at 0 again,
    # which Prometheus' rate() recognises as a reset.
    for path in folder.glob("*-*"):
        with contextlib.suppress(OSError):
            descriptor = _locked(path, os.O_RDWR)
            if descriptor is not None:
                path.unlink()
                os.close(descriptor)


def counters_folder(database: Path) -> Path:
    """Return the folder of the counter files of all workers that use this database."""
    return database.with_name(f"{database.name}-metrics")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file for reading, and close its descriptor at the end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(path: Path, flags: int) -> int | None:
    """Return the descriptor of a file, locked for this process, or None if another one has it."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    # Another process may remove the file between open and lock: then the lock protects nothing.
    if _lock(descriptor, fcntl.LOCK_EX) and _is_in_place(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int, kind: int) -> bool:
    """Return True if the lock was free and is now held."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_in_place(descriptor: int, path: Path) -> bool:
    """Return True if the path still leads to the opened file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _read(descriptor: int) -> "array[float] | None":
    """Return the numbers of a file, or None if it is empty or damaged."""
    for _ in range(READINGS):
        # One byte more than the size reveals a file that is too long.
        content = os.pread(descriptor, _BYTES + 1, 0)
        if not content:
            return None
        if crc32(content[:-4]).to_bytes(4, "big") == content[-4:] and len(content) == _BYTES:
            return array("d", content[:-4])
    return None
