"""The command `tariffs`: list, check and add prices, and set them for records that have none."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from shocpp.checks.findings import is_fine, lines_of
from shocpp.errors import UsageError
from shocpp.interfaces.cli.configuration.accounts import bound_accounts
from shocpp.interfaces.cli.configuration.new_price import add, remove
from shocpp.interfaces.cli.configuration.price_lines import price_lines, price_objects
from shocpp.interfaces.cli.conventions import HELP, MONTH_NUMBER, YEAR, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.language.figures import euro
from shocpp.language.month import Month
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.checks.tariffs import TariffsReport
    from shocpp.reports.books import Books


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@click.pass_context
@one_line_errors
def tariffs(context: click.Context, as_json: bool) -> None:
    """List the prices of conf/tariffs.json; `add` makes a new one, `remove` takes a wrong one away.

    `check` also names missing prices, and `apply` sets the prices of records that have none.

    \b
    Example: shocpp tariffs add family-y --from 2027-01-01 --ct 31.27
    Example: shocpp tariffs check
    """
    from shocpp.checks.tariffs import tariffs_of
    from shocpp.configuration.tags import owners
    from shocpp.configuration.tariffs import load_tariffs
    from shocpp.ledger.prices.tariffs import NO_TARIFFS

    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    path = settings.tariffs_file if settings.tariffs_file.exists() else None
    prices = load_tariffs(path) if path else NO_TARIFFS
    accounts = tariffs_of(prices, owners(settings.tags_file, bound_accounts(settings)))
    if as_json:
        file = {"file": str(path) if path else None}
        listed = {**file, **price_objects(prices.flat_prices, accounts)}
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
    elif path is None:
        _print_no_prices(as_json)
    elif not accounts:
        click.echo("nobody pays these prices; add the first account: shocpp accounts add NAME")
    else:
        for line in price_lines(prices.flat_prices, accounts):
            click.echo(one_line(line))


@tariffs.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@one_line_errors
def check(as_json: bool) -> None:
    """Print the prices of each account with their periods, and the records without a price.

    Exit code 0: nothing has to be corrected; 1: a price is missing, or the file is broken.

    \b
    Example: shocpp tariffs check
    """
    settings = read_settings()
    settings.check_zone()
    # Without the file nothing has a price, which is a choice and no error.
    try:
        report = _report(settings)
    except FileNotFoundError:
        _print_no_prices(as_json)
        return
    if as_json:
        click.echo(json.dumps(_as_object(settings, report), ensure_ascii=False, indent=2))
    else:
        for line in price_lines(report.flat_prices, report.accounts):
            click.echo(one_line(line))
        for line in lines_of(report.findings):
            click.echo(one_line(line))
    sys.exit(0 if is_fine(report.findings) else 1)


def _months(
    _context: click.Context, _parameter: click.Parameter, words: Sequence[str]
) -> list[Month]:
    """Return the months of pairs of words, each year and number, in order."""
    if len(words) % 2:
        raise click.BadParameter("name each month by year and number, such as: 2026 09")
    pairs = zip(words[::2], words[1::2], strict=True)
    return sorted({Month(YEAR(year), MONTH_NUMBER(number)) for year, number in pairs})


@tariffs.command(context_settings=HELP)
@click.argument("months", nargs=-1, metavar="[YEAR MONTH]...", callback=_months)
@click.option("--yes", "is_consented", is_flag=True, help="Set the prices without a question.")
@one_line_errors
def apply(months: list[Month], is_consented: bool) -> None:
    """Set the prices of records that had no tariff when they were booked.

    It first prints their number, energy and amount by month and account, and asks. Without a month,
    it takes all open months. Statements of an open month print these prices already, but such a
    provisional price follows the file. Once a price is set, it never changes. The closing of a
    month sets its prices, too.

    Exit code 0: all these prices are set; 1: you have answered no; 2: nobody can answer.

    \b
    Example: shocpp tariffs apply
    Example: shocpp tariffs apply 2026 09 --yes
    """
    from shocpp.bookkeeping.posting import apply_tariffs
    from shocpp.reports.books import Books
    from shocpp.store.books import prices

    settings = read_settings()
    settings.check_zone()
    if not settings.tariffs_file.exists():
        _print_no_prices(as_json=False)
        return
    with open_database(settings.database) as db:
        books = Books(db, settings)
        _require_open(books, months)
        chosen = months or [Month.parse(name) for name in prices.unpriced_months(db)]
        lines = [line for month in chosen for line in _provisional_lines(books, month)]
        for line in lines:
            click.echo(one_line(line))
        if not lines:
            click.echo("none: every record that a tariff covers has its price")
            return
        if not is_consented:
            _ask(months)
        count = apply_tariffs(books, chosen)
    click.echo(f"{count} record{'s have' if count > 1 else ' has'} a price now")


def _require_open(books: "Books", months: Iterable[Month]) -> None:
    """Raise UsageError for the first of these months that is closed."""
    from shocpp.store.books import closings

    for month in months:
        if closings.is_closed(books.db, month.name):
            raise UsageError(
                f"{month.name} is closed, so its records get no price any more; book them again: "
                "shocpp review correct"
            )


def _provisional_lines(books: "Books", month: Month) -> Iterator[str]:
    """Yield a line for each account with provisional prices in a month."""
    for account, sums in books.provisional_prices(month.name).by_account().items():
        records = f"{sums.records} record{'s' if sums.records > 1 else ''}"
        yield f"{month.name}  {account}: {records}, {sums.wh} Wh, {euro(sums.amount_ct, 'en')} EUR"


def _ask(months: Iterable[Month]) -> None:
    """Ask for consent to set the prices; exit without it.

    Raises UsageError if there is no terminal.
    """
    if not sys.stdin.isatty():
        words = [word for month in months for word in month.name.split("-")]
        command = " ".join(["shocpp tariffs apply", *words, "--yes"])
        raise UsageError(f"nothing is set; to set these prices for ever: {command}")
    if not click.confirm("Set these prices? They never change again.", err=True):
        click.echo("nothing is set", err=True)
        sys.exit(1)


def _report(settings: Settings) -> "TariffsReport":
    """Return the report on today's prices; raises FileNotFoundError without a tariffs file."""
    from shocpp.checks.tariffs import tariffs_report

    settings.tariffs_file.stat()
    with open_database(settings.database) as db:
        return tariffs_report(db, settings, datetime.now(settings.zone).date())


def _print_no_prices(as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": None, "findings": []}, indent=2))
    else:
        click.echo(
            "no prices are set; begin with: shocpp tariffs add ACCOUNT --from DATE --ct PRICE"
        )


def _as_object(settings: Settings, report: "TariffsReport") -> dict[str, Any]:
    """Return the report as the JSON object of `--json`."""
    return {
        "file": str(settings.tariffs_file),
        **price_objects(report.flat_prices, report.accounts),
        "unpriced": [row._asdict() for row in report.unpriced],
        "findings": [finding.as_object() for finding in report.findings],
    }


tariffs.add_command(add)
tariffs.add_command(remove)
