"""The restoring of closed months from their files."""

from collections.abc import Iterable
from pathlib import Path

from shocpp.bookkeeping.accounting_files.chain import difference, file_name, read_closing
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.store.books import closings
from shocpp.store.books.closings import Closing
from shocpp.store.database import Database
from shocpp.store.keys import Keys


def restore_closings(db: Database, folder: Path, paths: Iterable[Path]) -> list[str]:
    """Close months again from the files of their closings; return a sentence for each refused file.

    `folder` is the accounting folder. Raises StoreUnavailable.
    """
    filed, refused = [], []
    for path in paths:
        try:
            filed.append((read_closing(path), path))
        except (UsageError, FileNotFoundError) as error:
            refused.append(str(error))
    # By their numbers: the chain grows link by link.
    for closing, path in sorted(filed):
        is_in_folder = path == folder / file_name(closing.month)
        with db.writing(keys=Keys(months=frozenset({closing.month}), chain=True)):
            trouble = _restore_closing(db, closing, is_in_folder)
        if trouble is not None:
            refused.append(
                f"{path}: {trouble}; import it again once that is corrected, or move this file out "
                "of the folder and close the month again: shocpp close"
            )
    return refused


def _restore_closing(db: Database, closing: Closing, is_in_folder: bool) -> str | None:
    """Close a month again if its records are those that were closed; return why not, or None."""
    present = closings.of_month(db, closing.month)
    if present is not None:
        is_same = present.hash == closing.hash
        return None if is_same else "its month was closed in another way"
    trouble = difference(db, closing)
    if trouble is not None:
        return trouble
    try:
        with db.savepoint():
            closings.record(db, closing, now_ms() if is_in_folder else None)
    except UsageError as error:
        return str(error)
    return None
