"""Changes of the accounts and cards in conf/tags.json, for commands and pages.

Each function changes the file in one step and returns nothing. `bound` are the account names by
index in the database. `seen` is the digest of the entry that a form was made from, None for a
command. All raise ConfigError if the file has an error or would have one, EditRefused if they
cannot change what they are to change, and ChangedMeanwhile.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.configuration.editing.blocks import block_all, block_card, forget_card
from shocpp.configuration.editing.file_edit import (
    ChangedMeanwhile,
    EditRefused,
    apply_seen,
    edit_file,
    present_entries,
    seen_digest,
    set_members,
)
from shocpp.configuration.entries import Members, spelled
from shocpp.configuration.tags import checked_accounts, load_accounts
from shocpp.ledger.accounts import (
    ID_TAG_CHARACTERS,
    UNASSIGNED,
    account_name,
    id_tag_key,
    trouble_of,
)
from shocpp.ledger.prices.tariffs import EVERYBODY
from shocpp.ledger.transaction_id import LAST_INDEX

LONGEST_NAME = 60
"""The longest name of a new account, in characters: more does not fit on a statement's line."""

RESERVED = (UNASSIGNED, EVERYBODY)
"""The names of no account: that of unknown cards, and that of a price for all."""

Entries = list[Members]


class NewCard(NamedTuple):
    """A card that is to be in an account; None leaves name or last day as it is."""

    account: str
    id_tag: str
    name: str | None = None
    expires: str | None = None
    is_blocked: bool | None = None


def add_account(
    path: Path, bound: Mapping[int, str], name: str, closed: Collection[int] = ()
) -> None:
    """Add an account without cards, with the first index that no account has ever had.

    `closed` are the indices in closed months, whose accounts may be in no record.
    """
    new = new_name(name)

    def change(entries: Entries, _: object) -> bool:
        _require_free(entries, new)
        if new in bound.values():
            raise EditRefused("account_in_books", account=new, file=path.name)
        taken = {entry["index"] for entry in entries} | set(bound) | set(closed)
        index = next((number for number in range(1, LAST_INDEX + 1) if number not in taken), None)
        if index is None:
            raise EditRefused("no_index", most=LAST_INDEX)
        entries.append(Members([("index", index), ("account", new), ("ids", [])]))
        return True

    _edit(path, bound, change)


def rename_account(
    path: Path,
    bound: Mapping[int, str],
    account: str,
    name: str,
    require: Callable[[Sequence[str]], None],
    seen: str | None = None,
) -> None:
    """Give an account another name; its entry keeps the former one. One that has it already stays.

    `require` raises an error if other files cannot follow; it gets all names of the account, the
    new one first.
    """
    new = new_name(name)

    def change(entries: Entries, _: object) -> bool:
        entry = _to_rename(entries, account, new, path)
        present = account_name(entry["account"]) or ""
        others = [other for other in entries if other is not entry]
        _require_free(others, new)
        if any(new == known for index, known in bound.items() if index != entry["index"]):
            raise EditRefused("account_in_books", account=new, file=path.name)
        former = [each for each in (*_former(entry), present) if each != new]
        require([new, *former])
        if present == new:
            return False
        values = {"account": new, "former": former}
        apply_seen(entry, partial(set_members, entry, values), seen)
        return True

    _edit(path, bound, change)


def remove_account(
    path: Path,
    bound: Mapping[int, str],
    account: str,
    billed: Collection[int] = (),
    prepare: Callable[[], None] = lambda: None,
    seen: str | None = None,
) -> None:
    """Remove an account that has never been in the books, with its cards.

    `billed` are the indices that owe an amount of a closed month. `prepare` is called before the
    file changes, if the account can be removed.
    """

    def change(entries: Entries, _: object) -> bool:
        entry = _named(entries, account, path, "account_unknown")
        if entry["index"] in bound or entry["index"] in billed:
            raise EditRefused("account_used", account=account)
        if seen is not None and seen != seen_digest(entry):
            raise ChangedMeanwhile(spelled(entry), "")
        prepare()
        entries.remove(entry)
        return True

    _edit(path, bound, change)


def set_account(
    path: Path,
    bound: Mapping[int, str],
    account: str,
    values: Mapping[str, Any],
    seen: str | None = None,
) -> None:
    """Set members of an account's entry, as `account_file` describes them; None removes one."""
    _change(path, bound, account, lambda entry: set_members(entry, dict(values)), seen)


def block_account(path: Path, bound: Mapping[int, str], account: str, *, is_blocked: bool) -> None:
    """Block all cards of an account, or let them in but for those that are blocked one by one."""
    _change(path, bound, account, partial(block_all, is_blocked=is_blocked), None)


def add_card(path: Path, bound: Mapping[int, str], card: NewCard) -> None:
    """Add a card to its account; EditRefused if any account has it."""

    def change(entries: Entries, _: object) -> bool:
        owner = next((e for e in entries if _spelling(e, card.id_tag) is not None), None)
        if owner is not None:
            raise EditRefused("card_taken", card=card.id_tag, account=owner["account"])
        _put(_named(entries, card.account, path), card)
        return True

    _require_sendable(card.id_tag)
    _edit(path, bound, change)


def put_cards(path: Path, bound: Mapping[int, str], cards: Iterable[NewCard]) -> None:
    """Add cards, and change those that their account has already: all of them, or none.

    Raises EditRefused for a card of another account, or for an account that is not there.
    """

    def change(entries: Entries, _: object) -> bool:
        for card in cards:
            entry = _named(entries, card.account, path)
            for other in entries:
                if other is not entry and _spelling(other, card.id_tag) is not None:
                    raise EditRefused("card_taken", card=card.id_tag, account=other["account"])
            _put(entry, card)
        return True

    _edit(path, bound, change)


def set_card(path: Path, bound: Mapping[int, str], card: NewCard, seen: str | None = None) -> None:
    """Change name, last day or block of a card; an empty name or day removes it.

    None leaves it as it is. Raises EditRefused if the account does not have the card.
    """

    def change(entry: Members) -> None:
        if _spelling(entry, card.id_tag) is None:
            raise EditRefused("no_card", account=card.account, card=card.id_tag)
        _put(entry, card)

    _change(path, bound, card.account, change, seen)


def remove_card(
    path: Path,
    bound: Mapping[int, str],
    account: str,
    id_tag: str,
    prepare: Callable[[], None] = lambda: None,
    seen: str | None = None,
) -> None:
    """Remove a card from its account, with its name, last day and block.

    `prepare` is called before the file changes; it raises an error for a card that has to stay.
    """

    def change(entry: Members) -> None:
        spelling = _spelling(entry, id_tag)
        if spelling is None:
            raise EditRefused("no_card", account=account, card=id_tag)
        prepare()
        _drop_card(entry, spelling)

    _change(path, bound, account, change, seen)


def account_of_card(path: Path, bound: Mapping[int, str], id_tag: str) -> str:
    """Return the name of the account that has a card."""
    try:
        owner = load_accounts(path, bound).by_id_tag.get(id_tag_key(id_tag))
    except FileNotFoundError:
        owner = None
    if owner is None:
        raise EditRefused("card_unknown", card=id_tag)
    return owner.name


def present_account(path: Path, bound: Mapping[int, str], account: str) -> Members:
    """Return the present entry of an account."""
    entries = present_entries(path, partial(checked_accounts, path=path, bound=bound), empty="[]")
    return _named(entries, account, path)


def seen_account(path: Path, bound: Mapping[int, str], account: str) -> str:
    """Return the digest of an account's present entry, for the form that shows it."""
    return seen_digest(present_account(path, bound, account))


def _change(
    path: Path,
    bound: Mapping[int, str],
    account: str,
    change_entry: Callable[[Members], None],
    seen: str | None,
) -> None:
    """Change the entry of an account."""

    def change(entries: Entries, _: object) -> bool:
        entry = _named(entries, account, path)
        apply_seen(entry, partial(change_entry, entry), seen)
        return True

    _edit(path, bound, change)


def _edit(path: Path, bound: Mapping[int, str], change: Callable[[Entries, object], bool]) -> None:
    parse = partial(checked_accounts, path=path, bound=bound)
    edit_file(path, parse, change, empty="[]")


def _named(entries: Entries, account: str, path: Path, refusal: str = "no_account") -> Members:
    """Return the entry of an account; `refusal` is the key of the sentence if there is none."""
    for entry in entries:
        if account_name(entry["account"]) == account:
            return entry
    known = ", ".join(str(entry["account"]) for entry in entries) or "-"
    raise EditRefused(refusal, file=path.name, account=account, known=known)


def _former(entry: Members) -> list[str]:
    """Return the former names of an account, as the books have them."""
    return [account_name(name) or "" for name in entry.get("former", ())]


def _to_rename(entries: Entries, account: str, name: str, path: Path) -> Members:
    """Return the entry of the account that is to be renamed, or is renamed already."""
    for entry in entries:
        present = account_name(entry["account"])
        if account in _former(entry):
            if present != name:
                raise EditRefused("account_renamed", account=account, present=present)
            return entry
    return _named(entries, account, path, "account_unknown")


def _require_free(entries: Entries, name: str) -> None:
    """Raise EditRefused if an account of these entries has a name, or had it."""
    for entry in entries:
        if account_name(entry["account"]) == name:
            raise EditRefused("account_exists", account=name)
        if name in _former(entry):
            raise EditRefused("account_former", account=name, present=entry["account"])


def _spelling(entry: Members, id_tag: str) -> str | None:
    """Return the spelling of a card in an entry, or None if the entry does not have it."""
    key = id_tag_key(id_tag)
    return next((listed for listed in entry["ids"] if id_tag_key(listed) == key), None)


def _put(entry: Members, card: NewCard) -> None:
    """Write a card into its entry, and what is to be changed of it."""
    if _spelling(entry, card.id_tag) is None:
        entry["ids"].append(card.id_tag)
    for key, value in (("names", card.name), ("card_expires", card.expires)):
        if value is not None:
            _set_of_card(entry, key, card.id_tag, value)
    if card.is_blocked is not None:
        block_card(entry, card.id_tag, is_blocked=card.is_blocked)


def _drop_card(entry: Members, spelling: str) -> None:
    """Remove a card and all that its entry says of it; a block of the whole account stays."""
    forget_card(entry, spelling)
    for key in ("names", "card_expires"):
        _set_of_card(entry, key, spelling, "")
    entry["ids"].remove(spelling)


def _set_of_card(entry: Members, key: str, id_tag: str, value: str) -> None:
    """Set the value of a card in one of the entry's objects by id; an empty one removes it."""
    values = entry.get(key, Members())
    listed = next((name for name in values if id_tag_key(name) == id_tag_key(id_tag)), id_tag)
    set_members(values, {listed: value or None})
    set_members(entry, {key: values if len(values) else None})


def new_name(name: str) -> str:
    """Return the name that an account gets, without the blanks around it that nobody could see."""
    stripped = (account_name(name) or "").strip()
    if not stripped or stripped in RESERVED or len(stripped) > LONGEST_NAME:
        reserved = dict(zip(("reserved", "everybody"), RESERVED, strict=True))
        raise EditRefused("account_name", most=LONGEST_NAME, **reserved)
    return stripped


def _require_sendable(id_tag: str) -> None:
    """Raise EditRefused if no charger can send an id tag."""
    trouble = trouble_of(id_tag)
    if trouble is not None:
        raise EditRefused("card_id", card=id_tag, reason=trouble, most=ID_TAG_CHARACTERS)
    if not id_tag_key(id_tag):
        raise EditRefused("card_id_missing")
