"""The accounts and their cards, as tags.json lists them (pure).

    [{"index": 1, "account": "company-x", "ids": ["1111", "2222"]}]

    index         1..214, a part of the account's transaction ids; never give it to another account
    account       the name of the account
    ids           the id tags of its cards
    blocked       optional: true, or a list of those ids that are Blocked
    expires       optional: the last day on which its cards are valid, an ISO date (local time); or
                  an ISO time (without an offset UTC) from which they are Expired
    concurrent    optional: false refuses a card with ConcurrentTx while it charges elsewhere
    parent        optional: true lets a card of the account stop what another one has started, at
                  chargers that compare the parentIdTag (OCPP 1.6 §3.10)
    names         optional: an object with names of cards for the statement, by id
    comment       optional: any text

Unknown keys are ignored. `shocpp check` reports them, and ids that no charger can send.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, NamedTuple

from shocpp.errors import ConfigError
from shocpp.ledger.transaction_id import LAST_INDEX, UNASSIGNED_INDEX
from shocpp.texts import parse_unique, printable_line, without_blanks

UNASSIGNED = "unassigned"
"""The account of energy that belongs to no account of tags.json, such as that of unknown cards."""

ID_TAG_CHARACTERS = 20
"""The characters of an id tag (CiString20Type, OCPP 1.6 §7.29)."""

_KNOWN = frozenset(
    ("index", "account", "ids", "blocked", "expires", "concurrent", "parent", "names", "comment")
)
# Word processors turn a hyphen into one of these. Chargers that fill 20 bytes with NULs send U+FFFD
# by the time it is read (`ocpp.frames`).
_SEPARATORS = str.maketrans("", "", ":- \u2010\u2011\u2012\u2013\u2014\ufffd")
_HEX = re.compile(r"0x[0-9a-f]*")
_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+e\+?|e\+)[0-9]+")


def id_tag_key(id_tag: str) -> str:
    """Return the form in which id tags are compared: without case, blanks and separators.

    CiString20 is case-insensitive (OCPP 1.6 §3.14, errata 3.73). ABB writes `20:69:C0:21`.
    """
    # Nearly all id tags are printable ASCII.
    if not (id_tag.isascii() and id_tag.isprintable()):
        id_tag = without_blanks(id_tag)
    return id_tag.translate(_SEPARATORS).casefold()


def trouble_of(id_tag: str) -> str | None:
    """Return the reason why no charger can send this id tag, with the next step, or None."""
    key = id_tag_key(id_tag)
    if _SCIENTIFIC.fullmatch(key):
        return "a spreadsheet has shortened it; write all its digits, as text"
    if _HEX.fullmatch(key):
        return "chargers send no 0x; write the id without it"
    if len(key) > ID_TAG_CHARACTERS:
        return f"an id tag has at most {ID_TAG_CHARACTERS} characters; write what the charger sends"
    return None


def account_name(value: object) -> str | None:
    """Return the name of an account in a file of conf/ as the books have it, or None if it is none.

    Any letter may be in it. A no-break blank becomes a plain one.
    """
    name = printable_line(value) if isinstance(value, str) else None
    return name if name and name.strip() else None


class IdTag(NamedTuple):
    """An id tag as a charger or a file spells it, and its `id_tag_key`."""

    text: str
    key: str


def id_tag_of(text: str) -> IdTag:
    """Return an id tag with its key."""
    return IdTag(text, id_tag_key(text))


def effective_id_tag(sent: IdTag, default_tag: str | None) -> IdTag:
    """Return the id tag that a charger sent, or its default tag if it sent none and has one."""
    return sent if default_tag is None or sent.key else id_tag_of(default_tag)


class Account(NamedTuple):
    """One account of tags.json; `blocked` has the `id_tag_key` of each blocked card."""

    account_index: int
    name: str
    blocked: frozenset[str]
    expires_ms: int | None
    concurrent: bool
    card_names: tuple[tuple[str, str], ...] = ()
    """Pairs of `id_tag_key` and name."""
    is_parent: bool = False

    @property
    def parent_id_tag(self) -> str | None:
        """Return the parentIdTag of its cards (at most 20 characters), None if they have none."""
        return f"account-{self.account_index}" if self.is_parent else None


class Card(NamedTuple):
    """The account and the status of an id tag; an unknown one belongs to `unassigned`.

    `status` is the AuthorizationStatus of OCPP 1.6 §7.2, without ConcurrentTx: the caller knows
    the open transactions. `concurrent` is False if the caller must check them.
    """

    account_index: int
    account: str
    status: str
    concurrent: bool

    def status_at(self, *, charging_elsewhere: bool) -> str:
        """Return the AuthorizationStatus at a Charge Point, ConcurrentTx included."""
        is_refused = charging_elsewhere and not self.concurrent
        return "ConcurrentTx" if is_refused and self.status == "Accepted" else self.status


# `Invalid` is the value of OCPP 1.6 §7.2 for an unknown id tag; `Rejected` is none of them.
UNKNOWN_CARD = Card(UNASSIGNED_INDEX, UNASSIGNED, "Invalid", True)


class Accounts(NamedTuple):
    """All accounts in force, by index and by the `id_tag_key` of their cards."""

    by_index: Mapping[int, Account]
    by_id_tag: Mapping[str, Account]
    ignored: tuple[str, ...] = ()
    """The unknown keys, each with its account: perhaps a misspelled "expires"."""
    unmatchable: tuple[str, ...] = ()
    """The ids that no charger can send, each with its account, the reason and the next step."""

    def card(self, id_tag: IdTag, now_ms: int) -> Card:
        """Return the account and the status of an id tag at this time."""
        account = self.by_id_tag.get(id_tag.key)
        # Not refused: the charger may charge all the same, and then its energy must be booked.
        if account is None:
            return UNKNOWN_CARD
        status = "Accepted"
        if id_tag.key in account.blocked:
            status = "Blocked"
        elif account.expires_ms is not None and account.expires_ms <= now_ms:
            status = "Expired"
        return Card(account.account_index, account.name, status, account.concurrent)

    def parent_id_tag(self, account_index: int) -> str | None:
        """Return the parentIdTag of the cards of an account, or None if they have none."""
        account = self.by_index.get(account_index)
        return account.parent_id_tag if account is not None else None

    def names(self) -> list[str]:
        """Return the account names in the order of their indices."""
        return [self.by_index[index].name for index in sorted(self.by_index)]

    def names_by_index(self) -> dict[int, str]:
        """Return the account names by index."""
        return {index: account.name for index, account in self.by_index.items()}

    def card_names(self) -> dict[str, str]:
        """Return the names of cards by `id_tag_key`."""
        return dict(pair for account in self.by_index.values() for pair in account.card_names)


NO_ACCOUNTS = Accounts({}, {})


def parse_accounts(text: str, source: str, zone: tzinfo | None = None) -> Accounts:
    """Return the accounts of a tags.json; `source` names the file in errors.

    Days end in `zone`; None is UTC. Raises ConfigError if the file has another form, an index
    outside 1..214, an index or a name that is used twice, or an id in two accounts. Then none of it
    is used.
    """
    by_index: dict[int, Account] = {}
    by_id_tag: dict[str, Account] = {}
    ignored: list[str] = []
    unmatchable: list[str] = []
    for location, entry in _entries(text, source):
        account, keys = _account(entry, f"{source}, {location}", zone)
        if account.account_index in by_index:
            raise ConfigError(
                f"{source}, {location}: index {account.account_index} is already that of "
                f"{by_index[account.account_index].name}; give each account an index of its own"
            )
        # Statements and corrections name accounts: one name must mean one index.
        if any(account.name == other.name for other in by_index.values()):
            raise ConfigError(
                f"{source}, {location}: there are two accounts {account.name!r}; "
                "put their ids into one entry, or rename one"
            )
        by_index[account.account_index] = account
        # The key, not the id as written: "AB:CD" and "abcd" are one card.
        for key, id_tag in keys.items():
            other = by_id_tag.setdefault(key, account)
            if other is not account:
                raise ConfigError(
                    f"{source}, {location}: the id {id_tag!r} belongs to {other.name} already; "
                    "a card can only be billed to one account"
                )
        ignored += [f"{key!r} of {account.name}" for key in entry if key not in _KNOWN]
        troubles = ((id_tag, trouble_of(id_tag)) for id_tag in keys.values())
        unmatchable += [f"{id_tag!r} of {account.name}: {why}" for id_tag, why in troubles if why]
    return Accounts(by_index, by_id_tag, tuple(ignored), tuple(unmatchable))


def _entries(text: str, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each entry with its location in the file."""
    try:
        entries = parse_unique(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source} is not JSON: {error}; see conf/tags.json.example") from None
    if not isinstance(entries, list):
        raise ConfigError(f"{source} is not a list of accounts; see conf/tags.json.example")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise ConfigError(f"{source}, entry {number} is not an object with index, account, ids")
        yield f"entry {number}", entry


def _account(
    entry: dict[str, Any], location: str, zone: tzinfo | None
) -> tuple[Account, dict[str, str]]:
    """Return the account of an entry, and its ids by their keys."""
    index, name = entry.get("index"), account_name(entry.get("account"))
    # JSON's true is an int in Python.
    if not isinstance(index, int) or isinstance(index, bool) or not 1 <= index <= LAST_INDEX:
        raise ConfigError(
            f"{location}: index must be a whole number 1..{LAST_INDEX}, not {index!r}"
        )
    if name is None:
        raise ConfigError(
            f"{location}: account must be a name without control characters, not "
            f"{entry.get('account')!r}"
        )
    # Its bill would contain the energy of all unknown cards.
    if name == UNASSIGNED:
        raise ConfigError(
            f"{location}: the name {UNASSIGNED!r} is reserved for unknown cards; choose another"
        )
    keys = _keys(entry.get("ids"), f"{location} ({name}): ids")
    account = Account(
        index,
        name,
        _blocked(entry.get("blocked", False), keys, f"{location} ({name}): blocked"),
        _expires_ms(entry.get("expires"), f"{location} ({name}): expires", zone),
        _flag(entry.get("concurrent", True), f"{location} ({name}): concurrent"),
        _names(entry.get("names", {}), keys, f"{location} ({name}): names"),
        _flag(entry.get("parent", False), f"{location} ({name}): parent"),
    )
    return account, keys


def _keys(ids: object, location: str) -> dict[str, str]:
    """Return the ids of a list by their `id_tag_key`."""
    if not isinstance(ids, list) or not all(isinstance(id_tag, str) for id_tag in ids):
        raise ConfigError(f'{location} must be a list of strings such as ["1111", "2222"]')
    keys = {id_tag_key(id_tag): id_tag for id_tag in ids}
    # Chargers send an empty id tag if they have none: it must not be anybody's card.
    if "" in keys:
        raise ConfigError(f"{location} holds an empty id; remove it")
    return keys


def _blocked(value: object, keys: Mapping[str, str], location: str) -> frozenset[str]:
    """Return the keys of the blocked ids; true blocks all ids of the account."""
    if isinstance(value, bool):
        return frozenset(keys) if value else frozenset()
    blocked = _keys(value, location)
    for key, id_tag in blocked.items():
        if key not in keys:
            raise ConfigError(
                f"{location} names {id_tag!r}, which is not in ids; correct one of them"
            )
    return frozenset(blocked)


def _names(value: object, keys: Mapping[str, str], location: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of `id_tag_key` and name of a card."""
    if not isinstance(value, dict):
        raise ConfigError(f'{location} must be an object such as {{"3333": "the car\'s card"}}')
    names = []
    for id_tag, text in value.items():
        if id_tag_key(id_tag) not in keys:
            raise ConfigError(
                f"{location} names {id_tag!r}, which is not in ids; correct one of them"
            )
        name = printable_line(text) if isinstance(text, str) else None
        if name is None:
            raise ConfigError(f"{location}: the name of {id_tag!r} must be a text, not {text!r}")
        names.append((id_tag_key(id_tag), name))
    return tuple(names)


def _expires_ms(value: object, location: str, zone: tzinfo | None) -> int | None:
    """Return the end of a day in `zone`, or an ISO time (UTC), in milliseconds since 1970."""
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        day = _day(value)
        if day is not None:
            # fold: where a clock is set back at midnight, the last second comes twice.
            last = datetime.combine(day, time(23, 59, 59, fold=1), zone or UTC)
            return int(last.timestamp() + 1) * 1000
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigError(
            f'{location} must be a date such as "2026-12-31", not {value!r}'
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _day(value: str) -> date | None:
    """Return an ISO date, or None if the text is something else, such as a date with a time."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _flag(value: object, location: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{location} must be true or false, not {value!r}")
    return value
