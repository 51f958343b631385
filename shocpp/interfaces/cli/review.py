"""The command `review`: list the cases that need a human, and decide on them."""

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
    """List the cases that need a decision, and decide on them.

    A number such as 12 is a record, T5 a transaction that may never stop, G12 a gap. The numbers
    of gaps change when something is booked, so list them before you decide. A record may also have
    the name that statements in CSV or JSON give it: 1790838600-0326fd891def.

    \b
    Example: shocpp review
    Example: shocpp review assign 12 --account family-y --why "their new card"
    """
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=False)


@review.command("list", context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, with the chargers' frames.")
@one_line_errors
def list_(as_json: bool) -> None:
    """List the cases that need a decision: number, energy, reason and details.

    \b
    Example: shocpp review list --json
    """
    from shocpp.configuration.charge_points import NO_ALLOWLIST, load_allowlist_or_none
    from shocpp.store.listings.views import rows_of

    settings = read_settings()
    with open_database(settings.database) as db:
        rows = rows_of(db, "review")
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    allowlist = NO_ALLOWLIST
    # A broken file costs the connectors' names only; `shocpp check` reports it.
    with suppress(ConfigError):
        allowlist = load_allowlist_or_none(settings.charge_points_file)
    rows.sort(key=lambda row: (row["kind"] == "gap", row["stopped_at"] or row["started_at"] or ""))
    for row in rows:
        energy = "unknown" if row["energy_unknown"] else f"{row['consumed_wh']} Wh"
        click.echo(one_line(f"{row['number']:6} {energy:>12}  {row['reason']}"))
        names = allowlist.meter(row["charge_point_id"] or "").connectors
        click.echo(one_line(f"       {_details(row, names)}"))
    if rows:
        click.echo("decide with: shocpp review assign|correct|dismiss|end NUMBER (see --help)")
    else:
        click.echo("none")


def _details(row: dict[str, Any], names: Mapping[int, str]) -> str:
    """Return the second line of a case: charger, readings, times, card and account.

    `names` are the names of the charger's connectors, by number.
    """
    number = row["connector_id"]
    connector = "" if number is None else f" connector {number}"
    if number in names:
        connector += f" ({names[number]})"
    parts = [
        f"{row['charge_point_id'] or 'imported'}{connector}",
        f"{row['begin_wh']} to {row['end_wh']} Wh",
        f"{row['started_at'] or '?'} to {row['stopped_at'] or '?'}",
    ]
    parts += [
        f"{label} {row[key]}"
        for label, key in (("card", "id_tag"), ("id", "transaction_id"), ("account", "account"))
        if row[key]
    ]
    return "  ".join(parts)


def _stripped(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the value of an option without outer blanks; a blank one is wrong usage."""
    if not value.strip():
        raise click.BadParameter(
            f"--{parameter.name} must not be empty; it is stored with the decision"
        )
    return value.strip()


def _decision(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with the argument and options of every decision: number, by, why."""
    for decorator in (
        one_line_errors,
        click.argument("number"),
        click.option(
            "--by",
            default=user_name,
            callback=_stripped,
            metavar="NAME",
            help="The person who decides; by default you.",
        ),
        click.option(
            # Decisions change what somebody pays, so the statement prints their reasons.
            "--why",
            required=True,
            callback=_stripped,
            metavar="TEXT",
            help="The reason; it is stored with the decision.",
        ),
    ):
        command = decorator(command)
    return command


@review.command(context_settings=HELP)
@click.option("--account", required=True, metavar="NAME", help="The account of the energy.")
@_decision
def assign(number: str, account: str, why: str, by: str) -> None:
    """Assign the energy of a case to an account.

    \b
    Example: shocpp review assign 12 --account family-y --why "their new card"
    """
    from shocpp.bookkeeping import review

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        print_entries(review.assign(db, settings, number, account, decider))


@review.command(context_settings=HELP)
@click.option("--account", metavar="NAME", help="The account; by default as before.")
@click.option("--begin", type=click.IntRange(0), metavar="WH", help="The reading at the start.")
@click.option("--end", type=click.IntRange(0), metavar="WH", help="The reading at the stop.")
@click.option("--wh", type=click.IntRange(0), metavar="WH", help="The energy.")
@_decision
def correct(
    number: str,
    account: str | None,
    begin: int | None,
    end: int | None,
    wh: int | None,
    why: str,
    by: str,
) -> None:
    """Correct the measured values of a case; values you leave out follow from the others.

    \b
    Example: shocpp review correct 12 --wh 33250 --why "read off the car"
    """
    from shocpp.bookkeeping import review
    from shocpp.ledger.decisions import Measured

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        measured = Measured(begin, end, wh)
        print_entries(review.correct(db, settings, number, measured, account, decider))


@review.command(context_settings=HELP)
@_decision
def dismiss(number: str, why: str, by: str) -> None:
    """Dismiss a case: no account pays for it.

    Energy that the meter has counted stays visible as a gap.

    \b
    Example: shocpp review dismiss 12 --why "the electrician's test"
    """
    from shocpp.bookkeeping import review

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        print_entries(review.dismiss(db, settings, number, decider))


@review.command(context_settings=HELP)
@_decision
def end(number: str, why: str, by: str) -> None:
    """End a transaction by hand at its last reading.

    Nothing is sent to the charger. If its stop comes later, that one counts.

    \b
    Example: shocpp review end T12 --why "the charger was replaced"
    """
    from shocpp.bookkeeping import review

    settings = read_settings()
    with open_database(settings.database) as db:
        decider = review.Decider(by, why)
        print_entries(review.end(db, settings, number, decider))


def print_entries(entries: Sequence[Any]) -> None:
    """Print the entries that `bookkeeping.review` returns for a decision, one per line.

    A line has the number of the record, the kind of entry, the local time, energy and account.
    """
    from shocpp.ledger.booking import ENERGY_UNKNOWN

    for kind, (number, record, location) in entries:
        energy = "unknown" if ENERGY_UNKNOWN in record.flags else f"{record.consumed_wh} Wh"
        energy += f" of {record.account}"
        click.echo(one_line(f"{number}  {kind}  {location.local_time}  {energy}"))
