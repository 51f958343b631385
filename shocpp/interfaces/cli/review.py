"""The commands by which a human decides (a door)."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from shocpp.errors import ConfigError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors, user_name
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@click.group(context_settings=HELP, invoke_without_command=True)
@click.pass_context
def review(context: click.Context) -> None:
    """List what needs a human, and decide on it.

    A number such as 12 is a record, T5 a transaction that was never stopped, G12 a gap; those of
    gaps change with the books, so list before you decide. A record may also be named as in a
    paper's CSV or JSON, by its file: 1790838600-0326fd891def.

    \b
    Example: shocpp review
    Example: shocpp review assign 12 --account family-y --why "their new card"
    """
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=False)


@review.command("list", context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list, with the chargers' frames.")
@one_line_errors
def list_(as_json: bool) -> None:
    """List what needs a human: number, reason, and what is known of it.

    \b
    Example: shocpp review list --json
    """
    from shocpp.configuration.charge_points import NO_ALLOWLIST, load_allowlist_or_none
    from shocpp.store.views import rows_of

    settings = read_settings()
    with open_database(settings.database) as db:
        rows = rows_of(db, "review")
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    allowlist = NO_ALLOWLIST
    with suppress(ConfigError):  # names are for the eye; `shocpp check` tells what is wrong
        allowlist = load_allowlist_or_none(settings.charge_points_file)
    rows.sort(key=lambda row: (row["kind"] == "gap", row["stopped_at"] or row["started_at"] or ""))
    for row in rows:
        click.echo(one_line(f"{row['number']:6} {row['consumed_wh']:>9} Wh  {row['reason']}"))
        names = allowlist.meter(row["charge_point_id"] or "").connectors
        click.echo(one_line(f"       {_known(row, names)}"))
    if rows:
        click.echo("decide with: shocpp review assign|correct|dismiss NUMBER (see --help)")
    else:
        click.echo("none")


def _known(row: dict[str, Any], names: Mapping[int, str]) -> str:
    number = row["connector_id"]
    connector = "" if number is None else f" connector {number}"
    if number in names:
        connector += f" ({names[number]})"
    told = [
        f"{row['charge_point_id'] or 'imported'}{connector}",
        f"{row['begin_wh']} to {row['end_wh']} Wh",
        f"{row['started_at'] or '?'} to {row['stopped_at'] or '?'}",
    ]
    told += [
        f"{what} {row[key]}"
        for what, key in (("card", "id_tag"), ("id", "transaction_id"), ("account", "account"))
        if row[key]
    ]
    return "  ".join(told)


def _said(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter(f"--{parameter.name} must say something; it goes into the books")
    return value.strip()


def _deciding(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every decision says besides itself."""
    for decorator in (
        one_line_errors,
        click.argument("number"),
        click.option(
            "--by",
            default=user_name,
            callback=_said,
            metavar="NAME",
            help="Who decides; by default you.",
        ),
        click.option(
            "--why",
            required=True,
            callback=_said,
            metavar="TEXT",
            help="Why; it goes into the books.",
        ),
    ):
        command = decorator(command)
    return command


@review.command(context_settings=HELP)
@click.option("--account", required=True, metavar="NAME", help="Who answers for the energy.")
@_deciding
def assign(number: str, account: str, why: str, by: str) -> None:
    """Let an account answer for the energy.

    \b
    Example: shocpp review assign 12 --account family-y --why "their new card"
    """
    from shocpp.bookkeeping import review

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        tell_entries(review.assign(db, settings, number, account, decider))


@review.command(context_settings=HELP)
@click.option("--account", metavar="NAME", help="Who answers for it; by default as before.")
@click.option("--begin", type=click.IntRange(0), metavar="WH", help="The reading at its start.")
@click.option("--end", type=click.IntRange(0), metavar="WH", help="The reading at its stop.")
@click.option("--wh", type=click.IntRange(0), metavar="WH", help="The energy.")
@_deciding
def correct(
    number: str,
    account: str | None,
    begin: int | None,
    end: int | None,
    wh: int | None,
    why: str,
    by: str,
) -> None:
    """Say what was measured instead; what you leave out follows from the rest.

    \b
    Example: shocpp review correct 12 --wh 33250 --why "read off the car"
    """
    from shocpp.bookkeeping import review
    from shocpp.ledger.decisions import Measured

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        measured = Measured(begin, end, wh)
        tell_entries(review.correct(db, settings, number, measured, account, decider))


@review.command(context_settings=HELP)
@_deciding
def dismiss(number: str, why: str, by: str) -> None:
    """Say that nobody owes it; what the meter has counted stays visible as a gap.

    \b
    Example: shocpp review dismiss 12 --why "the electrician's test"
    """
    from shocpp.bookkeeping import review

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        tell_entries(review.dismiss(db, settings, number, decider))


def tell_entries(made: Sequence[Any]) -> None:
    """Print the entries that a decision has made."""
    for entry, (number, record, place) in made:
        wh = f"{record.consumed_wh} Wh of {record.account}"
        click.echo(one_line(f"{number}  {entry}  {place.local_time}  {wh}"))
