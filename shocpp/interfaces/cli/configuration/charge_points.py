"""The command `charge-points`: list chargers, and admit them."""

import json
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from shocpp.errors import ConfigError, StoreUnavailable, UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors, user_name
from shocpp.interfaces.cli.listings import View, print_view
from shocpp.interfaces.cli.tables import Column, Display, reads_terminal
from shocpp.interfaces.lines import one_line
from shocpp.language.dates import local_time
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.configuration.charge_points import Allowlist

MAX_LISTED = 20
"""The longest list of refused or unlisted chargers below another output."""

WILDCARD = "*"
"""The entry for all chargers without one of their own."""

ROTATION_TIMEOUT_S = 40.0
"""The time to wait for the charger: one that has just connected takes no Calls for 30 s."""


@click.group("charge-points", context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@click.option("--refused", is_flag=True, help="Only the refused chargers.")
@click.option("--all", "is_whole", is_flag=True, help="All refused chargers, not only the newest.")
@click.pass_context
@one_line_errors
def charge_points(context: click.Context, as_json: bool, refused: bool, is_whole: bool) -> None:
    """List all known chargers with their state, and the refused ones.

    `add` admits a charger: it writes conf/charge_points.json.

    \b
    Example: shocpp charge-points
    """
    if context.invoked_subcommand is not None:
        return
    if refused and as_json:
        click.echo(json.dumps(_refused_attempts(), ensure_ascii=False, indent=2))
        return
    if not refused:
        print_view(_CHARGE_POINTS, as_json)
    if not as_json:
        _print_refused(_refused_attempts(), is_whole=is_whole, quiet=not refused)


def _cells(row: dict[str, Any], display: Display) -> list[str]:
    name = display.charger(row["id"])
    model = " ".join(filter(None, (row["vendor"], row["model"])))
    return [
        *(row["id"], "" if name == row["id"] else name),
        *("connected" if row["connected"] else "away", display.moment(row["last_heard"])),
        *(model, row["firmware"] or "", row["serial"] or ""),
    ]


_CHARGE_POINTS = View(
    "charge_points",
    (
        *(Column("ID"), Column("NAME", 8), Column("STATE"), Column("LAST SEEN")),
        *(Column("MODEL", 8), Column("FIRMWARE", 6), Column("SERIAL", 8)),
    ),
    _cells,
)


def _refused_attempts() -> list[dict[str, Any]]:
    """Return the refused attempts to connect, newest first, each with its `remedy`."""
    from shocpp.admission.remedies import refused_attempts

    settings = read_settings()
    with open_database(settings.database) as db:
        attempts = refused_attempts(db, _readable_allowlist(settings))
    return [{**row, "remedy": remedy_sentence(remedy.key, row)} for row, remedy in attempts]


def _readable_allowlist(settings: Settings) -> "Allowlist | None":
    """Return the allowlist, or None if it cannot be read."""
    from shocpp.configuration.charge_points import load_allowlist_or_none

    try:
        return load_allowlist_or_none(settings.charge_points_file)
    # The list of chargers is still useful; `shocpp check` reports the broken file.
    except ConfigError:
        return None


def _print_refused(rows: list[dict[str, Any]], *, is_whole: bool, quiet: bool) -> None:
    """Print refused attempts, one per line: the newest, or all if `is_whole`.

    Without any, print "none" unless `quiet`.
    """
    if not rows:
        if not quiet:
            click.echo("none")
        return
    click.echo("refused, the newest first:")
    zone = read_settings().zone if reads_terminal() else None
    for row in rows if is_whole else rows[:MAX_LISTED]:
        moment = row["last_at"] if zone is None else local_time(row["last_at"], zone)
        reason = f"{row['reason']} {row['told']!r}" if row["told"] else row["reason"]
        count = f", {row['attempts']} times" if row["attempts"] > 1 else ""
        name = shlex.quote(row["id"]) if row["id"] else "without a name"
        line = f"{moment}  {name} from {row['address']}: {reason}{count}; {row['remedy']}"
        click.echo(f"  {one_line(line)}")
    if not is_whole and len(rows) > MAX_LISTED:
        more = len(rows) - MAX_LISTED
        click.echo(f"  … and {more} more: shocpp charge-points --refused --all")


def remedy_sentence(key: str, row: Mapping[str, Any]) -> str:
    """Return the sentence of a remedy: mostly a command, quoted for a shell.

    `row` is a row of the view `refused_attempts`. Its `told` is the presented user name or Origin.
    """
    from shocpp.admission.decision import OTHER_VERSION, TLS, WRONG_SETTINGS

    name, presented = _quoted(row["id"]), shlex.quote(row["told"])
    add = "shocpp charge-points add"
    new_one = f"enter its password in the charger; for a new one: {add} --replace {name}"
    return {
        "connected_since": "a charger with its name has connected since",
        "listed_since": "it is listed now, and has not connected again yet",
        "no_password": f"{new_one}; if it cannot send one: {add} --no-password {name}",
        "wrong_password": new_one,
        "wrong_user_name": f"if this is its user name: {add} --username={presented} {name}",
        "not_listed": f"admit it: {add} {name}",
        "no_name": "in the charger, add a name after the last slash of the address",
        "other_version": WRONG_SETTINGS[OTHER_VERSION],
        "no_subprotocol": "let it offer ocpp1.6 (see SHOCPP_STRICT_SUBPROTOCOL)",
        "tls": WRONG_SETTINGS[TLS],
        "not_checked": "too many wrong passwords came with it; it will come again by itself",
        "origin": f"if it is no web page: {add} --origin={presented} {name}",
        "too_many_names": f"more than 100 chargers are not listed; admit it: {add} {name}",
        "no_space": "the disk is nearly full: make room",
        "name_taken": "a live connection has this name; give the charger a password: "
        f"{add} --replace {name}",
    }[key]


def _quoted(name: str) -> str:
    """Return a charger's name as an argument for a shell; `--` precedes a leading hyphen."""
    return f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)


@charge_points.command(context_settings=HELP)
@click.argument("charge_point", metavar="ID")
@click.option("--rotate", is_flag=True, help="A new password, sent by OCPP (AuthorizationKey).")
@click.option("--replace", is_flag=True, help="A new password; the old one is revoked at once.")
# A flag without a value: other users can see the arguments of a process, and shells store them.
@click.option(
    "--password", "is_prompted", is_flag=True, help="The password it already has; you type it in."
)
@click.option(
    "--no-password", is_flag=True, help="No password, for a charger that cannot send one."
)
@click.option("--username", metavar="NAME", help="The user name it sends instead of its own name.")
@click.option("--origin", metavar="URL", help="The Origin header it sends, as web pages do.")
@one_line_errors
def add(
    charge_point: str,
    rotate: bool,
    replace: bool,
    is_prompted: bool,
    no_password: bool,
    username: str | None,
    origin: str | None,
) -> None:
    """Admit the charger ID: create its entry and password, and print its settings.

    As soon as one entry exists, chargers without an entry may not connect. ID "*" is the entry for
    all of them. --rotate keeps the old password valid until the charger has used the new one.

    \b
    Example: shocpp charge-points add garage
    """
    from shocpp.admission import enrolment, rotation

    if rotate + replace + is_prompted + no_password > 1 or (rotate and (username or origin)):
        raise UsageError("choose one of --rotate, --replace, --password and --no-password")
    settings = read_settings()
    if rotate:
        _rotate(settings, charge_point)
        return
    path, password = settings.charge_points_file, None
    is_changed = replace or is_prompted or no_password or username or origin
    if not is_changed and _is_rotated(settings, charge_point):
        click.echo(f"{charge_point} is listed in {path}, with the password that it got by OCPP")
        _print_unlisted(settings)
        return
    is_new = not enrolment.is_listed(path, charge_point)
    if not (is_new or is_changed):
        raise UsageError(
            f"{charge_point} is listed already; for a new password use --rotate (sent by OCPP) or "
            "--replace (typed in at the charger)"
        )
    change = enrolment.Change(needs_no_password=no_password, username=username, origin=origin)
    if is_prompted:
        change = change._replace(stored_hash=enrolment.hash_of_user_chosen(_read_password()))
    elif replace or (is_new and not no_password):
        password = enrolment.generated_password()
        change = change._replace(stored_hash=enrolment.hash_of_generated(password))
    enrolment.enroll(path, charge_point, change)
    click.echo(f"{charge_point} is listed in {path}")
    if settings.database.exists() and (change.stored_hash or no_password):
        with open_database(settings.database) as db:
            rotation.void_new_passwords(db, charge_point)
    if password is not None:
        _print_login(settings, charge_point, password)
    _print_unlisted(settings)


@charge_points.command("set", context_settings=HELP)
@click.argument("charge_point", metavar="ID")
@click.option("--name", metavar="TEXT", help="The name for people.")
@click.option("--meter-serial", metavar="TEXT", help="The number on its meter.")
@click.option("--note", metavar="TEXT", help="A note for its statements.")
@click.option("--tz", metavar="ZONE", help="The zone of its times without one; empty: UTC.")
@click.option(
    "--connector",
    "connectors",
    metavar="NUMBER=NAME",
    multiple=True,
    help="The name of a connector, such as 1=left; repeat it for more.",
)
@click.option("--default-tag", metavar="CARD", help="The card of transactions without one.")
@one_line_errors
def set_(charge_point: str, connectors: tuple[str, ...], **values: str | None) -> None:
    """Change what conf/charge_points.json says of the charger ID; an empty value removes it.

    \b
    Example: shocpp charge-points set garage --name "Space 4" --connector 1=left
    """
    from shocpp.configuration.editing.charge_points import set_charger

    texts = values.items()
    changed: dict[str, Any] = {key: text or None for key, text in texts if text is not None}
    if connectors:
        changed["connectors"] = dict(_connector(text) for text in connectors)
    if not changed:
        raise UsageError("name something to change; see: shocpp charge-points set --help")
    set_charger(read_settings().charge_points_file, charge_point, changed)
    click.echo(one_line(f"{charge_point} is changed"))


def _connector(text: str) -> tuple[str, str]:
    """Return number and name of `1=left`."""
    number, is_pair, name = text.partition("=")
    if not (is_pair and number.isascii() and number.isdigit()):
        raise UsageError("--connector needs a number and a name, such as 1=left")
    return str(int(number)), name


def _is_rotated(settings: Settings, charge_point: str) -> bool:
    """Return True if a password that the charger got by OCPP waited, and is now in the file."""
    from shocpp.admission.rotation import file_new_password_of

    return settings.database.exists() and file_new_password_of(settings, charge_point)


def _rotate(settings: Settings, name: str) -> None:
    """Send a new password to a connected charger by OCPP, and print it.

    `name` is an identity or a serial number.
    """
    from shocpp.admission import enrolment, rotation
    from shocpp.calls.addressing import resolve_identity
    from shocpp.calls.placing import CallOptions

    with open_database(settings.database) as db:
        charge_point = resolve_identity(db, name)
    options = CallOptions(f"shocpp charge-points of {user_name()}", ROTATION_TIMEOUT_S)
    password = enrolment.generated_password()
    try:
        rotated = rotation.rotate(settings, charge_point, password, options)
    # The charger may have the new password already: the user must see it in any case.
    except (KeyboardInterrupt, StoreUnavailable) as error:
        begin = "interrupted" if isinstance(error, KeyboardInterrupt) else "not finished"
        click.echo(f"{begin}: the charger may have the new password; both passwords are valid")
        _print_login(settings, charge_point, password)
        raise
    if rotated.is_known:
        click.echo(f"{charge_point} has a new password: {rotated.status or 'Accepted'}")
        if rotated.status == "RebootRequired":
            reset = """Reset '{"type": "Soft"}'"""
            command = f"shocpp-command -c {shlex.quote(charge_point)} {reset}"
            click.echo(f"it needs a reset: {command}")
    else:
        click.echo(f"{charge_point} was sent a new password, but its answer is not known")
    click.echo("the old password is valid until the charger has used the new one")
    if rotated.trouble:
        click.echo(f"the new one is in the database only: {rotated.trouble}; see: shocpp check")
    _print_login(settings, charge_point, password)
    _print_unlisted(settings)


def _read_password() -> str:
    """Read a password: typed twice at a terminal, one line from a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("password", hide_input=True, confirmation_prompt=True, err=True))


def _print_login(settings: Settings, charge_point: str, password: str) -> None:
    """Print the settings to enter in the charger: address, user name and password."""
    from shocpp.configuration.charge_points import load_allowlist_or_none
    from shocpp.interfaces.server.addresses import charger_address
    from shocpp.ocpp.passwords import authorization_key

    click.echo("enter in the charger:")
    entry = load_allowlist_or_none(settings.charge_points_file).entry(charge_point)
    user = entry.username if entry and entry.username else charge_point
    if charge_point != WILDCARD:
        click.echo(f"  address    {charger_address(settings)}{quote(charge_point, safe='')}")
        click.echo(f"  user name  {user}")
    else:
        click.echo("  user name  its own name, as at the end of its address")
    click.echo(f"  password   {password}")
    click.echo(f"  in hex     {authorization_key(password.encode())}   (if it needs 40 digits)")
    click.echo("the password is not shown again; only its hash is stored")


def _print_unlisted(settings: Settings) -> None:
    """Print known chargers that the allowlist now keeps out, perhaps by mistake."""
    from shocpp.admission import enrolment

    if not settings.database.exists():
        return
    with open_database(settings.database) as db:
        unlisted = enrolment.unlisted_chargers(db, settings.charge_points_file)
    for name in unlisted[:MAX_LISTED]:
        add = f"shocpp charge-points add {_quoted(name)}"
        click.echo(
            one_line(f"{name} is known but not listed, so it may not connect; admit it: {add}")
        )
    if len(unlisted) > MAX_LISTED:
        click.echo(f"… and {len(unlisted) - MAX_LISTED} more: shocpp charge-points")
