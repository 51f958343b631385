"""Writing down what Charge Points say, and deciding what it means (a room).

`Bookkeeping.write` takes the jobs of a tick as one transaction and returns their results when they
are on disk: ink before voice. It has no thread and no socket; `bookkeeper` gives it the thread.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from shocpp.admission.decision import is_over
from shocpp.bookkeeping.billing import Billing, ReceivedFrame
from shocpp.bookkeeping.jobs import (
    Claim,
    Connect,
    Connected,
    Contested,
    Disconnect,
    Failed,
    Job,
    Look,
    Receive,
    Refuse,
    Send,
    Settle,
    is_energy,
)
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.takeovers import Takeovers
from shocpp.configuration.charge_points import OPEN_TO_ALL, Allowlist, AllowlistFile, Entry
from shocpp.configuration.tags import TagsFile
from shocpp.errors import StoreUnavailable
from shocpp.ledger.transactions import has_clock
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
    TransactionStarted,
    TransactionStopped,
)
from shocpp.ocpp.frames import Payload, result_text
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.json_text import kept_text
from shocpp.ocpp.redaction import redacted
from shocpp.store import calls, doorbells, properties
from shocpp.store.calls import CallOutcome
from shocpp.store.charge_points import admissions, connections, frames, identities, notifications
from shocpp.store.database import Database

log = logging.getLogger(__name__)

HEARD_EVERY_MS = 5_000
"""`last_heard` is written this often at most for each Charge Point."""


class Bookkeeping:
    """The one writer of a process."""

    def __init__(
        self, db: Database, tags: TagsFile, posting: Posting, worker: str, chargers: AllowlistFile
    ) -> None:
        self.billing = Billing(db, tags, posting)
        self._db = db
        self._worker = worker
        self._chargers = chargers
        self._takeovers = Takeovers()
        self._stored_allowlist = properties.stored_allowlist(db)
        chargers.fall_back_to(self._stored_allowlist)
        self._rows: dict[str, int] = {}
        self._heard: dict[int, int] = {}
        self._distrusted: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._data_version: int | None = None
        self._begin()
        self._write_job: dict[type, Callable[[Any, int], Any]] = {
            Connect: self._connect,
            Disconnect: self._disconnect,
            Receive: self._receive,
            Refuse: self._refuse,
            Send: self._send,
            Claim: self._claim,
            Settle: self._settle,
        }
        self._write_fact: dict[type, Callable[[ReceivedFrame, Any], Payload | None]] = {
            AuthorizationRequested: self.billing.authorize,
            TransactionStarted: self.billing.start,
            TransactionStopped: self.billing.stop,
            MeterValuesReported: self.billing.meter_values,
            Booted: self._boot,
            StatusReported: self._keep(notifications.record_status),
            DataTransferred: self._keep(notifications.record_data_transfer),
            ProgressReported: self._keep(notifications.record_progress),
            SecurityEventReported: self._keep(notifications.record_security_event),
            CertificateRequested: self._keep(notifications.record_certificate_request),
        }

    def write(self, jobs: list[Job], now_ms: int) -> list[Any]:
        """Write all jobs as one transaction; their results, in order, when it is on disk.

        One job that cannot be written does not take the others with it: its result is Failed.
        Raises StoreUnavailable when nothing can be written.
        """
        try:
            return self._write_together(jobs, now_ms, self._write_job_of)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("%d jobs cannot be written as they are", len(jobs))
        return self._write_together(jobs, now_ms, self._write_apart)

    def distrust(self, jobs: Iterable[Job]) -> None:
        """Facts of these jobs were not written: what their connections say next must wait too.

        A StopTransaction is nothing without the StartTransaction before it.
        """
        self._distrusted.update(job.token for job in jobs if is_energy(job))

    def look(self, now_ms: int, *, rung: bool) -> Look:
        """The Calls and superseded connections that wait for this worker.

        Unless the bell was rung, only if another connection has written since the last look.
        """
        with self._db.reading():
            return self._look(now_ms, rung)

    def _look(self, now_ms: int, rung: bool) -> Look:
        db = self._db
        self.billing.look_at_tags()
        self._poll_allowlist()
        version = db.version_of_others()
        if version == self._data_version and not rung:
            return Look([], [], [])
        self._data_version = version
        superseded: list[str] = []
        contested: list[str] = []
        if connections.has_notices(db, self._worker) or calls.overdue(db, now_ms):
            with db.writing(durable=False):
                superseded = connections.take_superseded(db, self._worker)
                contested = connections.take_contested(db, self._worker)
                calls.expire(db, now_ms)
        return Look(calls.waiting_for(db, self._worker, now_ms), superseded, contested)

    def _poll_allowlist(self) -> None:
        """A new list is kept for the day its file is gone."""
        self._chargers.allowlist()
        text = self._chargers.text
        if text is not None and text != self._stored_allowlist:
            with self._db.writing(durable=False):
                properties.store_allowlist(self._db, text)
            self._stored_allowlist = text

    def _begin(self) -> None:
        self._frames: list[frames.FrameRow] = []
        self._heard_now: dict[int, int] = {}
        self._to_ring: list[str] = []
        self._entered: dict[str, int] = {}
        self._allowlist: Allowlist | None = None
        self.billing.begin()
        self._next_frame: int | None = None

    def _write_together(
        self, jobs: list[Job], now_ms: int, write: Callable[[Job, int], Any]
    ) -> list[Any]:
        self._begin()
        db = self._db
        with db.writing(durable=any(map(is_energy, jobs))):
            results = [write(job, now_ms) for job in jobs]
            self.billing.write()
            if self._frames:
                frames.record(db, self._frames)
            if self._heard_now:
                identities.heard(db, self._heard_now)
        self._heard.update(self._heard_now)
        self._rows.update(self._entered)
        self.billing.committed()
        for doorbell in self._to_ring:
            doorbells.ring(doorbell)
        return results

    def _write_job_of(self, job: Job, now_ms: int) -> Any:
        return self._write_job[type(job)](job, now_ms)

    def _write_apart(self, job: Job, now_ms: int) -> Any:
        """Write a job so that its failure undoes nothing else.

        A stop must not come back for ever: if even deciding on it fails, a human will.
        """
        for write in (self._write_job_of, self._rescue):
            frames_before, entered_before = len(self._frames), dict(self._entered)
            try:
                with self._db.apart():
                    result = write(job, now_ms)
                    self.billing.write()
                    return result
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("a job cannot be written: %.200r", job)
                # What it had entered is undone with it, and must not be remembered either.
                del self._frames[frames_before:]
                self._entered = entered_before
                self.billing.begin()
        self.distrust([job])
        return Failed("it could not be written", unavailable=False)

    def _rescue(self, job: Job, now_ms: int) -> Any:
        if isinstance(job, Receive) and isinstance(job.event, Reported):
            if isinstance(job.event.fact, TransactionStopped):
                return self._report(job, job.event, now_ms, self.billing.stop_for_review)
            if isinstance(job.event.fact, MeterValuesReported):
                return self._report(job, job.event, now_ms, lambda _heard, _fact: None)
        raise ValueError("there is no other way to write this")

    def _row(self, charge_point_id: str, now_ms: int) -> int:
        row = self._rows.get(charge_point_id) or self._entered.get(charge_point_id)
        if row is None:
            row = identities.enter(self._db, charge_point_id, now_ms)
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

    def _connect(self, job: Connect, now_ms: int) -> Connected | Contested | Failed:
        name, notice = self._name_of(job)
        if job.password is not None and self._is_over(name, job.password):
            # It was right when it was shown; a newer one has been shown since, or the list changed.
            return Failed("its password does not count any more", unavailable=False)
        known = bool(identities.find(self._db, name))
        row = self._row(name, now_ms)
        former = connections.former(self._db, row)
        if former is not None and former.token != job.token:
            may_replace = self._takeovers.may_replace(former, job, row, now_ms)
            if former.doorbell is not None and not (may_replace and former.worker == self._worker):
                self._to_ring.append(former.doorbell)
            if not may_replace:
                connections.contest(self._db, former)
                return Contested(name)
            self._takeovers.note(row, now_ms)
        held = connections.Held(job.token, job.remote, job.is_sure)
        connections.hold(self._db, row, held, self._worker, now_ms, former)
        if job.password is not None:
            admissions.note_shown(self._db, identity_key(name), job.password, now_ms)
        return Connected(identities.spelled(self._db, row), known, notice)

    def _is_over(self, name: str, password: str) -> bool:
        shown = admissions.shown_password(self._db, identity_key(name))
        return is_over(self._chargers.allowlist().entry(name), password, shown)

    def _name_of(self, job: Connect) -> tuple[str, str | None]:
        """The identity of a connection; a serial that it told itself may be another's."""
        name = job.charge_point_id
        if job.otherwise is None:
            return name, None
        owner = identities.identity_of_serial(self._db, name)
        if owner is None and self._chargers.allowlist().is_listed(name):
            owner = name
        if owner is None:
            return name, None
        self._renamed[job.token] = job.otherwise
        return job.otherwise, (
            f"the serial {name} belongs to {owner}: the charger goes by {job.otherwise} "
            f"until it connects as …/{owner}"
        )

    def _refuse(self, job: Refuse, _: int) -> None:
        admissions.record_refused(self._db, job.refused)

    def _disconnect(self, job: Disconnect, _: int) -> None:
        self._distrusted.discard(job.token)
        self._renamed.pop(job.token, None)
        connections.release(self._db, job.token)

    def _claim(self, job: Claim, now_ms: int) -> bool:
        return calls.claim(
            self._db, job.call.call_id, self._worker, job.token, redacted(job.call.payload), now_ms
        )

    def _settle(self, job: Settle, now_ms: int) -> None:
        doorbell = calls.settle(self._db, job.call_id, job.token, job.outcome, now_ms)
        if doorbell is not None:
            self._to_ring.append(doorbell)

    def _send(self, job: Send, now_ms: int) -> None:
        row = None if job.charge_point_id is None else self._row(job.charge_point_id, now_ms)
        self._keep_frame(row, "out", job.action, job.sent_ms, job.text)

    # -- frames -----------------------------------------------------------------------------------

    def _receive(self, job: Receive, now_ms: int) -> str | Failed | None:
        event = job.event
        if isinstance(event, Reported):
            if job.token in self._distrusted:
                return Failed("what it said before could not be written", unavailable=False)
            if self._is_out_of_turn(job, event.fact, now_ms):
                return Failed("a newer connection has taken its place", unavailable=False)
            return self._report(job, event, now_ms, self._write_fact[type(event.fact)])
        row = self._hear(job, now_ms)
        action = event.action if isinstance(event, Answered) else ""
        self._keep_frame(row, "in", action, job.received_ms, job.text)
        if isinstance(event, Answered):
            self._keep_frame(row, "out", action, now_ms, event.text)
        elif isinstance(event, Confirmed):
            outcome = CallOutcome("answered", redacted(kept_text(event.confirmation)), None, None)
            self._settle(Settle(job.token, event.call_id, outcome), now_ms)
        elif isinstance(event, Refused):
            outcome = CallOutcome("refused", None, event.code, event.description)
            self._settle(Settle(job.token, event.call_id, outcome), now_ms)
        elif isinstance(event, Ignored):
            who = job.charge_point_id or "a charger without a name"
            log.warning("%s: %s: %.200s", who, event.reason, job.text)
        return None

    def _is_out_of_turn(self, job: Receive, fact: object, now_ms: int) -> bool:
        """Whether a start or stop has been overtaken by what a newer connection has told since.

        Where a time tells which transaction it is, that is no matter. Without one only their order
        tells a repeat from a new one; the charger repeats what is not answered (OCPP 1.6 §3.7.1).
        """
        if isinstance(fact, TransactionStarted):
            timed = has_clock(fact.started_ms)
        elif isinstance(fact, TransactionStopped):
            timed = has_clock(fact.stopped_ms)
        else:
            return False
        name = self._renamed.get(job.token, job.charge_point_id or "")
        return not timed and connections.is_replaced(self._db, self._row(name, now_ms), job.token)

    def _hear(self, job: Receive, now_ms: int) -> int | None:
        """The row of the Charge Point that a frame came from, if it has a name by now."""
        name = self._renamed.get(job.token, job.charge_point_id)
        if name is None:
            return None
        row = self._row(name, now_ms)
        # Our clock may have been set back.
        if abs(job.received_ms - self._heard.get(row, 0)) >= HEARD_EVERY_MS:
            self._heard_now[row] = job.received_ms
        return row

    def _report(
        self,
        job: Receive,
        event: Reported,
        now_ms: int,
        write: Callable[[ReceivedFrame, Any], Payload | None],
    ) -> str:
        row = self._hear(job, now_ms)
        assert row is not None, "facts are written for a named Charge Point only"
        frame = self._keep_frame(row, "in", event.action, job.received_ms, job.text)
        name = self._renamed.get(job.token, job.charge_point_id or "")
        heard = ReceivedFrame(row, name, frame, job.text, job.received_ms, self._entry(name))
        decided = write(heard, event.fact)
        confirmation = event.confirmation if decided is None else decided
        assert confirmation is not None
        answer = result_text(event.unique_id, confirmation)
        self._keep_frame(row, "out", event.action, now_ms, answer)
        return answer

    def _entry(self, charge_point_id: str) -> Entry:
        """What is known of a Charge Point; one that is let in no more is still written down."""
        if self._allowlist is None:
            self._allowlist = self._chargers.allowlist()
        return self._allowlist.entry(charge_point_id) or OPEN_TO_ALL

    def _boot(self, heard: ReceivedFrame, booted: Booted) -> None:
        """A serial that is the name of another charger of the list is not kept."""
        serial = booted.serial or ""
        is_own = identity_key(serial) == identity_key(heard.charge_point_id)
        if not is_own and self._chargers.allowlist().is_listed(serial):
            log.warning("%s says the name of %s for its serial", heard.charge_point_id, serial)
            booted = booted._replace(serial=None)
        notifications.record_boot(self._db, heard.charge_point, booted, heard.received_ms)

    def _keep(
        self, record: Callable[[Database, int, Any, int], None]
    ) -> Callable[[ReceivedFrame, Any], None]:
        """Writing a fact that needs no decision."""

        def write(heard: ReceivedFrame, fact: Any) -> None:
            record(self._db, heard.charge_point, fact, heard.received_ms)

        return write
