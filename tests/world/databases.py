"""New databases, each a copy of one that the product has made."""

import functools
import tempfile
from pathlib import Path

from shocpp.store.schema.migrations import migrate


def make_database(path: Path, born_ms: int) -> None:
    """Make an empty database of this age; its bytes are those that `migrate` would write.

    Hundreds of tests need one, and running all migrations takes fifty times as long as a copy.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_bytes(_bytes_of_database(born_ms))


@functools.lru_cache(maxsize=8)
def _bytes_of_database(born_ms: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="database-") as folder:
        path = Path(folder) / "shocpp.sqlite3"
        migrate(path, born_ms)
        return path.read_bytes()
