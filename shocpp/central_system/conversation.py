"""The conversation with one Charge Point: protocol state, answers in order, and our Calls.

It does not know which transport carries it. Everything here runs in the switchboard's loop.

Rules of the answers:

    order     answers leave in the order of their Calls
    durable   the answer to a Call with a fact leaves after the fact is committed
    delay     the answer to a StartTransaction leaves after the charger's `reply_delay_ms`
    direct    a Call without a fact (Heartbeat) waits only for older answers of its own charger
"""

from collections import deque

from shocpp.admission.decision import Admitted
from shocpp.bookkeeping.jobs import Receive
from shocpp.central_system.transport import Transport
from shocpp.configuration.charge_points import Entry
from shocpp.metrics.counters import Counters
from shocpp.ocpp.connection import (
    Answered,
    Confirmed,
    Connection,
    Event,
    Ignored,
    Refused,
    Repeated,
    Reported,
)
from shocpp.ocpp.facts import Booted
from shocpp.ocpp.identity import identity_key, is_identity
from shocpp.store.calls import QueuedCall
from shocpp.store.charge_points.connections import address_of
from shocpp.unique_ids import random_uuid

PAUSE_AT = 64
"""Waiting answers or unwritten jobs above which reading from this charger pauses."""

RESUME_AT = 32
"""Waiting answers or unwritten jobs at which reading goes on."""

BACKLOG_BYTES = 256 * 1024
"""Unsent bytes above which reading pauses."""

# Reported of eProWallbox 2.9.3: 77 of 89 fast answers ended the connection 0.8 s later. A delay of
# about 1 s prevents it.
DELAYED_ACTION = "StartTransaction"
"""The only action with a reply delay: Free2move drops its socket after a fast answer to it."""

IGNORED_A_MINUTE = 10
"""Frames that are no OCPP and are recorded, per minute and charger."""

MINUTE_MS = 60_000


class Slot:
    """The place of one answer in the order of answers.

    received_text  the text of the Call
    event          the event that the Call made
    received       the receipt of the Call, in seconds of the monotonic clock
    text           the answer; None until its fact is committed
    due            the earliest moment to send the answer, by the same clock
    """

    __slots__ = ("due", "event", "received", "received_text", "text")

    def __init__(
        self,
        received_text: str,
        event: Reported | Answered,
        received: float,
        text: str | None = None,
        due: float = 0.0,
    ) -> None:
        self.received_text = received_text
        self.event = event
        self.received = received
        self.text = text
        self.due = due


class Conversation:
    """One Charge Point on one transport.

    token            names this connection in the database, so that an older one cannot act for it
    charge_point_id  the identity; None while a charger without one has not sent its serial
    identified       True once the database holds this connection under its identity
    held_jobs        jobs that wait for the identity; None once it is known
    slots            the answers that wait, in order
    calls            Calls of the queue that wait for this charger; None before the first one
    claiming         the Call that the writer is claiming for this connection
    outstanding      the Call that was sent and is not answered (at most one, OCPP-J §4.1.1)
    unwritten_jobs   jobs that the writer has not returned
    watched_mask     the events that the loop watches; 0 for none
    stuck_since      the moment when the peer stopped reading our answers, else None
    """

    __slots__ = (
        "admitted",
        "calls",
        "charge_point_id",
        "claiming",
        "closed",
        "connection",
        "counters",
        "held_jobs",
        "identified",
        "ignored",
        "ignored_since_ms",
        "key",
        "last_seen",
        "outstanding",
        "paused",
        "silent_intervals",
        "slots",
        "stuck_since",
        "token",
        "transport",
        "unwritten_jobs",
        "wake_up_set",
        "watched_mask",
    )

    def __init__(
        self,
        transport: Transport,
        admitted: Admitted,
        heartbeat_s: int,
        now: float,
        counters: Counters,
    ) -> None:
        """Begin a conversation at `now`, in seconds of the monotonic clock."""
        self.admitted = admitted
        self.token = random_uuid()
        self.transport = transport
        self.counters = counters
        self.connection = connection_of(admitted.entry, heartbeat_s)
        self.charge_point_id: str | None = None
        self.key: str | None = None
        self.identified = False
        self.closed = False
        self.paused = False
        self.watched_mask = 0
        self.last_seen = now
        self.silent_intervals = 0
        self.stuck_since: float | None = None
        self.unwritten_jobs = 0
        self.wake_up_set = False
        self.ignored = 0
        self.ignored_since_ms = 0
        self.slots: deque[Slot] = deque()
        self.held_jobs: list[tuple[Slot, Receive]] | None = []
        self.calls: deque[QueuedCall] | None = None
        self.claiming: QueuedCall | None = None
        self.outstanding: QueuedCall | None = None

    def name(self, charge_point_id: str) -> None:
        """Set the identity of the Charge Point; `identified` stays as it is."""
        self.charge_point_id = charge_point_id
        self.key = identity_key(charge_point_id)

    def receive(self, text: str, now_ms: int) -> tuple[Event, Slot | None]:
        """Return the event that a received text makes, and its slot if the writer answers it.

        Every other answer is sent here, or takes its place behind older ones.
        """
        # Calls of both directions may cross (OCPP-J §4.1.1), so an outstanding Call of ours delays
        # no answer.
        event = self.connection.receive(text, now_ms)
        if isinstance(event, Reported):
            self.counters.received(event.action)
            slot = Slot(text, event, self.last_seen)
            self.slots.append(slot)
            return event, slot
        if isinstance(event, Answered):
            # A repeated StartTransaction is answered from memory, and needs its delay all the same.
            delay_s = self._delay_s(event)
            # An answer that needs no commit may still not overtake an older one.
            if self.slots or delay_s:
                self.counters.received(event.action)
                due = self.last_seen + delay_s
                self.slots.append(Slot(text, event, self.last_seen, event.text, due))
            else:
                self.transport.send(event.text)
                self.counters.exchanged(event.action, event.text, self.last_seen)
        elif isinstance(event, Repeated):
            self.counters.received(event.action)
            first = next((slot for slot in self.slots if slot.received_text == text), None)
            if first is not None:
                # The same slot twice: both answers leave, in their places, once the fact is
                # committed.
                self.slots.append(first)
        elif isinstance(event, Confirmed | Refused):
            self._end_call("answered" if isinstance(event, Confirmed) else "refused")
        else:
            self.counters.ignored()
        return event, None

    def _end_call(self, outcome: str) -> None:
        """Count our outstanding Call as ended; `outcome` is a label value of the metric."""
        # The answer counts as a received frame of the action of its Call.
        self.counters.received(self.outstanding.action if self.outstanding is not None else "")
        self.counters.call_ended(outcome)
        self.outstanding = None

    def answer(self, slot: Slot, text: str, now: float) -> None:
        """Take the answer of a slot whose fact is committed; send all answers that may leave."""
        if isinstance(slot.event, Reported):
            self.connection.confirmed(slot.event, slot.received_text, text)
            slot.due = now + self._delay_s(slot.event)
        slot.text = text
        self.release(now)

    def refuse(self, slot: Slot, text: str, now: float) -> None:
        """Take a CallError for a fact that was not written; the charger may send the Call again."""
        if isinstance(slot.event, Reported):
            # A repeat is then a new Call, and is not answered with this error from memory.
            self.connection.forget(slot.event, slot.received_text)
        slot.text = text
        self.release(now)

    def release(self, now: float) -> None:
        """Send the oldest answers, as long as they are complete and due at `now` (monotonic)."""
        while self.slots and self.slots[0].text is not None and self.slots[0].due <= now:
            first = self.slots.popleft()
            answer = first.text or ""
            self.transport.send(answer)
            self.counters.answered(first.event.action, answer, first.received)

    def due(self) -> float | None:
        """Return the moment (monotonic) when the oldest answer is due; None if it has no text."""
        return self.slots[0].due if self.slots and self.slots[0].text is not None else None

    def _delay_s(self, event: Answered | Reported) -> float:
        """Return the delay of the answer to this Call, in seconds."""
        return self.admitted.entry.reply_delay_ms / 1000 if event.action == DELAYED_ACTION else 0.0

    def may_read(self) -> bool:
        """Return True if more frames of this charger are to be read now.

        A pause drops nothing: frames wait in the kernel's buffers, and TCP slows the sender down.
        """
        # The message limit depends on whether the database knows the charger: wait for that.
        if self.key is not None and not self.identified:
            return False
        # Alfen Eve Pro sends its whole backlog of MeterValues when it first connects.
        waiting = max(len(self.slots), self.unwritten_jobs)
        if self.transport.backlog > BACKLOG_BYTES:
            self.paused = True
        # Two limits, so that reading does not pause and resume with every single answer.
        elif self.paused:
            self.paused = waiting > RESUME_AT
        else:
            self.paused = waiting > PAUSE_AT
        return not self.paused

    def place(self, call: QueuedCall, text: str) -> None:
        """Send a Call of ours; it is outstanding from now on."""
        self.outstanding = call
        self.transport.send(text)
        self.counters.sent(call.action)

    def address_name(self) -> str:
        """Return the identity for a charger that sends none: `unidentified-` and its address."""
        return f"unidentified-{address_of(self.transport.remote)}"

    def serial_of_boot(self, event: Event) -> str | None:
        """Return the serial of a BootNotification if it can be an identity, else None."""
        if isinstance(event, Reported) and isinstance(event.fact, Booted):
            serial = (event.fact.serial or "").strip()
            if is_identity(serial):
                return serial
        return None

    def hold(self, slot: Slot, job: Receive) -> int:
        """Hold a job until the identity is known; return the number of held jobs."""
        assert self.held_jobs is not None
        self.held_jobs.append((slot, job))
        return len(self.held_jobs)

    def should_record(self, event: Event, now_ms: int) -> bool:
        """Return True if a frame is to be recorded.

        Of frames that are no OCPP only a few a minute are, so that a flood cannot fill the disk.
        """
        if not isinstance(event, Ignored):
            return True
        if now_ms - self.ignored_since_ms >= MINUTE_MS:
            self.ignored_since_ms, self.ignored = now_ms, 0
        self.ignored += 1
        return self.ignored <= IGNORED_A_MINUTE

    def answers_wait(self) -> bool:
        """Return True if the peer sends nothing more but still waits for answers."""
        return self.transport.takes_answers and bool(self.slots or self.transport.backlog)


def connection_of(entry: Entry, heartbeat_s: int) -> Connection:
    """Return the protocol state of a new connection; `heartbeat_s` is the interval we answer."""
    return Connection(heartbeat_s, entry.zone, has_card=entry.default_tag is not None)


def must_hang_up(event: Event) -> bool:
    """Return True if too many unreadable texts have come: the connection must be closed."""
    return isinstance(event, Ignored) and event.hang_up
