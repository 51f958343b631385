"""The result of a RemoteStartTransaction, read from the charger's reports after it.

The status Accepted only means that the charger will try (OCPP 1.6 §5.11). The result follows from
later messages: a StartTransaction, whose answer may refuse the card, a StatusNotification with
Charging, or MeterValues with power. A charger that authorizes the card first, and gets no Accepted,
reports nothing; so the status of the card is looked up here too.
"""

import time
from contextlib import suppress
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.files import conf_text
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import Accounts, id_tag_key, id_tag_of
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.books import transactions
from shocpp.store.charge_points import charging, identities
from shocpp.store.charge_points.charging import ConnectorState
from shocpp.store.database import Database

# Of several connectors the first in this order is the one that a person most likely stands at:
# those with a transaction come last.
_FREE = ("Preparing", "Finishing", "Available", "Reserved", "Unavailable", "Faulted")
_CAN_START = ("Preparing", "Finishing", "Available")
_UNDER_WAY = ("SuspendedEVSE", "SuspendedEV", "Charging")

_RANKS = {status: rank for rank, status in enumerate(_FREE + _UNDER_WAY)}

POLL_EVERY_S = 0.05
"""Seconds between two checks. One costs a PRAGMA, and only while a person waits."""


UNNAMED = "unnamed"
"""The reason of a rejected start that names no connector, at a charger with several of them."""


class RemoteStart(NamedTuple):
    """A start that was requested at `asked_ms`; without a `connector_id` the charger chooses."""

    charge_point_id: str
    id_tag: str
    connector_id: int | None
    asked_ms: int


class StartResult(NamedTuple):
    """The result of a remote start.

    outcome  one of OUTCOMES of `configuration/canned_calls.py`
    status   the reason: the card's authorization status for `card_refused`, else the status of the
             connector, or UNNAMED; empty if it is not known
    at       for `already_charging` the connector at which the card charges, if it is another one
    """

    outcome: str
    status: str
    at: int | None = None


def free_connector(db: Database, charge_point_id: str) -> int | None:
    """Return the connector that a start must mean: the only one, or the only one that is free.

    None if several may be meant, or if the charger has not reported its connectors. Some chargers
    reject every start without a connector.
    """
    states = [state for state in charging.connectors(db, charge_point_id) if state.connector_id > 0]
    free = [state for state in states if state.status in _CAN_START]
    candidates = states if len(states) == 1 else free
    return candidates[0].connector_id if len(candidates) == 1 else None


def may_charge(db: Database, settings: Settings, id_tag: str, charge_point_id: str) -> bool:
    """Return True unless the account of a card may not use a Charge Point."""
    # Nearly no file has this key, and parsing a large one takes longer than the rest of the call.
    with suppress(FileNotFoundError, ConfigError):
        if '"charge_points"' not in conf_text(settings.tags_file):
            return True
    accounts = _accounts(db, settings)
    account = accounts and accounts.by_id_tag.get(id_tag_key(id_tag))
    return account is None or account.may_use(charge_point_id)


def _accounts(db: Database, settings: Settings) -> Accounts | None:
    """Return the accounts in force, or None if this process cannot know them."""
    try:
        stored = properties.stored_tags(db)
        return load_accounts(settings.tags_file, {}, settings.zone, stored)
    # The server may have read the file before it vanished.
    except (FileNotFoundError, ConfigError):
        return None


def refusal_of(db: Database, settings: Settings, start: RemoteStart) -> StartResult | None:
    """Return the result of an accepted start whose card the server refuses, or None."""
    accounts = _accounts(db, settings)
    if accounts is None:
        return None
    id_tag = id_tag_of(start.id_tag)
    moment_ms = now_ms()
    card = accounts.card(id_tag, moment_ms, start.charge_point_id)
    charge_point = identities.row_of(db, start.charge_point_id) or 0
    status = transactions.status_of(db, card, id_tag.key, charge_point, moment_ms)
    return None if status == "Accepted" else StartResult("card_refused", status)


def await_start(db: Database, start: RemoteStart, deadline: float) -> StartResult:
    """Wait until the charger charges or has refused the card, at most until `deadline` (monotonic).

    At the deadline the result follows from the state of the connector.
    """
    seen = None
    while True:
        # Query only after another connection has written: the version costs one PRAGMA.
        version = db.version_of_others()
        result = _early_result(db, start) if version != seen else None
        if result is not None:
            return result
        seen = version
        db.identity.require_in_place()
        if time.monotonic() >= deadline:
            return _result_at_deadline(db, start)
        time.sleep(POLL_EVERY_S)


def present_result(db: Database, start: RemoteStart) -> StartResult:
    """Return the result of an accepted start by all that the charger has reported so far."""
    return _early_result(db, start) or _result_at_deadline(db, start)


def rejection_of(db: Database, start: RemoteStart) -> StartResult:
    """Return the result of a rejected start, with the state of the connector as its reason.

    OCPP 1.6 has no reason for Rejected; the state of the connector usually explains it.
    """
    elsewhere = _charging_elsewhere(db, start)
    if elsewhere is not None:
        return elsewhere
    states = charging.connectors(db, start.charge_point_id)
    if start.connector_id is None and sum(state.connector_id > 0 for state in states) > 1:
        status = _status(db, start, None)
        return StartResult("rejected", UNNAMED if status in _CAN_START else status)
    return StartResult("rejected", _status(db, start, start.connector_id))


def _charging_elsewhere(db: Database, start: RemoteStart) -> StartResult | None:
    """Return the result if the card charges at another connector of the charger, or None."""
    tag_key = id_tag_key(start.id_tag)
    for transaction in charging.open_at(db, start.charge_point_id):
        is_same_card = id_tag_key(transaction.id_tag) == tag_key
        if is_same_card and transaction.connector_id != start.connector_id:
            return StartResult("already_charging", "Charging", transaction.connector_id)
    return None


def _early_result(db: Database, start: RemoteStart) -> StartResult | None:
    """Return a result that cannot change any more, or None."""
    begun = _begun(db, start)
    if begun is None:
        return None
    connector_id, authorization = begun
    if authorization != "Accepted":
        return StartResult("card_refused", authorization)
    status = _status(db, start, connector_id)
    return StartResult("charging", status) if _flows(db, start, connector_id) else None


def _result_at_deadline(db: Database, start: RemoteStart) -> StartResult:
    """Return the result from the state of the connector, when no more time is left."""
    begun = _begun(db, start)
    if begun is not None:
        return StartResult("started", _status(db, start, begun[0]))
    elsewhere = _charging_elsewhere(db, start)
    if elsewhere is not None:
        return elsewhere
    state = _state(db, start, start.connector_id)
    if state is None:
        return StartResult("not_started", "")
    if state.status in _UNDER_WAY:
        return StartResult("already_charging", state.status)
    # Preparing before the start: the cable was plugged in already. Preparing since the start: the
    # charger waits for the cable.
    asks_for_cable = state.status == "Preparing" and state.since_ms >= start.asked_ms
    waits = state.status == "Available" or asks_for_cable
    return StartResult("plug_in" if waits else "not_started", state.status)


def sentence_of(result: StartResult) -> str:
    """Return the key of the sentence in `language.voice` about a result.

    A connector that is Available after an accepted start suggests that the cable is missing; only
    one that prepares since the start says so.
    """
    if result.outcome == "plug_in" and result.status == "Available":
        return "perhaps_plug_in"
    if result.outcome == "already_charging" and result.at is not None:
        return "charging_at"
    return result.outcome


def _begun(db: Database, start: RemoteStart) -> tuple[int, str] | None:
    """Return connector and authorization status of the card's transaction since the start."""
    tag_key = id_tag_key(start.id_tag)
    return charging.newest_start(db, start.charge_point_id, tag_key, start.asked_ms)


def _flows(db: Database, start: RemoteStart, connector_id: int) -> bool:
    """Return True if the connector charges: some chargers report no state, only MeterValues."""
    state = _state(db, start, connector_id)
    # A state from before the start belongs to an earlier transaction.
    if state is not None and state.status == "Charging" and state.notified_ms >= start.asked_ms:
        return True
    return any(
        power.connector_id == connector_id
        and power.power_w > 0
        and power.measured_ms >= start.asked_ms
        for power in charging.powers(db, start.charge_point_id)
    )


def _status(db: Database, start: RemoteStart, connector_id: int | None) -> str:
    """Return the status of the connector; empty if it has reported none."""
    state = _state(db, start, connector_id)
    return state.status if state is not None else ""


def _state(db: Database, start: RemoteStart, connector_id: int | None) -> ConnectorState | None:
    """Return the state of the connector; without an id, of the most likely one (see _RANKS)."""
    states = [
        state
        for state in charging.connectors(db, start.charge_point_id)
        if state.connector_id == connector_id or (connector_id is None and state.connector_id > 0)
    ]
    return min(states, key=lambda state: _RANKS.get(state.status, len(_RANKS)), default=None)
