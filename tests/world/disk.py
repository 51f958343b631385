"""A disk that is slow, or whose power is cut: only what was synced is left of it.

`disk.c` is loaded into the processes of a server. It delays their syncs, records the content of
files and folders at each, and can kill all of them at the Nth one. `Disk` makes a folder of that
record: the database, its -wal, and the files whose names were synced too.
"""

import fcntl
import os
import random
import shutil
import subprocess
from pathlib import Path

from tests.world.machine import ROOT, needs

SOURCE = ROOT / "tests" / "world" / "disk.c"
PAGE = 4096


def compiled(folder: Path) -> Path:
    """Compile the library into a folder; the test is skipped where there is no compiler."""
    library = folder / "disk.so"
    options = ("-O2", "-fPIC", "-shared", "-o", str(library), str(SOURCE), "-ldl")
    subprocess.run([needs("cc"), *options], check=True)
    return library


def slow_disk(library: Path, sync_ms: float) -> dict[str, str]:
    """Return the environment of processes whose syncs take so much longer."""
    return {"LD_PRELOAD": str(library), "DISK_SYNC_MS": f"{sync_ms}"}


class Disk:
    """The disk of a folder, which holds no links.

    environment   that of the processes which use it
    """

    def __init__(self, folder: Path, workshop: Path, sync_ms: float = 0) -> None:
        self.folder = folder.resolve()
        workshop.mkdir()
        self._record = workshop / "record"
        self.environment = slow_disk(compiled(workshop), sync_ms) | {
            "DISK_FOLDER": str(self.folder),
            "DISK_RECORD": str(self._record),
        }
        self.switch_on()

    def switch_on(self) -> None:
        """Begin a record, with all that the folder holds now as synced."""
        shutil.rmtree(self._record, ignore_errors=True)
        for kind in ("files", "folders"):
            (self._record / kind).mkdir(parents=True)
        everything = [self.folder, *self.folder.rglob("*")]
        paths = [str(path) for path in everything if path.is_dir() or path.is_file()]
        at_once = self.environment | {"DISK_SYNC_MS": "0"}
        subprocess.run([needs("sync"), *paths], check=True, env=os.environ | at_once)
        assert (self._record / "root").exists(), "the library was not loaded"

    @property
    def syncs(self) -> int:
        """The number of syncs since the disk was switched on."""
        with open(self._record / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return int((self._record / "syncs").read_text())

    @property
    def cut_ms(self) -> int | None:
        """The moment at which the power was cut, in ms since 1970, or None."""
        cut = self._record / "cut"
        return int(cut.read_text()) if cut.exists() else None

    def cut_at(self, syncs: int, *, moment: str) -> None:
        """Let the processes end at a sync from now, `before` it is done or `after` it."""
        order = self._record / "order.new"
        order.write_text(f"{moment} {self.syncs + syncs}")
        order.rename(self._record / "order")

    def leave(self, destination: Path, torn: random.Random | None = None) -> None:
        """Make a folder of what is synced, and with `torn` of a part of what is not, too.

        That part is a beginning of what was appended to a -wal, and any pages of a database.
        """
        root = (self._record / "root").read_text()
        self._leave_folder(root, destination, self.folder, torn)

    def _leave_folder(
        self, key: str, destination: Path, present: Path, torn: random.Random | None
    ) -> None:
        destination.mkdir()
        if present.exists():  # the record has no modes
            shutil.copymode(present, destination)
        names = self._record / "folders" / key
        if not names.exists():  # its own name was synced, and nothing in it
            return
        for line in names.read_text().splitlines():
            kind, key, name = line.split(" ", 2)
            if kind == "d":
                self._leave_folder(key, destination / name, present / name, torn)
            elif not name.endswith("-shm"):  # of no use without its processes
                synced = self._record / "files" / key
                content = synced.read_bytes() if synced.exists() else b""
                if torn and (present / name).exists():
                    content = _torn(name, content, (present / name).read_bytes(), torn)
                (destination / name).write_bytes(content)
                if (present / name).exists():
                    shutil.copymode(present / name, destination / name)


def _torn(name: str, synced: bytes, written: bytes, dice: random.Random) -> bytes:
    """Return the content of a file of which some of the unsynced bytes are on the disk."""
    if not name.endswith(("-wal", ".sqlite3")):
        return synced
    size = max(len(synced), len(written))
    pages = [slice(offset, offset + PAGE) for offset in range(0, size, PAGE)]
    if name.endswith(".sqlite3"):
        either = (dice.choice([synced, written])[page] for page in pages)
        return b"".join(page or bytes(PAGE) for page in either)
    unsynced = next((page.start for page in pages if synced[page] != written[page]), size)
    end = dice.randint(unsynced, size)
    return written[:end] + synced[end:]
