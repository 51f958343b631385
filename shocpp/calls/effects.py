"""The effects of Calls: what their ends change, written in the transaction that settles them.

An action without a row in EFFECTS changes nothing here. An effect tolerates any confirmation that a
charger may send: careless ones have wrong types and miss members. Its rows are those of the newest
confirmation, so that a repeat changes nothing.

A profile is counted when it is sent: a charger may write it to its flash memory and never answer.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from shocpp.calls.outcomes import confirmation_of, is_refusal
from shocpp.errors import StoreUnavailable
from shocpp.ocpp.charging_profiles import TX_PROFILE, profile_of
from shocpp.ocpp.json_text import lenient_text
from shocpp.store import calls, new_passwords
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import confirmations, connections, identities
from shocpp.store.charge_points.confirmations import ValueRead
from shocpp.store.database import Database
from shocpp.store.site import profiles, switches, unanswered

log = logging.getLogger(__name__)

LONGEST_KEY, LONGEST_VALUE = 100, 2_000
"""Characters of a configuration key and its value that are stored; OCPP 1.6 §7.37 has 50, 500."""

LONGEST_STATUS = 50
"""Characters of a status that are stored."""


class EndedCall(NamedTuple):
    """A Call that has just been settled.

    `charge_point` is a row id. `payload` and `confirmation` are JSON objects without secrets; the
    confirmation is empty if the charger has sent none.
    """

    call_id: str
    charge_point: int
    payload: Mapping[str, Any]
    outcome: CallOutcome
    confirmation: Mapping[str, Any]
    ended_ms: int

    def has_status(self, *statuses: str) -> bool:
        """Return True if the charger has confirmed with one of these statuses."""
        return self.confirmation.get("status") in statuses


Effect = Callable[[Database, EndedCall], Sequence[str]]
"""Writes the effect of a Call. Returns the doorbells to ring after the commit."""


def claim(db: Database, call: QueuedCall, worker: str, token: str, now_ms: int) -> bool:
    """Mark a queued Call as sent on the connection `token`, and note the profiles it may change.

    Return False as `calls.claim` does.
    """
    is_ours = calls.claim(db, call, worker, token, now_ms)
    if is_ours and call.action in ("SetChargingProfile", "ClearChargingProfile"):
        charge_point = identities.row_of(db, call.charge_point_id)
        if charge_point is not None:
            _note_profiles(db, charge_point, call, now_ms)
    return is_ours


def _note_profiles(db: Database, charge_point: int, call: QueuedCall, now_ms: int) -> None:
    """Count the profile of a Call that is sent now, and put what it may change in doubt."""
    if call.action == "SetChargingProfile":
        profiles.count_write(db, charge_point, now_ms)
    # The Call is sent whatever its payload: it may have come with --force.
    try:
        with db.savepoint():
            payload = json.loads(call.payload)
            if call.action == "SetChargingProfile":
                profile = profile_of(payload)
                if profile is not None:
                    unanswered.record_sent(db, charge_point, call.call_id, profile, now_ms)
            else:
                filters = _filters_of(payload)
                if filters is not None:
                    unanswered.doubt(db, charge_point, call.call_id, **filters)
    # Lone surrogates, and numbers beyond those of SQLite.
    except (ValueError, OverflowError):
        log.exception("the profiles that a %s may change cannot be noted", call.action)


def settle(
    db: Database, call_id: str, token: str, outcome: CallOutcome, now_ms: int
) -> Sequence[str]:
    """End a Call that was sent on the connection `token`, and write its effects.

    Returns the doorbells to ring after the commit: of its caller, and of all that must know.
    """
    settled = calls.settle(db, call_id, token, outcome, now_ms)
    if settled is None:
        return ()
    charge_point, action, payload, doorbell = settled
    doorbells = [doorbell] if doorbell is not None else []
    for effect in EFFECTS.get(action, ()):
        # A savepoint, because the end of the Call is written whatever becomes of its effect.
        try:
            with db.savepoint():
                sent, confirmation = json.loads(payload), confirmation_of(outcome)
                ended = EndedCall(call_id, charge_point, sent, outcome, confirmation, now_ms)
                doorbells += effect(db, ended)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("the effect of a %s cannot be written", action)
    return doorbells


def _store_availability(db: Database, ended: EndedCall) -> Sequence[str]:
    """Store the availability that a ChangeAvailability has requested (OCPP 1.6 §5.2)."""
    connector_id, requested = ended.payload.get("connectorId"), ended.payload.get("type")
    # A Call that was sent with --force may have any payload.
    if (
        ended.has_status("Accepted", "Scheduled")
        and type(connector_id) is int
        and requested in ("Operative", "Inoperative")
    ):
        status = ended.confirmation["status"]
        confirmations.record_availability(
            db, ended.charge_point, connector_id, requested, status, ended.ended_ms
        )
    return ()


def _store_values_read(db: Database, ended: EndedCall) -> Sequence[str]:
    """Store the values of a GetConfiguration's confirmation, and the unknown keys in it."""
    known, unknown = (ended.confirmation.get(name) for name in ("configurationKey", "unknownKey"))
    values = [_value_read(item) for item in known] if isinstance(known, list) else []
    if isinstance(unknown, list):
        values += [ValueRead(_text(key)[:LONGEST_KEY], False, None, None) for key in unknown]
    named = [value for value in values if value.key][: confirmations.MOST_KEYS]
    if named:
        confirmations.record_values_read(db, ended.charge_point, named, ended.ended_ms)
    return ()


def _value_read(item: object) -> ValueRead:
    """Return one member of `configurationKey`; its key is empty if it has none."""
    members = item if isinstance(item, dict) else {}
    value, readonly = members.get("value"), members.get("readonly")
    # Careless chargers send "true" and "False".
    is_readonly = {"true": True, "false": False}.get(_text(readonly).lower())
    key, text = _text(members.get("key")), _text(value)[:LONGEST_VALUE]
    return ValueRead(key[:LONGEST_KEY], True, None if value is None else text, is_readonly)


def _store_value_set(db: Database, ended: EndedCall) -> Sequence[str]:
    """Store the value that a ChangeConfiguration has set (OCPP 1.6 §5.3)."""
    key, value = _text(ended.payload.get("key")), _text(ended.payload.get("value"))
    if key and ended.has_status("Accepted", "RebootRequired"):
        confirmations.record_value_set(
            db,
            ended.charge_point,
            key[:LONGEST_KEY],
            value[:LONGEST_VALUE],
            ended.ended_ms,
            needs_reboot=ended.has_status("RebootRequired"),
        )
    return ()


def _decide_on_password(db: Database, ended: EndedCall) -> Sequence[str]:
    """Withdraw the new password of a ChangeConfiguration if the charger has refused it.

    All workers must know at once: the charger may come back to any of them.
    """
    if not new_passwords.waits(db, ended.call_id):
        return ()
    if is_refusal(ended.outcome):
        new_passwords.withdraw(db, ended.call_id)
    return [doorbell for _, doorbell in connections.workers(db)]


def _store_profile(db: Database, ended: EndedCall) -> Sequence[str]:
    """Store the profile that a SetChargingProfile has installed, or that was refused (§5.16).

    Nothing is known of one that was not answered.
    """
    _end_doubts(db, ended)
    profile = profile_of(ended.payload)
    if profile is None:
        return ()
    if ended.has_status("Accepted"):
        profiles.record_accepted(db, ended.charge_point, profile, ended.ended_ms)
        switches.record_accepted(db, ended.call_id)
        return ()
    code = ended.outcome.error_code if ended.outcome.state == "refused" else None
    status = _text(ended.confirmation.get("status")) or _text(code)
    # A charger rightly refuses a TxProfile of a transaction that has just stopped (§3.13.1).
    is_over = profile.variant.purpose == TX_PROFILE and not profiles.is_open(
        db, ended.charge_point, profile.transaction_id
    )
    if status and switches.is_command(db, ended.call_id):
        # Its limit was accepted before: it refuses the number of phases, and no form of limits.
        if not is_over:
            switches.record_refused(db, ended.call_id, ended.ended_ms)
    elif status and not is_over:
        profiles.record_refused(
            db,
            ended.charge_point,
            profile.connector_id,
            profile.variant,
            status[:LONGEST_STATUS],
            ended.ended_ms,
        )
    return ()


def _store_phases(db: Database, ended: EndedCall) -> Sequence[str]:
    """Store what has become of a command for a number of phases.

    One that needs a reboot has no effect, and a reboot would end the transaction.
    """
    if ended.has_status("Accepted"):
        switches.record_accepted(db, ended.call_id)
    elif is_refusal(ended.outcome) or ended.has_status("RebootRequired"):
        switches.record_refused(db, ended.call_id, ended.ended_ms)
    return ()


def _delete_profiles(db: Database, ended: EndedCall) -> Sequence[str]:
    """Delete the profiles that a ClearChargingProfile has removed (§5.5)."""
    _end_doubts(db, ended)
    filters = _filters_of(ended.payload)
    # Unknown: the charger has none of these.
    if filters is not None and ended.has_status("Accepted", "Unknown"):
        profiles.record_cleared(db, ended.charge_point, **filters)
    return ()


def _end_doubts(db: Database, ended: EndedCall) -> None:
    """End the doubts about the profiles of a Call if the charger has answered it."""
    if ended.outcome.state in ("answered", "refused"):
        unanswered.record_answered(db, ended.call_id)


def _filters_of(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the filters of a ClearChargingProfile by column, or None if they are no filters."""
    numbers = [payload.get(name) for name in ("id", "connectorId", "stackLevel")]
    purpose = payload.get("chargingProfilePurpose")
    # A Call that was sent with --force may have any payload.
    is_valid = all(value is None or type(value) is int for value in numbers)
    if not is_valid or not (purpose is None or isinstance(purpose, str)):
        return None
    names = ("profile_id", "connector_id", "stack_level", "purpose")
    return dict(zip(names, (*numbers, purpose), strict=True))


def _text(value: object) -> str:
    """Return a value of a charger as a text that the database takes; empty for null."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else lenient_text(value)
    # JSON may hold a lone surrogate, which SQLite refuses.
    return text.encode(errors="replace").decode()


EFFECTS: Mapping[str, Sequence[Effect]] = {
    "ChangeAvailability": (_store_availability,),
    "ChangeConfiguration": (_store_value_set, _decide_on_password, _store_phases),
    "ClearChargingProfile": (_delete_profiles,),
    "DataTransfer": (_store_phases,),
    "GetConfiguration": (_store_values_read,),
    "SetChargingProfile": (_store_profile,),
}
"""The effects of each action that has any."""
