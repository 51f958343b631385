"""The accounts and their cards as tags.json lists them (pure).

    [{"index": 1, "account": "company-x", "ids": ["1111", "2222"]}]

    index         1..214, a part of the account's transaction ids; never give it to another account
    account       the name of the account
    former        optional: a list of names that it had before, so that the books know it by them;
                  no other account may have one of them
    ids           the id tags of its cards
    blocked       optional: true, or a list of those ids that are Blocked; "*" in it blocks all,
                  as true does, and the others stay Blocked without it
    expires       optional: the last day on which its cards are valid, an ISO date (local time); or
                  an ISO time (without an offset UTC) from which they are Expired
    concurrent    optional: false refuses a card with ConcurrentTx while it charges elsewhere
    parent        optional: true lets a card of the account stop what another one has started, at
                  chargers that compare the parentIdTag (OCPP 1.6 §3.10)
    charge_points optional: a list of the Charge Points where its cards may charge; all without it
    mode          optional: fast, min, solar or off: how its cars charge if nobody has chosen it;
                  without it, as their charger's entry says
    names         optional: an object with names of cards for the statement, by id
    card_expires  optional: an object with a last day or an ISO time of single cards, by id; the
                  earlier one of `expires` and this holds
    name          optional: the recipient of its statements; address: a list of lines; reference:
                  such as a flat, a plate or a cost centre; lang: de or en; employer: that of an
                  employee whose charging it reimburses
    comment       optional: any text

Unknown keys are ignored. `shocpp check` reports them, and ids that no charger can send.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from shocpp.errors import ConfigError
from shocpp.ledger.accounts import (
    ALL_CARDS,
    UNASSIGNED,
    Account,
    Accounts,
    IdTag,
    Recipient,
    account_name,
    id_tag_key,
    trouble_of,
)
from shocpp.ledger.transaction_id import LAST_INDEX
from shocpp.texts import parse_unique, printable_line

MODES = ("fast", "min", "solar", "off")
"""Those of `energy.model`, which the ledger does not know."""

_KNOWN = frozenset(
    (
        *("index", "account", "ids", "blocked", "expires", "concurrent", "parent", "charge_points"),
        *("names", "card_expires", "former", "mode", "comment"),
    )
)
_OF_RECIPIENT = frozenset(("name", "address", "reference", "lang", "employer"))


def parse_accounts(text: str, source: str, zone: tzinfo | None = None) -> Accounts:
    """Return the accounts of a tags.json; `source` names the file in errors.

    Days end in `zone`; None is UTC. Raises ConfigError if the file has another form, an index
    outside 1..214, an index or a name that is used twice, or an id in two accounts. Then none of it
    is used.
    """
    by_index: dict[int, Account] = {}
    by_name: dict[str, Account] = {}
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
        # Statements and corrections name accounts: one name must mean one index. A former name is
        # that of records, so it stays with its account for ever.
        for name in account.names:
            other = by_name.setdefault(name, account)
            if other is not account:
                raise ConfigError(
                    f"{source}, {location}: {_taken(name, account, other)}; "
                    "put their ids into one entry, or rename one"
                )
        by_index[account.account_index] = account
        # The key, not the id as written: "AB:CD" and "abcd" are one card.
        for key, id_tag in keys.items():
            owner = by_id_tag.setdefault(key, account)
            if owner is not account:
                raise ConfigError(
                    f"{source}, {location}: the id {id_tag!r} belongs to {owner.name} already; "
                    "a card can only be billed to one account"
                )
        ignored += [
            f"{key!r} of {account.name}" for key in entry if key not in _KNOWN | _OF_RECIPIENT
        ]
        troubles = ((id_tag, trouble_of(id_tag)) for id_tag in keys.values())
        unmatchable += [f"{id_tag!r} of {account.name}: {why}" for id_tag, why in troubles if why]
    names_alike = {
        name: account.names
        for account in by_index.values()
        if account.former
        for name in account.names
    }
    return Accounts(by_index, by_id_tag, tuple(ignored), tuple(unmatchable), names_alike)


def _taken(name: str, account: Account, other: Account) -> str:
    """Return the sentence about a name, present or former, that two accounts have."""
    if account.name == other.name:
        return f"there are two accounts {name!r}"
    return f"{account.name!r} and {other.name!r} both have the name {name!r}, one of them formerly"


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
        _charge_points(entry.get("charge_points"), f"{location} ({name}): charge_points"),
        tuple(IdTag(id_tag, key) for key, id_tag in keys.items()),
    )
    if "card_expires" in entry:
        expires = entry["card_expires"]
        moments = _card_expires_ms(expires, keys, f"{location} ({name}): card_expires", zone)
        account = account._replace(card_expires_ms=moments)
    if "former" in entry:
        former = _former(entry["former"], name, f"{location} ({name}): former")
        account = account._replace(former=former)
    if blocks_all(entry.get("blocked")):
        account = account._replace(is_blocked=True)
    if "mode" in entry:
        account = account._replace(mode=_mode(entry["mode"], f"{location} ({name}): mode"))
    if not _OF_RECIPIENT.isdisjoint(entry):
        account = account._replace(recipient=_recipient(entry, f"{location} ({name})"))
    return account, keys


def _former(value: object, name: str, location: str) -> tuple[str, ...]:
    """Return the former names of an account, without its present one."""
    names = [account_name(item) for item in value] if isinstance(value, list) else [None]
    if None in names or UNASSIGNED in names:
        raise ConfigError(f'{location} must be a list of names such as ["company-x"]')
    return tuple(dict.fromkeys(item for item in names if item is not None and item != name))


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
    """Return the keys of the blocked ids; true and ALL_CARDS block all ids of the account."""
    if isinstance(value, bool):
        return frozenset(keys) if value else frozenset()
    single = [one for one in value if one != ALL_CARDS] if isinstance(value, list) else value
    blocked = _keys(single, location)
    for key, id_tag in blocked.items():
        if key not in keys:
            raise ConfigError(
                f"{location} names {id_tag!r}, which is not in ids; correct one of them"
            )
    return frozenset(keys if blocks_all(value) else blocked)


def blocks_all(value: object) -> bool:
    """Return True if a value of `blocked` blocks all cards of an account together."""
    return value is True or (isinstance(value, list) and ALL_CARDS in value)


def _of_cards(
    value: object, keys: Mapping[str, str], location: str, example: str
) -> Iterator[tuple[str, object]]:
    """Yield the id and the value of each card in an object, such as that of `names`."""
    if not isinstance(value, dict):
        raise ConfigError(f"{location} must be an object such as {example}")
    for id_tag in value:
        if id_tag_key(id_tag) not in keys:
            raise ConfigError(
                f"{location} names {id_tag!r}, which is not in ids; correct one of them"
            )
    yield from value.items()


def _names(value: object, keys: Mapping[str, str], location: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of `id_tag_key` and name of a card."""
    names = []
    for id_tag, text in _of_cards(value, keys, location, '{"3333": "the car\'s card"}'):
        name = printable_line(text) if isinstance(text, str) else None
        if name is None:
            raise ConfigError(f"{location}: the name of {id_tag!r} must be a text, not {text!r}")
        names.append((id_tag_key(id_tag), name))
    return tuple(names)


def _card_expires_ms(
    value: object, keys: Mapping[str, str], location: str, zone: tzinfo | None
) -> tuple[tuple[str, int], ...]:
    """Return pairs of `id_tag_key` and the moment from which a card is Expired."""
    moments = []
    for id_tag, text in _of_cards(value, keys, location, '{"3333": "2026-12-31"}'):
        moment = _expires_ms(text, f"{location}, {id_tag!r}", zone)
        if moment is not None:
            moments.append((id_tag_key(id_tag), moment))
    return tuple(moments)


def _recipient(entry: dict[str, Any], location: str) -> Recipient:
    """Return the recipient of the statements of an entry."""
    lines = entry.get("address", [])
    if not isinstance(lines, list):
        raise ConfigError(f'{location}: address must be a list of lines such as ["…", "…"]')
    language = entry.get("lang", "")
    if language not in ("", "de", "en"):
        raise ConfigError(f"{location}: lang must be de or en, not {language!r}")
    return Recipient(
        _line(entry.get("name", ""), f"{location}: name"),
        tuple(_line(line, f"{location}: address") for line in lines),
        _line(entry.get("reference", ""), f"{location}: reference"),
        language,
        _line(entry.get("employer", ""), f"{location}: employer"),
    )


def _line(value: object, location: str) -> str:
    line = printable_line(value) if isinstance(value, str) else None
    if line is None:
        raise ConfigError(
            f"{location} must be a text on one line, without control characters, not {value!r}"
        )
    return line


def _charge_points(value: object, location: str) -> tuple[str, ...] | None:
    """Return the names of Charge Points in a list, or None without one."""
    if value is None:
        return None
    names = value if isinstance(value, list) else [None]
    lines = [printable_line(name) if isinstance(name, str) else None for name in names]
    if not all(lines):
        raise ConfigError(
            f'{location} must be a list of chargers such as ["garage"], not {value!r}'
        )
    return tuple(line for line in lines if line)


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


def _mode(value: object, location: str) -> str:
    if not isinstance(value, str) or value not in MODES:
        raise ConfigError(f"{location} must be one of {', '.join(MODES)}, not {value!r}")
    return value


def _flag(value: object, location: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{location} must be true or false, not {value!r}")
    return value
