"""Changes of the canned calls in conf/canned.json, for commands and pages.

An entry is made by `start_entry`, `stop_entry`, `limit_entry`, `mode_entry` or `show_entry`. `seen`
is the digest of the entry that a form was made from, None for a command. Changes raise ConfigError
if the file is no JSON, EditRefused if they are not possible, and ChangedMeanwhile. Other entries
may have errors.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from shocpp.configuration.canned_calls import (
    LONGEST_NAME,
    CannedCall,
    checked_canned_call,
    parse_entries,
)
from shocpp.configuration.canned_choices import LIMIT, MODE
from shocpp.configuration.editing.file_edit import (
    ChangedMeanwhile,
    EditRefused,
    edit_file,
    present_entries,
    remove_member,
    seen_digest,
)
from shocpp.configuration.entries import Members, spelled
from shocpp.errors import UsageError
from shocpp.ledger.accounts import Accounts, id_tag_of

Entry = Mapping[str, Any]


def start_entry(id_tag: str, charge_point: str | None, *, waits: bool) -> Entry:
    """Return an entry that starts with a card; it may wait until the car charges."""
    waiting = {"wait_for": "charging"} if waits else {}
    payload = {"idTag": id_tag}
    return _at(charge_point, {"action": "RemoteStartTransaction", "payload": payload, **waiting})


def stop_entry(account: str, charge_point: str | None) -> Entry:
    """Return an entry that stops the transaction of an account."""
    payload = {"account": account}
    return _at(charge_point, {"action": "RemoteStopTransaction", "payload": payload})


def limit_entry(limit: str, until: str | None, charge_point: str | None) -> Entry:
    """Return an entry that chooses a limit of current, such as "10A", or "off"."""
    end = {} if until is None else {"until": until}
    return _at(charge_point, {"action": LIMIT, "payload": {"limit": limit, **end}})


def mode_entry(payload: Mapping[str, Any], charge_point: str | None) -> Entry:
    """Return an entry that chooses a mode; members of None are left out."""
    given = {key: value for key, value in payload.items() if value is not None}
    return _at(charge_point, {"action": MODE, "payload": given})


def show_entry(shows: str, account: str | None, charge_point: str | None) -> Entry:
    """Return an entry that shows one of `configuration.canned_calls.DISPLAYS`."""
    named = {} if account is None else {"account": account}
    return _at(charge_point, {"show": shows, **named})


def add_canned_call(path: Path, name: str, entry: Entry, secret: str | None = None) -> CannedCall:
    """Add a canned call, and return it; a request with its secret may use it."""
    name = name.strip()
    whole = {**entry, **({} if secret is None else {"secret": secret})}

    def change(entries: Members, _: object) -> bool:
        if name in entries:
            raise EditRefused("canned_exists", name=name)
        entries[name] = whole
        return True

    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise EditRefused("canned_name", most=LONGEST_NAME)
    try:
        call = checked_canned_call(name, whole)
    except UsageError as error:
        raise EditRefused("file", reason=str(error)) from None
    edit_file(path, partial(parse_entries, path=path), change)
    return call


def remove_canned_call(path: Path, name: str, seen: str | None = None) -> None:
    """Remove a canned call."""

    def change(entries: Members, _: object) -> bool:
        _require(entries, name, path)
        entry = entries[name]
        try:
            remove_member(entries, name, seen)
        except ChangedMeanwhile:
            # A secret is never shown again.
            raise ChangedMeanwhile(spelled(_without_secret(entry)), "") from None
        return True

    edit_file(path, partial(parse_entries, path=path), change)


def remove_unchanged_calls(path: Path, calls: Mapping[str, Entry]) -> None:
    """Remove those of these canned calls whose entries are still as given here."""

    def change(entries: Members, _: object) -> bool:
        unchanged = [name for name, entry in calls.items() if entries.get(name) == entry]
        for name in unchanged:
            remove_member(entries, name, None)
        return bool(unchanged)

    edit_file(path, partial(parse_entries, path=path), change)


def seen_canned_call(path: Path, name: str) -> str:
    """Return the digest of a canned call's present entry, for the form that shows it."""
    entries = present_entries(path, partial(parse_entries, path=path))
    _require(entries, name, path)
    return seen_digest(entries[name])


def first_valid_card(
    accounts: Accounts, name: str, now_ms: int, charge_point_id: str | None
) -> str:
    """Return the first card of an account that may charge now; None is any Charge Point.

    Raises EditRefused if it has none.
    """
    account = accounts.named(name)
    if account is None:
        raise EditRefused("no_account", file="tags.json", account=name)
    if not account.cards:
        raise EditRefused("no_cards", account=name)
    for card in account.cards:
        if accounts.card(card, now_ms, charge_point_id).status == "Accepted":
            return card.text
    raise EditRefused("no_valid_card", account=name)


def valid_card(accounts: Accounts, id_tag: str, now_ms: int, charge_point_id: str | None) -> str:
    """Return a card as tags.json spells it; raises EditRefused unless it may charge now.

    None is any Charge Point.
    """
    presented = id_tag_of(id_tag)
    account = accounts.by_id_tag.get(presented.key)
    if account is None:
        raise EditRefused("card_unknown", card=id_tag)
    if accounts.card(presented, now_ms, charge_point_id).status != "Accepted":
        raise EditRefused("card_invalid", card=id_tag, account=account.name)
    return next(card.text for card in account.cards if card.key == presented.key)


def _at(charge_point: str | None, entry: dict[str, Any]) -> Entry:
    return entry if charge_point is None else {**entry, "charge_point": charge_point}


def _without_secret(entry: Any) -> Any:
    """Return an entry without its secret; one with an error may be anything."""
    if not isinstance(entry, Members):
        return entry
    return Members([(key, value) for key, value in entry.items() if key != "secret"])


def _require(entries: Members, name: str, path: Path) -> None:
    """Raise EditRefused unless the file has a canned call of this name."""
    if name not in entries:
        raise EditRefused("no_canned", file=path.name, name=name)
