"""conf/tags.json: read again when it changes.

While the file has an error, the last good accounts stay in force, also in a new process: the
database stores their text. Without them every card is Invalid: an unreadable file accepts no card.
"""

import json
import logging
import time
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path

from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError
from shocpp.ledger.account_file import parse_accounts
from shocpp.ledger.accounts import NO_ACCOUNTS, Account, Accounts
from shocpp.ledger.decisions import Owner

log = logging.getLogger(__name__)

REPLACING_S = 0.1
"""The time, in seconds, in which an editor replaces a file that it has removed."""


def load_accounts(
    path: Path, bound: Mapping[int, str], zone: tzinfo | None = None, stored: str | None = None
) -> Accounts:
    """Return the accounts of the file; `bound` are the account names by index in the database.

    With `stored`, the last good text that the database has, its accounts take the place of those of
    a file with an error, as in a server. Raises FileNotFoundError, or ConfigError with the file,
    the location and the remedy.
    """
    try:
        return checked_accounts(conf_text(path), path, bound, zone)
    except ConfigError:
        if stored is None:
            raise
        return _accounts_of_stored(stored, path, zone)


def owners(path: Path, bound: Mapping[int, str]) -> dict[str, Owner]:
    """Return the accounts of the file and of the database, by name; the file may be missing."""
    try:
        listed: Mapping[int, Account] = load_accounts(path, bound).by_index
    except FileNotFoundError:
        listed = {}
    names = dict(bound) | {index: account.name for index, account in listed.items()}
    return {name: Owner(index, name) for index, name in names.items()}


def _accounts_of_stored(text: str, path: Path, zone: tzinfo | None) -> Accounts:
    """Return the accounts of a text that was good when it was stored."""
    try:
        # An older version accepted a key twice, and the last one held.
        return checked_accounts(json.dumps(json.loads(text)), path, {}, zone)
    # Its other rules were others, too.
    except ConfigError:
        return NO_ACCOUNTS


def checked_accounts(
    text: str, path: Path, bound: Mapping[int, str], zone: tzinfo | None = None
) -> Accounts:
    """Return the accounts of a text; raises ConfigError, also if an index changed its account."""
    # A transaction id holds the index. If another account got it, a late stop would be billed to
    # the wrong one.
    accounts = parse_accounts(text, str(path), zone)
    for index, account in accounts.by_index.items():
        known = bound.get(index, account.name)
        if known not in account.names:
            raise ConfigError(
                f"{path}: index {index} belongs to the account {known!r} in the books and cannot "
                f"go to {account.name!r}; give {account.name!r} an index of its own, or rename "
                f"{known!r}: shocpp accounts rename"
            )
    return accounts


class TagsFile:
    """The accounts in force, which follow the file; days end in `zone`, None is UTC.

    text       the text of the accounts in force, None if there is none
    trouble    the reason why the present content of the file is not in force, or None
    """

    def __init__(self, path: Path, zone: tzinfo | None = None) -> None:
        self.path = path
        self._zone = zone
        self.text: str | None = None
        self.trouble: str | None = None
        self._accounts = NO_ACCOUNTS
        self._stored_text: str | None = None
        self._stamp: Stamp | None = None
        self._read = False

    @property
    def newest(self) -> Accounts:
        """The accounts of the last `accounts()` call; it never waits for a disk."""
        return self._accounts

    def fall_back_to(self, stored_text: str | None) -> None:
        """Set the last good text that any process has read, used while the file has an error."""
        self._stored_text = stored_text
        # Another worker has read another good text. All workers use the one in the database.
        is_other = None not in (self.text, stored_text) and stored_text != self.text
        if self.trouble is not None and is_other:
            self._use_stored()

    def _use_stored(self) -> None:
        """Put the accounts that the database stores in force."""
        if self._stored_text is not None:
            self.text = self._stored_text
            self._accounts = _accounts_of_stored(self._stored_text, self.path, self._zone)

    def accounts(self, bound: Mapping[int, str]) -> Accounts:
        """Return the accounts in force; read the file if it has changed (one stat)."""
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp:
            self._read, self._stamp = True, stamp
            self._load(bound)
        return self._accounts

    def _load(self, bound: Mapping[int, str]) -> None:
        """Read the file, or keep the accounts before it."""
        try:
            text = self._text()
            self._accounts = checked_accounts(text, self.path, bound, self._zone)
        except FileNotFoundError:
            self._warn(f"{self.path} does not exist; see conf/tags.json.example")
        except ConfigError as error:
            if self.text is None:
                self._use_stored()
            self._warn(str(error))
        else:
            self.text, self.trouble = text, None
            log.info(
                "%s was read: accounts %s", self.path, ", ".join(self._accounts.names()) or "none"
            )

    def _text(self) -> str:
        """Return the file's text; wait once if an editor is just replacing the file."""
        try:
            return conf_text(self.path)
        except FileNotFoundError:
            if self._stored_text is not None:
                time.sleep(REPLACING_S)
            return conf_text(self.path)

    def _warn(self, trouble: str) -> None:
        """Log the reason why the file is not in force, and the accounts that are."""
        self.trouble = trouble
        count = len(self._accounts.by_index)
        log.warning(
            "%s; %s",
            trouble,
            f"the {count} accounts read before stay in force" if count else "every card is Invalid",
        )
