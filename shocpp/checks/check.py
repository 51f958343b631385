"""The command `shocpp check`: the settings in force, and all findings, the worst first.

Each finding names its remedy. Within a level, the order of the checks is their importance: lost or
hidden energy first, then access of the wrong people, then mistakes in configuration.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial, reduce

from shocpp.bookkeeping.accounting_files.chain import files_outside_chain
from shocpp.bookkeeping.accounting_files.record_files import files_without_record
from shocpp.checks.backups import check_backups, check_waiting_files
from shocpp.checks.canned_calls import check_canned_calls
from shocpp.checks.database import LONGEST_S, check_size, check_sqlite, check_texts
from shocpp.checks.exposure import (
    check_absent_chargers,
    check_allowlist,
    check_network,
    check_owners,
    check_secrets,
    check_writers,
)
from shocpp.checks.findings import (
    LEVELS,
    NOTE,
    RISKY,
    WRONG,
    Finding,
    broken_file,
)
from shocpp.checks.installation import check_caller, check_wsgi_ini
from shocpp.checks.letterhead import account_names, check_names, check_operator
from shocpp.checks.limits.broker import check_broker
from shocpp.checks.limits.site import check_site
from shocpp.checks.machine import check_clock, check_disk, check_environment
from shocpp.checks.old_readings import check_old_readings
from shocpp.checks.people import check_account_chargers, check_people, check_url
from shocpp.checks.tariffs import check_taxes
from shocpp.checks.topics import (
    ACCOUNTS,
    ADDRESS,
    BACKUPS,
    BOOKS,
    BROKER,
    CALLS,
    CHARGERS,
    CLOCK,
    DATABASE,
    DISK,
    INSTALLATION,
    LETTERHEAD,
    LIMITS,
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
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError, DamagedDatabase, ShocppError
from shocpp.installation.files import SHIPPED
from shocpp.language.findings.sentences import Quoted, Sentence
from shocpp.ledger.accounts import id_tag_key
from shocpp.reports.forms import troubles
from shocpp.settings import VARIABLES, Settings
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
        "SHOCPP_SITEFILE": settings.site_file,
        "SHOCPP_MQTTFILE": settings.mqtt_file,
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
        damage = TopicalFinding(DATABASE, _of_database(error))
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
            damage = TopicalFinding(DATABASE, _of_database(error))
            findings += [damage] if damage not in findings else []
    return findings


def _of_database(error: ShocppError) -> Finding:
    """Return the finding about a database that cannot be used."""
    return Finding(WRONG, "database_error", {"error": Quoted(str(error))})


def _check_accounts(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a tags.json that is missing or wrong, and keys and ids in it that have no effect."""
    file = settings.tags_file
    try:
        accounts = load_accounts(file, account_names(db))
        # Risky: with a misspelled `blocked`, a lost card stays valid.
        for ignored in accounts.ignored:
            yield Finding(RISKY, "key_ignored", {"file": file, "key": Quoted(ignored)})
        for id_tag in accounts.unmatchable:
            yield Finding(WRONG, "id_unmatchable", {"file": file, "id_tag": Quoted(id_tag)})
    except FileNotFoundError:
        command = f"cp {SHIPPED / 'conf' / 'tags.json.example'} {file}"
        yield Finding(WRONG, "no_tags_file", {"file": file, "command": command})
    except ConfigError as error:
        yield broken_file(file, error)


def _check_default_tags(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find default cards of chargers that belong to no account."""
    # Other checks report a file that cannot be used.
    with suppress(FileNotFoundError, ConfigError):
        cards = load_accounts(settings.tags_file, account_names(db)).by_id_tag
        allowlist = load_allowlist(settings.charge_points_file)
        others = [allowlist.others] if allowlist.others is not None else []
        for entry in [*allowlist.entries.values(), *others]:
            if entry.default_tag is not None and id_tag_key(entry.default_tag) not in cards:
                values = {
                    "file": settings.charge_points_file,
                    "charge_point": entry.charge_point_id,
                    "default_tag": entry.default_tag,
                    "tags_file": settings.tags_file,
                }
                yield Finding(WRONG, "default_tag", values)


def _check_books(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find accounting files and closed months that the database does not have."""
    if db is None:
        return
    folder = settings.accounting_folder
    quoted = shlex.quote(str(folder))
    missing = files_without_record(db, folder)
    if missing:
        values = {"number": len(missing), "file": missing[0], "folder": quoted}
        yield Finding(WRONG, "files_not_booked", values)
    for path in files_outside_chain(db, folder):
        yield Finding(WRONG, "closing_not_booked", {"file": path, "folder": quoted})
    for _, sentence in troubles(db, folder):
        yield Finding(WRONG, "form_wrong", {"trouble": Quoted(sentence)})


def _check_review(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Count the cases under review."""
    waiting = len(rows_of(db, "review")) if db else 0
    if waiting == 1:
        yield Finding(NOTE, "case_waits")
    elif waiting:
        yield Finding(NOTE, "cases_wait", {"number": waiting})


def _check_workers(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Find out if no server is running."""
    if db is None:
        return
    alive = [worker for worker, doorbell in connections.workers(db) if is_alive(doorbell)]
    if not alive:
        yield Finding(NOTE, "no_server")


def _check_files_in_force(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find workers with different texts of a file in force, such as one that cannot read it."""
    if db is None:
        return
    paths = dict(settings_table(settings))
    for name, groups in differing(db, now_ms()).items():
        processes = reduce(_and, map(_processes, groups))
        values = {"processes": processes, "file": paths[name], "setting": name}
        yield Finding(WRONG, "different_texts", values)


def _processes(pids: Sequence[int]) -> Sentence:
    """Return the part of a sentence about the processes with one text."""
    key = "process" if len(pids) == 1 else "processes"
    return Sentence(key, {"pids": ", ".join(map(str, pids))})


def _and(processes: Sentence, others: Sentence) -> Sentence:
    """Return the part of a sentence about processes and others."""
    return Sentence("processes_and", {"processes": processes, "others": others})


def _check_tariffs(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find a tariffs.json that is wrong; no file means no prices."""
    try:
        load_tariffs(settings.tariffs_file)
    except FileNotFoundError:
        return
    except ConfigError as error:
        yield broken_file(settings.tariffs_file, error)


_CHECKS: Iterable[tuple[str, _Check]] = (
    (BOOKS, _check_books),
    (BOOKS, check_old_readings),
    (BOOKS, check_waiting_files),
    (DISK, check_disk),
    (CLOCK, check_clock),
    (CHARGERS, check_allowlist),
    (LIMITS, check_site),
    (BROKER, check_broker),
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
    (LETTERHEAD, check_operator),
    (ACCOUNTS, check_names),
    (LETTERHEAD, check_taxes),
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
