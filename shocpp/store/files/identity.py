"""The identity of the file of an open database."""

import os
from pathlib import Path


class Identity:
    """The file that a connection has opened, as opposed to a file that is at its path later."""

    __slots__ = ("_file", "_path")

    def __init__(self, path: Path) -> None:
        """Note the file at this path; raises OSError if there is none."""
        self._path = path
        status = os.stat(path)
        self._file = (status.st_dev, status.st_ino)

    def is_in_place(self) -> bool:
        """Return True if the path still names the file that was opened."""
        try:
            status = os.stat(self._path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._file
