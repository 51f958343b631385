"""The messages of Charge Points: their frames, the facts in them, and the Calls to them.

Every frame is stored word by word, without its secrets. A frame that reports a fact is answered in
the transaction that writes the fact.
"""

import logging
from collections.abc import Callable
from typing import Any

from shocpp.bookkeeping.batch import WriteBatch
from shocpp.bookkeeping.billing import Billing, ReceivedFrame
from shocpp.bookkeeping.jobs import Claim, Failed, Receive, Send, Settle
from shocpp.bookkeeping.takeovers import Holders
from shocpp.configuration.charge_points import OPEN_TO_ALL, Allowlist, AllowlistFile, Entry
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
from shocpp.ocpp.frames import Payload, result_text
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.json_text import lenient_text
from shocpp.ocpp.redaction import redacted
from shocpp.store import calls
from shocpp.store.calls import CallOutcome
from shocpp.store.charge_points import connections, notifications
from shocpp.store.database import Database

log = logging.getLogger(__name__)

WriteFact = Callable[[ReceivedFrame, Any], Payload | None]
"""Writes a fact. Returns the confirmation that it decides on, or None for the protocol's own."""


class Messages:
    """The messages of one worker's connections. Its methods run inside a write transaction."""

    def __init__(
        self,
        db: Database,
        batch: WriteBatch,
        billing: Billing,
        holders: Holders,
        worker: str,
        allowlist_file: AllowlistFile,
    ) -> None:
        self._db = db
        self._batch = batch
        self._billing = billing
        self._holders = holders
        self._worker = worker
        self._allowlist_file = allowlist_file
        self._stopped_tokens: set[str] = set()
        self._allowlist: Allowlist | None = None
        self._write_fact_of: dict[type, WriteFact] = {
            AuthorizationRequested: billing.authorize,
            KeyedStart: billing.start,
            KeyedStop: billing.stop,
            MeterValuesReported: billing.meter_values,
            Booted: self._boot,
            StatusReported: self._notification(notifications.record_status),
            DataTransferred: self._notification(notifications.record_data_transfer),
            ProgressReported: self._notification(notifications.record_progress),
            SecurityEventReported: self._notification(notifications.record_security_event),
            CertificateRequested: self._notification(notifications.record_certificate_request),
        }

    def begin(self) -> None:
        """Read the allowlist again in the transaction that begins."""
        self._allowlist = None

    def stop_writing_facts(self, token: str) -> None:
        """Stop writing facts of this connection, because an earlier one was not written.

        A StopTransaction must not be written without the StartTransaction before it.
        """
        self._stopped_tokens.add(token)

    def forget(self, token: str) -> None:
        """Forget a connection that has ended."""
        self._stopped_tokens.discard(token)

    # -- frames -----------------------------------------------------------------------------------

    def receive(self, job: Receive, now_ms: int) -> str | Failed | None:
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
            if self._is_out_of_turn(job, now_ms):
                return Failed("a newer connection has replaced this one", unavailable=False)
            return self._report(job, event, now_ms, self._write_fact_of[type(job.fact)])
        # Without a fact there is no answer to promise: such frames are taken in any order.
        row = self._sender_row(job, now_ms)
        action = event.action if isinstance(event, Answered) else ""
        frame = self._batch.add_frame(row, "in", action, job.received_ms, job.text)
        if isinstance(event, Answered):
            self._batch.add_answer(frame, event.text, now_ms)
        elif isinstance(event, Confirmed):
            # Careless chargers confirm a GetConfiguration with their AuthorizationKey (OCPP-J
            # errata 3.10).
            outcome = CallOutcome(
                "answered", redacted(lenient_text(event.confirmation)), None, None
            )
            self.settle(Settle(job.token, event.call_id, outcome), now_ms)
        elif isinstance(event, Refused):
            outcome = CallOutcome("refused", None, event.code, event.description)
            self.settle(Settle(job.token, event.call_id, outcome), now_ms)
        elif isinstance(event, Ignored):
            charger = job.charge_point_id or "a charger without a name"
            log.warning("%s: %s: %.200s", charger, event.reason, job.text)
        return None

    def receive_for_review(self, job: Receive, now_ms: int) -> str:
        """Store a frame whose fact cannot be written, and put a StopTransaction under review.

        Raises ValueError for a frame that may stay unanswered.
        """
        # A CallError burns one of the charger's few attempts (OCPP 1.6 §3.7.1), and a hang-up
        # makes it send the same message again for ever. So both of these are acknowledged.
        if isinstance(job.event, Reported):
            if isinstance(job.fact, KeyedStop):
                return self._report(job, job.event, now_ms, self._billing.stop_for_review)
            if isinstance(job.fact, MeterValuesReported):
                return self._report(job, job.event, now_ms, lambda _frame, _fact: None)
        raise ValueError("there is no other way to write this message")

    def send(self, job: Send, now_ms: int) -> None:
        """Store a frame that was sent."""
        row = None
        if job.charge_point_id is not None:
            row = self._batch.charge_point_row(job.charge_point_id, now_ms)
        self._batch.add_frame(row, "out", job.action, job.sent_ms, job.text)

    def _report(self, job: Receive, event: Reported, now_ms: int, write_fact: WriteFact) -> str:
        """Store a frame, write its fact, and return the text of the answer."""
        row = self._sender_row(job, now_ms)
        assert row is not None, "facts are written for a named Charge Point only"
        stored = self._batch.add_frame(row, "in", event.action, job.received_ms, job.text)
        name = self._holders.charge_point_id(job.token, job.charge_point_id) or ""
        frame = ReceivedFrame(row, name, stored, job.text, job.received_ms, self._entry(name))
        decided = write_fact(frame, job.fact)
        confirmation = event.confirmation if decided is None else decided
        assert confirmation is not None
        answer = result_text(event.unique_id, confirmation)
        self._batch.add_answer(stored, answer, now_ms)
        return answer

    def _sender_row(self, job: Receive, now_ms: int) -> int | None:
        """Return the row number of the sender of a frame, or None while it has no identity."""
        name = self._holders.charge_point_id(job.token, job.charge_point_id)
        if name is None:
            return None
        row = self._batch.charge_point_row(name, now_ms)
        self._batch.note_last_seen(row, job.received_ms)
        return row

    def _is_out_of_turn(self, job: Receive, now_ms: int) -> bool:
        """Return True if a newer connection may have sent this start or stop before.

        Only a fact without a plausible time depends on the order: any other time distinguishes a
        repeat from a new transaction. The charger repeats an unanswered message (OCPP 1.6
        §3.7.1).
        """
        fact = job.fact
        if not isinstance(fact, KeyedStart | KeyedStop) or fact.has_clock:
            return False
        name = self._holders.charge_point_id(job.token, job.charge_point_id) or ""
        row = self._batch.charge_point_row(name, now_ms)
        return connections.is_replaced(self._db, row, job.token)

    # -- facts ------------------------------------------------------------------------------------

    def _entry(self, charge_point_id: str) -> Entry:
        """Return the allowlist entry of a Charge Point, or the open one if it is not listed.

        Frames of a charger that was just removed from the list are still written.
        """
        if self._allowlist is None:
            self._allowlist = self._allowlist_file.allowlist()
        return self._allowlist.entry(charge_point_id) or OPEN_TO_ALL

    def _boot(self, frame: ReceivedFrame, booted: Booted) -> None:
        """Record a BootNotification, without a serial that is the identity of another charger.

        People may name a charger by its serial, and must not reach another one.
        """
        serial = booted.serial or ""
        is_own = identity_key(serial) == identity_key(frame.charge_point_id)
        if not is_own and self._allowlist_file.allowlist().is_listed(serial):
            log.warning(
                "%s reports the name of another charger, %s, as its serial; it is not stored",
                frame.charge_point_id,
                serial,
            )
            booted = booted._replace(serial=None)
        notifications.record_boot(self._db, frame.charge_point, booted, frame.received_ms)

    def _notification(
        self, record: Callable[[Database, int, Any, int], None]
    ) -> Callable[[ReceivedFrame, Any], None]:
        """Return a function that writes a fact that needs no decision."""

        def write(frame: ReceivedFrame, fact: Any) -> None:
            record(self._db, frame.charge_point, fact, frame.received_ms)

        return write

    # -- Calls ------------------------------------------------------------------------------------

    def claim(self, job: Claim, now_ms: int) -> bool:
        """Take a queued Call for a connection; return True if it may be sent."""
        return calls.claim(
            self._db, job.call.call_id, self._worker, job.token, redacted(job.call.payload), now_ms
        )

    def settle(self, job: Settle, now_ms: int) -> None:
        """Write the outcome of a Call, and wake the process that waits for it."""
        # With the token: a newer connection must not settle a Call of the older one.
        doorbell = calls.settle(self._db, job.call_id, job.token, job.outcome, now_ms)
        if doorbell is not None:
            self._batch.ring_after_commit(doorbell)
