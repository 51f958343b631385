"""Accounts and their cards, as tags.json lists them (ground floor: pure).

    [{"index": 1, "account": "company-x", "ids": ["1111", "2222"]}]

Optional keys of an account: `"blocked"` (true, or the list of its blocked ids), `"expires"` (an
ISO date or time from which on its cards are Expired), `"concurrent": false` (a card that charges at
one Charge Point is refused at another with ConcurrentTx), `"names"` (of cards, for the paper).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shocpp.errors import ConfigError
from shocpp.ledger.transaction_id import LAST_INDEX, UNASSIGNED_INDEX

UNASSIGNED = "unassigned"
"""The account of energy that no account answers for."""

_KNOWN = frozenset(
    ("index", "account", "ids", "blocked", "expires", "concurrent", "names", "comment")
)
_SEPARATORS = str.maketrans("", "", ":- \t\r\n")


def id_tag_key(id_tag: str) -> str:
    """The form in which id tags are compared: without case, blanks and separators.

    CiString20 is case-insensitive (OCPP 1.6 §3.14, errata 3.73); ABB writes `20:69:C0:21`.
    """
    return id_tag.translate(_SEPARATORS).casefold()


def effective_id_tag(id_tag: str, default_tag: str | None) -> str:
    """The card that a charger means: what it names, else its default tag, if it has one."""
    return id_tag if default_tag is None or id_tag_key(id_tag) else default_tag


class Account(NamedTuple):
    """One account of tags.json."""

    account_index: int
    name: str
    blocked: frozenset[str]
    expires_ms: int | None
    concurrent: bool
    card_names: tuple[tuple[str, str], ...] = ()
    """Pairs of `id_tag_key` and name."""


class Card(NamedTuple):
    """What an id tag stands for: an account (`unassigned` for an unknown one) and its status.

    `status` is the AuthorizationStatus of OCPP 1.6 §7.2, ConcurrentTx aside.
    """

    account_index: int
    account: str
    status: str
    concurrent: bool


UNKNOWN_CARD = Card(UNASSIGNED_INDEX, UNASSIGNED, "Invalid", True)


class Accounts(NamedTuple):
    """All accounts in force."""

    by_index: Mapping[int, Account]
    by_id_tag: Mapping[str, Account]
    ignored: tuple[str, ...] = ()
    """Keys that mean nothing, each with its place: perhaps a misspelled "expires"."""

    def card(self, id_tag: str, now_ms: int) -> Card:
        """What this id tag stands for now."""
        key = id_tag_key(id_tag)
        account = self.by_id_tag.get(key)
        if account is None:
            return UNKNOWN_CARD
        status = "Accepted"
        if key in account.blocked:
            status = "Blocked"
        elif account.expires_ms is not None and account.expires_ms <= now_ms:
            status = "Expired"
        return Card(account.account_index, account.name, status, account.concurrent)

    def names(self) -> list[str]:
        """The accounts' names in the order of their indices."""
        return [self.by_index[index].name for index in sorted(self.by_index)]

    def names_by_index(self) -> dict[int, str]:
        """The accounts' names."""
        return {index: account.name for index, account in self.by_index.items()}

    def card_names(self) -> dict[str, str]:
        """The names that cards have been given, by `id_tag_key`."""
        return dict(pair for account in self.by_index.values() for pair in account.card_names)


NO_ACCOUNTS = Accounts({}, {})


def parse_accounts(text: str, source: str) -> Accounts:
    """The accounts of a tags.json; `source` names the file in errors.

    It is taken whole or not at all: ConfigError for anything that is not the form above, an index
    outside 1..214 or used twice, a name used twice, or an id in two accounts.
    """
    by_index: dict[int, Account] = {}
    by_id_tag: dict[str, Account] = {}
    ignored: list[str] = []
    for place, entry in _entries(text, source):
        account, keys = _account(entry, f"{source}, {place}")
        if account.account_index in by_index:
            raise ConfigError(
                f"{source}, {place}: index {account.account_index} is already that of "
                f"{by_index[account.account_index].name}; give each account an index of its own"
            )
        if any(account.name == other.name for other in by_index.values()):
            raise ConfigError(
                f"{source}, {place}: there are two accounts {account.name!r}; "
                "put their ids into one entry, or rename one"
            )
        by_index[account.account_index] = account
        for key, id_tag in keys.items():
            other = by_id_tag.setdefault(key, account)
            if other is not account:
                raise ConfigError(
                    f"{source}, {place}: the id {id_tag!r} belongs to {other.name} already; "
                    "a card can only be billed to one account"
                )
        ignored += [f"{key!r} of {account.name}" for key in entry if key not in _KNOWN]
    return Accounts(by_index, by_id_tag, tuple(ignored))


def _entries(text: str, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source} is not JSON: {error}; see conf/tags.json.example") from None
    if not isinstance(entries, list):
        raise ConfigError(f"{source} is not a list of accounts; see conf/tags.json.example")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise ConfigError(f"{source}, entry {number} is not an object with index, account, ids")
        yield f"entry {number}", entry


def _account(entry: dict[str, Any], place: str) -> tuple[Account, dict[str, str]]:
    index, name = entry.get("index"), entry.get("account")
    if not isinstance(index, int) or isinstance(index, bool) or not 1 <= index <= LAST_INDEX:
        raise ConfigError(f"{place}: index must be a whole number 1..{LAST_INDEX}, not {index!r}")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"{place}: account must be a name, not {name!r}")
    if name == UNASSIGNED:
        raise ConfigError(
            f"{place}: the name {UNASSIGNED!r} is kept for unknown cards; choose another"
        )
    keys = _keys(entry.get("ids"), f"{place} ({name}): ids")
    account = Account(
        index,
        name,
        _blocked(entry.get("blocked", False), keys, f"{place} ({name}): blocked"),
        _expires_ms(entry.get("expires"), f"{place} ({name}): expires"),
        _flag(entry.get("concurrent", True), f"{place} ({name}): concurrent"),
        _names(entry.get("names", {}), keys, f"{place} ({name}): names"),
    )
    return account, keys


def _keys(ids: object, place: str) -> dict[str, str]:
    if not isinstance(ids, list) or not all(isinstance(id_tag, str) for id_tag in ids):
        raise ConfigError(f'{place} must be a list of strings such as ["1111", "2222"]')
    keys = {id_tag_key(id_tag): id_tag for id_tag in ids}
    if "" in keys:
        raise ConfigError(f"{place} holds an empty id; remove it")
    return keys


def _blocked(value: object, keys: Mapping[str, str], place: str) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset(keys) if value else frozenset()
    blocked = _keys(value, place)
    for key, id_tag in blocked.items():
        if key not in keys:
            raise ConfigError(f"{place} names {id_tag!r}, which is not in ids; correct one of them")
    return frozenset(blocked)


def _names(value: object, keys: Mapping[str, str], place: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise ConfigError(f'{place} must be an object such as {{"3333": "the car\'s card"}}')
    for id_tag, name in value.items():
        if id_tag_key(id_tag) not in keys:
            raise ConfigError(f"{place} names {id_tag!r}, which is not in ids; correct one of them")
        if not isinstance(name, str) or not name.isprintable():
            raise ConfigError(f"{place}: that of {id_tag!r} must be a text, not {name!r}")
    return tuple((id_tag_key(id_tag), name) for id_tag, name in value.items())


def _expires_ms(value: object, place: str) -> int | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigError(f'{place} must be a date such as "2026-12-31", not {value!r}') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{place} must be true or false, not {value!r}")
    return value
