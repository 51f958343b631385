"""tags.json as it is now (a room): read again when it changes, the last good one kept.

Nothing is ever accepted because of a file that cannot be read: before the first good one there are
no accounts at all.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from shocpp.errors import ConfigError
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts, parse_accounts

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


def load_accounts(path: Path, bound: Mapping[int, str]) -> Accounts:
    """The accounts of the file; `bound` are the names that indices have had in the books.

    Raises FileNotFoundError, or ConfigError naming file, place and remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    accounts = parse_accounts(text, str(path))
    for index, account in accounts.by_index.items():
        former = bound.get(index, account.name)
        if former != account.name:
            raise ConfigError(
                f"{path}: index {index} belongs to the account {former!r} in the books and cannot "
                f"go to {account.name!r}; give {account.name!r} an index of its own"
            )
    return accounts


class TagsFile:
    """The accounts in force. `trouble` is why the file's present content is not, if so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        self._accounts = NO_ACCOUNTS
        self._stamp: _Stamp | None = None
        self._read = False

    def accounts(self, bound: Mapping[int, str]) -> Accounts:
        """The accounts, after a look whether the file has changed (one stat)."""
        stamp = _stamp(self.path)
        if not self._read or stamp != self._stamp:
            self._read, self._stamp = True, stamp
            self._load(bound)
        return self._accounts

    def _load(self, bound: Mapping[int, str]) -> None:
        try:
            self._accounts = load_accounts(self.path, bound)
        except FileNotFoundError:
            self._warn(f"{self.path} does not exist; see conf/tags.json.example")
        except ConfigError as error:
            self._warn(str(error))
        else:
            self.trouble = None
            log.info("%s: %d accounts", self.path, len(self._accounts.by_index))

    def _warn(self, trouble: str) -> None:
        self.trouble = trouble
        kept = len(self._accounts.by_index)
        log.warning(
            "%s; %s",
            trouble,
            f"the {kept} accounts read before stay in force" if kept else "every card is Invalid",
        )


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
