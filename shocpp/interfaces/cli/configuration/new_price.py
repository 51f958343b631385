"""The commands `tariffs add` and `remove`: show the prices with a change, ask, and write them.

They take the digest of the prices before they show them. So nobody consents to one list of prices
and gets another, because somebody else has added a price meanwhile.
"""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.configuration.accounts import database_or_none, present_accounts
from shocpp.interfaces.cli.configuration.price_lines import price_lines
from shocpp.interfaces.cli.conventions import HELP, day_option, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.configuration.editing.tariffs import NewWindow, PriceScope
    from shocpp.ledger.prices.tariffs import Tariffs

_WINDOW = re.compile(r"(?:(?P<name>.*\S)\s+)?(?P<begin>\S+)-(?P<end>\S+)=(?P<ct>\S+)")


@click.command(context_settings=HELP)
@click.argument("account", metavar="ACCOUNT")
@day_option("--from", "valid_from", "The first day of the price.", required=True)
@click.option("--ct", metavar="PRICE", help="The price in cents per kWh, such as 31.27 or 31,27.")
@click.option("--flat", is_flag=True, help="The flat price of each year (Strompreispauschale).")
@click.option(
    "--window",
    "windows",
    metavar="[NAME ]HOURS=PRICE",
    multiple=True,
    help="Hours with another price, such as 22:00-06:00=24; repeat it for more.",
)
@click.option(
    "--solar", metavar="PRICE", default="", help="The price of solar energy in cents per kWh."
)
@click.option("--base-fee", metavar="EUR", default="", help="The base fee of a month.")
@click.option("--vat", metavar="PERCENT", default="", help="The VAT of price and base fee.")
@click.option(
    "--vat-included/--vat-excluded", default=None, help="VAT is part of the price, or is added."
)
@click.option("--yes", "is_consented", is_flag=True, help="Save the price without a question.")
@one_line_errors
def add(
    account: str,
    valid_from: date,
    ct: str | None,
    flat: bool,
    windows: tuple[str, ...],
    solar: str,
    base_fee: str,
    vat: str,
    vat_included: bool | None,
    is_consented: bool,
) -> None:
    """Add a price of ACCOUNT, or of "*" for all accounts without a price of their own.

    It first prints all prices of the account with the new one, and asks. The price before it ends
    on the day before. Records that have a price keep it, and closed months never change. With
    --solar, solar energy has that price at every hour, and the other prices are those of the grid.

    Exit code 0: the price is saved; 1: you have answered no; 2: it is refused, or nobody can
    answer.

    \b
    Example: shocpp tariffs add family-y --from 2027-01-01 --ct 31.27 --vat 19 --vat-included
    Example: shocpp tariffs add "*" --from 2027-01-01 --ct 33 --window 22:00-06:00=24
    Example: shocpp tariffs add "*" --from 2027-01-01 --ct 33 --solar 12
    """
    from shocpp.configuration.editing.tariffs import NewPrice, add_price, seen_prices, with_price

    if (ct is None) != flat:
        raise UsageError("choose one of --ct and --flat")
    if (vat == "") != (vat_included is None):
        raise UsageError("--vat needs --vat-included or --vat-excluded, and the other way round")
    price = NewPrice(
        *(account, valid_from, ct, base_fee, vat, bool(vat_included)),
        tuple(_window(text) for text in windows),
        solar,
    )
    settings = read_settings()
    settings.check_zone()
    path, scope = settings.tariffs_file, _scope(settings)
    seen = seen_prices(path, account, scope)
    tariffs = with_price(path, price, scope)
    for line in _preview(tariffs, settings, account, is_flat=price.ct_per_kwh is None):
        click.echo(one_line(line))
    if not is_consented:
        _ask("Save this price? Records that have a price keep it.", "saved", "save this price")
    add_price(path, price, scope, seen)
    click.echo(one_line(f"saved in {path}"))


@click.command(context_settings=HELP)
@click.argument("account", metavar="ACCOUNT")
@day_option("--from", "valid_from", "The first day of the price.", required=True)
@click.option("--yes", "is_consented", is_flag=True, help="Remove the price without a question.")
@one_line_errors
def remove(account: str, valid_from: date, is_consented: bool) -> None:
    """Remove a price of ACCOUNT, or of "*", that was saved by mistake.

    It first prints all prices of the account without that one, and asks. A price that holds in a
    closed month, or that a record has, stays for ever.

    Exit code 0: the price is removed; 1: you have answered no; 2: it is refused, or nobody can
    answer.

    \b
    Example: shocpp tariffs remove family-y --from 2027-01-01
    """
    from shocpp.bookkeeping.configuration.price_removal import require_unused
    from shocpp.configuration.editing.tariffs import remove_price, seen_prices, without_price

    settings = read_settings()
    settings.check_zone()
    path, scope = settings.tariffs_file, _scope(settings)
    with database_or_none(settings) as db:
        require = require_unused(db, settings, account, valid_from)
        seen = seen_prices(path, account, scope)
        tariffs = without_price(path, account, valid_from, scope, require)
        for line in _preview(tariffs, settings, account, is_flat=False):
            click.echo(one_line(line))
        if not is_consented:
            _ask("Remove this price?", "removed", "remove this price")
        remove_price(path, account, valid_from, scope, require, seen)
    click.echo(one_line(f"removed from {path}"))


def _window(text: str) -> "NewWindow":
    """Return a window such as `22:00-06:00=24`, or `NT 22:00-06:00=24`."""
    from shocpp.configuration.editing.tariffs import NewWindow

    parts = _WINDOW.fullmatch(text.strip())
    if parts is None:
        form = "22:00-06:00=24, or with a name: NT 22:00-06:00=24"
        raise UsageError(f"--window {text[:40]!r}: write it as {form}")
    return NewWindow(parts["begin"], parts["end"], parts["ct"], parts["name"] or "")


def _scope(settings: Settings) -> "PriceScope":
    """Return the accounts that may get a price, and the closed months."""
    from shocpp.configuration.editing.tariffs import PriceScope
    from shocpp.language.month import Month
    from shocpp.store.books import closings

    closed: Sequence[str] = ()
    if settings.database.exists():
        with open_database(settings.database) as db:
            closed = closings.closed_months(db)
    accounts = present_accounts(settings)
    months = [Month.parse(month) for month in closed]
    return PriceScope(accounts.names(), months, accounts.names_alike)


def _preview(
    tariffs: "Tariffs", settings: Settings, account: str, *, is_flat: bool
) -> Iterator[str]:
    """Yield the lines about the prices of an account, as `tariffs check` has them."""
    from shocpp.checks.findings import line_of
    from shocpp.checks.tariffs import price_preview

    today = datetime.now(settings.zone).date()
    preview = price_preview(tariffs, account, is_flat=is_flat, today=today)
    yield from price_lines(preview.flat_prices, [preview.tariff])
    for note in preview.notes:
        yield line_of(note.finding)


def _ask(question: str, done: str, change: str) -> None:
    """Ask for consent to write the prices; exit without it.

    `done` and `change` are words for the change. Raises UsageError if there is no terminal.
    """
    if not sys.stdin.isatty():
        command = shlex.join(["shocpp", *sys.argv[1:], "--yes"])
        raise UsageError(f"nothing is {done}; to {change}: {command}")
    if not click.confirm(question, err=True):
        click.echo(f"nothing is {done}", err=True)
        sys.exit(1)
