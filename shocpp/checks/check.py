"""What is wrong or risky here, the worst first, each with its remedy (a room).

The order of the looks is their importance: first what loses or hides energy, then who can read or
do what they should not, then what is merely not as it was meant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from shocpp.bookkeeping.chain import unchained
from shocpp.bookkeeping.record_files import missing_in_the_books
from shocpp.checks.exposure import (
    of_absent_chargers,
    of_network,
    of_owners,
    of_secrets,
    of_strangers,
    of_writers,
)
from shocpp.checks.findings import NOTE, RISKY, WRONG, Finding, by_importance
from shocpp.checks.machine import of_clock, of_disk, unknown_variables
from shocpp.configuration.canned_calls import CannedCall, all_canned_calls
from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import load_accounts, owners
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError, ShocppError
from shocpp.settings import CHECKOUT, VARIABLES, Settings
from shocpp.store.books import transactions
from shocpp.store.charge_points import connections, identities
from shocpp.store.database import Database, open_database, version_with_wal_race
from shocpp.store.views import rows_of
from shocpp.store.workers import is_alive


def settings_table(settings: Settings) -> list[tuple[str, str]]:
    """Each variable and the value in force; what holds a secret is only said to be there."""
    values = {
        "WS_ADDRESS": settings.address,
        "WS_PORT": settings.port,
        "SHOCPP_HOME": settings.home,
        "SHOCPP_TAGSFILE": settings.tags_file,
        "SHOCPP_CANNEDFILE": settings.canned_file,
        "SHOCPP_OPERATORFILE": settings.operator_file,
        "SHOCPP_TARIFFSFILE": settings.tariffs_file,
        "SHOCPP_CHARGEPOINTSFILE": settings.charge_points_file,
        "SHOCPP_ACCOUNTINGDIR": settings.accounting_folder,
        "SHOCPP_DATABASE": settings.database,
        "SHOCPP_HEARTBEAT": settings.heartbeat_s,
        "SHOCPP_FRAME_DAYS": settings.frame_days,
        "SHOCPP_STRICT_SUBPROTOCOL": int(settings.strict_subprotocol),
        "SHOCPP_TOKEN": "set" if settings.token else "none",
        "SHOCPP_TRUSTED_PROXIES": ", ".join(settings.trusted_proxies) or "none",
        "SHOCPP_SMTP": "set" if settings.mail_server else "none",
        "SHOCPP_WEBHOOK": "set" if settings.webhook else "none",
        "SHOCPP_LANG": settings.language,
        "TZ": settings.zone_name,
    }
    return [(variable.name, str(values[variable.name])) for variable in VARIABLES]


def findings(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Everything that is wrong here, risky or good to know, in order of importance."""
    settings.check_zone()
    try:
        with open_database(settings.database) as db:
            found = _all_of(settings, db)
    except ShocppError as error:
        found = [Finding(WRONG, str(error)), *_all_of(settings, None)]
    found += unknown_variables(environment)
    return by_importance(found)


def _all_of(settings: Settings, db: Database | None) -> list[Finding]:
    return [finding for look in _LOOKS for finding in look(settings, db)]


def _of_accounts(settings: Settings, db: Database | None) -> Iterator[Finding]:
    try:
        accounts = load_accounts(settings.tags_file, _bound(db))
        for ignored in accounts.ignored:
            yield Finding(RISKY, f"{settings.tags_file}: {ignored} means nothing here; remove it")
    except FileNotFoundError:
        yield Finding(
            WRONG,
            f"{settings.tags_file} does not exist, so every card is Invalid; begin with: "
            f"cp {CHECKOUT / 'conf' / 'tags.json.example'} {settings.tags_file}",
        )
    except ConfigError as error:
        yield Finding(WRONG, str(error))


def _bound(db: Database | None) -> Mapping[int, str]:
    return transactions.account_names(db) if db else {}


def _of_books(settings: Settings, db: Database | None) -> Iterator[Finding]:
    if db is None:
        return
    lost = missing_in_the_books(db, settings.accounting_folder)
    if lost:
        yield Finding(
            WRONG,
            f"{len(lost)} accounting files such as {lost[0]} are not in the books; take them in "
            f"with: shocpp import {settings.accounting_folder}",
        )
    for path in unchained(db, settings.accounting_folder):
        yield Finding(
            WRONG,
            f"{path} closes a month that is not closed in the books; take it in with: shocpp "
            f"import {settings.accounting_folder}",
        )


def _of_review(_: Settings, db: Database | None) -> Iterator[Finding]:
    waiting = len(rows_of(db, "review")) if db else 0
    if waiting:
        yield Finding(
            NOTE,
            f"{waiting} case{'s wait' if waiting > 1 else ' waits'} for somebody to decide; see: "
            "shocpp review",
        )


def _of_canned_calls(settings: Settings, db: Database | None) -> Iterator[Finding]:
    try:
        canned = all_canned_calls(settings.canned_file)
    except ConfigError as error:
        yield Finding(WRONG, str(error))
        return
    for name, call in canned.items():
        if isinstance(call, ConfigError):
            yield Finding(WRONG, str(call))
        elif call.charge_point and db and not identities.find(db, call.charge_point):
            yield Finding(
                NOTE,
                f"{settings.canned_file}, {name!r}: no charger {call.charge_point!r} has been here "
                "yet; see: shocpp charge-points",
            )
    good = [call for call in canned.values() if isinstance(call, CannedCall)]
    if settings.token is None and any(call.action and not call.secret for call in good):
        yield Finding(
            NOTE,
            "canned calls are for this machine, and for whom a web server lets in; others need "
            "SHOCPP_TOKEN",
        )


def _of_operator(settings: Settings, db: Database | None) -> Iterator[Finding]:
    path = settings.operator_file
    try:
        file = load_operator(path)
    except ConfigError as error:
        yield Finding(WRONG, str(error))
        return
    with suppress(ConfigError):  # of tags.json, told above
        known = owners(settings.tags_file, _bound(db))
        for account in sorted(set(file.mail.to) - set(known)):
            sentence = f"{path}, mail: there is no account {account!r}; see {settings.tags_file}"
            yield Finding(WRONG, sentence)
    if file.mail.sender and settings.mail_server is None:
        yield Finding(NOTE, f"{path} has mail addresses, but SHOCPP_SMTP is not set")


def _of_workers(_: Settings, db: Database | None) -> Iterator[Finding]:
    if db is None:
        return
    alive = [worker for worker, doorbell in connections.workers(db) if is_alive(doorbell)]
    if not alive:
        yield Finding(NOTE, "no server is running; start it with: shocpp-listener")
    version = version_with_wal_race()
    if len(alive) > 1 and version is not None:
        yield Finding(
            NOTE,
            f"{len(alive)} processes serve chargers with SQLite {version}, which has a rare race "
            "between processes; one worker is safer, or SQLite 3.51.3",
        )


def _of_tariffs(settings: Settings, _: Database | None) -> Iterator[Finding]:
    try:
        load_tariffs(settings.tariffs_file)
    except FileNotFoundError:
        return
    except ConfigError as error:
        yield Finding(WRONG, str(error))


_LOOKS: Iterable[Callable[[Settings, Database | None], Iterator[Finding]]] = (
    _of_books,
    of_disk,
    of_clock,
    of_strangers,
    of_secrets,
    of_writers,
    of_owners,
    of_network,
    _of_accounts,
    _of_canned_calls,
    _of_operator,
    of_absent_chargers,
    _of_tariffs,
    _of_review,
    _of_workers,
)
