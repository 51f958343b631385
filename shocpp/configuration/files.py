"""The texts of the files in conf/: read whole, without waiting, and replaced whole.

The writer reads them between a charger's stop and its answer. So it refuses a file that could block
or delay it: a FIFO, a device, or a file that is too large to be written by a human.
"""

import contextlib
import os
import stat
from pathlib import Path

from shocpp.errors import ConfigError

MOST_BYTES = 2 * 1024 * 1024
"""The largest file, in bytes. Parsing it takes half a second, in which no charger is answered."""


class NotWritable(ConfigError):
    """A file that cannot be changed, because its folder or its disk does not allow it."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be changed: {error}; see its folder's rights")
        self.folder = path.parent


Stamp = tuple[int, int, int]
"""The modification time in ns, size and inode of a file: another stamp means another content."""


def conf_text(path: Path) -> str:
    """Return the text of a file.

    Raises FileNotFoundError, or ConfigError with the file and the remedy.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(
                    f"{path} cannot be read: it is no plain file; put one in its place"
                )
            # Limited while reading, because a file may grow after any check of its size.
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; see its rights") from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path} cannot be read: it is larger than 2 MiB; shorten it")
    # Each ASCII character of UTF-16 has a NUL beside it, which JSON never has.
    if b"\0" in content:
        raise ConfigError(f"{path} cannot be read: it is UTF-16, or no text; save it as UTF-8")
    try:
        # Editors on Windows write a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path} cannot be read: the byte 0x{error.object[error.start]:02X} in line {line} is "
            "no UTF-8; save it as UTF-8"
        ) from None


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a FIFO without a writer must not block."""
    return os.open(path, flags | os.O_NONBLOCK)


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file with one stat, or None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    # The inode, too: a file that replaces another may have the same time and size.
    return status.st_mtime_ns, status.st_size, status.st_ino


def changing(path: Path, *, waits: bool = True) -> contextlib.AbstractContextManager[None]:
    """Return a lock: one program at a time changes files of this folder.

    With `waits` False, ConfigError is raised while another program has it. Editors do not use it,
    so `replace_text` compares stamps as well.
    """
    # Only commands change files, and a CGI process pays for its imports.
    from shocpp.store.files.locks import one_at_a_time

    return one_at_a_time(path.parent, ConfigError, waits=waits)


def replace_text(path: Path, text: str, stamp: Stamp | None, like: Path | None = None) -> bool:
    """Replace a file, unless somebody has changed it since `stamp`: then return False.

    Readers see the old text or the new one, never a part. The new file gets the owner and the mode
    of the old one, or of its folder with mode 600, or else those of the file `like`. The caller has
    the lock of `changing`. Raises ConfigError if it cannot be written.
    """
    # One name for all, so that the next change removes what a killed process has left.
    partial = path.with_name(f".{path.name}.new")
    try:
        model = like or (path if stamp else None)
        status = (model or path.parent).stat()
        partial.unlink(missing_ok=True)
        # `x` refuses an existing file or link, so a change by root never follows a link.
        with open(partial, "x", encoding="utf-8", opener=_private) as file:
            # Only root may change an owner. Another user becomes the owner of the new file.
            with contextlib.suppress(PermissionError):
                os.chown(partial, status.st_uid, status.st_gid)
            if model:
                os.chmod(partial, stat.S_IMODE(status.st_mode))
            file.write(text)
            file.flush()
            # Before the rename: after a power cut the name must not lead to an empty file.
            os.fsync(file.fileno())
        if stamp_of(path) != stamp:
            return False
        partial.replace(path)
        return True
    except OSError as error:
        raise NotWritable(path, error) from None
    finally:
        # Where nothing can be written, nothing can be removed: the reason is told already.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    """Create a file for its owner only: it may hold password hashes."""
    return os.open(path, flags, 0o600)
