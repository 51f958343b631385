"""The path of the database: where a new one may be made."""

import os
from pathlib import Path

from shocpp.errors import UnusableDatabase


def require_path(path: Path, home: Path | None) -> None:
    """Raise UnusableDatabase where a new database would hide that a disk is missing.

    That is a link that leads nowhere, anywhere in the path, and a missing folder outside of the
    home folder; without a `home`, any folder may be made.
    """
    for part in (path, *path.parents):
        if part.is_symlink() and not part.exists():
            raise UnusableDatabase(
                f"{part} is a link to {os.readlink(part)}, which does not exist; mount its "
                "disk, or correct the link or SHOCPP_DATABASE"
            )
    is_ours = home is None or (home.exists() and path.is_relative_to(home))
    if not path.parent.exists() and not is_ours:
        raise UnusableDatabase(
            f"the folder {path.parent} does not exist; mount its disk, make the folder, or correct "
            "SHOCPP_DATABASE"
        )
