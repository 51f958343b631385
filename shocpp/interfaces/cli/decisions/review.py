"""The command `review`: list the cases that need a human, and decide on them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, day_option, one_line_errors, user_name
from shocpp.interfaces.cli.decisions.preview import Preview
from shocpp.interfaces.cli.tables import Column, Display, print_table, reads_terminal
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.bookkeeping.decisions.groups import Group
    from shocpp.bookkeeping.review import Decider

NEXT_STEP = "decide with: shocpp review assign|correct|dismiss|end NUMBER (see --help)"

_COLUMNS = (
    *(Column("NUMBER"), Column("ENDED"), Column("CHARGER", 8), Column("KWH", 0, True)),
    *(Column("ACCOUNT", 8), Column("REASON", 24, wraps=True)),
)


@click.group(context_settings=HELP, invoke_without_command=True)
@click.pass_context
def review(context: click.Context) -> None:
    """List the cases that need a decision, and decide on them.

    A number such as 12 is a record, T5 a transaction that may never stop, G12 a gap. Statements
    print the same numbers; only months that older versions have closed count their rows. A record
    may also have the name that statements in CSV or JSON give it: 1790838600-0326fd891def.

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
    from shocpp.store.listings.views import rows_of

    settings = read_settings()
    with open_database(settings.database) as db:
        rows = rows_of(db, "review")
        display = None if as_json else Display(db, settings)
    if display is None:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    rows.sort(key=lambda row: (row["kind"] == "gap", row["stopped_at"] or row["started_at"] or ""))
    if rows and reads_terminal():
        print_table(_COLUMNS, [_cells(row, display) for row in rows])
    else:
        for row in rows:
            energy = "unknown" if row["energy_unknown"] else f"{row['consumed_wh']} Wh"
            click.echo(one_line(f"{row['number']:6} {energy:>12}  {row['reason']}"))
            names = display.connectors(row["charge_point_id"] or "")
            click.echo(one_line(f"       {_details(row, names)}"))
    click.echo(NEXT_STEP if rows else "none")


def _cells(row: dict[str, Any], display: Display) -> list[str]:
    """Return the row of a case in the table for people."""
    # The reason of an unknown card names it.
    account = "" if row["kind"] == "card" else row["account"] or ""
    return [
        *(row["number"], display.end(row["started_at"], row["stopped_at"])),
        display.charger(row["charge_point_id"], row["connector_id"]),
        "unknown" if row["energy_unknown"] else display.kwh(row["consumed_wh"]),
        *(account, row["reason"]),
    ]


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


class Energy(click.ParamType[int]):
    """An energy in kWh with a comma or a point and at most three decimals, as Wh."""

    name = "kWh"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the Wh of a text such as `20,5`."""
        match = re.fullmatch(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?", value.strip())
        if match is None:
            self.fail(f"{value!r} is no energy such as 20,5 (at most three decimals)", param, ctx)
        return 1000 * int(match[1]) + int((match[2] or "").ljust(3, "0"))


def _options(*decorators: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Return one decorator for all of these, in the order in which they would be written."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


_decision = _options(
    # Decisions change what somebody pays, so the statement prints their reasons.
    click.option(
        "--why",
        required=True,
        callback=_stripped,
        metavar="TEXT",
        help="The reason; it is stored with the decision.",
    ),
    click.option(
        "--by",
        default=user_name,
        callback=_stripped,
        metavar="NAME",
        help="The person who decides; by default you.",
    ),
    click.option("--yes", "is_consented", is_flag=True, help="No question before it is written."),
    one_line_errors,
)
"""The options of every decision: why, by, and yes."""

_number = click.argument("number")

_cases = _options(
    click.argument("number", required=False),
    click.option("--card", metavar="ID", help="All listed sessions of this card."),
    click.option(
        "--charge-point", metavar="ID_OR_SERIAL", help="All listed sessions of this charger."
    ),
    day_option("--from", "first", "With --card or --charge-point: the first day, in local time."),
    day_option("--to", "last", "With --card or --charge-point: the last day, included."),
)
"""The argument of one case, or the options of a group of cases."""


class _Decision(NamedTuple):
    """The arguments that all decisions of `bookkeeping.review` take, as the user has given them."""

    db: Database
    settings: Settings
    cases: "str | Group"
    decider: "Decider"
    consent: Preview


@contextmanager
def _decision_of(
    *,
    number: str | None,
    why: str,
    by: str,
    is_consented: bool,
    card: str | None = None,
    charge_point: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Iterator[_Decision]:
    """Open the database for a decision, about one case or about a group.

    Raises UsageError if the options name neither or both.
    """
    from shocpp.bookkeeping.decisions.groups import Group
    from shocpp.bookkeeping.review import Decider
    from shocpp.calls.addressing import resolve_identity
    from shocpp.ledger.accounts import id_tag_key

    is_group = card is not None or charge_point is not None
    if (number is not None) == is_group or (not is_group and (first or last)):
        raise UsageError(
            "name one case by its number, or a group of cases: --card ID, or --charge-point "
            "ID_OR_SERIAL, with --from and --to"
        )
    # Sessions without a card would match, for the empty value of an unset variable.
    if card is not None and not id_tag_key(card):
        raise UsageError("--card must not be empty; give the id of the card as `review` lists it")
    settings = read_settings()
    with open_database(settings.database) as db:
        cases: str | Group = number or ""
        if is_group:
            identity = resolve_identity(db, charge_point) if charge_point is not None else None
            cases = Group(card, identity, first, last)
        preview = Preview(Display(db, settings), is_group=is_group, is_consented=is_consented)
        yield _Decision(db, settings, cases, Decider(by, why), preview)


@review.command(context_settings=HELP)
@_cases
@click.option("--account", required=True, metavar="NAME", help="The account of the energy.")
@_decision
def assign(account: str, **options: Any) -> None:
    """Assign the energy of a case, or of a group of cases, to an account.

    It prints the case before and after the decision. It asks if the energy is booked already. A
    group consists of the sessions that `shocpp review` lists, without those that are booked to an
    account; gaps are decided one by one. A group is always asked about. Its card stays unknown
    until it is in conf/tags.json; see: shocpp cards learn.

    \b
    Example: shocpp review assign 12 --account family-y --why "their new card"
    Example: shocpp review assign --card 04A2B3C4 --account family-y --why "their new card"
    Example: shocpp review assign --charge-point garage --from 2026-11-01 --to 2026-11-30 \\
             --account family-y --why "nobody else had the key"
    """
    from shocpp.bookkeeping import review

    with _decision_of(**options) as (db, settings, cases, decider, consent):
        print_entries(review.assign(db, settings, cases, account, decider, consent))


@review.command(context_settings=HELP)
@_number
@click.option("--account", metavar="NAME", help="The account; by default as before.")
@click.option("--begin", type=click.IntRange(0), metavar="WH", help="The reading at the start.")
@click.option("--end", type=click.IntRange(0), metavar="WH", help="The reading at the stop.")
@click.option("--wh", type=click.IntRange(0), metavar="WH", help="The energy.")
@click.option("--kwh", type=Energy(), metavar="KWH", help="The energy in kWh: 20,5 or 20.5.")
@_decision
def correct(
    number: str,
    account: str | None,
    begin: int | None,
    end: int | None,
    wh: int | None,
    kwh: int | None,
    **options: Any,
) -> None:
    """Correct the measured values of a case; values you leave out follow from the others.

    It prints the case before and after. It asks if the energy is booked already, or if more than
    90 % of it would go.

    \b
    Example: shocpp review correct 12 --kwh 33,25 --why "read off the car"
    """
    from shocpp.bookkeeping import review
    from shocpp.ledger.decisions import Measured

    if wh is not None and kwh is not None:
        raise UsageError("--wh and --kwh are the same energy; give one of them")
    measured = Measured(begin, end, wh if kwh is None else kwh)
    with _decision_of(number=number, **options) as (db, settings, _case, decider, consent):
        made = review.correct(db, settings, number, measured, account, decider, consent)
        print_entries(made)


@review.command(context_settings=HELP)
@_cases
@_decision
def dismiss(**options: Any) -> None:
    """Dismiss a case, or a group of cases: no account pays for it.

    It prints the case before and after, and asks. Energy that the meter has counted stays visible
    as a gap. A group is that of `shocpp review assign`.

    \b
    Example: shocpp review dismiss 12 --why "the electrician's test"
    """
    from shocpp.bookkeeping import review

    with _decision_of(**options) as (db, settings, cases, decider, consent):
        print_entries(review.dismiss(db, settings, cases, decider, consent))


@review.command(context_settings=HELP)
@_number
@_decision
def end(number: str, **options: Any) -> None:
    """End a transaction by hand at its last reading.

    It prints the transaction before and after. Nothing is sent to the charger. If its stop comes
    later, that one counts.

    \b
    Example: shocpp review end T12 --why "the charger was replaced"
    """
    from shocpp.bookkeeping import review

    with _decision_of(number=number, **options) as (db, settings, _case, decider, consent):
        print_entries(review.end(db, settings, number, decider, consent))


def print_entries(entries: Sequence[Any]) -> None:
    """Print the entries that `bookkeeping.review` returns for a decision, one per line.

    A line has the number of the record, the kind of entry, the local time, energy and account.
    """
    from shocpp.ledger.record import ENERGY_UNKNOWN

    for kind, (number, record, location) in entries:
        energy = "unknown" if ENERGY_UNKNOWN in record.flags else f"{record.consumed_wh} Wh"
        energy += f" of {record.account}"
        click.echo(one_line(f"{number}  {kind}  {location.local_time}  {energy}"))
