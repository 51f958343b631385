"""The commands about cards: `tags learn`."""

import click

from shocpp.errors import Unreachable
from shocpp.interfaces.cli.conventions import (
    HELP,
    charger_option,
    one_line_errors,
    timeout_option,
    user_name,
)
from shocpp.interfaces.cli.decisions.review import print_entries
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@click.group(context_settings=HELP)
def tags() -> None:
    """Assign new cards to accounts.

    \b
    Example: shocpp tags learn --account family-y -c garage
    """


@tags.command(context_settings=HELP)
@click.option("--account", required=True, metavar="NAME", help="The account of the card.")
@charger_option
@timeout_option(60.0, "The time to wait for the card.")
@one_line_errors
def learn(account: str, charge_point: str | None, timeout: float) -> None:
    """Wait for the next unknown card at a charger, and add it to tags.json.

    Energy that the card charged while it was unknown is assigned to the account, too.

    \b
    Example: shocpp tags learn --account family-y -c garage
    """
    from shocpp.bookkeeping.card_learning import learn_card, require_account, unknown_cards
    from shocpp.bookkeeping.review import Decider
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
        learned = learn_card(
            db, settings, card.id_tag, account, Decider(user_name(), "card learned")
        )
    click.echo(one_line(f"{card.id_tag} is {account}'s card now"))
    print_entries(learned.made)
    if learned.open_transactions:
        click.echo(f"its open transaction will be booked to {account} when it stops")
