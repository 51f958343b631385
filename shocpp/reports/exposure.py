"""What strangers could do here, and who can read what (a room): part of `shocpp check`."""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from shocpp.central_system.bells import bells_folder
from shocpp.central_system.conf_texts import conf_text
from shocpp.central_system.listing import NO_LISTING, Listing, load_listing
from shocpp.errors import ConfigError
from shocpp.reports.findings import NOTE, RISKY, WRONG, Finding
from shocpp.settings import CHECKOUT, Settings, is_loopback
from shocpp.store import charge_points
from shocpp.store.database import Database
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
    try:
        listing = load_listing(path)
    except FileNotFoundError:
        listing = NO_LISTING
    except ConfigError as error:
        yield Finding(WRONG, f"{error}; until then a server that starts lets no charger in")
        return
    if listing.others is not None and not listing.others.hashes:
        yield _open_house(settings, listing)
    without = [e.charge_point_id for e in listing.entries.values() if not e.hashes]
    if without:
        yield Finding(
            NOTE,
            f"{path}: whoever knows the name can speak for {', '.join(without)}, which have no "
            "password",
        )
    if db is not None and listing is not NO_LISTING:
        yield from _of_connected(listing, path, db)


def of_absent_chargers(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Entries that may be misspelled."""
    path = settings.charge_points_file
    with suppress(FileNotFoundError, ConfigError):  # told by of_strangers
        for entry in load_listing(path).entries.values():
            if db is not None and charge_points.row_of(db, entry.charge_point_id) is None:
                yield Finding(
                    NOTE,
                    f"{path}: no charger {entry.charge_point_id!r} has been here yet; see: shocpp "
                    "charge-points",
                )


def _open_house(settings: Settings, listing: Listing) -> Finding:
    reached = "" if is_loopback(settings.address) else f" at {settings.address}:{settings.port}"
    everybody = "any charger" if listing is NO_LISTING else "any charger that is not listed"
    sentence = (
        f"{everybody} that gets through{reached} is let in, and can book energy to whoever's card "
        f"it names; give yours passwords: {ADD} NAME"
    )
    return Finding(RISKY if reached else NOTE, sentence)


def _of_connected(listing: Listing, path: Path, db: Database) -> Iterator[Finding]:
    """Chargers that came in before the list was as it is."""
    for row in rows_of(db, "charge_points"):
        if row["connected"] and listing.entry(row["id"]) is None:
            yield Finding(
                RISKY,
                f"{row['id']} is connected and not in {path}: it will not get in again; if it is "
                f"yours: {ADD} {row['id']}",
            )


def of_secrets(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """What holds secrets or tells when people were at home, and everybody can read."""
    files = (settings.database, settings.canned_file, settings.charge_points_file)
    folders = (bells_folder(settings.database), settings.accounting_folder)
    for path in (*files, *folders, *SECRETS_OF_OTHERS):
        try:
            status = path.stat()
        except OSError:  # told by of_owners, where it is ours
            continue
        if status.st_mode & stat.S_IRWXO and _holds_secrets(path):
            mode = "700" if path.is_dir() else "640" if path in SECRETS_OF_OTHERS else "600"
            yield Finding(WRONG, f"everybody can read {path}; mend it with: chmod {mode} {path}")


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
    folders = (bells_folder(settings.database), settings.accounting_folder)
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
