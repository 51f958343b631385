"""The command `shocpp check`: the settings in force, and all findings, the worst first.

Each finding names its remedy. Within a level, the order of the checks is their importance: lost or
hidden energy first, then access of the wrong people, then mistakes in configuration.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from functools import partial

from shocpp.bookkeeping.accounting_files.chain import files_outside_chain
from shocpp.bookkeeping.accounting_files.record_files import files_without_record
from shocpp.checks.backups import check_backups, check_waiting_files
from shocpp.checks.canned_calls import check_canned_calls
from shocpp.checks.database import LONGEST_S, check_sqlite, check_texts
from shocpp.checks.exposure import (
    check_absent_chargers,
    check_allowlist,
    check_network,
    check_owners,
    check_secrets,
    check_writers,
)
from shocpp.checks.findings import LEVELS, NOTE, RISKY, WRONG, Finding, unknown_account
from shocpp.checks.installation import check_caller, check_wsgi_ini
from shocpp.checks.machine import check_clock, check_disk, check_environment
from shocpp.checks.old_readings import check_old_readings
from shocpp.checks.people import check_account_chargers, check_people, check_url
from shocpp.checks.size import check_size
from shocpp.checks.topics import (
    ACCOUNTS,
    ADDRESS,
    BACKUPS,
    BOOKS,
    CALLS,
    CHARGERS,
    CLOCK,
    DATABASE,
    DISK,
    INSTALLATION,
    LETTERHEAD,
    NETWORK,
    PEOPLE,
    PRICES,
    REVIEW,
    RIGHTS,
    SERVER,
    SETTINGS,
    TopicalFinding,
)
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import load_allowlist
from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import load_accounts, owners
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError, DamagedDatabase, ShocppError
from shocpp.installation.files import SHIPPED
from shocpp.ledger.accounts import id_tag_key
from shocpp.settings import VARIABLES, Settings
from shocpp.store.books import transactions
from shocpp.store.charge_points import connections
from shocpp.store.database import Database, open_database
from shocpp.store.files.space import (
    budget_bytes,
    megabytes_text,
    reserve_bytes,
    space_of,
)
from shocpp.store.listings.views import rows_of
from shocpp.store.workers import differing, is_alive

_Check = Callable[[Settings, Database | None], Iterator[Finding]]


def settings_table(settings: Settings) -> list[tuple[str, str]]:
    """Return each variable with the value in force, in the order of VARIABLES.

    A secret is never part of it: the table says "set" or "none".
    """
    values = {
        "WS_ADDRESS": settings.address,
        "WS_PORT": settings.port,
        "SHOCPP_HOME": settings.home,
        "SHOCPP_TAGSFILE": settings.tags_file,
        "SHOCPP_CANNEDFILE": settings.canned_file,
        "SHOCPP_OPERATORFILE": settings.operator_file,
        "SHOCPP_TARIFFSFILE": settings.tariffs_file,
        "SHOCPP_CHARGEPOINTSFILE": settings.charge_points_file,
        "SHOCPP_PEOPLEFILE": settings.people_file,
        "SHOCPP_ACCOUNTINGDIR": settings.accounting_folder,
        "SHOCPP_DATABASE": settings.database,
        "SHOCPP_HEARTBEAT": settings.heartbeat_s,
        "SHOCPP_FRAME_DAYS": settings.frame_days,
        "SHOCPP_READING_DAYS": settings.reading_days,
        "SHOCPP_CHARGER_MB": settings.charger_mb or _default(settings, budget_bytes),
        "SHOCPP_RESERVE_MB": settings.reserve_mb or _default(settings, reserve_bytes),
        "SHOCPP_SYNC": "all" if settings.syncs_all else "billing",
        "SHOCPP_STRICT_SUBPROTOCOL": int(settings.strict_subprotocol),
        "SHOCPP_TOKEN": "set" if settings.token else "none",
        "SHOCPP_TRUSTED_PROXIES": ", ".join(settings.trusted_proxies) or "none",
        "SHOCPP_URL": settings.url or "none",
        # SHOCPP_SMTP may have a password, and the path of a webhook may be one.
        "SHOCPP_SMTP": "set" if settings.mail_server else "none",
        "SHOCPP_WEBHOOK": "set" if settings.webhook else "none",
        "SHOCPP_LANG": settings.language,
        "TZ": settings.zone_name,
    }
    return [(variable.name, str(values[variable.name])) for variable in VARIABLES]


def _default(settings: Settings, limit: Callable[[int | None, int], int]) -> str:
    """Return the default of a limit that depends on the database's disk, in MB."""
    try:
        return megabytes_text(limit(None, space_of(settings.database).total))
    except OSError:
        return "unknown"


def findings(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Return the findings of all checks, in order of importance.

    A database that cannot be opened is a finding too. Raises ConfigError for an unknown time zone.
    """
    return [finding for _, finding in topical_findings(settings, environment)]


def topical_findings(
    settings: Settings, environment: Mapping[str, str], longest_s: float = LONGEST_S
) -> list[TopicalFinding]:
    """Return the same, each with its topic; all texts are read for at most so many seconds."""
    # Before the checks: an unknown zone would end one of them in its middle.
    settings.check_zone()
    try:
        with open_database(settings.database) as db:
            unsorted = _run_checks(settings, db, longest_s)
    except ShocppError as error:
        # The files, the machine and the network can be checked all the same.
        damage = TopicalFinding(DATABASE, Finding(WRONG, str(error)))
        unsorted = [damage, *_run_checks(settings, None, longest_s)]
    unsorted += [TopicalFinding(SETTINGS, each) for each in check_environment(environment)]
    return sorted(unsorted, key=lambda each: LEVELS.index(each.finding.level))


def _run_checks(settings: Settings, db: Database | None, longest_s: float) -> list[TopicalFinding]:
    findings: list[TopicalFinding] = []
    texts: _Check = partial(check_texts, longest_s=longest_s)
    for topic, check in ((DATABASE, texts), *_CHECKS):
        # A damaged row ends one check, and often several with the same sentence.
        try:
            with db.reading() if db is not None else nullcontext():
                findings += [TopicalFinding(topic, each) for each in check(settings, db)]
        except DamagedDatabase as error:
            damage = TopicalFinding(DATABASE, Finding(WRONG, str(error)))
            findings += [damage] if damage not in findings else []
    return findings


def _check_accounts(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a tags.json that is missing or wrong, and keys and ids in it that have no effect."""
    try:
        accounts = load_accounts(settings.tags_file, _account_names(db))
        # Risky: with a misspelled `blocked`, a lost card stays valid.
        for ignored in accounts.ignored:
            yield Finding(RISKY, f"{settings.tags_file}: {ignored} means nothing here; remove it")
        for id_tag in accounts.unmatchable:
            yield Finding(WRONG, f"{settings.tags_file}: no charger can send the id {id_tag}")
    except FileNotFoundError:
        yield Finding(
            WRONG,
            f"{settings.tags_file} does not exist, so every card is Invalid; begin with: "
            f"cp {SHIPPED / 'conf' / 'tags.json.example'} {settings.tags_file}",
        )
    except ConfigError as error:
        yield Finding(WRONG, str(error))


def _check_default_tags(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find default cards of chargers that belong to no account."""
    # Other checks report a file that cannot be used.
    with suppress(FileNotFoundError, ConfigError):
        cards = load_accounts(settings.tags_file, _account_names(db)).by_id_tag
        allowlist = load_allowlist(settings.charge_points_file)
        others = [allowlist.others] if allowlist.others is not None else []
        for entry in [*allowlist.entries.values(), *others]:
            if entry.default_tag is not None and id_tag_key(entry.default_tag) not in cards:
                yield Finding(
                    WRONG,
                    f"{settings.charge_points_file}, {entry.charge_point_id!r}: the default_tag "
                    f"{entry.default_tag!r} belongs to no account; add it to the ids of its "
                    f"account in {settings.tags_file}",
                )


def _account_names(db: Database | None) -> Mapping[int, str]:
    """Return the account names of the database by their index."""
    return transactions.account_names(db) if db else {}


def _check_books(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find accounting files and closed months that the database does not have."""
    if db is None:
        return
    missing = files_without_record(db, settings.accounting_folder)
    if missing:
        yield Finding(
            WRONG,
            f"{len(missing)} accounting files such as {missing[0]} are not in the books; import "
            f"them with: shocpp import {settings.accounting_folder}",
        )
    for path in files_outside_chain(db, settings.accounting_folder):
        yield Finding(
            WRONG,
            f"{path} closes a month that is not closed in the books; import it with: shocpp "
            f"import {settings.accounting_folder}",
        )


def _check_review(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Count the cases under review."""
    waiting = len(rows_of(db, "review")) if db else 0
    if waiting:
        yield Finding(
            NOTE,
            f"{waiting} case{'s wait' if waiting > 1 else ' waits'} for somebody to decide; see: "
            "shocpp review",
        )


def _check_operator(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find an operator.json that is wrong, names an unknown account, or lacks a mail server."""
    path = settings.operator_file
    try:
        file = load_operator(path)
    except ConfigError as error:
        yield Finding(WRONG, str(error))
        return
    # _check_accounts reports a tags.json that is wrong.
    with suppress(ConfigError):
        known = owners(settings.tags_file, _account_names(db))
        # Nobody gets the statement of an account whose name is misspelled here.
        for account in sorted(set(file.mail.to) - set(known)):
            sentence = unknown_account(settings, db, account)
            yield Finding(WRONG, f"{path}, mail: {sentence}")
    if file.mail.sender and settings.mail_server is None:
        yield Finding(NOTE, f"{path} has mail addresses, but SHOCPP_SMTP is not set")


def _check_workers(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Find out if no server is running."""
    if db is None:
        return
    alive = [worker for worker, doorbell in connections.workers(db) if is_alive(doorbell)]
    if not alive:
        yield Finding(NOTE, "no server is running; start it with: shocpp-listener")


def _check_files_in_force(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find workers with different texts of a file in force, such as one that cannot read it."""
    if db is None:
        return
    paths = dict(settings_table(settings))
    for name, groups in differing(db, now_ms()).items():
        processes = " and ".join(
            f"process{'es' if len(pids) > 1 else ''} {', '.join(map(str, pids))}" for pids in groups
        )
        yield Finding(
            WRONG,
            f"{processes} serve chargers with different texts of {paths[name]}; compare their "
            f"{name}, their rights to the file and their logs, and restart those with the old text",
        )


def _check_tariffs(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find a tariffs.json that is wrong; no file means no prices."""
    try:
        load_tariffs(settings.tariffs_file)
    except FileNotFoundError:
        return
    except ConfigError as error:
        yield Finding(WRONG, str(error))


_CHECKS: Iterable[tuple[str, _Check]] = (
    (BOOKS, _check_books),
    (BOOKS, check_old_readings),
    (BOOKS, check_waiting_files),
    (DISK, check_disk),
    (CLOCK, check_clock),
    (CHARGERS, check_allowlist),
    (RIGHTS, check_secrets),
    (RIGHTS, check_writers),
    (RIGHTS, check_owners),
    (NETWORK, check_network),
    (INSTALLATION, check_wsgi_ini),
    (INSTALLATION, check_caller),
    (PEOPLE, check_people),
    (ADDRESS, check_url),
    (ACCOUNTS, _check_accounts),
    (ACCOUNTS, check_account_chargers),
    (ACCOUNTS, _check_default_tags),
    (CALLS, check_canned_calls),
    (LETTERHEAD, _check_operator),
    (CHARGERS, check_absent_chargers),
    (PRICES, _check_tariffs),
    (DATABASE, check_size),
    (REVIEW, _check_review),
    (BACKUPS, check_backups),
    (SERVER, _check_workers),
    (DATABASE, check_sqlite),
    (SERVER, _check_files_in_force),
)
"""The checks with their topics, the most important first.

check_texts runs before them, and check_environment after them.
"""
