"""The command `canned`: list the canned calls of conf/canned.json, add and remove them.

A list never has a secret: it is printed once, when it is made, with the URL for a shortcut.
"""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from shocpp.configuration.canned_calls import DISPLAYS, CannedCall, all_canned_calls
from shocpp.errors import ConfigError, UsageError
from shocpp.interfaces.cli.configuration.accounts import bound_accounts, present_accounts
from shocpp.interfaces.cli.conventions import HELP, charger_option, one_line_errors
from shocpp.interfaces.cli.tables import Column, print_table
from shocpp.interfaces.lines import one_line
from shocpp.ledger.accounts import NO_ACCOUNTS
from shocpp.settings import Settings, read_settings

if TYPE_CHECKING:
    from shocpp.ledger.accounts import Accounts

_COLUMNS = (
    *(Column("NAME", 8), Column("DOES", 20, wraps=True), Column("CHARGER", 8)),
    Column("SECRET"),
)


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of a table.")
@click.pass_context
@one_line_errors
def canned(context: click.Context, as_json: bool) -> None:
    """List the canned calls of conf/canned.json with what they do; `add` and `remove` change them.

    \b
    Example: shocpp canned
    Example: shocpp canned add start-family --start family-y --wait
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    calls = all_canned_calls(settings.canned_file)
    accounts = NO_ACCOUNTS
    # `shocpp check` reports a broken tags.json; the list is still useful.
    with suppress(ConfigError):
        accounts = present_accounts(settings)
    rows = [_row(name, call, accounts) for name, call in calls.items()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("none; add the first one: shocpp canned add NAME --start ACCOUNT --wait")
    else:
        print_table(_COLUMNS, [_cells(row) for row in rows])


def _row(name: str, call: CannedCall | ConfigError, accounts: "Accounts") -> dict[str, Any]:
    from shocpp.calls.canned_texts import effect_text

    if isinstance(call, ConfigError):
        error = {"does": "", "charge_point": None, "secret": False, "error": str(call)}
        return {"name": name, **error}
    return {
        "name": name,
        "does": effect_text(call, accounts, "en"),
        "charge_point": call.charge_point or call.payload.get("charge_point"),
        "secret": call.secret is not None,
        "error": None,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    effect = f"WRONG: {row['error']}" if row["error"] else row["does"]
    return [row["name"], effect, row["charge_point"] or "", "yes" if row["secret"] else ""]


@canned.command(context_settings=HELP)
@click.argument("name")
@click.option("--start", metavar="ACCOUNT", help="Start with the first valid card of ACCOUNT.")
@click.option("--card", metavar="ID", help="Start with the card ID.")
@click.option("--stop", metavar="ACCOUNT", help="Stop the transaction of ACCOUNT.")
@click.option("--limit", metavar="CURRENT", help="Limit a charger: 6A to 80A, 0A (pause) or off.")
@click.option("--mode", metavar="MODE", help="Charge by fast, min, solar, off or default.")
@click.option("--until", metavar="HH:MM", help="The time at which --limit or --mode ends.")
@click.option("--kwh", type=float, metavar="KWH", help="The energy for the car, with --mode.")
@click.option("--by", "ready_by", metavar="HH:MM", help="When the car is to have it.")
@click.option("--show", type=click.Choice(DISPLAYS), help="Tell something, and send nothing.")
@click.option("--account", metavar="NAME", help="The account of --show energy.")
@charger_option
@click.option("--wait", is_flag=True, help="Answer when the car charges, or what is missing.")
@click.option("--secret", "is_secret", is_flag=True, help="Make a secret, and print the URL.")
@one_line_errors
def add(
    name: str,
    start: str | None,
    card: str | None,
    stop: str | None,
    limit: str | None,
    mode: str | None,
    until: str | None,
    kwh: float | None,
    ready_by: str | None,
    show: str | None,
    account: str | None,
    charge_point: str | None,
    wait: bool,
    is_secret: bool,
) -> None:
    """Add a canned call NAME, for a Siri shortcut or a button of one's own.

    Whoever has the URL with the secret may use this call, and no other.

    \b
    Example: shocpp canned add start-family --start family-y --wait --secret
    Example: shocpp canned add stop-family --stop family-y
    Example: shocpp canned add slow -c garage --limit 10A --until 06:00
    Example: shocpp canned add sun -c garage --mode solar
    Example: shocpp canned add family-this-month --show energy --account family-y
    """
    from shocpp.admission.people.secret_texts import new_secret
    from shocpp.calls.canned_texts import effect_text
    from shocpp.configuration.editing.canned_calls import (
        add_canned_call,
        limit_entry,
        mode_entry,
        show_entry,
        start_entry,
        stop_entry,
    )

    if sum(choice is not None for choice in (start, card, stop, limit, mode, show)) != 1:
        raise UsageError("choose one of --start, --card, --stop, --limit, --mode and --show")
    _require_meaning(
        (until is not None and limit is None and mode is None, "--until is for --limit and --mode"),
        ((kwh is not None or ready_by is not None) and mode is None, "--kwh and --by need --mode"),
        (wait and start is None and card is None, "--wait is for --start and --card"),
        (
            (account is not None) != (show == "energy"),
            "--show energy needs --account, and nothing else does",
        ),
    )
    settings = read_settings()
    accounts = present_accounts(settings)
    charger = None if charge_point is None else _identity(settings, charge_point)
    for named in (stop, account):
        if named is not None:
            _require_account(settings, named)
    if show is not None:
        entry = show_entry(show, account, charger)
    elif limit is not None:
        entry = limit_entry(limit, until, charger)
    elif mode is not None:
        goal = {"kwh": None if kwh is None else _plain(kwh), "by": ready_by}
        entry = mode_entry({"mode": mode, "until": until, **goal}, charger)
    elif stop is not None:
        entry = stop_entry(stop, charger)
    else:
        entry = start_entry(_card(accounts, start, card, charger), charger, waits=wait)
    secret = new_secret() if is_secret else None
    call = add_canned_call(settings.canned_file, name, entry, secret)
    click.echo(one_line(f"{call.name} {effect_text(call, accounts, 'en')}"))
    if secret is not None:
        _print_url(settings, call.name, secret)


def _require_meaning(*rules: tuple[bool, str]) -> None:
    """Raise UsageError with the sentence of the first rule that is broken."""
    for is_wrong, sentence in rules:
        if is_wrong:
            raise UsageError(sentence)


def _plain(number: float) -> int | float:
    """Return a number as people write it: 20 instead of 20.0."""
    return int(number) if number.is_integer() else number


def _identity(settings: Settings, charge_point: str) -> str:
    """Return the identity of a charger that has been here, or that may connect.

    Raises UsageError for any other name.
    """
    from shocpp.admission.enrolment import is_listed
    from shocpp.calls.addressing import no_such_charger, resolve_identity
    from shocpp.store.database import open_database

    if is_listed(settings.charge_points_file, charge_point):
        return charge_point
    if not settings.database.exists():
        raise no_such_charger(charge_point)
    with open_database(settings.database) as db:
        return resolve_identity(db, charge_point)


def _require_account(settings: Settings, name: str) -> None:
    """Raise EditRefused unless tags.json or the books have an account."""
    from shocpp.configuration.editing.file_edit import EditRefused
    from shocpp.configuration.tags import owners

    if name not in owners(settings.tags_file, bound_accounts(settings)):
        raise EditRefused("no_account", file=settings.tags_file.name, account=name)


def _card(accounts: "Accounts", account: str | None, card: str | None, charger: str | None) -> str:
    """Return the card of a start: this one, or the first valid one of the account."""
    from shocpp.clock import now_ms
    from shocpp.configuration.editing.canned_calls import first_valid_card, valid_card

    if account is not None:
        return first_valid_card(accounts, account, now_ms(), charger)
    return valid_card(accounts, card or "", now_ms(), charger)


def _print_url(settings: Settings, name: str, secret: str) -> None:
    """Print the URL of a canned call with its secret, and the reasons why it may not open."""
    from shocpp.interfaces.server.invitation_link import page_address, shortcoming

    pages = page_address(settings)
    query = urlencode({"canned": name, "secret": secret}, quote_via=quote)
    click.echo("enter in the shortcut, at Get Contents of URL:")
    click.echo(f"  {pages}/cgi-bin/caller?{query}")
    click.echo(f"the secret is not shown again; it stands in {settings.canned_file}")
    trouble = shortcoming(pages)
    if trouble is not None:
        click.echo(trouble, err=True)
    if settings.trusted_proxies:
        click.echo(
            "the shipped nginx wants a password or a token as well: shocpp invite --token", err=True
        )


@canned.command(context_settings=HELP)
@click.argument("name")
@one_line_errors
def remove(name: str) -> None:
    """Remove the canned call NAME.

    \b
    Example: shocpp canned remove start-family
    """
    from shocpp.configuration.editing.canned_calls import remove_canned_call

    remove_canned_call(read_settings().canned_file, name)
    click.echo(one_line(f"{name} is removed"))
