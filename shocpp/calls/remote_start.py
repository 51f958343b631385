"""What became of a RemoteStartTransaction (a room): read from what the charger reports after it.

Accepted only says that the charger will try (OCPP 1.6 §5.11). Then come, or do not come, its
StartTransaction, whose answer may refuse the card, and a StatusNotification Charging.
"""

import time
from typing import NamedTuple

from shocpp.ledger.accounts import id_tag_key
from shocpp.store.charge_points import charging
from shocpp.store.charge_points.charging import ConnectorState
from shocpp.store.database import Database

_FREE = ("Preparing", "Finishing", "Available", "Reserved", "Unavailable", "Faulted")
_UNDER_WAY = ("SuspendedEVSE", "SuspendedEV", "Charging")

_LIKELY = {status: place for place, status in enumerate(_FREE + _UNDER_WAY)}
"""Of several connectors, which one a person stands at: those that charge come last."""

LOOK_EVERY_S = 0.05
"""One PRAGMA a look, and only for a few seconds while a person waits."""


class RemoteStart(NamedTuple):
    """A start asked for at `asked_ms`; `connector_id` is None where the charger chooses."""

    charge_point_id: str
    id_tag: str
    connector_id: int | None
    asked_ms: int


class Became(NamedTuple):
    """`outcome` is one of canned.OUTCOMES; `told` is the word that gives its reason.

    That is the card's authorization status for card_refused, else the connector's status.
    """

    outcome: str
    told: str


def what_became(db: Database, start: RemoteStart, deadline: float) -> Became:
    """Wait until it charges or is known not to, at the latest until `deadline` (monotonic)."""
    seen = None
    while True:
        version = db.version_of_others()
        became = _became(db, start) if version != seen else None
        if became is not None:
            return became
        seen = version
        if time.monotonic() >= deadline:
            return _became_by_now(db, start)
        time.sleep(LOOK_EVERY_S)


def why_rejected(db: Database, start: RemoteStart) -> Became:
    """A charger gives no reason for Rejected; the state of its connector usually is one."""
    return Became("rejected", _status(db, start, start.connector_id))


def _became(db: Database, start: RemoteStart) -> Became | None:
    begun = _begun(db, start)
    if begun is None:
        return None
    connector_id, authorization = begun
    if authorization != "Accepted":
        return Became("card_refused", authorization)
    status = _status(db, start, connector_id)
    return Became("charging", status) if _flows(db, start, connector_id) else None


def _became_by_now(db: Database, start: RemoteStart) -> Became:
    begun = _begun(db, start)
    if begun is not None:
        return Became("started", _status(db, start, begun[0]))
    state = _state(db, start, start.connector_id)
    if state is None:
        return Became("not_started", "")
    if state.status in _UNDER_WAY:
        return Became("already_charging", state.status)
    # Preparing from before: the cable was in already. Preparing since: the charger waits for it.
    asks_for_cable = state.status == "Preparing" and state.since_ms >= start.asked_ms
    waits = state.status == "Available" or asks_for_cable
    return Became("plug_in" if waits else "not_started", state.status)


def _begun(db: Database, start: RemoteStart) -> tuple[int, str] | None:
    tag_key = id_tag_key(start.id_tag)
    return charging.begun_since(db, start.charge_point_id, tag_key, start.asked_ms)


def _flows(db: Database, start: RemoteStart, connector_id: int) -> bool:
    """Whether power flows: some chargers report no state, but their meter does."""
    state = _state(db, start, connector_id)
    if state is not None and state.status == "Charging" and state.told_ms >= start.asked_ms:
        return True
    return any(
        power.connector_id == connector_id
        and power.power_w > 0
        and power.measured_ms >= start.asked_ms
        for power in charging.powers(db, start.charge_point_id)
    )


def _status(db: Database, start: RemoteStart, connector_id: int | None) -> str:
    state = _state(db, start, connector_id)
    return state.status if state is not None else ""


def _state(db: Database, start: RemoteStart, connector_id: int | None) -> ConnectorState | None:
    """The state of the connector; where none is named, of the one that is most likely meant."""
    states = [
        state
        for state in charging.connectors(db, start.charge_point_id)
        if state.connector_id == connector_id or (connector_id is None and state.connector_id > 0)
    ]
    return min(states, key=lambda state: _LIKELY.get(state.status, len(_LIKELY)), default=None)
