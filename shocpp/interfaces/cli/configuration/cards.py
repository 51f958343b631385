"""The commands `cards` and `tags`: list the cards of conf/tags.json, add and change them."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shocpp.errors import Unreachable
from shocpp.interfaces.cli.configuration.accounts import (
    bound_accounts,
    database_or_none,
    present_accounts,
)
from shocpp.interfaces.cli.conventions import (
    HELP,
    charger_option,
    day_option,
    one_line_errors,
    timeout_option,
    user_name,
)
from shocpp.interfaces.cli.decisions.review import print_entries
from shocpp.interfaces.cli.tables import Column, print_table
from shocpp.interfaces.lines import one_line
from shocpp.language.dates import local_datetime
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.configuration.editing.accounts import NewCard
    from shocpp.ledger.accounts import Account, IdTag

_COLUMNS = (
    *(Column("ACCOUNT", 8), Column("CARD", 8), Column("NAME", 8), Column("STATE")),
    Column("LAST DAY"),
)


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of a table.")
@click.pass_context
@one_line_errors
def cards(context: click.Context, as_json: bool) -> None:
    """List the cards of all accounts.

    `learn`, `add`, `import`, `name`, `block`, `expire` and `remove` change them.

    \b
    Example: shocpp cards
    Example: shocpp cards add family-y 04A2B3C4D5E6F7 --name Golf
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    listed = present_accounts(settings)
    rows = [
        _row(settings, listed.by_index[index], card)
        for index in sorted(listed.by_index)
        for card in listed.by_index[index].cards
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("none; hold the first one to a charger: shocpp cards learn --account NAME")
    else:
        print_table(_COLUMNS, [list(row.values()) for row in rows])


def _row(settings: Settings, account: "Account", card: "IdTag") -> dict[str, str]:
    from shocpp.clock import now_ms

    blocked, expired = card.key in account.blocked, account.has_expired(card.key, now_ms())
    end_ms = account.expiry_ms(card.key)
    return {
        "account": account.name,
        "id": card.text,
        "name": dict(account.card_names).get(card.key, ""),
        "state": "blocked" if blocked else "expired" if expired else "",
        # A day ends at its last millisecond.
        "expires": ""
        if end_ms is None
        else local_datetime(end_ms - 1, settings.zone).date().isoformat(),
    }


@cards.command(context_settings=HELP)
@click.argument("account", metavar="ACCOUNT")
@click.argument("card", metavar="ID")
@click.option("--name", metavar="TEXT", help="Its name on statements and on the page.")
@day_option("--expires", "expires", "The last day on which it may charge.")
@one_line_errors
def add(account: str, card: str, name: str | None, expires: date | None) -> None:
    """Add the card ID to ACCOUNT.

    The ID is what the charger reads: `learn` finds it out, and assigns what the card has charged.

    \b
    Example: shocpp cards add family-y 04A2B3C4D5E6F7 --name Golf
    """
    from shocpp.configuration.editing.accounts import NewCard, add_card

    settings = read_settings()
    new = NewCard(account, card, name, None if expires is None else expires.isoformat())
    add_card(settings.tags_file, bound_accounts(settings), new)
    click.echo(one_line(f"{card} is {account}'s card now"))


@cards.command(context_settings=HELP)
@click.argument("card", metavar="ID")
@click.option("--off", "is_off", is_flag=True, help="Let it charge again.")
@one_line_errors
def block(card: str, is_off: bool) -> None:
    """Block the card ID, such as a lost one.

    \b
    Example: shocpp cards block 04A2B3C4D5E6F7
    """
    account = _change(card, lambda new: new._replace(is_blocked=not is_off))
    click.echo(one_line(f"{card} of {account} is {'let in' if is_off else 'blocked'}"))


@cards.command(context_settings=HELP)
@click.argument("card", metavar="ID")
@day_option("--on", "last_day", "The last day on which it may charge; without it, no last day.")
@one_line_errors
def expire(card: str, last_day: date | None) -> None:
    """Set the last day of the card ID.

    \b
    Example: shocpp cards expire 04A2B3C4D5E6F7 --on 2026-12-31
    """
    day = "" if last_day is None else last_day.isoformat()
    account = _change(card, lambda new: new._replace(expires=day))
    click.echo(one_line(f"{card} of {account} {f'expires after {day}' if day else 'is valid'}"))


@cards.command(context_settings=HELP)
@click.argument("card", metavar="ID")
@click.argument("text", metavar="NAME")
@one_line_errors
def name(card: str, text: str) -> None:
    """Name the card ID, as statements and the page show it; an empty NAME removes it.

    \b
    Example: shocpp cards name 04A2B3C4D5E6F7 Golf
    """
    account = _change(card, lambda new: new._replace(name=text))
    click.echo(one_line(f"{card} of {account} is {text or 'nameless'} now"))


def _change(card: str, change: Callable[["NewCard"], "NewCard"]) -> str:
    """Change a card, and return the name of its account."""
    from shocpp.configuration.editing.accounts import NewCard, account_of_card, set_card

    settings = read_settings()
    bound = bound_accounts(settings)
    account = account_of_card(settings.tags_file, bound, card)
    set_card(settings.tags_file, bound, change(NewCard(account, card)))
    return account


@cards.command(context_settings=HELP)
@click.argument("card", metavar="ID")
@one_line_errors
def remove(card: str) -> None:
    """Remove the card ID, such as a mistyped one; a card that has charged stays: block it.

    \b
    Example: shocpp cards remove 04A2B3C4D5E6F7
    """
    from shocpp.bookkeeping.configuration.accounts import remove_card
    from shocpp.configuration.editing.accounts import account_of_card

    settings = read_settings()
    account = account_of_card(settings.tags_file, bound_accounts(settings), card)
    with database_or_none(settings) as db:
        remove_card(db, settings, account, card)
    click.echo(one_line(f"{card} of {account} is removed from {settings.tags_file}"))


@cards.command("import", context_settings=HELP)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@one_line_errors
def import_(file: Path) -> None:
    """Add the cards of a CSV FILE: the columns account and id, and if you like name and expires.

    Also a file that a spreadsheet has written. It is imported as a whole, or refused with the row
    and the reason.

    \b
    Example: shocpp cards import cards.csv
    """
    from shocpp.configuration.editing.accounts import put_cards
    from shocpp.configuration.editing.card_lists import parse_card_list

    settings = read_settings()
    listed = present_accounts(settings)
    new = parse_card_list(file.read_bytes(), file.name, listed.names())
    put_cards(settings.tags_file, bound_accounts(settings), new)
    click.echo(f"{len(new)} cards are in {settings.tags_file}")


@click.group(context_settings=HELP)
def tags() -> None:
    """Assign new cards to accounts; the former name of `shocpp cards learn`.

    \b
    Example: shocpp tags learn --account family-y -c garage
    """


@cards.command(context_settings=HELP)
@click.option("--account", required=True, metavar="NAME", help="The account of the card.")
@charger_option
@timeout_option(60.0, "The time to wait for the card.")
@one_line_errors
def learn(account: str, charge_point: str | None, timeout: float) -> None:
    """Wait for the next unknown card at a charger, and add it to tags.json.

    Energy that the card charged while it was unknown is assigned to the account, too.

    \b
    Example: shocpp cards learn --account family-y -c garage
    """
    from shocpp.bookkeeping.card_learning import learn_card, require_account, unknown_cards
    from shocpp.calls.addressing import SEE, only_connected, resolve_identity
    from shocpp.store.charge_points.connections import connected

    settings = read_settings()
    with open_database(settings.database) as db:
        name = resolve_identity(db, charge_point) if charge_point else only_connected(db)
        if name not in connected(db):
            raise Unreachable(f"{name} is not connected; {SEE}")
        # Before the wait, so that nobody holds a card to the charger for a misspelled account.
        require_account(db, settings, account)
        cards = unknown_cards(db, settings, name, timeout)
        click.echo(f"hold the new card to {name} now ({timeout:g} s)", err=True)
        for card in cards:
            if card.account is None:
                break
            click.echo(one_line(f"{card.id_tag} already belongs to {card.account}"), err=True)
        learned = learn_card(db, settings, card.id_tag, account, user_name())
    click.echo(one_line(f"{card.id_tag} is {account}'s card now"))
    print_entries(learned.made)
    if learned.open_transactions:
        click.echo(f"its open transaction will be booked to {account} when it stops")


tags.add_command(learn)
