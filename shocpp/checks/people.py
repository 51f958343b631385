"""The part of `shocpp check` for people: their roles, and the address of the pages."""

import shlex
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from shocpp.checks.findings import NOTE, RISKY, WRONG, Finding, unknown_account
from shocpp.configuration.charge_points import load_allowlist_or_none
from shocpp.configuration.people import Users, load_people, parse_people
from shocpp.configuration.tags import load_accounts, owners
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import Quoted
from shocpp.service_addresses import is_loopback
from shocpp.settings import Settings
from shocpp.store import people
from shocpp.store.books import transactions
from shocpp.store.charge_points import identities
from shocpp.store.database import Database


def check_people(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a people.json that is missing, wrong, or names unknown accounts."""
    path = settings.people_file
    try:
        users = load_people(path)
    except ConfigError as error:
        yield Finding(WRONG, "people_broken", {"file": path, "error": Quoted(str(error))})
        return
    if users is None:
        stored = people.stored_people(db) if db else None
        if stored is not None:
            yield Finding(WRONG, "people_gone", {"file": path})
            with suppress(ConfigError):
                users = parse_people(stored, str(path))
        else:
            yield from _check_admins(settings, db)
    yield from _check_accounts(settings, db, users or {})


def _check_admins(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find web users, who are all admins without a people.json."""
    names = people.web_users(db) if db else []
    if not names and settings.token is None:
        return
    file = settings.people_file
    if names:
        command = shlex.join(["shocpp", "people", "set", names[0], "--role", "admin"])
        yield Finding(NOTE, "all_admins_known", {"file": file, "command": command})
    else:
        yield Finding(NOTE, "all_admins", {"file": file})


def _check_accounts(settings: Settings, db: Database | None, users: Users) -> Iterator[Finding]:
    """Find drivers whose account does not exist: they see nothing."""
    # Another check reports a tags.json that is wrong.
    with suppress(ConfigError):
        known = owners(settings.tags_file, transactions.account_names(db) if db else {})
        for name, user in users.items():
            if user.account is not None and user.account not in known:
                trouble = unknown_account(settings, db, user.account)
                values = {"file": settings.people_file, "entry": name, "trouble": trouble}
                yield Finding(WRONG, "in_entry", values)


def check_account_chargers(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find chargers in "charge_points" of accounts that nobody knows."""
    with suppress(ConfigError, FileNotFoundError):
        accounts = load_accounts(settings.tags_file, transactions.account_names(db) if db else {})
        allowlist = load_allowlist_or_none(settings.charge_points_file)
        for account in accounts.by_index.values():
            for name in account.charge_points or ():
                is_known = db is None or identities.row_of(db, name) is not None
                if not is_known and allowlist.entry(name) is None:
                    file, of = settings.tags_file, account.name
                    values = {"file": file, "account": of, "charge_point": name}
                    yield Finding(WRONG, "charger_of_account", values)


def check_url(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find an address of the pages that only this machine can open."""
    address = settings.url or f"http://{settings.address}:{settings.port}"
    host = urlsplit(settings.url).hostname if settings.url else settings.address
    if is_loopback(host):
        yield Finding(NOTE, "url_of_machine", {"address": address})
    elif settings.url is not None and settings.url.startswith("http:") and settings.trusted_proxies:
        yield Finding(RISKY, "url_without_tls", {"address": settings.url})
