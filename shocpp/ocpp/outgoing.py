"""Payloads of our own Calls, checked against OCPP 1.6 §6 before they are queued (pure).

RemoteStopTransaction may name a Charge Point or an account instead of a transaction id. The
placing (`shocpp.calls.placing`) replaces them by the id of the open transaction.
"""

from collections.abc import Mapping
from typing import Any

from shocpp.errors import UsageError
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT
from shocpp.ocpp.json_text import to_text
from shocpp.ocpp.validation import first_violation
from shocpp.texts import without_blanks

STOP_BY = {"charge_point": str, "account": str, "connectorId": int}
"""The members that RemoteStopTransaction may have in place of transactionId, with their types."""


def names_no_transaction(action: str, payload: Mapping[str, Any]) -> bool:
    """Return True for a RemoteStopTransaction whose transaction has to be looked up."""
    return action == "RemoteStopTransaction" and "transactionId" not in payload


def check_stop_by(payload: Mapping[str, Any]) -> None:
    """Check the members of a RemoteStopTransaction that has no transactionId.

    Raises UsageError for a member that is unknown, of the wrong type or not printable.
    """
    for key, value in payload.items():
        if key not in STOP_BY:
            raise UsageError(
                f"RemoteStopTransaction: {key[:40]!r} is unknown here; allowed: transactionId, or "
                f"{', '.join(STOP_BY)} instead of it"
            )
        # Not isinstance: a boolean is an int, but no connectorId.
        if type(value) is not STOP_BY[key]:
            kind = "a string" if STOP_BY[key] is str else "an integer"
            raise UsageError(f"RemoteStopTransaction: {key} must be {kind}")
        if isinstance(value, str) and not value.isprintable():
            raise UsageError(f"RemoteStopTransaction: {key} must be printable, not {value[:40]!r}")


def check_no_password(action: str, payload: Mapping[str, Any]) -> None:
    """Raise UsageError for a ChangeConfiguration that would set the password of a charger.

    The charger would present a password that no list of ours has, and could not connect again.
    """
    key = payload.get("key")
    # Keys have no case (CiString50Type), and a charger may ignore blanks.
    is_password = isinstance(key, str) and without_blanks(key).casefold() == "authorizationkey"
    if action == "ChangeConfiguration" and is_password:
        raise UsageError(
            "ChangeConfiguration: AuthorizationKey is the password of the charger, which could not "
            "connect again; give it a new one with: shocpp charge-points add NAME --rotate"
        )


def allowed_payload(action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a payload that OCPP 1.6 allows for this action.

    A ChangeConfiguration's number or boolean becomes a string. Raises UsageError for an unknown
    action, for a password, and for a payload that is not allowed; the sentence names the field.
    """
    fields = TO_CHARGE_POINT.get(action)
    if fields is None:
        raise UsageError(f"{action!r} is not a request to a charger: {', '.join(TO_CHARGE_POINT)}")
    payload = dict(payload)
    check_no_password(action, payload)
    if names_no_transaction(action, payload):
        check_stop_by(payload)
        return payload
    if action == "ChangeConfiguration" and isinstance(payload.get("value"), bool | int | float):
        # Values are strings on the wire (OCPP 1.6 §5.3).
        payload["value"] = payload_text(action, payload["value"])
    violation = first_violation(fields, payload, strict=True)
    if violation is not None:
        raise UsageError(f"{action}: {violation.sentence}")
    return payload


def payload_text(action: str, value: Any) -> str:
    """Return a payload, or a value of it, as JSON.

    Raises UsageError for numbers that JSON does not have; the sentence names `action`.
    """
    try:
        return to_text(value)
    except ValueError:
        raise UsageError(f"{action}: JSON has no such number as NaN, Infinity or 1e400") from None
