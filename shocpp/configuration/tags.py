"""tags.json as it is now (a room): read again when it changes, the last good one kept.

Nothing is ever accepted because of a file that cannot be read. While it is broken the last good set
stays in force, also in a process that has just been started, because the database keeps its text.
"""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

from shocpp.configuration.entries import Members, spelled
from shocpp.configuration.files import (
    Stamp,
    changing,
    conf_text,
    replace_text,
    stamp_of,
)
from shocpp.errors import ConfigError, UsageError
from shocpp.ledger.accounts import NO_ACCOUNTS, Account, Accounts, parse_accounts
from shocpp.ledger.decisions import Owner

log = logging.getLogger(__name__)

REPLACING_S = 0.1


def load_accounts(path: Path, bound: Mapping[int, str]) -> Accounts:
    """The accounts of the file; `bound` are the names that indices have had in the books.

    Raises FileNotFoundError, or ConfigError naming file, place and remedy.
    """
    return _checked(conf_text(path), path, bound)


def owners(path: Path, bound: Mapping[int, str]) -> dict[str, Owner]:
    """The accounts by name: those of the file, which may be missing, and those of the books."""
    try:
        listed: Mapping[int, Account] = load_accounts(path, bound).by_index
    except FileNotFoundError:
        listed = {}
    known = {name: Owner(index, name) for index, name in bound.items()}
    return known | {a.name: Owner(index, a.name) for index, a in listed.items()}


def add_card(path: Path, bound: Mapping[int, str], account: str, id_tag: str) -> None:
    """Write a card into its account's entry: all else stays, and nobody ever reads half of it.

    Raises ConfigError where the file is not fit to be changed, UsageError where it does not have
    the account.
    """
    path = path.resolve()  # a link stays one
    with changing(path):
        while True:
            stamp = stamp_of(path)
            try:
                text = conf_text(path)
            except FileNotFoundError:
                raise UsageError(f"{path} does not exist; see conf/tags.json.example") from None
            _checked(text, path, bound)
            entries = json.loads(text, object_pairs_hook=Members)
            entry = next((entry for entry in entries if entry["account"] == account), None)
            if entry is None:
                raise UsageError(f"{path} has no account {account!r} any more; it is made there")
            entry["ids"].append(id_tag)
            changed = spelled(entries)
            _checked(changed, path, bound)
            if replace_text(path, changed, stamp):
                return


def _checked(text: str, path: Path, bound: Mapping[int, str]) -> Accounts:
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
    """The accounts in force, and their text; `trouble` is why the file's present content is not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text: str | None = None
        self.trouble: str | None = None
        self._accounts = NO_ACCOUNTS
        self._kept: str | None = None
        self._stamp: Stamp | None = None
        self._read = False

    def fall_back_to(self, kept: str | None) -> None:
        """The last good text that any process has read, for while the file is broken."""
        self._kept = kept
        if self.trouble is not None and None not in (self.text, kept) and kept != self.text:
            self._take_kept()

    def _take_kept(self) -> None:
        if self._kept is not None:
            self.text = self._kept
            self._accounts = _checked(self._kept, self.path, {})

    def accounts(self, bound: Mapping[int, str]) -> Accounts:
        """The accounts, after a look whether the file has changed (one stat)."""
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp:
            self._read, self._stamp = True, stamp
            self._load(bound)
        return self._accounts

    def _load(self, bound: Mapping[int, str]) -> None:
        try:
            text = self._text()
            self._accounts = _checked(text, self.path, bound)
        except FileNotFoundError:
            self._warn(f"{self.path} does not exist; see conf/tags.json.example")
        except ConfigError as error:
            if self.text is None:
                self._take_kept()
            self._warn(str(error))
        else:
            self.text, self.trouble = text, None
            log.info("%s: accounts %s", self.path, ", ".join(self._accounts.names()) or "none")

    def _text(self) -> str:
        """The file's text; an editor may be replacing it in this very moment."""
        try:
            return conf_text(self.path)
        except FileNotFoundError:
            if self._kept is not None:
                time.sleep(REPLACING_S)
            return conf_text(self.path)

    def _warn(self, trouble: str) -> None:
        self.trouble = trouble
        kept = len(self._accounts.by_index)
        log.warning(
            "%s; %s",
            trouble,
            f"the {kept} accounts read before stay in force" if kept else "every card is Invalid",
        )
