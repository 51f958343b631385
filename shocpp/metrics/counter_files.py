"""The tallies of all workers, in files that outlive them (a room).

Each worker keeps one file, locked as long as it lives. A worker that begins takes over the file of
one that has died, and counts on from there: so no count is ever lost or counted twice, whoever is
killed or reloaded, and there are no more files than workers have lived at one time. A lock that is
free tells that nobody is there, even after kill -9; a pid could be another program's by now.

The bookkeeper writes them, once a second: the loop never waits for a disk.
"""

import contextlib
import fcntl
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from shocpp.metrics.counters import BOUNDS_S, HISTOGRAMS, LENGTH, PLACES, Counters

LAYOUT = f"{crc32(repr((PLACES, HISTOGRAMS, BOUNDS_S)).encode()):08x}"
"""Names the meaning of the places: another version's files are not ours to add up."""

_HEALTH = LENGTH
_BYTES = 8 * (LENGTH + 1) + 4
READINGS = 100
"""How often a file is read that is being written just now."""


class Totals(NamedTuple):
    """The sums of all files, and how many workers live, in good health or not."""

    numbers: Sequence[float]
    healthy: int
    ill: int


class CounterFile:
    """The file of one worker's tally; everything here is for one thread."""

    def __init__(self, folder: Path, counters: Counters) -> None:
        self._folder = folder
        self.counters = counters
        self._before = array("d", bytes(8 * LENGTH))
        self._descriptor: int | None = None
        self._path = folder

    def write(self) -> None:
        """Publish the counts. Where that cannot be done, the next time does it for both."""
        with contextlib.suppress(OSError):
            if self._descriptor is None or not _is_in_place(self._descriptor, self._path):
                self._take()
            assert self._descriptor is not None
            sums = [b + n for b, n in zip(self._before, self.counters.numbers, strict=True)]
            content = array("d", [*sums, self.counters.is_healthy]).tobytes()
            os.pwrite(self._descriptor, content + crc32(content).to_bytes(4, "big"), 0)

    def close(self) -> None:
        """Leave the file to the next worker."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self) -> None:
        """Take over the first file that nobody has, or make one."""
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 0
        while self._descriptor is None:
            self._path = self._folder / f"{LAYOUT}-{number}"
            self._descriptor = _locked(self._path, os.O_RDWR | os.O_CREAT)
            number += 1
        kept = _read(self._descriptor)
        if kept is not None:
            self._before = array("d", map(float.__add__, self._before, kept[:LENGTH]))


def add_up(folder: Path) -> Totals:
    """The sums of what all workers of this folder have published."""
    sums, health = array("d", bytes(8 * LENGTH)), [0, 0]
    for path in folder.glob(f"{LAYOUT}-*"):
        with contextlib.suppress(OSError), _opened(path) as descriptor:
            numbers = _read(descriptor)
            if numbers is not None:
                sums = array("d", map(float.__add__, sums, numbers[:LENGTH]))
                health[numbers[_HEALTH] == 1.0] += not _lock(descriptor, fcntl.LOCK_SH)
    return Totals(sums, healthy=health[1], ill=health[0])


def begin_anew(folder: Path) -> None:
    """Remove the files of workers that have died; before there are new ones, so of another run."""
    for path in folder.glob("*-*"):
        with contextlib.suppress(OSError):
            descriptor = _locked(path, os.O_RDWR)
            if descriptor is not None:
                path.unlink()
                os.close(descriptor)


def counters_folder(database: Path) -> Path:
    """Where the workers that use this database keep their tallies."""
    return database.with_name(f"{database.name}-metrics")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(path: Path, flags: int) -> int | None:
    """A descriptor of a file that is locked for us, or None where another process has it."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if _lock(descriptor, fcntl.LOCK_EX) and _is_in_place(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_in_place(descriptor: int, path: Path) -> bool:
    """Whether the path still names the file that was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _read(descriptor: int) -> "array[float] | None":
    """The numbers of a file; None where it is empty, or damaged."""
    for _ in range(READINGS):
        content = os.pread(descriptor, _BYTES + 1, 0)
        if not content:
            return None
        if crc32(content[:-4]).to_bytes(4, "big") == content[-4:] and len(content) == _BYTES:
            return array("d", content[:-4])
    return None
