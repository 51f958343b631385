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
        yield Finding(WRONG, f"{error}; until then the users read last keep their roles")
        return
    if users is None:
        stored = people.stored_people(db) if db else None
        if stored is not None:
            yield Finding(
                WRONG, f"{path} is gone, and the users read last keep their roles; put it back"
            )
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
    step = "; see conf/people.json.example"
    if names:
        command = shlex.join(["shocpp", "people", "set", names[0], "--role", "admin"])
        step = f"; to make those admins that have asked lately, and nobody else: {command}"
    yield Finding(
        NOTE,
        f"there is no {settings.people_file}, so each user of the web server is an admin and may "
        f"send any Call{step}",
    )


def _check_accounts(settings: Settings, db: Database | None, users: Users) -> Iterator[Finding]:
    """Find drivers whose account does not exist: they see nothing."""
    # Another check reports a tags.json that is wrong.
    with suppress(ConfigError):
        known = owners(settings.tags_file, transactions.account_names(db) if db else {})
        for name, user in users.items():
            if user.account is not None and user.account not in known:
                sentence = unknown_account(settings, db, user.account)
                yield Finding(WRONG, f"{settings.people_file}, {name!r}: {sentence}")


def check_account_chargers(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find chargers in "charge_points" of accounts that nobody knows."""
    with suppress(ConfigError, FileNotFoundError):
        accounts = load_accounts(settings.tags_file, transactions.account_names(db) if db else {})
        allowlist = load_allowlist_or_none(settings.charge_points_file)
        for account in accounts.by_index.values():
            for name in account.charge_points or ():
                is_known = db is None or identities.row_of(db, name) is not None
                if not is_known and allowlist.entry(name) is None:
                    yield Finding(
                        WRONG,
                        f"{settings.tags_file}: {account.name} may use {name!r}, which is no "
                        "charger that has been here; see: shocpp charge-points",
                    )


def check_url(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find an address of the pages that only this machine can open."""
    address = settings.url or f"http://{settings.address}:{settings.port}"
    host = urlsplit(settings.url).hostname if settings.url else settings.address
    if is_loopback(host):
        yield Finding(
            NOTE,
            f"invitations have the address {address}, which only this machine can open; set "
            "SHOCPP_URL to the address that people use",
        )
    elif settings.url is not None and settings.url.startswith("http:") and settings.trusted_proxies:
        yield Finding(
            RISKY,
            f"SHOCPP_URL is {settings.url}, without TLS: anybody on the way can read the cookies "
            "of devices; write https:// if the proxy has TLS",
        )
