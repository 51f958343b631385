"""The commands about prices: `tariffs check` and `tariffs apply`."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from shocpp.checks.findings import is_fine, lines_of
from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, MONTH_NUMBER, YEAR, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.language.figures import euro
from shocpp.language.month import Month
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.checks.tariffs import TariffsReport
    from shocpp.ledger.prices.periods import Period, Window
    from shocpp.reports.month import Books


@click.group(context_settings=HELP)
def tariffs() -> None:
    """Check the prices of conf/tariffs.json, and set them for records that have none.

    \b
    Example: shocpp tariffs check
    Example: shocpp tariffs apply
    """


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
        _print_no_prices(settings, as_json)
        return
    if as_json:
        click.echo(json.dumps(_as_object(settings, report), ensure_ascii=False, indent=2))
    else:
        for line in _lines(report):
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
    from shocpp.reports.month import Books
    from shocpp.store.books import prices

    settings = read_settings()
    settings.check_zone()
    if not settings.tariffs_file.exists():
        _print_no_prices(settings, as_json=False)
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


def _print_no_prices(settings: Settings, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": None, "findings": []}, indent=2))
    else:
        command = f"cp conf/tariffs.json.example {settings.tariffs_file}"
        click.echo(one_line(f"no prices are set; begin with: {command}"))


def _lines(report: "TariffsReport") -> Iterator[str]:
    """Return the lines for people: flat prices, periods of each account, findings."""
    for year, price in report.flat_prices.items():
        yield f"flat price of {year}: {_plain(price, 4)} ct/kWh"
    for account, tariff, periods in report.accounts:
        # `tariff` is the account name of the entry that applies, such as "*".
        yield f"{account}{'' if tariff in (None, account) else f' (as {tariff})'}"
        for period in periods:
            yield f"  {_days(period)}  {_price_text(period)}"
        if not periods:
            yield "  no price"
    yield from lines_of(report.findings)


def _days(period: "Period") -> str:
    """Return the days of a period in a fixed width, such as `2026-01-01 to 2026-06-30`."""
    until = "on" if period.valid_until is None else f"to {period.valid_until}"
    return f"{period.valid_from} {until:<13}"


def _price_text(period: "Period") -> str:
    """Return the prices of a period as text: rates with their hours, base fee and VAT."""
    if period.rate is None:
        parts = ["the year's flat price"]
    else:
        parts = [f"{period.rate.rate} {_plain(period.rate.microeuro_per_kwh, 4)} ct/kWh".strip()]
        parts += [_window(window) for window in period.windows]
    if period.base_fee_microeuro:
        parts.append(f"base fee {_plain(period.base_fee_microeuro, 6)} EUR a month")
    if period.vat_bp is not None:
        parts.append(
            f"VAT {_plain(period.vat_bp, 2)} % {'in' if period.vat_included else 'ex'}cluded"
        )
    return ", ".join(parts)


def _window(window: "Window") -> str:
    """Return the rate of some hours of the day, such as `NT 24.1 from 22:00 to 06:00`."""
    hours = f"{_time(window.from_minute)} to {_time(window.until_minute)}"
    return f"{window.rate.rate} {_plain(window.rate.microeuro_per_kwh, 4)} from {hours}"


def _time(minute: int) -> str:
    """Return a minute of the day as `HH:MM`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _plain(number: int, decimals: int) -> str:
    """Return a fixed-point number without trailing zeros: 312700 with four decimals is `31.27`."""
    whole, rest = divmod(number, 10**decimals)
    return f"{whole}.{rest:0{decimals}}".rstrip("0").rstrip(".")


def _as_object(settings: Settings, report: "TariffsReport") -> dict[str, Any]:
    """Return the report as the JSON object of `--json`; days and hours are text."""
    return {
        "file": str(settings.tariffs_file),
        "flat_prices": report.flat_prices,
        "accounts": [
            {"account": account, "tariff": tariff, "periods": [_period(p) for p in periods]}
            for account, tariff, periods in report.accounts
        ],
        "unpriced": [row._asdict() for row in report.unpriced],
        "findings": [finding._asdict() for finding in report.findings],
    }


def _period(period: "Period") -> dict[str, Any]:
    """Return a period as a JSON object; prices are in µEUR per kWh, VAT in hundredths of a %."""
    rate = period.rate
    return {
        "valid_from": str(period.valid_from),
        "valid_until": None if period.valid_until is None else str(period.valid_until),
        "basis": "flat" if rate is None else "own",
        "rate": "" if rate is None else rate.rate,
        "microeuro_per_kwh": None if rate is None else rate.microeuro_per_kwh,
        "windows": [
            {
                "rate": window.rate.rate,
                "from": _time(window.from_minute),
                "until": _time(window.until_minute),
                "microeuro_per_kwh": window.rate.microeuro_per_kwh,
            }
            for window in period.windows
        ],
        "base_fee_microeuro": period.base_fee_microeuro,
        "vat_bp": period.vat_bp,
        "vat_included": period.vat_included,
    }
