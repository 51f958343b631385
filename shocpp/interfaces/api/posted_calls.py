"""A Call as it is posted to the API, and what is answered when it has ended (a door).

Knows JSON and HTTP's statuses, and no Flask.
"""

import json
from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn

from shocpp.calls.placing import confirmation_of
from shocpp.configuration.entries import once
from shocpp.errors import UsageError
from shocpp.interfaces.api.call_schemas import DEFAULT_S, LONGEST_S
from shocpp.interfaces.http.refusals import Refused
from shocpp.ocpp.outgoing import allowed_payload
from shocpp.store.calls import NEVER_SENT, CallOutcome


class PostedCall(NamedTuple):
    """A Call that OCPP 1.6 allows, and how long its caller waits."""

    action: str
    payload: dict[str, Any]
    timeout_s: float


def posted_call(text: bytes) -> PostedCall:
    """The Call of a request's body; Refused says what is wrong with it."""
    body = _object(text)
    unknown = sorted(set(body) - {"action", "payload", "timeout_s"})
    if unknown:
        sentence = f"{unknown[0][:40]!r} is unknown here; allowed: action, payload, timeout_s"
        raise Refused(HTTPStatus.BAD_REQUEST, sentence)
    action, payload = body.get("action"), body.get("payload", {})
    if not isinstance(action, str):
        raise Refused(HTTPStatus.BAD_REQUEST, "action must be the name of a request, a string")
    if not isinstance(payload, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "payload must be an object")
    timeout_s = body.get("timeout_s", DEFAULT_S)
    if type(timeout_s) not in (int, float) or not 0 < timeout_s <= LONGEST_S:
        sentence = f"timeout_s must be a number, more than 0 and at most {LONGEST_S:g}"
        raise Refused(HTTPStatus.BAD_REQUEST, sentence)
    try:
        return PostedCall(action, allowed_payload(action, payload), timeout_s)
    except UsageError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _object(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(
            text.decode(), parse_constant=_refuse, parse_float=_number, object_pairs_hook=once
        )
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, 'the body must be an object: {"action": "Reset", …}')
    return body


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"it knows no such number as {text}")


def _number(text: str) -> int | float:
    """JSON has one kind of numbers: 1.0 is an integer, too."""
    number = float(text)
    if abs(number) == float("inf"):
        _refuse(text[:40])
    return int(number) if number.is_integer() else number


def confirmed(identity: str, outcome: CallOutcome, timeout_s: float) -> dict[str, Any]:
    """The answer to a Call that was confirmed; Refused where it was not."""
    state, told = outcome.state, outcome.error_description or ""
    if state == "answered":
        return {"state": state, "confirmation": confirmation_of(outcome)}
    if state == "refused":
        code = outcome.error_code or "GenericError"
        sentence = f"{identity} has answered with an error: {code} {told}".strip()
        raise Refused(HTTPStatus.BAD_GATEWAY, sentence, state=state, code=code, description=told)
    if state == "unknown":
        told = told or "the process that held the charger has died"
        sentence = f"outcome unknown: it was sent, then {told}; see: shocpp transactions"
    else:
        became = told if told == NEVER_SENT else "it was sent, and may have been carried out"
        sentence = f"{identity} has not answered in {timeout_s:g} s: {became}"
    raise Refused(HTTPStatus.GATEWAY_TIMEOUT, sentence, state=state)
