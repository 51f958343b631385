"""Calls that a program places, with a database of its own for each."""

from collections.abc import Mapping
from typing import Any

from shocpp.calls.addressing import address
from shocpp.calls.placing import CallOptions, checked_payload, place
from shocpp.settings import Settings
from shocpp.store.calls import CallOutcome
from shocpp.store.database import open_database

BY_A_PROGRAM = CallOptions("a program")


def place_call(
    settings: Settings,
    charge_point: str | None,
    action: str,
    payload: Mapping[str, Any],
    asked: CallOptions = BY_A_PROGRAM,
) -> CallOutcome:
    """Send a Call to a Charge Point, and wait for its end."""
    with open_database(settings.database) as db:
        checked = checked_payload(action, payload, forced=False)
        return place(db, address(db, charge_point, action, checked), action, asked).outcome
