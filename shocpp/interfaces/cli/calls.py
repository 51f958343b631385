"""Commands that send Calls to chargers, and the list of these Calls."""

import json
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from shocpp.errors import Unreachable, UsageError
from shocpp.interfaces.cli.conventions import (
    HELP,
    MAX_TIMEOUT_S,
    Command,
    charger_option,
    one_line_errors,
    timeout_option,
    user_name,
)
from shocpp.interfaces.cli.listings import View, print_view
from shocpp.interfaces.cli.tables import Column, Display
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings

if TYPE_CHECKING:
    from shocpp.calls.placing import PlacedCall
    from shocpp.store.database import Database

RESTART_S = 120.0
"""The time in seconds that a person waits for a charger that restarts: most take 30 to 120 s."""


@click.command(cls=Command, context_settings=HELP)
@charger_option
@timeout_option(5.0, "The time to wait for the answer.")
@click.option(
    "--force",
    is_flag=True,
    help="No check against OCPP 1.6 before the Call is sent. AuthorizationKey is refused all the "
    "same: shocpp charge-points add NAME --rotate sets it.",
)
@click.argument("call")
@click.argument("payload", default="{}")
@one_line_errors
def command(charge_point: str | None, timeout: float, force: bool, call: str, payload: str) -> None:
    """Send a Call such as Reset to a charger, and print its confirmation.

    PAYLOAD is the JSON object of the request; "-" reads it from standard input.
    RemoteStopTransaction also takes {"charge_point": …} or {"account": …} instead of a
    transactionId.

    \b
    Example: shocpp-command -c garage ChangeConfiguration '{"key": "LightIntensity", "value": 50}'
    """
    from shocpp.calls.addressing import address
    from shocpp.calls.outcomes import REPORTS, confirmation_of, outcome_of, values_of
    from shocpp.calls.placing import CallOptions, checked_payload, place
    from shocpp.calls.restarts import is_restart
    from shocpp.store.database import open_database

    # click's FloatRange accepts NaN: each of its comparisons with NaN is False.
    if not timeout <= MAX_TIMEOUT_S:
        raise UsageError(f"-t must be more than 0 and at most {MAX_TIMEOUT_S:g} seconds")
    text = sys.stdin.read() if payload == "-" else payload
    options = CallOptions(f"shocpp-command of {user_name()}", timeout)
    began_s, settings = time.monotonic(), read_settings()
    checked = checked_payload(call, _json_object(text), forced=force)
    try:
        with open_database(settings.database) as db:
            placed = place(db, address(db, charge_point, call, checked), call, options)
            if is_restart(call, placed.outcome):
                _await_return(db, placed, began_s, timeout)
                return
    except Unreachable as error:
        # The seed's words and exit code, which scripts compare.
        report, values = REPORTS["offline"], {"reason": str(error)}
    else:
        outcome = placed.outcome
        report, values = REPORTS[outcome_of(outcome)], values_of(outcome)
        if outcome.state == "answered":
            click.echo(json.dumps(confirmation_of(outcome), ensure_ascii=False))
            sys.exit(report.command)
    line = report.line.format(**values, timeout_s=timeout)
    click.echo(one_line(line.strip()), err=True)
    sys.exit(report.command)


def _await_return(db: "Database", placed: "PlacedCall", began_s: float, timeout_s: float) -> None:
    """Wait until a charger that restarts is connected again, print the result, and exit.

    A person at a terminal waits longer than a program, and may end it.
    """
    from shocpp.calls.outcomes import REPORTS
    from shocpp.calls.restarts import Restart, await_return

    name, restart = placed.charge_point_id, Restart(None)
    if sys.stderr.isatty():
        timeout_s = max(timeout_s, RESTART_S)
        click.echo(one_line(f"{name} is restarting; waiting for it (Ctrl-C ends that)"), err=True)
    with suppress(KeyboardInterrupt):
        restart = await_return(db, placed.call_id, began_s + timeout_s)
    report, waited_s = REPORTS[restart.outcome], round(time.monotonic() - began_s)
    values = {"charge_point": name, "seconds": restart.back_s, "timeout_s": waited_s}
    click.echo(one_line(report.line.format(**values)))
    sys.exit(report.command)


@click.command(cls=Command, context_settings=HELP)
@click.argument("name")
@one_line_errors
def caller(name: str) -> None:
    """Run a canned call of conf/canned.json, and print its one-line answer.

    \b
    Example: shocpp-caller start-family
    """
    from shocpp.calls.answering import answer_canned
    from shocpp.calls.outcomes import REPORTS
    from shocpp.configuration.canned_calls import canned_call
    from shocpp.configuration.canned_choices import CHOICES
    from shocpp.site.choices.canned import answer_choice
    from shocpp.store.database import open_database

    settings = read_settings()
    canned = canned_call(settings.canned_file, name)
    answer_it = answer_choice if canned.action in CHOICES else answer_canned
    with open_database(settings.database) as db:
        answer = answer_it(db, settings, canned, f"shocpp-caller of {user_name()}")
    click.echo(one_line(answer.line))
    sys.exit(REPORTS[answer.outcome].caller)


@click.command(context_settings=HELP)
@click.option(
    "-n",
    "--last",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="The number of Calls.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@one_line_errors
def calls(last: int, as_json: bool) -> None:
    """List the newest Calls to chargers: their origin, state and answer.

    \b
    Example: shocpp calls -n 5
    """
    print_view(_CALLS, as_json, last)


def _answer(confirmation: str | None) -> str:
    """Return a confirmation: its status if it has nothing else, or its JSON."""
    match json.loads(confirmation or "null"):
        case {"status": str(status), **others} if not others:
            return status
    return confirmation or ""


def _call_cells(row: dict[str, Any], display: Display) -> list[str]:
    error = ": ".join(filter(None, (row["error_code"], row["error_description"])))
    return [
        *(str(row["number"]), display.moment(row["queued_at"])),
        *(display.charger(row["charge_point_id"]), row["action"]),
        *(
            row["payload"],
            row["state"],
            _answer(row["confirmation"]) or error or row["waits_because"] or "",
            row["asked_by"] or "",
        ),
    ]


_CALLS = View(
    "calls",
    (
        *(Column("NUMBER"), Column("QUEUED"), Column("CHARGER", 8), Column("ACTION", 10)),
        *(Column("PAYLOAD", 8), Column("STATE"), Column("ANSWER", 8), Column("BY", 6)),
    ),
    _call_cells,
)


def _json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in the text; raises UsageError if there is none."""
    try:
        payload = json.loads(text)
    # Deeply nested JSON raises RecursionError instead of ValueError.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the payload is not JSON: {error}; see: shocpp-command --help") from None
    if not isinstance(payload, dict):
        raise UsageError('the payload must be a JSON object such as {"type": "Soft"}')
    return payload
