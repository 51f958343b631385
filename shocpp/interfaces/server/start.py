"""The start of the server: check everything, print where everything is, then become gunicorn."""

import contextlib
import errno
import os
import resource
import shlex
import socket
import sys
import time

from shocpp.bookkeeping.accounting_files.record_files import files_without_record, highest_number
from shocpp.configuration.canned_calls import CannedCall, all_canned_calls
from shocpp.configuration.charge_points import allowlist_or_stored, load_allowlist_or_none
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.installation.files import SHIPPED, default_home
from shocpp.installation.home import make_home
from shocpp.installation.wsgi_ini import require_loadable, wsgi_ini_of
from shocpp.interfaces.server.invitation_link import first_steps
from shocpp.metrics.counter_files import counters_folder
from shocpp.service_addresses import is_loopback, reachable_host
from shocpp.settings import Settings, absolute_paths, read_settings
from shocpp.store import properties
from shocpp.store.books import records, transactions
from shocpp.store.database import open_database
from shocpp.store.doorbells import doorbells_folder
from shocpp.store.schema.migrations import migrate


def prepare(settings: Settings, *, thorough: bool) -> None:
    """Create or migrate the database, and create the folders; called before any worker runs.

    `thorough` also checks the database for damage.
    Raises ConfigError, which names the setting or file that cannot be used.
    """
    settings.check_zone()
    load_allowlist_or_none(settings.charge_points_file)
    migrate(
        settings.database,
        time.time_ns() // 1_000_000,
        thorough=thorough,
        highest_number=lambda: highest_number(settings.accounting_folder),
        home=settings.home,
    )
    if not os.access(settings.database, os.W_OK):
        raise ConfigError(f"{settings.database} cannot be written; see its rights and owner")
    database = settings.database
    folders = (settings.accounting_folder, doorbells_folder(database), counters_folder(database))
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the folder {folder} cannot be made: {error.strerror}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"the folder {folder} cannot be written; see its rights and owner")


def listen() -> None:
    """Check settings and files, print the banner, and replace this process by gunicorn.

    Raises ConfigError if something cannot be used; nothing is printed then.
    """
    has_new_home = _make_default_home()
    settings = read_settings()
    prepare(settings, thorough=True)
    text = banner(settings, has_new_home=has_new_home)
    _check_port(settings)
    wsgi_ini = wsgi_ini_of(settings.home)
    require_loadable(wsgi_ini)
    print(text, flush=True)
    # `sys.stdout` would escape the colours of a QR code.
    for line in first_steps(settings, reads_terminal=sys.stdout.isatty()):
        print(line, file=sys.__stdout__, flush=True)
    _allow_many_sockets()
    os.environ.update(
        absolute_paths(os.environ),
        SHOCPP_HOME=str(settings.home),
        WS_ADDRESS=settings.address,
        WS_PORT=str(settings.port),
    )
    # gunicorn finds app.py and gunicorn.conf.py in its current folder.
    os.chdir(SHIPPED)
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--paste", str(wsgi_ini)])


def _make_default_home() -> bool:
    """Make the default home of an installed package at its first start; return True if it did."""
    home = default_home(os.environ)
    # SHOCPP_HOME may have an error, or lie on a disk that is not mounted.
    if os.environ.get("SHOCPP_HOME") or home.exists():
        return False
    make_home(home, os.environ)
    return True


def banner(settings: Settings, *, has_new_home: bool = False) -> str:
    """Return the lines for the user: the charger's address, accounts, files and risks."""
    host = reachable_host(settings.address)
    lines = [
        *([f"home:       {settings.home} is new, with example accounts"] if has_new_home else []),
        f"charger:    OCPP 1.6-J, ws://{host}:{settings.port}/ and a name of your choice for it,",
        f"            such as ws://{host}:{settings.port}/garage",
        f"accounts:   {_accounts_line(settings)}",
        *(f"calls:      {line}" for line in _canned_lines(settings)),
        f"database:   {settings.database}",
        f"records:    {settings.accounting_folder}/YYYY/MM/",
        *(f"            {line}" for line in _lost_lines(settings)),
        *_admission_lines(settings),
        *([] if is_loopback(settings.address) else _WITHOUT_PROXY),
    ]
    return "\n".join(lines)


_WITHOUT_PROXY = (
    "no proxy:   a few slow clients can delay new chargers and pages, but not the connected",
    "            chargers; set up nginx: conf/nginx/shocpp.conf",
)


def _accounts_line(settings: Settings) -> str:
    with open_database(settings.database) as db:
        names_by_index = transactions.account_names(db)
    try:
        names = load_accounts(settings.tags_file, names_by_index).names()
    except FileNotFoundError:
        return (
            f"none, every card is Invalid: {settings.tags_file} does not exist "
            "(see conf/tags.json.example)"
        )
    return f"{', '.join(names) or 'none, every card is Invalid'} ({settings.tags_file})"


def _admission_lines(settings: Settings) -> list[str]:
    with open_database(settings.database) as db:
        allowlist = allowlist_or_stored(
            settings.charge_points_file, properties.stored_allowlist(db)
        )
    names = [entry.charge_point_id for entry in allowlist.entries.values()]
    if allowlist.others is None or allowlist.others.hashes:
        return [f"admitted:   {', '.join(names) or 'none'} ({settings.charge_points_file})"]
    return [
        "open:       any charger that reaches this address may connect without a password; give",
        "            yours passwords with shocpp charge-points add NAME, and see shocpp check",
    ]


def _lost_lines(settings: Settings) -> list[str]:
    """Return a line if accounting files exist that the database lacks, as after a restore."""
    with open_database(settings.database) as db:
        lost = len(files_without_record(db, settings.accounting_folder))
        has_records = records.newest_ms(db) is not None
    if not lost:
        return []
    remedy = f"import them with: shocpp import {shlex.quote(str(settings.accounting_folder))}"
    lines = [f"{lost} files there are not in the books; {remedy}"]
    if not has_records:
        lines.insert(
            0, "LOST? the books are empty; if the database was lost, stop the server and run:"
        )
        lines.insert(1, "shocpp rebuild; otherwise:")
    return lines


def _canned_lines(settings: Settings) -> list[str]:
    try:
        canned = all_canned_calls(settings.canned_file)
    except ConfigError as error:
        return [str(error)]
    good = [name for name, call in canned.items() if isinstance(call, CannedCall)]
    troubles = [str(call) for call in canned.values() if isinstance(call, ConfigError)]
    return [f"{', '.join(good) or 'none'} ({settings.canned_file})", *troubles]


def _allow_many_sockets() -> None:
    """Raise the soft limit of descriptors to the hard limit: each charger needs a descriptor."""
    # The soft limit is often 1024.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports an infinite hard limit, and then refuses it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _check_port(settings: Settings) -> None:
    """Raise ConfigError if the address and port cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    where = f"{settings.address}:{settings.port} (WS_ADDRESS, WS_PORT)"
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.address, settings.port))
            # With SO_REUSEADDR two sockets can be bound to a port, but only one can listen.
            probe.listen(1)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        remedy = "stop the other program, or choose another port" if taken else "correct them"
        raise ConfigError(f"cannot listen on {where}: {error.strerror}; {remedy}") from None
