"""The conversation with one Charge Point: protocol state, answers in order, and our Calls.

A frame, a result or a timer goes in; one `Turn` comes out, and the switchboard executes it. The
conversation does not know which transport carries it. Everything here runs in the loop.

Rules of the answers:

    order     answers leave in the order of their Calls
    durable   the answer to a Call with a fact leaves after the fact is committed
    delay     the answer to a StartTransaction leaves after the charger's `reply_delay_ms`
    direct    a Call without a fact (Heartbeat) waits only for older answers of its own charger
    identity  a charger without one in its URL is named by the serial of its BootNotification, or
              after NAMELESS_S by its address; facts before that wait
"""

import logging
from dataclasses import replace

from shocpp.admission.decision import OTHER_VERSION, Admitted
from shocpp.bookkeeping.jobs import Connect, Disconnect, Failed, Job, Receive, Settle, refusal
from shocpp.central_system.conversations.answers import Answers, Slot
from shocpp.central_system.conversations.daily_shares import DailyShares, IgnoredFrames, Share
from shocpp.central_system.conversations.turn import EMPTY_TURN, Turn
from shocpp.central_system.transport import (
    INTERNAL,
    OTHER_VERSION_SPOKEN,
    PROTOCOL_ERROR,
    TRY_AGAIN,
    Transport,
)
from shocpp.configuration.charge_points import Entry
from shocpp.metrics.counters import Counters
from shocpp.ocpp.actions import NEVER_REFUSED
from shocpp.ocpp.connection import (
    Answered,
    Confirmed,
    Connection,
    Event,
    OtherVersion,
    Refused,
    Repeated,
    Reported,
)
from shocpp.ocpp.facts import Booted
from shocpp.ocpp.frames import Call, error_text, parse
from shocpp.ocpp.identity import identity_key, is_identity
from shocpp.ocpp.json_text import to_text
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points.connections import address_of
from shocpp.unique_ids import random_uuid

log = logging.getLogger(__name__)

# Reported of eProWallbox 2.9.3: 77 of 89 fast answers ended the connection 0.8 s later. A delay of
# about 1 s prevents it.
DELAYED_ACTION = "StartTransaction"
"""The only action with a reply delay: Free2move drops its socket after a fast answer to it."""

NAMELESS_S = 10.0
"""Seconds that a charger without an identity has to send its serial."""


class Conversation:
    """One Charge Point on one transport.

    token            names this connection in the database, so that an older one cannot act for it
    charge_point_id  the identity; None while a charger without one has not sent its serial
    identified       True once the database holds this connection under its identity
    is_logged        True once the log has it as connected
    is_retiring      True once a newer connection has replaced this one (`retiring.py`)
    held_jobs        jobs with a fact that wait for the identity
    answers          the answers that wait, in order
    calls            Calls of the queue that wait for this charger, by id; None before the first one
    claiming         the Call that the writer is claiming for this connection
    outstanding      the Call that was sent and is not answered (at most one, OCPP-J §4.1.1)
    unwritten_jobs   jobs that the writer has not returned
    share            its share of the disk today
    """

    __slots__ = (
        "admitted",
        "answers",
        "calls",
        "charge_point_id",
        "claiming",
        "closed",
        "connection",
        "counters",
        "held_jobs",
        "identified",
        "ignored",
        "is_logged",
        "is_retiring",
        "key",
        "outstanding",
        "paused",
        "share",
        "token",
        "transport",
        "unwritten_jobs",
    )

    def __init__(
        self,
        transport: Transport,
        admitted: Admitted,
        heartbeat_s: int,
        counters: Counters,
        shares: DailyShares,
    ) -> None:
        self.admitted = admitted
        self.token = random_uuid()
        self.transport = transport
        self.counters = counters
        self.connection = connection_of(admitted.entry, heartbeat_s)
        self.charge_point_id: str | None = None
        self.key: str | None = None
        self.identified = False
        self.is_logged = self.is_retiring = False
        self.closed = False
        self.paused = False
        self.unwritten_jobs = 0
        # No identity has a slash.
        self.share = Share(shares, f"unidentified/{address_of(transport.remote)}")
        self.ignored: IgnoredFrames | None = None
        self.answers = Answers(transport, counters)
        self.held_jobs: list[tuple[Receive, Slot]] | None = None
        self.calls: dict[str, QueuedCall] | None = None
        self.claiming: QueuedCall | None = None
        self.outstanding: QueuedCall | None = None

    # -- frames ------------------------------------------------------------------------------------

    def receive(self, text: str, now_ms: int, now: float) -> Turn:
        """Take a received text; send its answer, or give it its place behind older ones.

        `now` is the same moment as `now_ms`, in seconds of the monotonic clock.
        """
        # Calls of both directions may cross (OCPP-J §4.1.1), so an outstanding Call of ours delays
        # no answer.
        event = self.connection.receive(text, now_ms)
        # A frame without a fact changes no account: it is recorded without an identity.
        name = self.charge_point_id if self.identified else None
        job = Receive(self.token, name, text, now_ms, event)
        job.keeps_text = self.share.take(text, type(job.fact), now_ms, now)
        if isinstance(event, Reported):
            if event.short_text is not None:
                job.text = event.short_text
            self.counters.received(event.action)
            slot = Slot(text, event, now)
            self.answers.add(slot)
            return Turn(job, slot) if self.identified else self._hold(job, slot)
        if isinstance(event, Answered):
            # A repeated StartTransaction is answered from memory, and needs its delay all the same.
            delay_s = self._delay_s(event)
            # An answer that needs no commit may still not overtake an older one.
            if self.answers or delay_s:
                self.counters.received(event.action)
                self.answers.add(Slot(text, event, now, event.text, now + delay_s))
                return Turn(job, wake_at=self.answers.next_wake_up())
            self.transport.send(event.text)
            self.counters.exchanged(event.action, event.text, now)
        elif isinstance(event, Repeated):
            self.counters.received(event.action)
            self.answers.add_repeat(text)
        elif isinstance(event, Confirmed | Refused):
            self._end_call("answered" if isinstance(event, Confirmed) else "refused")
        elif isinstance(event, OtherVersion):
            self.counters.ignored()
            claimed = (self.charge_point_id, self.transport.remote)
            refused = refusal(*claimed, OTHER_VERSION, event.action, now_ms)
            return Turn(refused, close=(PROTOCOL_ERROR, OTHER_VERSION_SPOKEN))
        else:
            self.counters.ignored()
            close = (PROTOCOL_ERROR, "not OCPP-J") if event.hang_up else None
            self.ignored = self.ignored or IgnoredFrames()
            return Turn(job if self.ignored.is_recorded(now_ms) else None, close=close)
        return Turn(job)

    def _end_call(self, outcome: str) -> None:
        """Count our outstanding Call as ended; `outcome` is a label value of the metric."""
        # The answer counts as a received frame of the action of its Call.
        self.counters.received(self.outstanding.action if self.outstanding is not None else "")
        self.counters.call_ended(outcome)
        self.outstanding = None

    # -- the identity ------------------------------------------------------------------------------

    def connect(self, charge_point_id: str, fallback_id: str | None = None) -> Connect:
        """Return the job that asks for an identity; reading waits for its result.

        `fallback_id` is the identity to use if the first one is a serial of another Charge Point.
        """
        self._name(charge_point_id)
        admitted = self.admitted
        proof = (admitted.is_sure, admitted.password)
        return Connect(self.token, charge_point_id, self.transport.remote, fallback_id, *proof)

    def connect_by_address(self) -> Connect:
        """Return the job that names a charger by its address, to keep its frames."""
        return self.connect(_address_name(self.transport))

    def identify(self, charge_point_id: str) -> list[tuple[Receive, Slot]]:
        """Take the identity that the database has assigned; return the jobs that waited for it."""
        self._name(charge_point_id)
        self.share.key = identity_key(charge_point_id)
        self.identified = True
        held_jobs, self.held_jobs = self.held_jobs or [], None
        return [(replace(job, charge_point_id=charge_point_id), slot) for job, slot in held_jobs]

    def _name(self, charge_point_id: str) -> None:
        self.charge_point_id = charge_point_id
        self.key = identity_key(charge_point_id)

    def _hold(self, job: Receive, slot: Slot) -> Turn:
        """Hold a job until the identity is known; after the first one, ask the charger to boot."""
        is_first = self.held_jobs is None
        self.held_jobs = self.held_jobs or []
        self.held_jobs.append((job, slot))
        # The writer has been asked for the identity already.
        if self.key is not None:
            return EMPTY_TURN
        serial = _serial_of_boot(slot.event)
        if serial is not None:
            return Turn(self.connect(serial, fallback_id=_address_name(self.transport)))
        # Once only: MG and StarCharge reconnect in a loop after a TriggerMessage for a
        # BootNotification.
        if not is_first:
            return EMPTY_TURN
        # A BootNotification without a usable serial: asking again would bring the same one.
        if slot.event.action == "BootNotification":
            return Turn(self.connect_by_address())
        return Turn(wake_at=slot.received + NAMELESS_S, call=_boot_request(job.received_ms))

    # -- answers -----------------------------------------------------------------------------------

    def answer(self, slot: Slot, result: str | Failed, now: float) -> Turn:
        """Take the result of a slot's job, and send all answers that may leave.

        A message about energy that is not written stays unanswered: the charger sends it again.
        """
        event, text = slot.event, result
        if isinstance(text, Failed):
            if text.unavailable or event.action in NEVER_REFUSED:
                name = self.charge_point_id
                log.warning("%s: a message cannot be written: %s", name, text.reason)
                return Turn(close=(TRY_AGAIN, "the database cannot be written now"))
            text = error_text(event.unique_id, "InternalError", "")
            # A repeat is then a new Call, and is not answered with this error from memory.
            if isinstance(event, Reported):
                self.connection.forget(event, slot.received_text)
        elif isinstance(event, Reported):
            self.connection.confirmed(event, slot.received_text, text)
            slot.due = now + self._delay_s(event)
        slot.text = text
        self.answers.release(now)
        return Turn(wake_at=self.answers.next_wake_up()) if self.answers else EMPTY_TURN

    def wake(self, now: float) -> Turn:
        """Send the answers that are due; name a charger whose time to send its serial is over."""
        self.answers.wake(now)
        job = None
        if self.held_jobs and self.key is None:
            _, oldest = self.held_jobs[0]
            if oldest.received + NAMELESS_S <= now:
                job = self.connect_by_address()
        return Turn(job, wake_at=self.answers.next_wake_up())

    def _delay_s(self, event: Answered | Reported) -> float:
        """Return the delay of the answer to this Call, in seconds."""
        return self.admitted.entry.reply_delay_ms / 1000 if event.action == DELAYED_ACTION else 0.0

    # -- the end -----------------------------------------------------------------------------------

    def retire(self) -> None:
        """Get no more Calls of ours; those in the queue go to the newer connection."""
        self.is_retiring = True
        self.calls = None

    def answers_wait(self) -> bool:
        """Return True if the peer sends nothing more but still waits for answers."""
        return self.transport.takes_answers and bool(self.answers or self.transport.backlog)

    def end(self, reason: str, now_ms: int) -> list[Job]:
        """End the conversation; return the jobs that record its end, in their order.

        Its queued Calls stay in the database for the charger's next connection.
        """
        self.closed = True
        # An end of ours, such as a restart, tells nothing about the charger.
        hung_up = self.identified and self.transport.ended is not None
        needs_boot = hung_up and self.connection.cannot_be_called(now_ms)
        # Last: it must follow all other jobs of this token.
        jobs: list[Job] = [Disconnect(self.token, self.charge_point_id if needs_boot else None)]
        if self.outstanding is not None:
            # Unknown, not failed: the charger may have carried it out before its connection ended.
            outcome = CallOutcome("unknown", None, None, f"the connection ended: {reason}")
            jobs.insert(0, Settle(self.token, self.outstanding.call_id, outcome))
            self.counters.call_ended("unknown")
        return jobs


def connection_of(entry: Entry, heartbeat_s: int) -> Connection:
    """Return the protocol state of a new connection; `heartbeat_s` is the interval we answer."""
    return Connection(heartbeat_s, entry.zone, has_card=entry.default_tag is not None)


def turn_after_bug(conversation: Conversation, text: str, now: float) -> Turn:
    """Answer InternalError after a bug of ours; close if the message is about energy."""
    call = parse(text)
    if not isinstance(call, Call) or call.action in NEVER_REFUSED:
        return Turn(close=(INTERNAL, "internal error"))
    answer = error_text(call.unique_id, "InternalError", "")
    conversation.transport.send(answer)
    conversation.counters.exchanged(call.action, answer, now)
    return EMPTY_TURN


def _address_name(transport: Transport) -> str:
    """Return the identity of a charger that sends none: `unidentified-` and its address."""
    return f"unidentified-{address_of(transport.remote)}"


def _serial_of_boot(event: Event) -> str | None:
    """Return the serial of a BootNotification if it can be an identity, else None."""
    if isinstance(event, Reported) and isinstance(event.fact, Booted):
        serial = (event.fact.serial or "").strip()
        if is_identity(serial):
            return serial
    return None


def _boot_request(now_ms: int) -> QueuedCall:
    """Return a TriggerMessage for a BootNotification (OCPP 1.6 §5.17)."""
    payload = to_text({"requestedMessage": "BootNotification"})
    return QueuedCall(random_uuid(), "", "TriggerMessage", payload, now_ms + int(NAMELESS_S * 1000))
