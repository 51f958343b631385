"""The messages of Charge Points: their frames, the facts in them, and the Calls to them.

Frames are stored word by word, but without their secrets, and long ones are cut. A frame that
reports a fact is answered in the transaction that writes the fact.
"""

import logging
from collections.abc import Callable
from typing import Any

from shocpp.bookkeeping.billing import Billing, ReceivedFrame
from shocpp.bookkeeping.jobs import Claim, Failed, Receive, Send, Settle
from shocpp.bookkeeping.unit_of_work import UnitOfWork
from shocpp.calls import effects
from shocpp.errors import StoreUnavailable
from shocpp.ledger.matching import KeyedStop
from shocpp.ledger.transactions import KeyedStart
from shocpp.ocpp.connection import Answered, Confirmed, Ignored, Refused, Reported
from shocpp.ocpp.facts import (
    AuthorizationRequested,
    Booted,
    CertificateRequested,
    DataTransferred,
    MeterValuesReported,
    ProgressReported,
    SecurityEventReported,
    StatusReported,
)
from shocpp.ocpp.frames import Call, Payload, parse, result_text
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.json_text import lenient_text
from shocpp.ocpp.meter_values.currents import currents_in
from shocpp.ocpp.redaction import redacted
from shocpp.ocpp.stored import cutting
from shocpp.site.leader import leader_doorbell
from shocpp.store import calls
from shocpp.store.calls import CallOutcome
from shocpp.store.charge_points import connections, notifications
from shocpp.store.database import Database
from shocpp.store.site import modes, observed

log = logging.getLogger(__name__)

WriteFact = Callable[[UnitOfWork, ReceivedFrame, Any], Payload | None]
"""Writes a fact. Returns the confirmation that it decides on, or None for the protocol's own."""


class Messages:
    """The messages of one worker's connections. Its methods run inside a write transaction."""

    def __init__(self, billing: Billing, worker: str, stopped_tokens: set[str]) -> None:
        self._billing = billing
        self._worker = worker
        self._stopped_tokens = stopped_tokens
        self._write_fact_of: dict[type, WriteFact] = {
            AuthorizationRequested: billing.authorize,
            KeyedStart: billing.start,
            KeyedStop: billing.stop,
            MeterValuesReported: billing.meter_values,
            Booted: _write_boot,
            StatusReported: _write_status,
            DataTransferred: _notification(notifications.record_data_transfer),
            ProgressReported: _notification(notifications.record_progress),
            SecurityEventReported: _notification(notifications.record_security_event),
            CertificateRequested: _notification(notifications.record_certificate_request),
        }

    def stop_writing_facts(self, token: str) -> None:
        """Stop writing facts of this connection, because an earlier one was not written.

        A StopTransaction must not be written without the StartTransaction before it.
        """
        self._stopped_tokens.add(token)

    def forget(self, token: str) -> None:
        """Forget a connection that has ended."""
        self._stopped_tokens.discard(token)

    # -- frames -----------------------------------------------------------------------------------

    def receive(self, unit: UnitOfWork, job: Receive) -> str | Failed | None:
        """Store a received frame and write its fact; return the text of the answer.

        Returns None if the frame needs no answer from here, Failed if its fact must not be written.
        """
        event = job.event
        if isinstance(event, Reported):
            # An earlier job may have failed while this one was already queued.
            if job.token in self._stopped_tokens:
                return Failed(
                    "an earlier message of this connection could not be written", unavailable=False
                )
            return self._report(unit, job, event, self._write_fact_of[type(job.fact)])
        # Without a fact there is no answer to promise: such frames are taken in any order.
        sender = None if job.charge_point_id is None else unit.charge_point(job.charge_point_id)
        action = event.action if isinstance(event, Answered) else ""
        frame = unit.add_received(sender, action, job)
        if isinstance(event, Answered):
            frame.answer, frame.answered_ms = event.text, unit.now_ms
        elif isinstance(event, Confirmed):
            # Careless chargers confirm a GetConfiguration with their AuthorizationKey (OCPP-J
            # errata 3.10).
            confirmation = redacted(cutting.cut_frame(lenient_text(event.confirmation)))
            outcome = CallOutcome("answered", confirmation, None, None)
            # Its lists are stored once, with the Call.
            frame.text = cutting.cut_confirmation(frame.text)
            self.settle(unit, Settle(job.token, event.call_id, outcome))
        elif isinstance(event, Refused):
            outcome = CallOutcome("refused", None, event.code, event.description)
            self.settle(unit, Settle(job.token, event.call_id, outcome))
        elif isinstance(event, Ignored):
            charger = job.charge_point_id or "a charger without a name"
            log.warning(
                "%s: %s: %.200s", charger, event.reason, redacted(cutting.cut_text(job.text))
            )
        return None

    def receive_for_review(self, unit: UnitOfWork, job: Receive) -> str | Failed:
        """Store a frame whose fact cannot be written, and put a StopTransaction under review.

        Raises ValueError for a frame that may stay unanswered.
        """
        # A CallError burns one of the charger's few attempts (OCPP 1.6 §3.7.1), and a hang-up
        # makes it send the same message again for ever. So both of these are acknowledged.
        if isinstance(job.event, Reported):
            if isinstance(job.fact, KeyedStop):
                return self._report(unit, job, job.event, self._billing.stop_for_review)
            if isinstance(job.fact, MeterValuesReported):
                return self._report(unit, job, job.event, lambda _unit, _frame, _fact: None)
        raise ValueError("there is no other way to write this message")

    def send(self, unit: UnitOfWork, job: Send) -> None:
        """Store a frame that was sent."""
        if unit.reserve.is_used:
            return
        receiver = None if job.charge_point_id is None else unit.charge_point(job.charge_point_id)
        unit.add_frame(receiver, "out", job.action, job.sent_ms, job.text)

    def _report(
        self, unit: UnitOfWork, job: Receive, event: Reported, write_fact: WriteFact
    ) -> str | Failed:
        """Store a frame, write its fact, and return the text of the answer."""
        assert job.charge_point_id is not None, "facts are written for a named Charge Point only"
        sender = unit.charge_point(job.charge_point_id)
        # Only a start or a stop without a plausible time depends on the order: any other time
        # distinguishes a repeat from a new transaction. The charger repeats an unanswered message
        # (OCPP 1.6 §3.7.1), so a newer connection may have sent this one before.
        if (
            isinstance(job.fact, (KeyedStart, KeyedStop))
            and not job.fact.has_clock
            and connections.is_replaced(unit.db, sender.row, job.token)
        ):
            return Failed("a newer connection has replaced this one", unavailable=False)
        if (
            unit.reserve.is_used
            and isinstance(job.fact, (KeyedStart, KeyedStop))
            and not unit.reserve.messages.takes(sender.row, len(job.text), job.received_ms)
        ):
            # What follows must not be written without it.
            self.stop_writing_facts(job.token)
            return Failed("the disk is nearly full, and it sends too much", unavailable=False)
        stored = unit.add_received(sender, event.action, job)
        frame = ReceivedFrame(sender, stored, job.received_ms, unit.entry(sender))
        decided = write_fact(unit, frame, job.fact)
        if unit.observes:
            _observe(unit, frame, job)
        confirmation = event.confirmation if decided is None else decided
        assert confirmation is not None
        answer = result_text(event.unique_id, confirmation)
        stored.answer, stored.answered_ms = answer, unit.now_ms
        return answer

    # -- Calls ------------------------------------------------------------------------------------

    def claim(self, unit: UnitOfWork, job: Claim) -> str | None:
        """Take a queued Call for a connection; return the payload to send, or None."""
        try:
            payload = calls.whole_payload(unit.db, job.call)
        except StoreUnavailable as error:
            # Nothing is better than a wrong password: the charger could not connect again.
            call = job.call
            log.warning("%s is not sent to %s: %s", call.action, call.charge_point_id, error)
            doorbell = calls.refuse(unit.db, call.call_id, str(error), unit.now_ms)
            if doorbell is not None:
                unit.ring_after_commit(doorbell)
            return None
        is_ours = effects.claim(unit.db, job.call, self._worker, job.token, unit.now_ms)
        return payload if is_ours else None

    def settle(self, unit: UnitOfWork, job: Settle) -> None:
        """Write the outcome of a Call and its effects, and wake the process that waits for it."""
        # With the token: a newer connection must not settle a Call of the older one.
        doorbells = effects.settle(unit.db, job.call_id, job.token, job.outcome, unit.now_ms)
        for doorbell in doorbells:
            unit.ring_after_commit(doorbell)


def _observe(unit: UnitOfWork, frame: ReceivedFrame, job: Receive) -> None:
    """Let the decisions about limits know what a charger has reported."""
    fact, now_ms = job.fact, frame.received_ms
    if isinstance(fact, MeterValuesReported):
        _observe_currents(unit, frame, fact, job.text)
        return
    is_news = isinstance(fact, (KeyedStart, KeyedStop))
    if isinstance(fact, StatusReported) and fact.connector_id:
        present = modes.present_status(unit.db, frame.sender.row, fact.connector_id)
        # Repeats change nothing, and some chargers send them each minute.
        is_news = present is not None and present.received_ms == now_ms
    if is_news:
        # A car must not charge at its base until the next tick, nor wait that long.
        unit.ring_after_commit(leader_doorbell(unit.db.path))


def _observe_currents(
    unit: UnitOfWork, frame: ReceivedFrame, reported: MeterValuesReported, text: str
) -> None:
    """Write the currents of a MeterValues, which prove if its charger keeps its limits."""
    call = parse(text)
    currents = currents_in(call.payload.get("meterValue")) if isinstance(call, Call) else []
    # Both have one member for each entry, but of endless lists.
    if len(currents) == len(reported.readings):
        seen = observed.seen_in(zip(currents, reported.readings, strict=True), frame.received_ms)
        if seen is not None:
            row = frame.sender.row
            observed.record(unit.db, row, reported.connector_id, seen, frame.received_ms)


def _write_boot(unit: UnitOfWork, frame: ReceivedFrame, booted: Booted) -> None:
    """Record a BootNotification, without a serial that is the identity of another charger.

    People may name a charger by its serial, and must not reach another one.
    """
    serial = booted.serial or ""
    is_own = identity_key(serial) == frame.sender.key
    if not is_own and unit.allowlist().is_listed(serial):
        log.warning(
            "%s reports the name of another charger, %s, as its serial; it is not stored",
            frame.sender.charge_point_id,
            serial,
        )
        booted = booted._replace(serial=None)
    notifications.record_boot(unit.db, frame.sender.row, booted, frame.received_ms)


def _write_status(unit: UnitOfWork, frame: ReceivedFrame, status: StatusReported) -> None:
    """Write the state of a connector, and the event unless its charger is over its budget."""
    now_ms, is_event = frame.received_ms, frame.is_stored
    notifications.record_status(unit.db, frame.sender.row, status, now_ms, is_event=is_event)


def _notification(record: Callable[[Database, int, Any, int], None]) -> WriteFact:
    """Return a function that writes a fact that needs no decision, if its frame is stored."""

    def write(unit: UnitOfWork, frame: ReceivedFrame, fact: Any) -> None:
        if frame.is_stored:
            record(unit.db, frame.sender.row, fact, frame.received_ms)

    return write
