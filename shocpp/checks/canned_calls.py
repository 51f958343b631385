"""The part of `shocpp check` for canned.json: its entries, and the names in them."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from shocpp.checks.findings import NOTE, WRONG, Finding, broken_file, unknown_account
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall, all_canned_calls
from shocpp.configuration.charge_points import Allowlist, allowlist_or_stored
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import Sentence
from shocpp.ledger.accounts import Accounts, id_tag_of
from shocpp.settings import Settings
from shocpp.store import new_passwords, properties
from shocpp.store.books import transactions
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

_CARD_TROUBLES = {"Invalid": "card_invalid", "Blocked": "card_blocked", "Expired": "card_expired"}
"""The sentence about a card, by its AuthorizationStatus."""

_Trouble = tuple[str, Sentence]
"""The level of a finding about an entry, and its sentence."""


def check_canned_calls(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find canned calls that are wrong or name what does not exist, and calls without a secret."""
    try:
        canned = all_canned_calls(settings.canned_file)
    except ConfigError as error:
        yield broken_file(settings.canned_file, error)
        return
    accounts, allowlist = _accounts(settings, db), _allowlist(settings, db)
    for name, call in canned.items():
        if isinstance(call, ConfigError):
            yield broken_file(settings.canned_file, call)
            continue
        if accounts is not None:
            names = {*accounts.names(), *(transactions.account_names(db).values() if db else ())}
            yield from _of_entry(name, settings, _check_account(call, names, settings, db))
            yield from _of_entry(name, settings, _check_card(call, accounts, settings))
        yield from _of_entry(name, settings, _check_charger(call, allowlist, db, settings))
    good = [call for call in canned.values() if isinstance(call, CannedCall)]
    if settings.token is None and any(call.action and not call.secret for call in good):
        yield Finding(NOTE, "no_token")


def _of_entry(name: str, settings: Settings, troubles: Iterable[_Trouble]) -> Iterator[Finding]:
    """Yield the findings about an entry of canned.json."""
    for level, trouble in troubles:
        values = {"file": settings.canned_file, "entry": name, "trouble": trouble}
        yield Finding(level, "in_entry", values)


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
    call: CannedCall, names: set[str], settings: Settings, db: Database | None
) -> Iterator[_Trouble]:
    """Find an account that is not there."""
    account = call.account if call.shows else call.payload.get("account")
    if isinstance(account, str) and account not in names:
        yield WRONG, unknown_account(settings, db, account)


def _check_card(call: CannedCall, accounts: Accounts, settings: Settings) -> Iterator[_Trouble]:
    """Find a start whose card the server refuses."""
    if call.action == "RemoteStartTransaction":
        id_tag = call.payload["idTag"]
        status = accounts.card(id_tag_of(id_tag), now_ms()).status
        if status in _CARD_TROUBLES:
            values = {"card": id_tag, "tags_file": settings.tags_file}
            yield WRONG, Sentence(_CARD_TROUBLES[status], values)


def _check_charger(
    call: CannedCall,
    allowlist: Allowlist | None,
    db: Database | None,
    settings: Settings,
) -> Iterator[_Trouble]:
    """Find a charger that may not connect, or never has."""
    name = call.charge_point or call.payload.get("charge_point")
    if not name:
        return
    # People may name a charger by its serial.
    known = identities.find(db, name) if db else []
    add = shlex.join(["shocpp", "charge-points", "add", name])
    if allowlist is not None and all(allowlist.entry(each) is None for each in known or [name]):
        file = settings.charge_points_file
        values = {"charge_point": name, "allowlist_file": file, "command": add}
        yield WRONG, Sentence("charger_unlisted", values)
    elif db and not known:
        yield NOTE, Sentence("charger_unknown", {"charge_point": name})
