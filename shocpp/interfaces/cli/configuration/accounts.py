"""The command `accounts`: list the accounts of conf/tags.json, add and change them."""

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from shocpp.energy.model import MODES
from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.cli.tables import Column, print_table
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.ledger.accounts import Account, Accounts

LANGUAGE = click.Choice(("de", "en", ""))
MODE = click.Choice((*MODES, ""))

_COLUMNS = (
    *(Column("INDEX", is_figure=True), Column("ACCOUNT", 8), Column("CARDS", is_figure=True)),
    *(Column("STATE"), Column("RECIPIENT", 8), Column("REFERENCE", 6), Column("LANG")),
    *(Column("MAIL", 10), Column("CHARGERS", 8), Column("EMPLOYER", 6), Column("MODE")),
)


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of a table.")
@click.pass_context
@one_line_errors
def accounts(context: click.Context, as_json: bool) -> None:
    """List the accounts of conf/tags.json; `add`, `set` and `rename` change them.

    \b
    Example: shocpp accounts
    Example: shocpp accounts add guests
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    mail = mail_addresses(settings)
    listed = present_accounts(settings)
    rows = [_row(listed.by_index[index], mail) for index in sorted(listed.by_index)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("none; add the first one: shocpp accounts add NAME")
    else:
        print_table(_COLUMNS, [[_cell(value) for value in row.values()] for row in rows])


def _row(account: "Account", mail: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    recipient = account.recipient
    one_by_one = account.blocked and len(account.blocked) == len(account.cards)
    return {
        "index": account.account_index,
        "account": account.name,
        "cards": len(account.cards),
        "state": "blocked" if account.is_blocked or one_by_one else "",
        "name": recipient.name,
        "reference": recipient.reference,
        "lang": recipient.language,
        "mail": list(mail.get(account.name, ())),
        "charge_points": None if account.charge_points is None else list(account.charge_points),
        "employer": recipient.employer,
        "mode": account.mode,
    }


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "" if value is None else str(value)


@accounts.command(context_settings=HELP)
@click.argument("name")
@one_line_errors
def add(name: str) -> None:
    """Add the account NAME, without cards.

    \b
    Example: shocpp accounts add guests
    """
    from shocpp.bookkeeping.configuration.accounts import add_account

    settings = read_settings()
    with database_or_none(settings) as db:
        add_account(db, settings, name)
    click.echo(one_line(f"{name} is an account now; add its cards: shocpp cards learn, or add"))


@accounts.command(context_settings=HELP)
@click.argument("account", metavar="ACCOUNT")
@one_line_errors
def remove(account: str) -> None:
    """Remove ACCOUNT with its cards, such as one of the examples; one in the books stays.

    Its mail addresses go, too, and the devices of its drivers are revoked.

    \b
    Example: shocpp accounts remove company-z
    """
    from shocpp.bookkeeping.configuration.accounts import remove_account

    settings = read_settings()
    with database_or_none(settings) as db:
        remove_account(db, settings, account)
    click.echo(one_line(f"{account} is removed from {settings.tags_file}"))


@accounts.command(context_settings=HELP)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@one_line_errors
def rename(old: str, new: str) -> None:
    """Give the account OLD the name NEW; its index and all that it has charged stay.

    The files of conf/, drivers and open months follow. Closed months keep the name that they were
    closed with. Nobody else can get the former name. If the command is interrupted, run it again.

    \b
    Example: shocpp accounts rename company-x company-y
    """
    from shocpp.bookkeeping.configuration.renaming import rename_account

    settings = read_settings()
    with database_or_none(settings) as db:
        rename_account(db, settings, old, new)
    click.echo(one_line(f"{old} is {new} now; closed months keep the name of their closing"))


@accounts.command("set", context_settings=HELP)
@click.argument("account", metavar="ACCOUNT")
@click.option("--name", metavar="TEXT", help="The recipient of its statements.")
@click.option(
    "--address", metavar="LINE", multiple=True, help="A line of the address; repeat it for more."
)
@click.option("--reference", metavar="TEXT", help="A flat, a plate, a cost centre.")
@click.option("--employer", metavar="TEXT", help="The employer that reimburses an employee.")
@click.option("--mail", metavar="ADDRESS", multiple=True, help="For its statement, by mail.")
@click.option("--lang", type=LANGUAGE, help="The language of its statements.")
@click.option(
    "--charge-points", metavar="IDS", help='The chargers it may use, such as p1,p2; "*" for all.'
)
@click.option("--mode", type=MODE, help="How its cars charge if nobody has chosen it.")
@one_line_errors
def set_(
    account: str,
    name: str | None,
    address: tuple[str, ...],
    reference: str | None,
    employer: str | None,
    mail: tuple[str, ...],
    lang: str | None,
    charge_points: str | None,
    mode: str | None,
) -> None:
    """Change what conf/tags.json says of ACCOUNT; an empty value removes it.

    The address of --mail stands in conf/operator.json.

    \b
    Example: shocpp accounts set family-y --reference "Flat 3" --mail y@example.org
    """
    from shocpp.configuration.editing.accounts import set_account
    from shocpp.configuration.editing.operator import set_mail_of_account

    recipient = {"name": name, "reference": reference, "employer": employer, "lang": lang}
    texts = recipient | {"mode": mode}
    values: dict[str, Any] = {key: text or None for key, text in texts.items() if text is not None}
    if address:
        values["address"] = [line for line in address if line] or None
    if charge_points is not None:
        values["charge_points"] = _chargers(charge_points)
    if not values and not mail:
        raise UsageError("name something to change; see: shocpp accounts set --help")
    settings = read_settings()
    # Before the first of two files is written.
    _require_mail(mail)
    _require_chargers(settings, account, values.get("charge_points") or ())
    if mail:
        mail_addresses(settings)
    set_account(settings.tags_file, bound_accounts(settings), account, values)
    if mail:
        set_mail_of_account(settings.operator_file, account, [text for text in mail if text])
    click.echo(one_line(f"{account} is changed"))


def _chargers(text: str) -> list[str] | None:
    """Return the chargers of a list with commas, None for all."""
    if text.strip() == "*":
        return None
    return [name for part in text.split(",") if (name := part.strip())]


def _require_mail(addresses: Iterable[str]) -> None:
    """Raise UsageError for a text that is no mail address; an empty one removes them."""
    from shocpp.configuration.operator import is_mail_address

    for address in addresses:
        if address and not is_mail_address(address):
            raise UsageError(
                f"{address!r} is no mail address; write it as kasse@example.org, without a name"
            )


def _require_chargers(settings: Settings, account: str, names: Iterable[str]) -> None:
    """Raise UsageError for a charger that is not known; those of the account may stay."""
    from shocpp.admission.listing import usable_names
    from shocpp.configuration.charge_points import load_allowlist_or_none
    from shocpp.ocpp.identity import identity_key

    if not names:
        return
    present = present_accounts(settings).named(account)
    own = present.charge_points if present is not None else None
    with database_or_none(settings) as db:
        known = usable_names(db, load_allowlist_or_none(settings.charge_points_file), own or ())
    for name in names:
        if identity_key(name) not in known:
            text = ", ".join(sorted(known.values())) or "none"
            raise UsageError(
                f"no charger {name!r} is known: {text}; admit it first: shocpp charge-points add"
            )


@accounts.command(context_settings=HELP)
@click.argument("account", metavar="ACCOUNT")
@click.option("--off", "is_off", is_flag=True, help="Let its cards charge again.")
@one_line_errors
def block(account: str, is_off: bool) -> None:
    """Block all cards of ACCOUNT, also those that it gets later.

    --off lets them in, but for cards that are blocked one by one, such as lost ones.

    \b
    Example: shocpp accounts block company-x
    """
    from shocpp.configuration.editing.accounts import block_account

    settings = read_settings()
    block_account(settings.tags_file, bound_accounts(settings), account, is_blocked=not is_off)
    click.echo(one_line(f"the cards of {account} are {'let in' if is_off else 'blocked'}"))


def database_or_none(settings: Settings) -> AbstractContextManager[Database | None]:
    """Return the database; None if it is not made yet."""
    return open_database(settings.database) if settings.database.exists() else nullcontext()


def bound_accounts(settings: Settings) -> dict[int, str]:
    """Return the account names by index that the database has; none without a database."""
    from shocpp.store.books import transactions

    if not settings.database.exists():
        return {}
    with open_database(settings.database) as db:
        return transactions.account_names(db)


def present_accounts(settings: Settings) -> "Accounts":
    """Return the accounts of tags.json, none without the file; raises ConfigError."""
    from shocpp.configuration.tags import load_accounts
    from shocpp.ledger.accounts import NO_ACCOUNTS

    try:
        return load_accounts(settings.tags_file, bound_accounts(settings), settings.zone)
    except FileNotFoundError:
        return NO_ACCOUNTS


def mail_addresses(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses for the statement of each account; raises ConfigError."""
    from shocpp.configuration.operator import load_operator

    return load_operator(settings.operator_file).mail.to
