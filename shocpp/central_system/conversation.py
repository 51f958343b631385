"""One Charge Point's conversation (a room): its connection state, its answers in order, its Calls.

It does not know what carries it. Answers leave in the order of their Calls, each when its fact is
on disk, and that of a StartTransaction after the charger's reply delay; a Heartbeat waits only for
older answers of its own charger. Everything here runs in the switchboard's loop.
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
"""Answers that wait before no more is read from this charger."""

RESUME_AT = 32
BACKLOG_BYTES = 256 * 1024
"""The same for bytes that the charger has yet to take."""


KEPT_BACK = "StartTransaction"
"""What a reply delay is for: Free2move drops its socket after an answer to it that comes fast."""

IGNORED_A_MINUTE = 10
MINUTE_MS = 60_000


class Slot:
    """The place of an answer in the order of answers; `text` is None until it is on disk.

    `received` is the moment of its Call, and it is kept back until `due`, both by the monotonic
    clock.
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
    """A Charge Point on a transport. `charge_point_id` is None until an unnamed one has told it."""

    __slots__ = (
        "admitted",
        "calls",
        "charge_point_id",
        "claiming",
        "closed",
        "connection",
        "counters",
        "held",
        "ignored",
        "ignored_since_ms",
        "introduced",
        "key",
        "last_seen",
        "outstanding",
        "paused",
        "silent",
        "slots",
        "stuck_since",
        "token",
        "transport",
        "unfinished",
        "waking",
        "watched",
    )

    def __init__(
        self,
        transport: Transport,
        admitted: Admitted,
        heartbeat_s: int,
        now: float,
        counters: Counters,
    ) -> None:
        self.admitted = admitted
        self.token = random_uuid()
        self.transport = transport
        self.counters = counters
        self.connection = connection_of(admitted.entry, heartbeat_s)
        self.charge_point_id: str | None = None
        self.key: str | None = None
        self.introduced = False
        self.closed = False
        self.paused = False
        self.watched = 0
        self.last_seen = now
        self.silent = 0
        self.stuck_since: float | None = None
        self.unfinished = 0
        self.waking = False
        self.ignored = 0
        self.ignored_since_ms = 0
        self.slots: deque[Slot] = deque()
        self.held: list[tuple[Slot, Receive]] | None = []
        self.calls: deque[QueuedCall] | None = None
        self.claiming: QueuedCall | None = None
        self.outstanding: QueuedCall | None = None

    def name(self, charge_point_id: str) -> None:
        """This conversation is with that Charge Point."""
        self.charge_point_id = charge_point_id
        self.key = identity_key(charge_point_id)

    def receive(self, text: str, now_ms: int) -> tuple[Event, Slot | None]:
        """Take a text in. The slot, if any, waits for the bookkeeper's answer to it."""
        event = self.connection.receive(text, now_ms)
        if isinstance(event, Reported):
            self.counters.received(event.action)
            slot = Slot(text, event, self.last_seen)
            self.slots.append(slot)
            return event, slot
        if isinstance(event, Answered):
            delay_s = self._delay_s(event)
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
                self.slots.append(first)
        elif isinstance(event, Confirmed | Refused):
            self._settled("answered" if isinstance(event, Confirmed) else "refused")
        else:
            self.counters.ignored()
        return event, None

    def _settled(self, outcome: str) -> None:
        self.counters.received(self.outstanding.action if self.outstanding is not None else "")
        self.counters.call_ended(outcome)
        self.outstanding = None

    def answer(self, slot: Slot, text: str, now: float) -> None:
        """The answer of this slot is on disk: send what is complete, in order."""
        if isinstance(slot.event, Reported):
            self.connection.confirmed(slot.event, slot.received_text, text)
            slot.due = now + self._delay_s(slot.event)
        slot.text = text
        self.release(now)

    def refuse(self, slot: Slot, text: str, now: float) -> None:
        """It could not be written, and the next attempt may be."""
        if isinstance(slot.event, Reported):
            self.connection.forget(slot.event, slot.received_text)
        slot.text = text
        self.release(now)

    def release(self, now: float) -> None:
        """Send what is complete and due, in order."""
        while self.slots and self.slots[0].text is not None and self.slots[0].due <= now:
            first = self.slots.popleft()
            answer = first.text or ""
            self.transport.send(answer)
            self.counters.answered(first.event.action, answer, first.received)

    def due(self) -> float | None:
        """When the oldest answer is to be released, if it is only kept back."""
        return self.slots[0].due if self.slots and self.slots[0].text is not None else None

    def _delay_s(self, event: Answered | Reported) -> float:
        """How long the answer to this Call is kept back."""
        return self.admitted.entry.reply_delay_ms / 1000 if event.action == KEPT_BACK else 0.0

    def may_read(self) -> bool:
        """Whether this charger's frames are to be read on: reading waits, nothing is dropped.

        Nothing is read between naming a charger and knowing it: what it may send depends on that.
        """
        if self.key is not None and not self.introduced:
            return False
        waiting = max(len(self.slots), self.unfinished)
        if self.transport.backlog > BACKLOG_BYTES:
            self.paused = True
        elif self.paused:
            self.paused = waiting > RESUME_AT
        else:
            self.paused = waiting > PAUSE_AT
        return not self.paused

    def place(self, call: QueuedCall, text: str) -> None:
        """Send a Call of ours, which is outstanding from now on."""
        self.outstanding = call
        self.transport.send(text)
        self.counters.sent(call.action)

    def address_name(self) -> str:
        """An identity for a charger that tells none."""
        return f"unidentified-{address_of(self.transport.remote)}"

    def tells_its_name(self, event: Event) -> str | None:
        """The identity that a BootNotification on an unnamed connection gives, if it gives one."""
        if isinstance(event, Reported) and isinstance(event.fact, Booted):
            serial = (event.fact.serial or "").strip()
            if is_identity(serial):
                return serial
        return None

    def hold(self, slot: Slot, job: Receive) -> int:
        """Keep a job until this charger has a name; returns how many are kept."""
        assert self.held is not None
        self.held.append((slot, job))
        return len(self.held)

    def worth_keeping(self, event: Event, now_ms: int) -> bool:
        """Whether a frame belongs into the books: of what is no OCPP, a few a minute do."""
        if not isinstance(event, Ignored):
            return True
        if now_ms - self.ignored_since_ms >= MINUTE_MS:
            self.ignored_since_ms, self.ignored = now_ms, 0
        self.ignored += 1
        return self.ignored <= IGNORED_A_MINUTE

    def answers_wait(self) -> bool:
        """Whether the peer, though it says nothing more, is still owed an answer."""
        return self.transport.takes_answers and bool(self.slots or self.transport.backlog)


def connection_of(entry: Entry, heartbeat_s: int) -> Connection:
    """A connection's state at its beginning, with what is known of its Charge Point."""
    return Connection(heartbeat_s, entry.zone, has_card=entry.default_tag is not None)


def too_much(event: Event) -> bool:
    """Whether this was one unreadable text too many."""
    return isinstance(event, Ignored) and event.hang_up
