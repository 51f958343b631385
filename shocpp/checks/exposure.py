"""The part of `shocpp check` for security: access of chargers, rights of files, the network."""

import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from shocpp.admission.decision import in_force
from shocpp.checks.findings import NOTE, RISKY, WRONG, Finding
from shocpp.configuration.charge_points import (
    NO_ALLOWLIST,
    Allowlist,
    Entry,
    allowlist_or_stored,
    load_allowlist,
)
from shocpp.configuration.files import conf_text
from shocpp.database_path import sockets_folder
from shocpp.errors import ConfigError
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import GENERATED_ROUNDS, USER_CHOSEN_ROUNDS, rounds_of
from shocpp.service_addresses import is_loopback
from shocpp.settings import Settings
from shocpp.store import new_passwords, properties
from shocpp.store.charge_points import admissions, identities
from shocpp.store.database import Database
from shocpp.store.doorbells import doorbells_folder
from shocpp.store.listings.views import rows_of
from shocpp.store.new_passwords import NewPassword

ADD = "shocpp charge-points add"
"""The remedy for chargers without an entry or a password."""

SECRETS_OF_OTHERS = (
    Path("/etc/shocpp.env"),
    Path("/etc/nginx/shocpp-token.conf"),
    Path("/etc/nginx/shocpp.htpasswd"),
)
"""The files of the shipped configuration with the token and the passwords of people."""


def check_allowlist(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find chargers that may connect without a password, and a charge points file that is wrong."""
    path = settings.charge_points_file
    stored = properties.stored_allowlist(db) if db else None
    try:
        allowlist = allowlist_or_stored(path, stored)
        if stored is not None and not path.exists():
            yield Finding(
                WRONG,
                f"{path} is gone, and the list that was read last stays in force; put it back, or "
                'admit any charger with {"*": {"auth": "none"}} in it',
            )
    except ConfigError as error:
        yield Finding(WRONG, f"{error}; until then a server that starts admits no charger")
        return
    if allowlist.others is not None and not allowlist.others.hashes:
        yield _open_to_all(settings, allowlist)
    has_list, waiting = allowlist is not NO_ALLOWLIST, new_passwords.waiting(db) if db else ()
    yield from _check_new_passwords(allowlist, path, waiting)
    allowlist = allowlist.with_new_passwords(waiting)
    names = [e.charge_point_id for e in allowlist.entries.values() if _needs_no_password(e, db)]
    if names:
        yield Finding(
            NOTE,
            f"{path}: {', '.join(names)} {'needs' if len(names) == 1 else 'need'} no password, so "
            "anybody who knows the name can connect with it",
        )
    yield from _check_old_hashes(allowlist, path)
    if db is not None and has_list:
        yield from _check_connected(allowlist, path, db)


def _check_new_passwords(
    allowlist: Allowlist, path: Path, waiting: Iterable[NewPassword]
) -> Iterator[Finding]:
    """Find passwords that chargers got by OCPP and that the file does not have yet."""
    in_force = allowlist.with_new_passwords(waiting)
    for new in waiting:
        entry = in_force.entry(new.charge_point_id)
        if new.has_ended and entry is not None and entry.hashes[-1:] == (new.stored_hash,):
            yield Finding(
                NOTE,
                f"the new password of {new.charge_point_id} is in the database only; if the "
                f"server cannot write {path}, run as a user who can: {ADD} "
                f"{shlex.quote(new.charge_point_id)}",
            )


def _check_old_hashes(allowlist: Allowlist, path: Path) -> Iterator[Finding]:
    """Find user-chosen passwords whose hash takes fewer rounds than a new one would."""
    for entry in allowlist.entries.values():
        rounds = [rounds_of(stored_hash) for stored_hash in entry.hashes]
        fewest = min((n for n in rounds if n > GENERATED_ROUNDS), default=USER_CHOSEN_ROUNDS)
        if fewest < USER_CHOSEN_ROUNDS:
            yield Finding(
                NOTE,
                f"{path}: the password of {entry.charge_point_id} is hashed with {fewest} rounds, "
                f"and {USER_CHOSEN_ROUNDS} are advised; type it in once more: {ADD} --password "
                f"{shlex.quote(entry.charge_point_id)}",
            )


def _needs_no_password(entry: Entry, db: Database | None) -> bool:
    """Return True if a charger may connect without a password.

    That includes a charger with a password of its own that has never presented it.
    """
    key = identity_key(entry.charge_point_id)
    return in_force(entry, admissions.presented_password(db, key) if db else None)[1]


def check_absent_chargers(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find entries whose charger has never connected: the name may be misspelled."""
    path = settings.charge_points_file
    # check_allowlist reports a file that cannot be read.
    with suppress(FileNotFoundError, ConfigError):
        for entry in load_allowlist(path).entries.values():
            if db is not None and identities.row_of(db, entry.charge_point_id) is None:
                yield Finding(
                    NOTE,
                    f"{path}: no charger {entry.charge_point_id!r} has connected yet; type its "
                    "address, name and password into it, or remove the entry",
                )


def _open_to_all(settings: Settings, allowlist: Allowlist) -> Finding:
    """Return the finding that any charger may connect: risky if others can reach the port."""
    path = settings.charge_points_file
    if not is_loopback(settings.address):
        reaches = f"reaches {settings.address}:{settings.port}"
    elif settings.trusted_proxies:
        reaches = "comes through the proxy"
    else:
        reaches = "is on this machine"
    if allowlist is NO_ALLOWLIST:
        any_charger = f"there is no {path}, so any charger"
        remedy = f"give yours passwords: {ADD} NAME"
    else:
        any_charger = "any charger without an entry"
        remedy = f'give yours entries ({ADD} NAME), and then take "*" out of {path}'
    sentence = (
        f"{any_charger} that {reaches} may connect, and can book energy to any card that it names; "
        f"{remedy}"
    )
    # Only programs of this machine reach a loopback address without a proxy.
    is_reached = settings.trusted_proxies or not is_loopback(settings.address)
    return Finding(RISKY if is_reached else NOTE, sentence)


def _check_connected(allowlist: Allowlist, path: Path, db: Database) -> Iterator[Finding]:
    """Find connected chargers without an entry: they connected before the list changed."""
    for row in rows_of(db, "charge_points"):
        if row["connected"] and allowlist.entry(row["id"]) is None:
            yield Finding(
                RISKY,
                f"{row['id']} is connected and not in {path}: it may not connect again; if it "
                f"is yours: {ADD} {row['id']}",
            )


def check_secrets(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find files and folders with secrets or records that all users can read.

    The records reveal when people were at home.
    """
    files = (settings.database, settings.canned_file, settings.charge_points_file)
    folders = (doorbells_folder(settings.database), settings.accounting_folder)
    for path in (*files, *folders, *SECRETS_OF_OTHERS):
        try:
            status = path.stat()
        except OSError:
            # check_owners reports it, if it is a file of ours.
            continue
        if status.st_mode & stat.S_IRWXO and _holds_secrets(path):
            # 640, because nginx reads its token and passwords by its group.
            mode = "700" if path.is_dir() else "640" if path in SECRETS_OF_OTHERS else "600"
            yield Finding(WRONG, f"everybody can read {path}; mend it with: chmod {mode} {path}")


def check_writers(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find files and folders that all users can change, though they decide access and prices."""
    files = (
        *(settings.tags_file, settings.canned_file),
        *(settings.charge_points_file, settings.people_file),
    )
    # Write access to a folder is enough to replace its files, whatever their own rights.
    folders = {file.parent for file in (*files, settings.database)}
    for path in (*files, *sorted(folders), settings.accounting_folder):
        with suppress(OSError):
            mode = path.stat().st_mode
            # In a folder with the sticky bit, such as /tmp, nobody can replace another's file.
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                yield Finding(WRONG, f"everybody can change {path}; mend it with: chmod o-w {path}")


def _holds_secrets(path: Path) -> bool:
    """Return True for all but files of conf/, and for those with a secret or a password hash."""
    if path.suffix != ".json":
        return True
    try:
        text = conf_text(path)
    except (OSError, ConfigError):
        return False
    return '"secret"' in text or '"password_hash"' in text


def check_owners(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find files and folders that this user cannot use.

    The server and the CGI scripts have to run as the same user.
    """
    sockets = Path(sockets_folder(str(settings.database)))
    folders = (doorbells_folder(settings.database), sockets, settings.accounting_folder)
    for path in (settings.database, *folders):
        yield from _check_owner(path, os.R_OK | os.W_OK)
    files = (settings.canned_file, settings.charge_points_file, settings.tags_file)
    for path in (*files, settings.people_file):
        yield from _check_owner(path, os.R_OK)
    if os.geteuid() == 0:
        yield Finding(
            NOTE,
            "this runs as root; a user of its own can do less harm (conf/systemd/shocpp.service)",
        )


def _check_owner(path: Path, rights: int) -> Iterator[Finding]:
    """Find out if this user lacks `rights`, a mask for os.access; a missing file is fine."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        yield Finding(WRONG, f"{path} cannot be used: {error.strerror}; see its rights")
        return
    if os.access(path, rights):
        return
    try:
        # The password database may lack the owner, as in some containers.
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = f"user {status.st_uid}"
    yield Finding(
        WRONG,
        f"{path} belongs to {owner}: run this, the server and CGI scripts as {owner} "
        "(conf/systemd/shocpp-fcgiwrap.service does)",
    )


def check_network(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a port without a reverse proxy, or one that can be reached without its proxy."""
    port = f"{settings.address}:{settings.port}"
    has_proxy = bool(settings.trusted_proxies)
    if not is_loopback(settings.address):
        if has_proxy:
            yield Finding(
                RISKY,
                f"a proxy is in front, but {port} can be reached without it, and has no TLS; let "
                "only the proxy reach it: WS_ADDRESS=127.0.0.1",
            )
        else:
            yield Finding(
                RISKY,
                f"{port} has no TLS: anybody on the network can read the passwords, and a few "
                "clients that are slow on purpose can block its pages; put nginx in front "
                "(conf/nginx/shocpp.conf)",
            )
    elif not has_proxy and db is not None and _has_local_charger(db):
        yield Finding(
            NOTE,
            "chargers connect from this machine's own address; if a proxy forwards them, set "
            "SHOCPP_TRUSTED_PROXIES=127.0.0.1, or all of them count as one client",
        )


def _has_local_charger(db: Database) -> bool:
    """Return True if a charger is connected from a loopback address."""
    remotes = [row["remote"] for row in rows_of(db, "charge_points") if row["connected"]]
    return any(str(remote).startswith(("127.", "::1")) for remote in remotes)
