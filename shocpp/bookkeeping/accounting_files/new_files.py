"""New files that are durable before anybody sees their names: a slice of them at once.

All are written under partial names and synced, then each gets its name, and then each folder is
synced once. A process that is killed in between leaves partial files, or whole ones.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from shocpp.unique_ids import random_uuid


class NewFile(NamedTuple):
    """A file to write. It replaces one of its name only if `replaces`: else that one stays."""

    path: Path
    content: bytes
    replaces: bool = False


def write_durably(top: Path, files: Iterable[NewFile]) -> None:
    """Write files below a folder; when this returns, they and their names are on disk.

    Raises OSError; then any of them may have their names.
    """
    partials: list[tuple[str, NewFile]] = []
    suffix = random_uuid()
    descriptors: list[int] = []
    # A new folder is a name in the folder above it, which is to be synced as well.
    folders: dict[Path, None] = {}
    try:
        for file in files:
            if file.path.parent not in folders:
                folders |= dict.fromkeys(_make_folder(file.path.parent, top))
            partial = f"{file.path.parent}/.{file.path.name}.{suffix}"
            descriptors.append(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            partials.append((partial, file))
            _write(descriptors[-1], file.content)
        # Not before all are written: the disk may then write them together.
        for descriptor in descriptors:
            os.fsync(descriptor)
        for partial, file in partials:
            _name(partial, file)
        for folder in folders:
            _sync(folder)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
        for partial, _ in partials:
            with contextlib.suppress(OSError):
                os.unlink(partial)


def _make_folder(folder: Path, top: Path) -> list[Path]:
    """Make a folder, and return it with the folders that have got a new name in them."""
    changed = [folder]
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while changed[-1] != top:
            changed.append(changed[-1].parent)
    return changed


def _write(descriptor: int, content: bytes) -> None:
    # A disk that gets full takes a part of it first.
    while content:
        content = content[os.write(descriptor, content) :]


def _name(partial: str, file: NewFile) -> None:
    """Give a partial file its name; another process may do the same at this moment."""
    if file.replaces:
        os.replace(partial, file.path)
        return
    # A link fails if the name exists; a rename would replace the file.
    with contextlib.suppress(FileExistsError):
        os.link(partial, file.path)


def _sync(folder: Path) -> None:
    """Put the names of the files in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
