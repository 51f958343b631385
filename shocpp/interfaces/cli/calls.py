"""Commands that send something to a charger (a door)."""

import json
import sys
from typing import Any, NoReturn

import click

from shocpp.errors import Unreachable, UsageError
from shocpp.interfaces.cli.conventions import (
    HELP,
    LONGEST_S,
    charger_option,
    one_line_errors,
    patience_option,
    user_name,
)
from shocpp.interfaces.cli.listings import print_view
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings


@click.command(context_settings=HELP)
@charger_option
@patience_option(5.0, "How long to wait for the answer.")
@click.option("--force", is_flag=True, help="Send a payload that OCPP 1.6 does not allow.")
@click.argument("call")
@click.argument("payload", default="{}")
@one_line_errors
def command(charge_point: str | None, timeout: float, force: bool, call: str, payload: str) -> None:
    """Send a CALL such as Reset to a charger, and print its confirmation.

    PAYLOAD is the inner JSON of the request, "-" reads it from the input. RemoteStopTransaction
    takes {"charge_point": …} or {"account": …} in place of a transactionId.

    \b
    Example: shocpp-command -c garage ChangeConfiguration '{"key": "LightIntensity", "value": 50}'
    """
    from shocpp.calls.placing import CallOptions, confirmation_of, place_call

    if not timeout <= LONGEST_S:  # NaN, which click lets through
        raise UsageError(f"-t must be more than 0 and at most {LONGEST_S:g} seconds")
    text = sys.stdin.read() if payload == "-" else payload
    asked = CallOptions(f"shocpp-command of {user_name()}", timeout)
    try:
        outcome = place_call(
            read_settings(), charge_point, call, _object(text), asked, forced=force
        )
    except Unreachable as error:
        _fail(f"OCPP unreachable. {error}")
    if outcome.state == "answered":
        click.echo(json.dumps(confirmation_of(outcome), ensure_ascii=False))
    elif outcome.state == "refused":
        _fail(f"{outcome.error_code or 'GenericError'} {outcome.error_description or ''}")
    elif outcome.state == "unknown":
        told = outcome.error_description or "the process that held the charger has died"
        _fail(f"outcome unknown: it was sent, then {told}; see: shocpp transactions")
    else:
        told = outcome.error_description or "it was sent, and may have been carried out"
        _fail(f"OCPP unreachable. No answer in {timeout:g} s: {told}")


@click.command(context_settings=HELP)
@click.argument("name")
@one_line_errors
def caller(name: str) -> None:
    """Ask for a canned call of conf/canned.json; prints its one-line answer.

    \b
    Example: shocpp-caller start-family
    """
    from shocpp.calls.answering import UNREACHABLE, answer_canned
    from shocpp.configuration.canned_calls import canned_call
    from shocpp.store.database import open_database

    settings = read_settings()
    canned = canned_call(settings.canned_file, name)
    try:
        with open_database(settings.database) as db:
            answer = answer_canned(db, settings, canned, f"shocpp-caller of {user_name()}")
    except Unreachable:
        click.echo(UNREACHABLE)
        sys.exit(1)
    click.echo(one_line(answer.line))
    sys.exit(0 if answer.kind == "done" else 1)


@click.command(context_settings=HELP)
@click.option(
    "-n", "--last", type=click.IntRange(1), default=50, show_default=True, help="How many."
)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@one_line_errors
def calls(last: int, as_json: bool) -> None:
    """List the newest Calls to chargers: who asked, their state and their answers.

    \b
    Example: shocpp calls -n 5
    """
    print_view("calls", as_json, last)


def _object(text: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the payload is not JSON: {error}; see: shocpp-command --help") from None
    if not isinstance(payload, dict):
        raise UsageError('the payload must be a JSON object such as {"type": "Soft"}')
    return payload


def _fail(sentence: str) -> NoReturn:
    click.echo(one_line(sentence.strip()), err=True)
    sys.exit(1)
