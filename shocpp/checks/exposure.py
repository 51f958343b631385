"""What strangers could do here, and who can read what (a room): part of `shocpp check`."""

import os
import pwd
import stat
from collections.abc import Iterator
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
from shocpp.errors import ConfigError
from shocpp.ocpp.identity import identity_key
from shocpp.settings import CHECKOUT, Settings, is_loopback
from shocpp.store import properties
from shocpp.store.charge_points import admissions, identities
from shocpp.store.database import Database
from shocpp.store.doorbells import doorbells_folder
from shocpp.store.views import rows_of

ADD = "shocpp charge-points add"
SECRETS_OF_OTHERS = (
    Path("/etc/shocpp.env"),
    Path("/etc/nginx/shocpp-token.conf"),
    Path("/etc/nginx/shocpp.htpasswd"),
)
"""Where the shipped files have the token and the passwords of people."""


def of_strangers(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Who comes in as a charger without proving that it is one."""
    path = settings.charge_points_file
    kept = properties.stored_allowlist(db) if db else None
    try:
        allowlist = allowlist_or_stored(path, kept)
        if kept is not None and not path.exists():
            yield Finding(
                WRONG,
                f"{path} is gone, and the list that was read last stays in force; put it back, or "
                'open the house with {"*": {"auth": "none"}} in it',
            )
    except ConfigError as error:
        yield Finding(WRONG, f"{error}; until then a server that starts lets no charger in")
        return
    if allowlist.others is not None and not allowlist.others.hashes:
        yield _open_house(settings, allowlist)
    without = [e.charge_point_id for e in allowlist.entries.values() if _asks_none(e, db)]
    if without:
        yield Finding(
            NOTE,
            f"{path}: whoever knows the name can speak for {', '.join(without)}, which "
            f"{'needs' if len(without) == 1 else 'need'} no password",
        )
    if db is not None and allowlist is not NO_ALLOWLIST:
        yield from _of_connected(allowlist, path, db)


def _asks_none(entry: Entry, db: Database | None) -> bool:
    """Whether it comes in without a password, as one does that has yet to show its first."""
    key = identity_key(entry.charge_point_id)
    return in_force(entry, admissions.shown_password(db, key) if db else None)[1]


def of_absent_chargers(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Entries that may be misspelled."""
    path = settings.charge_points_file
    with suppress(FileNotFoundError, ConfigError):  # told by of_strangers
        for entry in load_allowlist(path).entries.values():
            if db is not None and identities.row_of(db, entry.charge_point_id) is None:
                yield Finding(
                    NOTE,
                    f"{path}: no charger {entry.charge_point_id!r} has been here yet; see: shocpp "
                    "charge-points",
                )


def _open_house(settings: Settings, allowlist: Allowlist) -> Finding:
    path = settings.charge_points_file
    if not is_loopback(settings.address):
        reaches = f"reaches {settings.address}:{settings.port}"
    elif settings.trusted_proxies:
        reaches = "comes through the proxy"
    else:
        reaches = "is on this machine"
    if allowlist is NO_ALLOWLIST:
        everybody = f"there is no {path}, so any charger"
        remedy = f"give yours passwords: {ADD} NAME"
    else:
        everybody = "any charger without an entry"
        remedy = f'give yours entries ({ADD} NAME), and then take "*" out of {path}'
    sentence = (
        f"{everybody} that {reaches} is let in, and can book energy to whoever's card it names; "
        f"{remedy}"
    )
    is_reached = settings.trusted_proxies or not is_loopback(settings.address)
    return Finding(RISKY if is_reached else NOTE, sentence)


def _of_connected(allowlist: Allowlist, path: Path, db: Database) -> Iterator[Finding]:
    """Chargers that came in before the list was as it is."""
    for row in rows_of(db, "charge_points"):
        if row["connected"] and allowlist.entry(row["id"]) is None:
            yield Finding(
                RISKY,
                f"{row['id']} is connected and not in {path}: it will not get in again; if it is "
                f"yours: {ADD} {row['id']}",
            )


def of_secrets(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """What holds secrets or tells when people were at home, and everybody can read."""
    files = (settings.database, settings.canned_file, settings.charge_points_file)
    folders = (doorbells_folder(settings.database), settings.accounting_folder)
    for path in (*files, *folders, *SECRETS_OF_OTHERS):
        try:
            status = path.stat()
        except OSError:  # told by of_owners, where it is ours
            continue
        if status.st_mode & stat.S_IRWXO and _holds_secrets(path):
            mode = "700" if path.is_dir() else "640" if path in SECRETS_OF_OTHERS else "600"
            yield Finding(WRONG, f"everybody can read {path}; mend it with: chmod {mode} {path}")


def of_writers(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """What decides who is let in and who pays, and everybody can change."""
    files = (settings.tags_file, settings.canned_file, settings.charge_points_file)
    folders = {file.parent for file in (*files, settings.database)}
    for path in (*files, *sorted(folders), settings.accounting_folder):
        with suppress(OSError):
            mode = path.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                yield Finding(WRONG, f"everybody can change {path}; mend it with: chmod o-w {path}")


def _holds_secrets(path: Path) -> bool:
    """Bills, bells and the like always do; a file of conf/ where it has a secret or a hash."""
    if path.suffix != ".json":
        return True
    try:
        text = conf_text(path)
    except (OSError, ConfigError):
        return False
    return '"secret"' in text or '"password_hash"' in text


def of_owners(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """What this user, as whom the server and CGI scripts run as well, has no right to."""
    folders = (doorbells_folder(settings.database), settings.accounting_folder)
    for path in (settings.database, *folders):
        yield from _of_owner(path, os.R_OK | os.W_OK)
    for path in (settings.canned_file, settings.charge_points_file, settings.tags_file):
        yield from _of_owner(path, os.R_OK)
    script = CHECKOUT / "cgi-bin" / "caller.py"
    if script.exists() and not os.access(script, os.X_OK):
        yield Finding(WRONG, f"no web server can start {script}; mend it with: chmod 755 {script}")
    if os.geteuid() == 0:
        yield Finding(
            NOTE, "this is root: a user of its own can do less harm (conf/systemd/shocpp.service)"
        )


def _of_owner(path: Path, rights: int) -> Iterator[Finding]:
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
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = f"user {status.st_uid}"
    yield Finding(
        WRONG,
        f"{path} belongs to {owner}: run this, the server and CGI scripts as {owner} "
        "(conf/systemd/shocpp-fcgiwrap.service does)",
    )


def of_network(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Whether a reverse proxy is in front, and whether the way around it is closed."""
    where = f"{settings.address}:{settings.port}"
    has_proxy = bool(settings.trusted_proxies)
    if not is_loopback(settings.address):
        if has_proxy:
            yield Finding(
                RISKY,
                f"a proxy is in front, and {where} leads around it, without TLS; let only the "
                "proxy reach it: WS_ADDRESS=127.0.0.1",
            )
        else:
            yield Finding(
                RISKY,
                f"{where} speaks no TLS: passwords cross the network for all to read, and a few "
                "clients that are slow on purpose hold up its pages; put nginx in front "
                "(conf/nginx/shocpp.conf)",
            )
    elif not has_proxy and db is not None and _comes_from_here(db):
        yield Finding(
            NOTE,
            "chargers come from this machine's own address: if a proxy hands them on, name it "
            "(SHOCPP_TRUSTED_PROXIES=127.0.0.1), or all of them count as one",
        )


def _comes_from_here(db: Database) -> bool:
    remotes = [row["remote"] for row in rows_of(db, "charge_points") if row["connected"]]
    return any(str(remote).startswith(("127.", "::1")) for remote in remotes)
