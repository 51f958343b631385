"""The part of `shocpp check` for canned.json: its entries, and the names in them."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress

from shocpp.checks.findings import NOTE, WRONG, Finding, unknown_account
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall, all_canned_calls
from shocpp.configuration.charge_points import Allowlist, allowlist_or_stored
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import Accounts, id_tag_of
from shocpp.settings import Settings
from shocpp.store import new_passwords, properties
from shocpp.store.books import transactions
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

_CARD_TROUBLES = {
    "Invalid": "belongs to no account; add it to the ids of its account in",
    "Blocked": "is blocked, so no charger may start with it; see",
    "Expired": "has expired, so no charger may start with it; see",
}
"""The rest of the sentence about a card, by its AuthorizationStatus."""


def check_canned_calls(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find canned calls that are wrong or name what does not exist, and calls without a secret."""
    try:
        canned = all_canned_calls(settings.canned_file)
    except ConfigError as error:
        yield Finding(WRONG, str(error))
        return
    accounts, allowlist = _accounts(settings, db), _allowlist(settings, db)
    for name, call in canned.items():
        if isinstance(call, ConfigError):
            yield Finding(WRONG, str(call))
            continue
        location = f"{settings.canned_file}, {name!r}"
        if accounts is not None:
            names = {*accounts.names(), *(transactions.account_names(db).values() if db else ())}
            yield from _check_account(call, names, location, settings, db)
            yield from _check_card(call, accounts, location, settings)
        yield from _check_charger(call, allowlist, db, location, settings)
    good = [call for call in canned.values() if isinstance(call, CannedCall)]
    if settings.token is None and any(call.action and not call.secret for call in good):
        yield Finding(
            NOTE,
            "canned calls work from this machine, for invited people, and for clients that a "
            "web server admits; a program needs a token: shocpp invite --token",
        )


def _accounts(settings: Settings, db: Database | None) -> Accounts | None:
    """Return the accounts of tags.json, or None if it cannot be used: another check reports it."""
    bound: Mapping[int, str] = transactions.account_names(db) if db else {}
    with suppress(FileNotFoundError, ConfigError):
        return load_accounts(settings.tags_file, bound, settings.zone)
    return None


def _allowlist(settings: Settings, db: Database | None) -> Allowlist | None:
    """Return the chargers that may connect, or None if the file is wrong, which is reported too."""
    with suppress(ConfigError):
        stored = properties.stored_allowlist(db) if db else None
        listed = allowlist_or_stored(settings.charge_points_file, stored)
        return listed.with_new_passwords(new_passwords.waiting(db) if db else ())
    return None


def _check_account(
    call: CannedCall, names: set[str], location: str, settings: Settings, db: Database | None
) -> Iterator[Finding]:
    """Find an account that is not there."""
    account = call.account if call.shows else call.payload.get("account")
    if isinstance(account, str) and account not in names:
        yield Finding(WRONG, f"{location}: {unknown_account(settings, db, account)}")


def _check_card(
    call: CannedCall, accounts: Accounts, location: str, settings: Settings
) -> Iterator[Finding]:
    """Find a start whose card the server refuses."""
    if call.action == "RemoteStartTransaction":
        id_tag = call.payload["idTag"]
        status = accounts.card(id_tag_of(id_tag), now_ms()).status
        if status in _CARD_TROUBLES:
            yield Finding(
                WRONG,
                f"{location}: the card {id_tag!r} {_CARD_TROUBLES[status]} {settings.tags_file}",
            )


def _check_charger(
    call: CannedCall,
    allowlist: Allowlist | None,
    db: Database | None,
    location: str,
    settings: Settings,
) -> Iterator[Finding]:
    """Find a charger that may not connect, or never has."""
    name = call.charge_point or call.payload.get("charge_point")
    if not name:
        return
    # People may name a charger by its serial.
    known = identities.find(db, name) if db else []
    add = shlex.join(["shocpp", "charge-points", "add", name])
    if allowlist is not None and all(allowlist.entry(each) is None for each in known or [name]):
        yield Finding(
            WRONG,
            f"{location}: the charger {name!r} is not listed in {settings.charge_points_file} and "
            f"may not connect; correct its name, or list it: {add}",
        )
    elif db and not known:
        yield Finding(
            NOTE,
            f"{location}: no charger {name!r} has connected yet; see: shocpp charge-points",
        )
