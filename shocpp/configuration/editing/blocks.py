"""Changes of `blocked` in an account's entry in tags.json: of one card, and of all of them.

A card that is blocked by itself, such as a lost one, stays so when the account is let in again.
"""

from collections.abc import Iterable

from shocpp.configuration.editing.file_edit import set_members
from shocpp.configuration.entries import Members
from shocpp.ledger.account_file import blocks_all
from shocpp.ledger.accounts import ALL_CARDS, id_tag_key


def block_all(entry: Members, *, is_blocked: bool) -> None:
    """Block all cards of an account, also those that it gets later, or let them in."""
    _store(entry, _single(entry), is_whole=is_blocked)


def block_card(entry: Members, id_tag: str, *, is_blocked: bool) -> None:
    """Block a card of an account, or let it in; all others stay as they are."""
    key = id_tag_key(id_tag)
    spelling = next(listed for listed in entry["ids"] if id_tag_key(listed) == key)
    others = _others(_single(entry), spelling)
    if is_blocked:
        _store(entry, [*others, spelling], is_whole=_is_whole(entry))
    elif _is_whole(entry):
        _store(entry, _others(entry["ids"], spelling), is_whole=False)
    else:
        _store(entry, others, is_whole=False)


def forget_card(entry: Members, spelling: str) -> None:
    """Remove the block of a card that is to be removed; a block of all cards stays."""
    _store(entry, _others(_single(entry), spelling), is_whole=_is_whole(entry))


def _is_whole(entry: Members) -> bool:
    """Return True if all cards of an account are blocked together."""
    return blocks_all(entry.get("blocked"))


def _single(entry: Members) -> list[str]:
    """Return the cards that are blocked by themselves."""
    blocked = entry.get("blocked", False)
    return [] if isinstance(blocked, bool) else [one for one in blocked if one != ALL_CARDS]


def _others(spellings: Iterable[str], spelling: str) -> list[str]:
    key = id_tag_key(spelling)
    return [one for one in spellings if id_tag_key(one) != key]


def _store(entry: Members, single: list[str], *, is_whole: bool) -> None:
    if is_whole and single:
        set_members(entry, {"blocked": [ALL_CARDS, *single]})
    else:
        set_members(entry, {"blocked": is_whole or single or None})
