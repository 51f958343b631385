"""Writing down what Charge Points say, and deciding what it means (a room).

`Bookkeeping.write` takes the jobs of a tick as one transaction and returns their results when they
are on disk: ink before voice. It has no thread and no socket; `bookkeeper` gives it the thread.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shocpp.central_system import bells
from shocpp.central_system.tags import TagsFile
from shocpp.errors import StoreUnavailable
from shocpp.ledger.accounts import Accounts, Card, id_tag_key
from shocpp.ledger.booking import Match, Record, book_stop, decide_start, match_stop, stop_key
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ocpp.connection import Answered, Confirmed, Event, Ignored, Refused, Reported
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
from shocpp.store import calls, charge_points, frames, properties, transactions
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.database import Database
from shocpp.store.transactions import RecordPlace

log = logging.getLogger(__name__)

HEARD_EVERY_MS = 5_000
"""`last_heard` is written this often at most for each Charge Point."""


class Connect(NamedTuple):
    """A conversation begins. `claimed`: the identity is a serial told by the charger itself."""

    token: str
    charge_point_id: str
    remote: str
    claimed: bool


class Connected(NamedTuple):
    """The identity as it is spelled in the books, and whether it was there before; or a refusal."""

    charge_point_id: str
    known: bool
    refusal: str | None


class Disconnect(NamedTuple):
    """A conversation has ended."""

    token: str


class Receive(NamedTuple):
    """A frame and what it means. The result is the answer's text, or None where there is none."""

    token: str
    charge_point_id: str | None
    text: str
    received_ms: int
    event: Event


class Send(NamedTuple):
    """A frame of ours that is no answer, to be kept."""

    charge_point_id: str | None
    action: str
    text: str
    sent_ms: int


class Claim(NamedTuple):
    """Take a queued Call for this conversation. The result is whether it may be sent."""

    token: str
    call: QueuedCall


class Settle(NamedTuple):
    """A Call of this conversation ends without an answer."""

    token: str
    call_id: str
    outcome: CallOutcome


class Failed(NamedTuple):
    """The result of a job that was not written; `unavailable` says that none can be just now."""

    reason: str
    unavailable: bool


Job = Connect | Disconnect | Receive | Send | Claim | Settle


class Look(NamedTuple):
    """What a worker finds when its bell rings."""

    calls: list[QueuedCall]
    superseded: list[str]


def is_durable(job: Job) -> bool:
    """Whether the result of a job promises that energy is on disk."""
    return (
        isinstance(job, Receive)
        and isinstance(job.event, Reported)
        and isinstance(
            job.event.fact, TransactionStarted | TransactionStopped | MeterValuesReported
        )
    )


class Bookkeeping:
    """The one writer of a process."""

    def __init__(self, db: Database, tags: TagsFile, zone: ZoneInfo, worker: str) -> None:
        self.booked = False
        self._db = db
        self._tags = tags
        self._zone = zone
        self._worker = worker
        self._rows: dict[str, int] = {}
        self._heard: dict[int, int] = {}
        self._refused: set[str] = set()
        self._data_version: int | None = None
        self._kept_tags = properties.kept_tags(db)
        tags.fall_back_to(self._kept_tags)
        self._begin()
        self._write_job: dict[type, Callable[[Any, int], Any]] = {
            Connect: self._connect,
            Disconnect: self._disconnect,
            Receive: self._receive,
            Send: self._send,
            Claim: self._claim,
            Settle: self._settle,
        }
        self._write_fact: dict[type, Callable[[int, Any, Receive, int], Payload | None]] = {
            AuthorizationAsked: self._authorize,
            TransactionStarted: self._start,
            TransactionStopped: self._stop,
            MeterValuesReported: self._meter_values,
            Booted: _keep(charge_points.record_boot, self),
            StatusReported: _keep(charge_points.record_status, self),
            DataTransferred: _keep(charge_points.record_data_transfer, self),
            ProgressReported: _keep(charge_points.record_progress, self),
            SecurityEventReported: _keep(charge_points.record_security_event, self),
            CertificateAsked: _keep(charge_points.record_certificate_request, self),
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
        self._accounts: Accounts | None = None
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
        self._frame = self._keep_frame(row, "in", event.action, job.received_ms, job.text)
        decided = self._write_fact[type(event.fact)](row, event.fact, job, now_ms)
        confirmation = event.confirmation if decided is None else decided
        assert confirmation is not None
        answer = result_text(event.unique_id, confirmation)
        self._keep_frame(row, "out", event.action, now_ms, answer)
        return answer

    def _card(self, id_tag: str, now_ms: int) -> Card:
        return self._accounts_in_force().card(id_tag, now_ms)

    def _accounts_in_force(self) -> Accounts:
        """The accounts of this transaction; a new set is kept for the day its file is broken."""
        if self._accounts is None:
            self._accounts = self._tags.accounts(transactions.account_names(self._db))
            if self._tags.text is not None and self._tags.text != self._kept_tags:
                properties.keep_tags(self._db, self._tags.text)
                self._kept_tags = self._tags.text
        return self._accounts

    def _authorize(
        self, row: int, asked: AuthorizationAsked, _job: Receive, now_ms: int
    ) -> Payload:
        card = self._card(asked.id_tag, now_ms)
        status = card.status
        is_single = status == "Accepted" and not card.concurrent
        if is_single and transactions.is_charging(self._db, id_tag_key(asked.id_tag), row):
            status = "ConcurrentTx"
        return {"idTagInfo": {"status": status}}

    def _start(self, row: int, started: TransactionStarted, job: Receive, now_ms: int) -> Payload:
        rows = transactions.rows_for_start(self._db, row, started)
        decision = decide_start(started, self._card(started.id_tag, now_ms), rows)
        if decision.repeat_of is None:
            transactions.record_start(self._db, row, started, decision, job.received_ms)
        else:
            transactions.count_repeated_start(self._db, decision.repeat_of)
        if decision.flags:
            log.warning("%s: StartTransaction: %s", job.charge_point_id, "; ".join(decision.flags))
        return {
            "idTagInfo": {"status": decision.status},
            "transactionId": decision.transaction_id,
        }

    def _stop(self, row: int, stopped: TransactionStopped, job: Receive, now_ms: int) -> Payload:
        db = self._db
        names = transactions.account_names(db)
        card = self._card(stopped.id_tag, now_ms) if stopped.id_tag else None
        known_card = card is not None and card.account_index != UNASSIGNED_INDEX
        accounts = self._accounts_in_force().by_index
        listed = {index: account.name for index, account in accounts.items()}
        rows = transactions.rows_for_stop(
            db,
            row,
            stopped,
            card.account_index if card and known_card else None,
            listed | names,
        )
        match = match_stop(stopped, rows, now_ms)
        if match.repeat_of is not None:
            transactions.count_repeated_stop(db, match.repeat_of)
        else:
            self._book(row, stopped, match, job)
        return {} if card is None else {"idTagInfo": {"status": card.status}}

    def _book(self, row: int, stopped: TransactionStopped, match: Match, job: Receive) -> None:
        db = self._db
        transaction = match.closes or match.follows
        transactions.record_readings(
            db,
            row,
            transaction.connector_id if transaction else 0,
            transaction.row if transaction else None,
            stopped.readings,
            self._frame,
            job.received_ms,
        )
        record = book_stop(
            stopped,
            match,
            readings=transactions.readings_of(db, transaction.row) if transaction else (),
            neighbours=transactions.neighbours(db, row, stopped, match),
            now_ms=job.received_ms,
        )
        if record.review or record.flags:
            told = "; ".join(filter(None, (record.review, *record.flags)))
            log.warning("%s: StopTransaction: %s", job.charge_point_id, told)
        stop_row = transactions.record_stop(
            db, row, stopped, match, job.received_ms, job.text if record.review else None
        )
        if transaction is not None:
            transactions.close_transaction(db, transaction, record.end_wh)
        place = record_place(record, charge_points.spelled(db, row), stopped, self._zone)
        transactions.record_accounting(
            db, row, stop_row, transaction, record, place, job.received_ms
        )
        self.booked = True

    def _meter_values(
        self, row: int, reported: MeterValuesReported, job: Receive, _now_ms: int
    ) -> None:
        if not reported.readings:
            return
        transaction_row = transactions.open_transaction_row(
            self._db, row, reported.connector_id, reported.transaction_id
        )
        transactions.record_readings(
            self._db,
            row,
            reported.connector_id,
            transaction_row,
            reported.readings,
            self._frame,
            job.received_ms,
        )


def _keep(
    record: Callable[[Database, int, Any, int], None], books: Bookkeeping
) -> Callable[[int, Any, Receive, int], None]:
    """Writing a fact that needs no decision."""

    def write(row: int, fact: Any, job: Receive, _now_ms: int) -> None:
        record(books._db, row, fact, job.received_ms)

    return write


def record_place(
    record: Record, charge_point_id: str, stopped: TransactionStopped, zone: ZoneInfo
) -> RecordPlace:
    """The month a record belongs to, and the name of its file.

    The name comes from numbers and a hash only; the same stop always gets the same one.
    """
    local = datetime.fromtimestamp(record.billed_ms / 1000, zone)
    identity = charge_points.identity_key(charge_point_id)
    digest = hashlib.sha256(f"{identity}\n{stop_key(stopped)}".encode()).hexdigest()
    return RecordPlace(
        month=f"{local:%Y-%m}",
        local_time=f"{local:%Y-%m-%d %H:%M:%S}",
        file_name=f"{record.billed_ms // 1000}-{digest[:12]}.json",
    )
