"""The command that lists chargers and lets them in (a door)."""

import json
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors, user_name
from shocpp.interfaces.cli.listings import print_view
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, is_loopback, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.configuration.charge_points import Allowlist

MOST_SHOWN = 20
OTHERS = "*"

NAME_IT = "put a name behind the last slash of the address in the charger"

ROTATE_WITHIN_S = 40.0
"""A charger that has just connected takes no commands for half a minute."""


@click.group("charge-points", context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@click.option("--refused", is_flag=True, help="List who was not let in, and nothing else.")
@click.pass_context
@one_line_errors
def charge_points(context: click.Context, as_json: bool, refused: bool) -> None:
    """List the chargers that have been here, whether they are connected, and who was not let in.

    `add` lets a charger in: it writes conf/charge_points.json.

    \b
    Example: shocpp charge-points
    """
    if context.invoked_subcommand is not None:
        return
    if refused and as_json:
        click.echo(json.dumps(_refused(), ensure_ascii=False, indent=2))
        return
    if not refused:
        print_view("charge_points", as_json)
    if not as_json:
        _print_refused(_refused() if refused else _refused()[:MOST_SHOWN], quiet=not refused)


def _refused() -> list[dict[str, Any]]:
    """The attempts that failed, the newest first, each with what would let it in."""
    from shocpp.store.views import rows_of

    settings = read_settings()
    with open_database(settings.database) as db:
        rows = rows_of(db, "refused_attempts")
        heard = {row["id"]: row["last_heard"] or "" for row in rows_of(db, "charge_points")}
    rows.sort(key=lambda row: row["last_at"], reverse=True)
    allowlist = _readable_allowlist(settings)
    return [
        {**row, "remedy": _remedy_now(row, heard.get(row["id"], ""), allowlist)} for row in rows
    ]


def _readable_allowlist(settings: Settings) -> "Allowlist | None":
    from shocpp.configuration.charge_points import load_allowlist_or_none

    try:
        return load_allowlist_or_none(settings.charge_points_file)
    except ConfigError:  # told by shocpp check
        return None


def _remedy_now(row: Mapping[str, Any], heard: str, allowlist: "Allowlist | None") -> str:
    """What is still to be done for a charger that was refused."""
    reason = row["reason"]
    if heard > row["last_at"] and reason != "name taken":  # by whoever has the name
        return "one with its name has been let in since"
    if reason == "not listed" and allowlist is not None and allowlist.entry(row["id"]) is not None:
        return "it is listed now, and has not come back yet"
    return remedy(row)


def _print_refused(rows: list[dict[str, Any]], *, quiet: bool) -> None:
    if not rows:
        if not quiet:
            click.echo("none")
        return
    click.echo("not let in, the newest first:")
    for row in rows:
        what = f"{row['reason']} {row['told']!r}" if row["told"] else row["reason"]
        often = f", {row['attempts']} times" if row["attempts"] > 1 else ""
        name = shlex.quote(row["id"]) if row["id"] else "without a name"
        line = f"{row['last_at']}  {name} from {row['address']}: {what}{often}; {row['remedy']}"
        click.echo(f"  {one_line(line)}")


def remedy(row: Mapping[str, Any]) -> str:
    """What lets a charger in that was refused, mostly a command."""
    name, told = _quoted(row["id"]), shlex.quote(row["told"])
    add = "shocpp charge-points add"
    return {
        "no password": f"type its password in; a new one: {add} --replace {name}; if it cannot "
        f"show any: {add} --no-password {name}",
        "wrong password": f"type its password in; a new one: {add} --replace {name}"
        if row["id"]
        else NAME_IT,
        "wrong user name": f"if that is what it shows: {add} --username={told} {name}",
        "not listed": f"let it in: {add} {name}",
        "no name": NAME_IT,
        "foreign subprotocol": "set it to OCPP 1.6 JSON (and see SHOCPP_STRICT_SUBPROTOCOL)",
        "Origin": f"if it is no web page: {add} --origin={told} {name}",
        "name taken": "a living connection has that name; a password tells who it is: "
        f"{add} --replace {name}",
    }.get(row["reason"], "")


def _quoted(name: str) -> str:
    """A name in a command that somebody may copy."""
    return f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)


@charge_points.command(context_settings=HELP)
@click.argument("charge_point", metavar="ID")
@click.option("--rotate", is_flag=True, help="Send it a new password by OCPP (AuthorizationKey).")
@click.option("--replace", is_flag=True, help="Make a new password; the old one is over at once.")
@click.option("--password", "own", is_flag=True, help="Ask for a password that it has already.")
@click.option("--no-password", "none", is_flag=True, help="It cannot show a password.")
@click.option("--username", metavar="NAME", help="It shows this user name, not its own name.")
@click.option("--origin", metavar="URL", help="It shows this Origin as web pages do.")
@one_line_errors
def add(
    charge_point: str,
    rotate: bool,
    replace: bool,
    own: bool,
    none: bool,
    username: str | None,
    origin: str | None,
) -> None:
    """Let the charger ID in: make its entry and its password, and print what to type into it.

    From the first entry on, chargers without one are not let in. ID "*" stands for all of them.
    --rotate keeps the old password until the charger has shown the new one.

    \b
    Example: shocpp charge-points add garage
    """
    from shocpp.admission import enrolment

    if rotate + replace + own + none > 1 or (rotate and (username or origin)):
        raise UsageError("choose one of --rotate, --replace, --password and --no-password")
    settings = read_settings()
    if rotate:
        _rotate(settings, charge_point)
        return
    path, password = settings.charge_points_file, None
    is_new = not enrolment.is_listed(path, charge_point)
    if not (is_new or replace or own or none or username or origin):
        raise UsageError(
            f"{charge_point} is listed already; a new password for it: --rotate (by OCPP) or "
            "--replace (typed in at the charger)"
        )
    change = enrolment.Change(asks_none=none, username=username, origin=origin)
    if own:
        change = change._replace(kept=enrolment.hash_of_user_chosen(_typed()))
    elif replace or (is_new and not none):
        password = enrolment.generated_password()
        change = change._replace(kept=enrolment.hash_of_generated(password))
    enrolment.enroll(path, charge_point, change)
    click.echo(f"{charge_point} is listed in {path}")
    if password is not None:
        _print_login(settings, charge_point, password)
    _print_others(settings)


def _rotate(settings: Settings, named: str) -> None:
    from shocpp.admission import enrolment
    from shocpp.calls.addressing import resolve_identity
    from shocpp.calls.placing import CallOptions

    with open_database(settings.database) as db:
        charge_point = resolve_identity(db, named)
    asked, password = (
        CallOptions(f"shocpp charge-points of {user_name()}", ROTATE_WITHIN_S),
        enrolment.generated_password(),
    )
    try:
        rotated = enrolment.rotate(settings, charge_point, password, asked)
    except KeyboardInterrupt:
        click.echo("interrupted: the charger may have taken it, and both passwords count")
        _print_login(settings, charge_point, password)
        raise
    if rotated.is_known:
        click.echo(f"{charge_point} has taken a new password: {rotated.status or 'Accepted'}")
        if rotated.status == "RebootRequired":
            reset = """Reset '{"type": "Soft"}'"""
            command = f"shocpp-command -c {shlex.quote(charge_point)} {reset}"
            click.echo(f"it wants a reset: {command}")
    else:
        click.echo(f"{charge_point} was sent a new password, and what became of it is not known")
    click.echo("the old one counts until the charger has shown the new one")
    _print_login(settings, charge_point, password)
    _print_others(settings)


def _typed() -> str:
    """A password as typed, twice; from a pipe one line of it."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("password", hide_input=True, confirmation_prompt=True, err=True))


def _print_login(settings: Settings, charge_point: str, password: str) -> None:
    """What is to be typed into the charger."""
    from shocpp.configuration.charge_points import load_allowlist
    from shocpp.ocpp.passwords import authorization_key

    click.echo("in the charger:")
    entry = load_allowlist(settings.charge_points_file).entry(charge_point)
    user = entry.username if entry and entry.username else charge_point
    if charge_point != OTHERS:
        click.echo(f"  address    {_address(settings)}{quote(charge_point, safe='')}")
        click.echo(f"  user name  {user}")
    else:
        click.echo("  user name  its own name, as at the end of its address")
    click.echo(f"  password   {password}")
    click.echo(f"  in hex     {authorization_key(password.encode())}   (where it wants 40 digits)")
    click.echo("this is shown once; only its hash is kept")


def _address(settings: Settings) -> str:
    """What stands before a charger's name; behind a proxy the proxy's, whose name is not known."""
    from shocpp.interfaces.server.start import reachable_host

    if settings.trusted_proxies and is_loopback(settings.address):
        return "wss://your-machine/ocpp/"
    return f"ws://{reachable_host(settings.address)}:{settings.port}/"


def _print_others(settings: Settings) -> None:
    """Whom the list keeps out, perhaps unawares."""
    from shocpp.admission import enrolment

    if not settings.database.exists():
        return
    with open_database(settings.database) as db:
        others = enrolment.not_listed(db, settings.charge_points_file)
    for name in others[:MOST_SHOWN]:
        line = f"{name} has been here and will not be let in again; let it in: shocpp charge-points"
        click.echo(one_line(f"{line} add {_quoted(name)}"))
