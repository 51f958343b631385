"""Calls that are posted to the API: reading the body, and the answer with the outcome.

The module uses JSON and HTTP statuses, but not Flask.
"""

from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn

from shocpp.calls.outcomes import REPORTS, confirmation_of, outcome_of, values_of
from shocpp.calls.restarts import Restart
from shocpp.errors import UsageError
from shocpp.interfaces.api.call_schemas import DEFAULT_S, LONGEST_S
from shocpp.interfaces.http.refusals import Refused
from shocpp.ocpp.outgoing import allowed_payload
from shocpp.store.calls import CallOutcome
from shocpp.texts import parse_unique


class PostedCall(NamedTuple):
    """A valid Call (OCPP 1.6 §6), and the time that its caller waits, in seconds."""

    action: str
    payload: dict[str, Any]
    timeout_s: float


def posted_call(text: bytes) -> PostedCall:
    """Return the Call in the body of a request.

    Raises Refused: 400 if the body is not as described, 422 if OCPP does not allow the Call.
    """
    body = posted_object(text, '{"action": "Reset", …}')
    unknown = sorted(set(body) - {"action", "payload", "timeout_s"})
    if unknown:
        sentence = f"{unknown[0][:40]!r} is no field of a Call; allowed: action, payload, timeout_s"
        raise Refused(HTTPStatus.BAD_REQUEST, sentence)
    action, payload = body.get("action"), body.get("payload", {})
    if not isinstance(action, str):
        raise Refused(HTTPStatus.BAD_REQUEST, "action must be a string, such as Reset")
    if not isinstance(payload, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "payload must be a JSON object")
    timeout_s = body.get("timeout_s", DEFAULT_S)
    # type(), because a bool is an instance of int.
    if type(timeout_s) not in (int, float) or not 0 < timeout_s <= LONGEST_S:
        sentence = f"timeout_s must be a number, more than 0 and at most {LONGEST_S:g}"
        raise Refused(HTTPStatus.BAD_REQUEST, sentence)
    try:
        return PostedCall(action, allowed_payload(action, payload), timeout_s)
    except UsageError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def posted_object(text: bytes, example: str) -> dict[str, Any]:
    """Return the JSON object in the body; raises Refused, also if a name occurs twice in it."""
    try:
        body = parse_unique(text.decode(), parse_constant=_refuse, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body must be an object: {example}")
    return body


def _refuse(text: str) -> NoReturn:
    # RFC 8259 §6 permits neither NaN nor Infinity, but Python's json accepts both.
    raise ValueError(f"JSON has no number {text}")


def _number(text: str) -> int | float:
    """Return the number; one without a fraction is an integer, because JSON has one number type.

    Raises ValueError if a float cannot hold it.
    """
    number = float(text)
    if abs(number) == float("inf"):
        _refuse(text[:40])
    return int(number) if number.is_integer() else number


def restarted(restart: Restart) -> dict[str, Any]:
    """Return the API's answer to a Reset after which the charger has hung up."""
    return {
        "state": "unknown",
        "confirmation": {},
        "restarting": True,
        "back_after_s": restart.back_s,
    }


def confirmed(identity: str, call: CallOutcome, timeout_s: float) -> dict[str, Any]:
    """Return the API's answer to a Call that was confirmed.

    `timeout_s` is the time that its caller has waited, in seconds. Raises Refused if it was not
    confirmed, with the status and the sentence of the outcome.
    """
    if call.state == "answered":
        return {"state": call.state, "confirmation": confirmation_of(call)}
    report, values = REPORTS[outcome_of(call)], values_of(call)
    sentence = report.sentence.format(charge_point=identity, timeout_s=timeout_s, **values).strip()
    refused = Refused(report.api, sentence, state=call.state)
    if call.state == "refused":
        refused.more |= {"code": values["code"], "description": values["reason"]}
    raise refused
