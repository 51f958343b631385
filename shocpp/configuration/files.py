"""The texts of the files in conf/ (a room): read whole, without ever waiting, and replaced whole.

A server reads them between a charger's stop and its answer. So what is not a plain file (a FIFO has
no end before somebody writes) and what no human has written is refused, not read.
"""

import contextlib
import os
import stat
from pathlib import Path

from shocpp.errors import ConfigError
from shocpp.store.locks import one_at_a_time

MOST_BYTES = 2 * 1024 * 1024
"""So much takes half a second to be understood, in which no charger is answered."""

Stamp = tuple[int, int, int]
"""Another one when the file has changed: time, size and inode."""


def conf_text(path: Path) -> str:
    """The text of a file; raises FileNotFoundError, or ConfigError naming it and the remedy."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(
                    f"{path} cannot be read: it is no plain file; put one in its place"
                )
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; see its rights") from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path} cannot be read: it is larger than 2 MiB; shorten it")
    try:
        return content.decode()
    except UnicodeError as error:
        raise ConfigError(f"{path} cannot be read: {error}; save it as UTF-8") from None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file as it is now (one stat); None: it cannot be seen."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def changing(path: Path) -> contextlib.AbstractContextManager[None]:
    """One program at a time changes files of this folder; editors know nothing of it."""
    return one_at_a_time(path.parent, ConfigError)


def replace_text(path: Path, text: str, stamp: Stamp | None) -> bool:
    """Replace a file, unless somebody has changed it since `stamp`: then False, and look again.

    Nobody ever reads half of it. A new file is for the owner of its folder alone. Raises
    ConfigError where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        status = (path if stamp else path.parent).stat()
        with open(partial, "x", encoding="utf-8", opener=_private) as file:
            with contextlib.suppress(PermissionError):
                os.chown(partial, status.st_uid, status.st_gid)
            if stamp:
                os.chmod(partial, stat.S_IMODE(status.st_mode))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if stamp_of(path) != stamp:
            return False
        partial.replace(path)
        return True
    except OSError as error:
        raise ConfigError(f"{path} cannot be changed: {error}; see its folder's rights") from None
    finally:
        partial.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
