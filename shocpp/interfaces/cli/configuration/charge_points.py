"""The command `charge-points`: list chargers, describe and remove them."""

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.cli.configuration.accounts import MODE, database_or_none
from shocpp.interfaces.cli.configuration.admitting import add, quoted_name
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.cli.listings import Rows, View, print_view
from shocpp.interfaces.cli.tables import Column, Display, reads_terminal
from shocpp.interfaces.lines import one_line
from shocpp.language.dates import local_time
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.configuration.charge_points import Allowlist

MAX_LISTED = 20
"""The longest list of refused chargers below another output."""


@click.group("charge-points", context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@click.option("--refused", is_flag=True, help="Only the refused chargers.")
@click.option("--all", "is_whole", is_flag=True, help="All refused chargers, not only the newest.")
@click.pass_context
@one_line_errors
def charge_points(context: click.Context, as_json: bool, refused: bool, is_whole: bool) -> None:
    """List all known chargers with their state, and the refused ones.

    `add` admits a charger: it writes conf/charge_points.json. `set` and `remove` change that.

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
        *(_state(row), display.moment(row["last_heard"])),
        *(model, row["firmware"] or "", row["serial"] or ""),
    ]


def _state(row: dict[str, Any]) -> str:
    if row["last_heard"] is None:
        return "never here"
    return "connected" if row["connected"] else "away"


def _never_here(db: Database, rows: Rows) -> Rows:
    """Return rows for the admitted chargers that have never connected."""
    from shocpp.ocpp.identity import identity_key
    from shocpp.store.listings.views import columns_of

    allowlist = _readable_allowlist(read_settings())
    known = {identity_key(row["id"]) for row in rows}
    empty: dict[str, Any] = dict.fromkeys(columns_of(db, _CHARGE_POINTS.name))
    return [
        {**empty, "id": entry.charge_point_id, "connected": 0}
        for key, entry in (allowlist.entries if allowlist else {}).items()
        if key not in known
    ]


_CHARGE_POINTS = View(
    "charge_points",
    (
        *(Column("ID"), Column("NAME", 8), Column("STATE"), Column("LAST SEEN")),
        *(Column("MODEL", 8), Column("FIRMWARE", 6), Column("SERIAL", 8)),
    ),
    _cells,
    _never_here,
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

    name, presented = quoted_name(row["id"]), shlex.quote(row["told"])
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
@click.option("--mode", type=MODE, help="How cars charge there if nobody has chosen it.")
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


@charge_points.command(context_settings=HELP)
@click.argument("charge_point", metavar="ID")
@one_line_errors
def remove(charge_point: str) -> None:
    """Remove the charger ID from the list; what it has charged stays in the books.

    One that is connected, or has an open transaction, stays. ID "*" is the entry for all chargers
    without one of their own.

    \b
    Example: shocpp charge-points remove garage
    """
    from shocpp.admission.removal import remove_charger
    from shocpp.configuration.charge_points import load_allowlist_or_none

    settings = read_settings()
    path = settings.charge_points_file
    with database_or_none(settings) as db:
        remove_charger(db, path, charge_point)
    click.echo(one_line(f"{charge_point} is removed from {path}"))
    if load_allowlist_or_none(path).others is not None:
        click.echo('it may still connect by the entry "*", as any other charger')


charge_points.add_command(add)
