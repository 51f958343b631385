"""What is wrong or risky here, the worst first, each with its remedy (a room)."""

import os
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.central_system.bells import bells_folder
from shocpp.central_system.canned import CannedCall, all_canned_calls
from shocpp.central_system.chaining import unchained
from shocpp.central_system.conf_texts import conf_text
from shocpp.central_system.restoring import not_in_the_books
from shocpp.central_system.tags import load_accounts, owners
from shocpp.central_system.tariffs import load_tariffs
from shocpp.central_system.workers import is_alive
from shocpp.errors import ConfigError, ShocppError
from shocpp.reports.operator import load_operator
from shocpp.settings import VARIABLES, Settings
from shocpp.store import charge_points, connections, transactions
from shocpp.store.database import Database, open_database, version_with_wal_race
from shocpp.store.views import rows_of


class Finding(NamedTuple):
    """A sentence; `is_wrong` where something has to be mended, else it is good to know."""

    is_wrong: bool
    sentence: str


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


def findings(settings: Settings) -> list[Finding]:
    """Everything that is wrong here or good to know, what is wrong first."""
    settings.check_zone()
    found = [finding for look in _LOOKS for finding in look(settings)]
    return sorted(found, key=lambda finding: not finding.is_wrong)


def _of_database(settings: Settings) -> Iterator[Finding]:
    try:
        with open_database(settings.database) as db:
            yield from _of_canned_calls(settings, db)
            yield from _of_accounts(settings, db)
            yield from _of_operator(settings, db)
            yield from _of_books(settings, db)
            yield from _of_workers(db)
    except ShocppError as error:
        yield Finding(True, str(error))


def _of_accounts(settings: Settings, db: Database) -> Iterator[Finding]:
    try:
        load_accounts(settings.tags_file, transactions.account_names(db))
    except FileNotFoundError:
        yield Finding(
            True,
            f"{settings.tags_file} does not exist, so every card is Invalid; begin with: "
            f"cp conf/tags.json.example {settings.tags_file}",
        )
    except ConfigError as error:
        yield Finding(True, str(error))


def _of_books(settings: Settings, db: Database) -> Iterator[Finding]:
    lost = not_in_the_books(db, settings.accounting_folder)
    if lost:
        yield Finding(
            True,
            f"{len(lost)} accounting files such as {lost[0]} are not in the books; take them in "
            f"with: shocpp import {settings.accounting_folder}",
        )
    for path in unchained(db, settings.accounting_folder):
        yield Finding(
            True,
            f"{path} closes a month that is not closed in the books; take it in with: shocpp "
            f"import {settings.accounting_folder}",
        )
    waiting = len(rows_of(db, "review"))
    if waiting:
        yield Finding(
            False,
            f"{waiting} case{'s wait' if waiting > 1 else ' waits'} for somebody to decide; see: "
            "shocpp review",
        )


def _of_canned_calls(settings: Settings, db: Database) -> Iterator[Finding]:
    try:
        canned = all_canned_calls(settings.canned_file)
    except ConfigError as error:
        yield Finding(True, str(error))
        return
    for name, call in canned.items():
        if isinstance(call, ConfigError):
            yield Finding(True, str(call))
        elif call.charge_point and not charge_points.find(db, call.charge_point):
            yield Finding(
                False,
                f"{settings.canned_file}, {name!r}: no charger {call.charge_point!r} has been here "
                "yet; see: shocpp charge-points",
            )
    good = [call for call in canned.values() if isinstance(call, CannedCall)]
    if settings.token is None and any(call.action and not call.secret for call in good):
        yield Finding(
            False,
            "canned calls are for this machine, and for whom a web server lets in; others need "
            "SHOCPP_TOKEN",
        )


def _of_operator(settings: Settings, db: Database) -> Iterator[Finding]:
    path = settings.operator_file
    try:
        file = load_operator(path)
    except ConfigError as error:
        yield Finding(True, str(error))
        return
    for charge_point_id in file.meters:
        if charge_points.row_of(db, charge_point_id) is None:
            yield Finding(
                False,
                f"{path}, meters: no charger {charge_point_id!r} has been here yet; see: shocpp "
                "charge-points",
            )
    with suppress(ConfigError):  # of tags.json, told above
        known = owners(settings.tags_file, transactions.account_names(db))
        for account in sorted(set(file.mail.to) - set(known)):
            sentence = f"{path}, mail: there is no account {account!r}; see {settings.tags_file}"
            yield Finding(True, sentence)
    if file.mail.sender and settings.mail_server is None:
        yield Finding(False, f"{path} has mail addresses, but SHOCPP_SMTP is not set")


def _of_workers(db: Database) -> Iterator[Finding]:
    alive = [worker for worker, bell in connections.workers(db) if is_alive(bell)]
    if not alive:
        yield Finding(False, "no server is running; start it with: shocpp-listener")
    version = version_with_wal_race()
    if len(alive) > 1 and version is not None:
        yield Finding(
            False,
            f"{len(alive)} processes serve chargers with SQLite {version}, which has a rare race "
            "between processes; one worker is safer, or SQLite 3.51.3",
        )


def _of_tariffs(settings: Settings) -> Iterator[Finding]:
    try:
        load_tariffs(settings.tariffs_file)
    except FileNotFoundError:
        return
    except ConfigError as error:
        yield Finding(True, str(error))


def _of_rights(settings: Settings) -> Iterator[Finding]:
    secret_files = (settings.database, settings.canned_file)
    folders = (bells_folder(settings.database), settings.accounting_folder)
    for path in (*secret_files, *folders):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Finding(True, f"{path} cannot be used: {error.strerror}; see its rights")
            continue
        yield from _of_owner(path, status)
        if status.st_mode & stat.S_IRWXO and _holds_secrets(path):
            mode = "700" if path.is_dir() else "600"
            yield Finding(True, f"everybody can read {path}; mend it with: chmod {mode} {path}")


def _holds_secrets(path: Path) -> bool:
    """Bills and bells always do; canned.json where it has a secret."""
    if path.suffix != ".json":
        return True
    try:
        return '"secret"' in conf_text(path)
    except (OSError, ConfigError):
        return False


def _of_owner(path: Path, status: os.stat_result) -> Iterator[Finding]:
    if not os.access(path, os.R_OK | (os.W_OK if path.suffix != ".json" else 0)):
        try:
            owner = pwd.getpwuid(status.st_uid).pw_name
        except KeyError:
            owner = f"user {status.st_uid}"
        yield Finding(
            True,
            f"{path} belongs to {owner}: run this, the server and CGI scripts as {owner} "
            "(conf/systemd/shocpp-fcgiwrap.service does)",
        )


_LOOKS: Iterable[Callable[[Settings], Iterator[Finding]]] = (_of_database, _of_tariffs, _of_rights)
