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
from shocpp.language.findings.sentences import Quoted, Sentence
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

ADD = ("shocpp", "charge-points", "add")
"""The command for chargers without an entry or a password."""

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
            yield Finding(WRONG, "allowlist_gone", {"file": path})
    except ConfigError as error:
        yield Finding(WRONG, "allowlist_broken", {"file": path, "error": Quoted(str(error))})
        return
    if allowlist.others is not None and not allowlist.others.hashes:
        yield _open_to_all(settings, allowlist)
    has_list, waiting = allowlist is not NO_ALLOWLIST, new_passwords.waiting(db) if db else ()
    yield from _check_new_passwords(allowlist, path, waiting)
    allowlist = allowlist.with_new_passwords(waiting)
    names = [e.charge_point_id for e in allowlist.entries.values() if _needs_no_password(e, db)]
    if len(names) == 1:
        yield Finding(NOTE, "needs_no_password", {"file": path, "charge_point": names[0]})
    elif names:
        yield Finding(NOTE, "need_no_password", {"file": path, "charge_points": ", ".join(names)})
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
            values = {
                "charge_point": new.charge_point_id,
                "file": path,
                "command": shlex.join([*ADD, new.charge_point_id]),
            }
            yield Finding(NOTE, "new_password_waits", values)


def _check_old_hashes(allowlist: Allowlist, path: Path) -> Iterator[Finding]:
    """Find user-chosen passwords whose hash takes fewer rounds than a new one would."""
    for entry in allowlist.entries.values():
        rounds = [rounds_of(stored_hash) for stored_hash in entry.hashes]
        fewest = min((n for n in rounds if n > GENERATED_ROUNDS), default=USER_CHOSEN_ROUNDS)
        if fewest < USER_CHOSEN_ROUNDS:
            values = {
                "file": path,
                "charge_point": entry.charge_point_id,
                "rounds": fewest,
                "advised": USER_CHOSEN_ROUNDS,
                "command": shlex.join([*ADD, "--password", entry.charge_point_id]),
            }
            yield Finding(NOTE, "old_hash", values)


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
                values = {"file": path, "charge_point": entry.charge_point_id}
                yield Finding(NOTE, "never_connected", values)


def _open_to_all(settings: Settings, allowlist: Allowlist) -> Finding:
    """Return the finding that any charger may connect: risky if others can reach the port."""
    path = settings.charge_points_file
    if not is_loopback(settings.address):
        address = f"{settings.address}:{settings.port}"
        reaches = Sentence("reaches_address", {"address": address})
    elif settings.trusted_proxies:
        reaches = Sentence("reaches_proxy")
    else:
        reaches = Sentence("reaches_machine")
    # Only programs of this machine reach a loopback address without a proxy.
    is_reached = settings.trusted_proxies or not is_loopback(settings.address)
    key = "open_without_file" if allowlist is NO_ALLOWLIST else "open_without_entry"
    return Finding(RISKY if is_reached else NOTE, key, {"file": path, "reaches": reaches})


def _check_connected(allowlist: Allowlist, path: Path, db: Database) -> Iterator[Finding]:
    """Find connected chargers without an entry: they connected before the list changed."""
    for row in rows_of(db, "charge_points"):
        if row["connected"] and allowlist.entry(row["id"]) is None:
            yield Finding(RISKY, "connected_unlisted", {"charge_point": row["id"], "file": path})


def check_secrets(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find files and folders with secrets or records that all users can read.

    The records reveal when people were at home.
    """
    files = (
        *(settings.database, settings.canned_file, settings.charge_points_file),
        settings.mqtt_file,
    )
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
            yield Finding(WRONG, "everybody_reads", {"file": path, "mode": mode})


def check_writers(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find files and folders that all users can change, though they decide access and prices."""
    files = (
        *(settings.tags_file, settings.canned_file),
        *(settings.charge_points_file, settings.people_file, settings.site_file),
        settings.mqtt_file,
    )
    # Write access to a folder is enough to replace its files, whatever their own rights.
    folders = {file.parent for file in (*files, settings.database)}
    for path in (*files, *sorted(folders), settings.accounting_folder):
        with suppress(OSError):
            mode = path.stat().st_mode
            # In a folder with the sticky bit, such as /tmp, nobody can replace another's file.
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                yield Finding(WRONG, "everybody_changes", {"file": path})


_SECRET_KEYS = ('"secret"', '"password_hash"', '"password"')


def _holds_secrets(path: Path) -> bool:
    """Return True for all but files of conf/, and for those with a secret or a password hash."""
    if path.suffix != ".json":
        return True
    try:
        text = conf_text(path)
    except (OSError, ConfigError):
        return False
    return any(key in text for key in _SECRET_KEYS)


def check_owners(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find files and folders that this user cannot use.

    The server and the CGI scripts have to run as the same user.
    """
    sockets = Path(sockets_folder(str(settings.database)))
    folders = (doorbells_folder(settings.database), sockets, settings.accounting_folder)
    for path in (settings.database, *folders):
        yield from _check_owner(path, os.R_OK | os.W_OK)
    files = (settings.canned_file, settings.charge_points_file, settings.tags_file)
    for path in (*files, settings.people_file, settings.site_file, settings.mqtt_file):
        yield from _check_owner(path, os.R_OK)
    if os.geteuid() == 0:
        yield Finding(NOTE, "runs_as_root")


def _check_owner(path: Path, rights: int) -> Iterator[Finding]:
    """Find out if this user lacks `rights`, a mask for os.access; a missing file is fine."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        yield Finding(WRONG, "unusable", {"file": path, "error": Quoted(error.strerror or "")})
        return
    if os.access(path, rights):
        return
    owner: object
    try:
        # The password database may lack the owner, as in some containers.
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = Sentence("user_number", {"number": status.st_uid})
    yield Finding(WRONG, "of_other_user", {"file": path, "owner": owner})


def check_network(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a port without a reverse proxy, or one that can be reached without its proxy."""
    address = f"{settings.address}:{settings.port}"
    has_proxy = bool(settings.trusted_proxies)
    if not is_loopback(settings.address):
        if has_proxy:
            yield Finding(RISKY, "beside_proxy", {"address": address})
        else:
            yield Finding(RISKY, "no_tls", {"address": address})
    elif not has_proxy and db is not None and _has_local_charger(db):
        yield Finding(NOTE, "proxy_unnamed")


def _has_local_charger(db: Database) -> bool:
    """Return True if a charger is connected from a loopback address."""
    remotes = [row["remote"] for row in rows_of(db, "charge_points") if row["connected"]]
    return any(str(remote).startswith(("127.", "::1")) for remote in remotes)
