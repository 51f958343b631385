"""Writing down what Charge Points say, and deciding what it means (a room).

`Bookkeeping.write` takes the jobs of a tick as one transaction and returns their results when they
are on disk: ink before voice. It has no thread and no socket; `bookkeeper` gives it the thread.
"""

import logging
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from shocpp.central_system import bells
from shocpp.central_system.billing import Billing, Heard
from shocpp.central_system.jobs import (
    Claim,
    Connect,
    Connected,
    Disconnect,
    Failed,
    Job,
    Look,
    Receive,
    Send,
    Settle,
    is_durable,
)
from shocpp.central_system.tags import TagsFile
from shocpp.errors import StoreUnavailable
from shocpp.ocpp.connection import Answered, Confirmed, Ignored, Refused, Reported
from shocpp.ocpp.facts import (
    AuthorizationAsked,
    Booted,
    CertificateAsked,
    DataTransferred,
    MeterValuesReported,
    ProgressReported,
    SecurityEventReported,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from shocpp.ocpp.frames import Payload, result_text, to_text
from shocpp.ocpp.redaction import redacted
from shocpp.store import calls, charge_points, frames
from shocpp.store.calls import CallOutcome
from shocpp.store.database import Database

log = logging.getLogger(__name__)

HEARD_EVERY_MS = 5_000
"""`last_heard` is written this often at most for each Charge Point."""


class Bookkeeping:
    """The one writer of a process."""

    def __init__(self, db: Database, tags: TagsFile, zone: ZoneInfo, worker: str) -> None:
        self.billing = Billing(db, tags, zone)
        self._db = db
        self._worker = worker
        self._rows: dict[str, int] = {}
        self._heard: dict[int, int] = {}
        self._refused: set[str] = set()
        self._data_version: int | None = None
        self._begin()
        self._write_job: dict[type, Callable[[Any, int], Any]] = {
            Connect: self._connect,
            Disconnect: self._disconnect,
            Receive: self._receive,
            Send: self._send,
            Claim: self._claim,
            Settle: self._settle,
        }
        self._write_fact: dict[type, Callable[[Heard, Any], Payload | None]] = {
            AuthorizationAsked: self.billing.authorize,
            TransactionStarted: self.billing.start,
            TransactionStopped: self.billing.stop,
            MeterValuesReported: self.billing.meter_values,
            Booted: self._keep(charge_points.record_boot),
            StatusReported: self._keep(charge_points.record_status),
            DataTransferred: self._keep(charge_points.record_data_transfer),
            ProgressReported: self._keep(charge_points.record_progress),
            SecurityEventReported: self._keep(charge_points.record_security_event),
            CertificateAsked: self._keep(charge_points.record_certificate_request),
        }

    def write(self, jobs: list[Job], now_ms: int) -> list[Any]:
        """Write all jobs as one transaction; their results, in order, when it is on disk.

        One job that cannot be written does not take the others with it: they are written one by
        one then, and its result is Failed. Raises StoreUnavailable when nothing can be written.
        """
        try:
            return self._write_together(jobs, now_ms)
        except StoreUnavailable:
            raise
        except Exception:
            if len(jobs) == 1:
                log.exception("a job cannot be written: %.200r", jobs[0])
                return [Failed("it could not be written", unavailable=False)]
        return [result for job in jobs for result in self.write([job], now_ms)]

    def look(self, now_ms: int, *, rung: bool) -> Look:
        """The Calls and superseded connections that wait for this worker.

        Unless the bell was rung, only if another connection has written since the last look.
        """
        with self._db.reading():
            return self._look(now_ms, rung)

    def _look(self, now_ms: int, rung: bool) -> Look:
        db = self._db
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version == self._data_version and not rung:
            return Look([], [])
        self._data_version = version
        superseded = charge_points.superseded(db, self._worker)
        overdue = calls.overdue(db, now_ms)
        if superseded or overdue:
            with db.writing(durable=False):
                charge_points.forget_superseded(db, self._worker)
                calls.expire(db, now_ms)
        return Look(calls.waiting_for(db, self._worker, now_ms), superseded)

    def _begin(self) -> None:
        self._frames: list[frames.FrameRow] = []
        self._heard_now: dict[int, int] = {}
        self._to_ring: list[str] = []
        self._entered: dict[str, int] = {}
        self.billing.begin()
        self._next_frame: int | None = None

    def _write_together(self, jobs: list[Job], now_ms: int) -> list[Any]:
        self._begin()
        db = self._db
        with db.writing(durable=any(map(is_durable, jobs))):
            results = [self._write_job[type(job)](job, now_ms) for job in jobs]
            if self._frames:
                frames.record(db, self._frames)
            if self._heard_now:
                charge_points.heard(db, self._heard_now)
        self._heard.update(self._heard_now)
        self._rows.update(self._entered)
        for bell in self._to_ring:
            bells.ring(bell)
        return results

    def _row(self, charge_point_id: str, now_ms: int) -> int:
        row = self._rows.get(charge_point_id)
        if row is None:
            row = charge_points.enter(self._db, charge_point_id, now_ms)
            self._entered[charge_point_id] = row
        return row

    def _keep_frame(
        self, charge_point: int | None, direction: str, action: str, moment_ms: int, text: str
    ) -> int:
        if self._next_frame is None:
            self._next_frame = frames.next_id(self._db)
        number = self._next_frame
        self._next_frame += 1
        self._frames.append(
            frames.FrameRow(number, charge_point, direction, action, moment_ms, redacted(text))
        )
        return number

    # -- connections and Calls --------------------------------------------------------------------

    def _connect(self, job: Connect, now_ms: int) -> Connected:
        if job.claimed:
            owner = charge_points.identity_of_serial(self._db, job.charge_point_id)
            if owner is not None:
                self._refused.add(job.token)
                return Connected(
                    job.charge_point_id,
                    False,
                    f"the serial {job.charge_point_id} belongs to {owner}; "
                    f"let the charger connect as …/{owner}",
                )
        known = bool(charge_points.find(self._db, job.charge_point_id))
        row = self._row(job.charge_point_id, now_ms)
        former = charge_points.hold(self._db, row, job.token, self._worker, job.remote, now_ms)
        if former is not None and former.bell is not None:
            self._to_ring.append(former.bell)
        return Connected(charge_points.spelled(self._db, row), known, None)

    def _disconnect(self, job: Disconnect, _: int) -> None:
        self._refused.discard(job.token)
        charge_points.release(self._db, job.token)

    def _claim(self, job: Claim, now_ms: int) -> bool:
        return calls.claim(
            self._db, job.call.call_id, job.token, redacted(job.call.payload), now_ms
        )

    def _settle(self, job: Settle, now_ms: int) -> None:
        bell = calls.settle(self._db, job.call_id, job.token, job.outcome, now_ms)
        if bell is not None:
            self._to_ring.append(bell)

    def _send(self, job: Send, now_ms: int) -> None:
        row = None if job.charge_point_id is None else self._row(job.charge_point_id, now_ms)
        self._keep_frame(row, "out", job.action, job.sent_ms, job.text)

    # -- frames -----------------------------------------------------------------------------------

    def _receive(self, job: Receive, now_ms: int) -> str | Failed | None:
        if job.token in self._refused:
            return Failed("the connection is refused", unavailable=False)
        event, row = job.event, None
        if job.charge_point_id is not None:
            row = self._row(job.charge_point_id, now_ms)
            if job.received_ms - self._heard.get(row, 0) >= HEARD_EVERY_MS:
                self._heard_now[row] = job.received_ms
        if isinstance(event, Reported):
            assert row is not None, "facts are written for a known Charge Point only"
            return self._report(row, job, event, now_ms)
        answer = event.text if isinstance(event, Answered) else None
        action = event.action if isinstance(event, Answered) else ""
        self._keep_frame(row, "in", action, job.received_ms, job.text)
        if answer is not None:
            self._keep_frame(row, "out", action, now_ms, answer)
        elif isinstance(event, Confirmed):
            outcome = CallOutcome("answered", redacted(to_text(event.confirmation)), None, None)
            self._settle(Settle(job.token, event.call_id, outcome), now_ms)
        elif isinstance(event, Refused):
            outcome = CallOutcome("refused", None, event.code, event.description)
            self._settle(Settle(job.token, event.call_id, outcome), now_ms)
        elif isinstance(event, Ignored):
            log.warning("%s: %s: %.200s", job.charge_point_id, event.reason, job.text)
        return answer

    def _report(self, row: int, job: Receive, event: Reported, now_ms: int) -> str:
        frame = self._keep_frame(row, "in", event.action, job.received_ms, job.text)
        heard = Heard(row, job.charge_point_id or "", frame, job.text, job.received_ms)
        decided = self._write_fact[type(event.fact)](heard, event.fact)
        confirmation = event.confirmation if decided is None else decided
        assert confirmation is not None
        answer = result_text(event.unique_id, confirmation)
        self._keep_frame(row, "out", event.action, now_ms, answer)
        return answer

    def _keep(
        self, record: Callable[[Database, int, Any, int], None]
    ) -> Callable[[Heard, Any], None]:
        """Writing a fact that needs no decision."""

        def write(heard: Heard, fact: Any) -> None:
            record(self._db, heard.charge_point, fact, heard.received_ms)

        return write
