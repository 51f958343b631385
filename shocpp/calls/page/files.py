"""The files of conf/ that the page needs, read again when they change.

While a file has an error, the last good text of the database is in force, as in a server. A page is
made for each watcher, so an unchanged file costs one stat.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.configuration.charge_points import (
    CLOSED,
    NO_ALLOWLIST,
    Allowlist,
    load_allowlist,
    parse_allowlist,
)
from shocpp.configuration.files import Stamp, stamp_of
from shocpp.configuration.mqtt import load_mqtt
from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.conf import parse_site
from shocpp.configuration.site.file import known_members, load_site
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ledger.prices.tariffs import NO_TARIFFS, Tariffs
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.books import transactions
from shocpp.store.database import Database
from shocpp.store.site import chargers as site_chargers


class PresentFiles(NamedTuple):
    """The files in force; `broken` has the paths of those with an error."""

    accounts: Accounts
    allowlist: Allowlist
    tariffs: Tariffs
    broken: tuple[Path, ...]


def present_files(db: Database, settings: Settings) -> PresentFiles:
    """Return the files of conf/ in force; a missing one is not broken."""
    tags, chargers = settings.tags_file, settings.charge_points_file
    # A rename changes tags.json before the prices, so the names are read after them.
    tariffs, has_bad_prices = _tariffs(settings.tariffs_file, stamp_of(settings.tariffs_file))
    accounts, has_bad_tags = _present_accounts(db, settings)
    allowlist, has_bad_list = _allowlist(
        chargers, stamp_of(chargers), properties.stored_allowlist(db)
    )
    states = (
        (tags, has_bad_tags),
        (chargers, has_bad_list),
        (settings.tariffs_file, has_bad_prices),
        (settings.site_file, is_site_broken(db, settings)),
        (settings.mqtt_file, _is_mqtt_broken(settings.mqtt_file, stamp_of(settings.mqtt_file))),
    )
    broken = [path for path, is_bad in states if is_bad]
    tariffs = tariffs._replace(names=accounts.names_alike)
    return PresentFiles(accounts, allowlist, tariffs, tuple(broken))


def is_site_broken(db: Database, settings: Settings) -> bool:
    """Return True if site.json has an error."""
    path = settings.site_file
    stamp = stamp_of(path)
    if stamp is None:
        return False
    connected = [charger.charge_point_id for charger in site_chargers.chargers(db)]
    known = known_members(present_allowlist(db, settings), connected)
    return _is_site_broken(path, stamp, tuple(known.items()))


def present_accounts(db: Database, settings: Settings) -> Accounts:
    """Return the accounts in force, without the other files."""
    return _present_accounts(db, settings)[0]


def _present_accounts(db: Database, settings: Settings) -> tuple[Accounts, bool]:
    """Return the accounts in force, and whether their file has an error."""
    path, bound = settings.tags_file, tuple(transactions.account_names(db).items())
    stamp, stored = stamp_of(path), properties.stored_tags(db)
    return _accounts(path, stamp, settings.zone, stored, bound)


def has_site_meter(db: Database, settings: Settings) -> bool:
    """Return True if the site.json in force has a meter."""
    text = properties.stored_site(db)
    return text is not None and _has_meter(settings.site_file, text)


def present_allowlist(db: Database, settings: Settings) -> Allowlist:
    """Return the allowlist in force, without the other files."""
    path = settings.charge_points_file
    return _allowlist(path, stamp_of(path), properties.stored_allowlist(db))[0]


# The stamp is a part of the key only: another one reads the file again.


@lru_cache(maxsize=4)
def _accounts(
    path: Path,
    _stamp: Stamp | None,
    zone: ZoneInfo,
    stored: str | None,
    bound: tuple[tuple[int, str], ...],
) -> tuple[Accounts, bool]:
    try:
        # As in a server: a file that gives an index of the books to another account has an error.
        return load_accounts(path, dict(bound), zone), False
    except FileNotFoundError:
        return NO_ACCOUNTS, False
    except ConfigError:
        if stored is None:
            return NO_ACCOUNTS, True
        return load_accounts(path, dict(bound), zone, stored), True


@lru_cache(maxsize=4)
def _allowlist(path: Path, _stamp: Stamp | None, stored: str | None) -> tuple[Allowlist, bool]:
    try:
        return load_allowlist(path), False
    except FileNotFoundError:
        is_bad = False
    except ConfigError:
        is_bad = True
    # A file that has vanished does not open the server either.
    if stored is None:
        return CLOSED if is_bad else NO_ALLOWLIST, is_bad
    return parse_allowlist(stored, str(path)), is_bad


@lru_cache(maxsize=4)
def _is_mqtt_broken(path: Path, _stamp: Stamp | None) -> bool:
    try:
        load_mqtt(path)
    except FileNotFoundError:
        return False
    except ConfigError:
        return True
    return False


@lru_cache(maxsize=4)
def _is_site_broken(path: Path, _stamp: Stamp, known: tuple[tuple[str, Power | None], ...]) -> bool:
    try:
        load_site(path, dict(known))
    except FileNotFoundError:
        return False
    except ConfigError:
        return True
    return False


@lru_cache(maxsize=4)
def _has_meter(path: Path, text: str) -> bool:
    try:
        return parse_site(text, str(path), None).meter is not None
    # An older version accepted this text.
    except ConfigError:
        return False


@lru_cache(maxsize=4)
def _tariffs(path: Path, _stamp: Stamp | None) -> tuple[Tariffs, bool]:
    try:
        return load_tariffs(path), False
    except FileNotFoundError:
        return NO_TARIFFS, False
    except ConfigError:
        return NO_TARIFFS, True
