"""Commands of a page to a charger: queued without waiting, and shown with their outcomes.

The page lists the newest Calls of a charger, whoever asked for them.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from shocpp.calls.addressing import Addressed
from shocpp.calls.outcomes import confirmation_of, outcome_of, wait_of
from shocpp.calls.placing import ENDED, CallOptions, checked_payload, place_unattended
from shocpp.calls.restarts import is_restart
from shocpp.store.calls import CallOutcome
from shocpp.store.database import Database
from shocpp.store.listings.views import newest_calls_at

TIMEOUT_S = 40.0
"""Seconds until a command expires: a charger that has just connected takes no Calls for 30 s."""

PREFIX = "charger "
"""The first characters of the name under which a double tap is recognised."""

NEWEST = 12
"""The Calls that a page lists."""


class CallReport(NamedTuple):
    """A Call for people.

    row         that of the view `calls`
    payload     its payload without secrets
    outcome     the key of its outcome, of its wait, or `waiting`, `sent` and `restarting`
    status      the status of the confirmation, or the code of the CallError, or empty
    is_refusal  True if it has ended without its purpose
    """

    row: Mapping[str, Any]
    payload: Mapping[str, Any]
    outcome: str
    status: str
    is_refusal: bool


def command(
    db: Database, charge_point_id: str, action: str, payload: Mapping[str, Any], by: str
) -> None:
    """Queue a Call; a repeat within seconds, as of a double tap, queues nothing.

    Raises UsageError if OCPP does not allow the payload, Unreachable without a connection.
    """
    options = CallOptions(by, TIMEOUT_S, f"{PREFIX}{charge_point_id} {action}")
    _place(db, charge_point_id, action, payload, options)


def read_values(db: Database, charge_point_id: str, keys: list[str], by: str) -> None:
    """Queue a GetConfiguration of some keys, or of all; raises as `command` does."""
    payload = {"key": keys} if keys else {}
    # Never a repeat: a value that was set since the last one must be read.
    _place(db, charge_point_id, "GetConfiguration", payload, CallOptions(by, TIMEOUT_S))


def set_value(db: Database, charge_point_id: str, key: str, value: str, by: str) -> None:
    """Queue a ChangeConfiguration, and the question for the value after it."""
    payload = {"key": key, "value": value}
    command(db, charge_point_id, "ChangeConfiguration", payload, by)
    read_values(db, charge_point_id, [key], by)


def _place(
    db: Database,
    charge_point_id: str,
    action: str,
    payload: Mapping[str, Any],
    options: CallOptions,
) -> None:
    checked = checked_payload(action, payload, forced=False)
    place_unattended(db, Addressed(charge_point_id, dict(checked)), action, options)


def newest(db: Database, charge_point_id: str) -> list[CallReport]:
    """Return the newest Calls to a charger, the newest first."""
    return [_report_of(row) for row in newest_calls_at(db, charge_point_id, NEWEST)]


def _report_of(row: Mapping[str, Any]) -> CallReport:
    call = CallOutcome(
        row["state"], row["confirmation"], row["error_code"], row["error_description"]
    )
    payload = json.loads(row["payload"])
    if call.state not in ENDED:
        key = "waiting" if call.state == "queued" else "sent"
        return CallReport(row, payload, key, "", is_refusal=False)
    key = outcome_of(call)
    if key == "not_ready":
        return CallReport(row, payload, wait_of(call), "", is_refusal=True)
    if key == "unknown" and is_restart(row["action"], call):
        return CallReport(row, payload, "restarting", "", is_refusal=False)
    status = confirmation_of(call).get("status") if call.state == "answered" else call.error_code
    return CallReport(row, payload, key, str(status or ""), is_refusal=key != "done")
