"""The switchboard: one loop a process that owns every Charge Point's wire (a room).

A tick is *read → facts → hand over to the bookkeeper*, and when results come back *answer → send*.
The loop never waits for a disk, a lock or a peer. It is woken by its sockets, by its own pipe (a
door brings a connection, the bookkeeper brings results) and by its bell (another process has queued
a Call); once a second it looks by itself, in case a ring was lost.
"""

import contextlib
import heapq
import itertools
import logging
import os
import selectors
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from shocpp.central_system.bells import Bell, bells_folder
from shocpp.central_system.bookkeeper import Bookkeeper, now_ms
from shocpp.central_system.bookkeeping import (
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
)
from shocpp.central_system.conversation import Conversation, Slot, too_much
from shocpp.central_system.transport import Transport
from shocpp.ocpp.actions import NEVER_REFUSED
from shocpp.ocpp.connection import Event, Reported
from shocpp.ocpp.frames import Call, error_text, parse, to_text
from shocpp.settings import Settings
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import identity_key

log = logging.getLogger(__name__)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

LOOK_EVERY_S = 1.0
PING_AFTER_S = 30.0
"""Silence after which a charger is pinged (proxies cut at 60 s); after three it is gone."""

SILENT_INTERVALS = 3
STUCK_S = 30.0
"""How long a charger may leave our answers unread."""

NAMELESS_S = 10.0
"""How long an unnamed charger has to tell its serial before its address names it."""

FAREWELL_S = 2.0
PROTOCOL_ERROR, POLICY, INTERNAL, RESTART, TRY_AGAIN = 1002, 1008, 1011, 1012, 1013


class Switchboard:
    """All conversations of this process. `adopt`, `stop` and `health` are for any thread."""

    def __init__(self, settings: Settings, selector: selectors.BaseSelector | None = None) -> None:
        self._settings = settings
        self._selector = selector or selectors.DefaultSelector()
        self._worker = uuid.uuid4().hex
        self._bell = Bell(bells_folder(settings.database))
        self._bookkeeper = Bookkeeper(settings, self._worker, self._bell.path, os.getpid())
        self._conversations: dict[str, Conversation] = {}
        self._by_identity: dict[str, Conversation] = {}
        self._adopted: deque[tuple[Transport, str | None]] = deque()
        self._delivered: deque[Callable[[], None]] = deque()
        self._jobs: list[Job] = []
        self._slots: deque[tuple[Conversation | None, Slot | None]] = deque()
        self._touched: set[Conversation] = set()
        self._pings: deque[tuple[float, Conversation]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_numbers = itertools.count()
        self._known_calls: set[str] = set()
        self._farewells: dict[Transport, float] = {}
        self._look_at = 0.0
        self._stopping = False
        self._awake = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._thread: threading.Thread | None = None
        self._done = threading.Event()

    # -- for any thread ---------------------------------------------------------------------------

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="switchboard", daemon=True)
        self._thread.start()

    def adopt(self, transport: Transport, charge_point_id: str | None) -> None:
        """Take over a Charge Point's wire; None: it has yet to tell who it is."""
        self._adopted.append((transport, charge_point_id))
        self._wake()

    def health(self) -> str | None:
        """Why no charger can be served just now, if so."""
        return self._bookkeeper.trouble

    def tags_trouble(self) -> str | None:
        """Why tags.json is not in force as it is, if so."""
        return self._bookkeeper.tags.trouble

    def stop(self, timeout_s: float = 1.5) -> None:
        """End the loop, as `end_soon` says, and wait for it."""
        self.end_soon()
        self._done.wait(timeout_s)

    def end_soon(self) -> None:
        """Write and answer what has come, say good-bye (1012) to all, and end the loop."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_writer, b"!")

    # -- the loop ---------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serve until `stop`, or until there is nothing left to do and `until` says so."""
        self._selector.register(self._wake_reader, READ, self._woken)
        self._selector.register(self._bell, READ, self._rung)
        self._bookkeeper.start(self._deliver, self._found)
        try:
            while not self._stopping and not (until() and self._is_idle()):
                self._tick()
            self._end()
        except BaseException:
            # A process without its loop would keep its chargers' sockets and serve none of them.
            log.critical("the switchboard has failed; the process ends", exc_info=True)
            os._exit(70)
        self._done.set()

    def _tick(self) -> None:
        for key, mask in self._selector.select(self._patience()):
            key.data(mask)
        while self._delivered:
            self._delivered.popleft()()
        while self._adopted:
            self._begin(*self._adopted.popleft())
        self._pass_time(time.monotonic())
        self._hand_over()
        self._flush()
        self._hand_over()  # what sending has found to have ended

    def is_empty(self) -> bool:
        """Whether no Charge Point is connected, nor about to be."""
        return not (self._conversations or self._adopted)

    def _is_idle(self) -> bool:
        return not (self._slots or self._jobs or self._delivered or self._adopted)

    def _patience(self) -> float:
        now = time.monotonic()
        due = self._look_at
        if self._pings:
            due = min(due, self._pings[0][0])
        if self._timers:
            due = min(due, self._timers[0][0])
        return max(0.0, due - now)

    def _woken(self, _mask: int) -> None:
        # In this order: whoever rings between the two has already left what there is to see, and
        # this tick looks at it. The other way round its byte is read and the next ring suppressed.
        os.read(self._wake_reader, 4096)
        self._awake = False

    def _rung(self, _mask: int) -> None:
        self._bell.answer()
        self._bookkeeper.look(rung=True)

    def _deliver(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        self._delivered.append(lambda: self._take_results(jobs, results))
        self._wake()

    def _found(self, look: Look) -> None:
        if look.calls or look.superseded:
            self._delivered.append(lambda: self._take_look(look))
            self._wake()

    def _at(self, due: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (due, next(self._timer_numbers), action))

    def _pass_time(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        while self._pings and self._pings[0][0] <= now:
            self._check_life(self._pings.popleft()[1], now)
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            self._bookkeeper.look(rung=False)

    def _hand_over(self) -> None:
        if self._jobs:
            self._bookkeeper.submit(self._jobs)
            self._jobs = []

    def _job(
        self, job: Job, conversation: Conversation | None = None, slot: Slot | None = None
    ) -> None:
        self._jobs.append(job)
        self._slots.append((conversation, slot))

    def _flush(self) -> None:
        touched, self._touched = self._touched, set()
        for conversation in touched:
            if not conversation.closed:
                self._watch(conversation, conversation.transport.flush())

    def _watch(self, conversation: Conversation, flushed: bool) -> None:
        """Watch for what can happen next: frames unless reading pauses, room for what is left."""
        now = time.monotonic()
        if flushed:
            conversation.stuck_since = None
        elif conversation.stuck_since is None:
            conversation.stuck_since = now
            self._at(now + STUCK_S, lambda: self._check_stuck(conversation))
        ended = conversation.transport.ended is not None
        if ended and self._ends(conversation):
            return
        reads = not ended and conversation.may_read()
        mask = (READ if reads else 0) | (0 if flushed else WRITE)
        if mask == conversation.watched:
            return
        transport = conversation.transport
        if not conversation.watched:
            self._selector.register(transport, mask, _Reader(self, conversation))
        elif mask:
            self._selector.modify(transport, mask, _Reader(self, conversation))
        else:
            self._selector.unregister(transport)
        conversation.watched = mask

    def _ends(self, conversation: Conversation) -> bool:
        """Part with a peer that says nothing more, unless it still waits for answers."""
        if conversation.transport.takes_answers and conversation.held:
            self._name_unnamed(conversation)
        if conversation.answers_wait():
            return False
        transport = conversation.transport
        if transport.violation is None:
            self._drop(conversation, transport.ended or "")
        else:
            self._hang_up(conversation, transport.violation, transport.ended or "")
        return True

    # -- conversations ----------------------------------------------------------------------------

    def _begin(self, transport: Transport, charge_point_id: str | None) -> None:
        now = time.monotonic()
        conversation = Conversation(transport, self._settings.heartbeat_s, now)
        self._conversations[conversation.token] = conversation
        self._pings.append((now + PING_AFTER_S, conversation))
        if charge_point_id is not None:
            self._introduce(conversation, charge_point_id, claimed=False)
        self._touched.add(conversation)

    def _introduce(
        self, conversation: Conversation, charge_point_id: str, *, claimed: bool
    ) -> None:
        """From now on this conversation is with that Charge Point; the newest one wins."""
        conversation.name(charge_point_id)
        assert conversation.key is not None
        former = self._by_identity.get(conversation.key)
        self._by_identity[conversation.key] = conversation
        if former is not None:
            log.info("%s has connected again: the older connection is closed", charge_point_id)
            self._hang_up(former, POLICY, "replaced by a newer connection")
        remote = conversation.transport.remote
        log.info("%s is connected from %s", charge_point_id, remote)
        self._job(Connect(conversation.token, charge_point_id, remote, claimed), conversation)
        held, conversation.held = conversation.held, None
        for slot, job in held or ():
            self._job(job._replace(charge_point_id=charge_point_id), conversation, slot)

    def read(self, conversation: Conversation) -> None:
        """Take in what a charger has sent."""
        if conversation.closed:
            return
        conversation.last_heard = time.monotonic()
        moment_ms = now_ms()
        for text in conversation.transport.receive():
            try:
                self._receive(conversation, text, moment_ms)
            except Exception:
                log.exception("%s: %.200s", conversation.charge_point_id, text)
                self._fail(conversation, text)
            if conversation.token not in self._conversations:
                return
        self._touched.add(conversation)

    def write(self, conversation: Conversation) -> None:
        """Send on what the charger can take now."""
        self._touched.add(conversation)

    def _fail(self, conversation: Conversation, text: str) -> None:
        """A mistake of ours: an InternalError, but for energy the charger must keep its copy."""
        call = parse(text)
        if isinstance(call, Call) and call.action not in NEVER_REFUSED:
            conversation.transport.send(error_text(call.unique_id, "InternalError", ""))
        else:
            self._hang_up(conversation, INTERNAL, "internal error")

    def _receive(self, conversation: Conversation, text: str, moment_ms: int) -> None:
        event, slot = conversation.receive(text, moment_ms)
        if conversation.held is not None:
            self._receive_unnamed(conversation, text, moment_ms, event, slot)
        else:
            job = Receive(conversation.token, conversation.charge_point_id, text, moment_ms, event)
            self._job(job, conversation, slot)
        if too_much(event):
            self._hang_up(conversation, PROTOCOL_ERROR, "not OCPP-J")
        elif conversation.calls and conversation.outstanding is None:
            self._next_call(conversation)

    def _receive_unnamed(
        self,
        conversation: Conversation,
        text: str,
        moment_ms: int,
        event: Event,
        slot: Slot | None,
    ) -> None:
        """A charger that connected without an identity is named by its BootNotification's serial.

        What must be written waits for the name; one that says something else first is asked once.
        """
        name = conversation.tells_its_name(event)
        if name is not None:
            self._introduce(conversation, name, claimed=True)
        job = Receive(conversation.token, conversation.charge_point_id, text, moment_ms, event)
        if slot is None or name is not None:
            self._job(job, conversation, slot)
            return
        held = conversation.hold(slot, job)
        if held == 1:
            assert isinstance(event, Reported)
            now = time.monotonic()
            self._at(now + NAMELESS_S, lambda: self._name_unnamed(conversation))
            if event.action == "BootNotification":
                self._name_unnamed(conversation)
            else:
                self._ask_for_name(conversation)

    def _ask_for_name(self, conversation: Conversation) -> None:
        payload = to_text({"requestedMessage": "BootNotification"})
        call_id = str(uuid.uuid4())
        text = conversation.connection.place(call_id, "TriggerMessage", payload)
        deadline_ms = now_ms() + int(NAMELESS_S * 1000)
        call = QueuedCall(call_id, "", "TriggerMessage", payload, deadline_ms)
        conversation.place(call, text)
        self._at(time.monotonic() + NAMELESS_S, lambda: self._give_up(conversation, call))

    def _name_unnamed(self, conversation: Conversation) -> None:
        """It has not told its serial: its address must do, so that nothing it says is lost."""
        if conversation.closed or conversation.held is None:
            return
        host = conversation.transport.remote.rpartition(":")[0] or conversation.transport.remote
        self._introduce(conversation, f"unidentified-{host}", claimed=False)

    def _take_results(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        for job, result in zip(jobs, results, strict=True):
            conversation, slot = self._slots.popleft()
            if conversation is None:
                continue
            if conversation.closed:
                if isinstance(job, Claim) and result is True:
                    self._settle_unsent(job)
            elif isinstance(result, Failed):
                self._take_failure(conversation, job, slot, result)
            elif slot is not None:
                conversation.answer(slot, result)
                self._touched.add(conversation)
                if conversation.calls and conversation.outstanding is None:
                    self._next_call(conversation)
            elif isinstance(job, Connect):
                self._take_connected(conversation, result)
            elif isinstance(job, Claim):
                self._take_claim(conversation, job.call, claimed=result)

    def _take_failure(
        self, conversation: Conversation, job: Job, slot: Slot | None, failed: Failed
    ) -> None:
        """Neither acknowledge nor refuse what is not on disk: hang up, the charger keeps it."""
        if isinstance(job, Claim):
            self._take_claim(conversation, job.call, claimed=False)
        elif isinstance(job, Receive) and isinstance(job.event, Reported):
            assert slot is not None
            if failed.unavailable or job.event.action in NEVER_REFUSED:
                log.warning("%s is hung up on: %s", conversation.charge_point_id, failed.reason)
                self._hang_up(conversation, TRY_AGAIN, "cannot be written just now")
            else:
                error = error_text(job.event.unique_id, "InternalError", "")
                conversation.refuse(slot, error)
                self._touched.add(conversation)
        elif isinstance(job, Connect):
            self._hang_up(conversation, TRY_AGAIN, "cannot be written just now")

    def _take_connected(self, conversation: Conversation, connected: Connected) -> None:
        if connected.refusal is not None:
            log.warning("refused: %s", connected.refusal)
            self._hang_up(conversation, POLICY, "this serial has another identity")
            return
        conversation.charge_point_id = connected.charge_point_id
        if connected.known:
            conversation.transport.trust()
        self._bookkeeper.look(rung=True)

    def _check_life(self, conversation: Conversation, now: float) -> None:
        """Any frame is a sign of life; a charger that talks but never pongs stays (OCPP-J §5.4)."""
        if conversation.closed:
            return
        if now - conversation.last_heard < PING_AFTER_S:
            conversation.silent = 0
            self._pings.append((conversation.last_heard + PING_AFTER_S, conversation))
            return
        conversation.silent += 1
        if conversation.silent > SILENT_INTERVALS:
            self._drop(conversation, "silent for three intervals")
            return
        if not conversation.transport.ping():
            conversation.silent = 0
        self._touched.add(conversation)
        self._pings.append((now + PING_AFTER_S, conversation))

    def _check_stuck(self, conversation: Conversation) -> None:
        since = conversation.stuck_since
        if conversation.closed or since is None:
            return
        if time.monotonic() - since >= STUCK_S:
            self._hang_up(conversation, POLICY, "answers are not read")

    def _hang_up(self, conversation: Conversation, code: int, reason: str) -> None:
        """Close a conversation from our side, with a word."""
        if conversation.closed:
            return
        transport = conversation.transport
        self._forget(conversation, reason)
        if transport.close(code, reason):
            self._selector.register(transport, READ, lambda _mask: self._discard(transport))
            self._farewells[transport] = time.monotonic() + FAREWELL_S
            self._at(time.monotonic() + FAREWELL_S, lambda: self._part(transport))
        else:
            transport.destroy()

    def _drop(self, conversation: Conversation, reason: str) -> None:
        """The charger has gone."""
        transport = conversation.transport
        self._forget(conversation, reason)
        transport.destroy()

    def _forget(self, conversation: Conversation, reason: str) -> None:
        conversation.closed = True
        if conversation.watched:
            self._selector.unregister(conversation.transport)
            conversation.watched = 0
        del self._conversations[conversation.token]
        key = conversation.key
        if key is not None and self._by_identity.get(key) is conversation:
            del self._by_identity[key]
        if conversation.charge_point_id is not None:
            log.info("%s is disconnected: %s", conversation.charge_point_id, reason)
        for call in conversation.calls or ():
            self._known_calls.discard(call.call_id)
        if conversation.outstanding is not None:
            outcome = CallOutcome("unknown", None, None, f"the connection ended: {reason}")
            self._job(Settle(conversation.token, conversation.outstanding.call_id, outcome))
        self._job(Disconnect(conversation.token))

    def _discard(self, transport: Transport) -> None:
        if not transport.discard():
            self._part(transport)

    def _part(self, transport: Transport) -> None:
        if self._farewells.pop(transport, None) is not None:
            self._selector.unregister(transport)
            transport.destroy()

    # -- Calls ------------------------------------------------------------------------------------

    def _take_look(self, look: Look) -> None:
        for token in look.superseded:
            former = self._conversations.get(token)
            if former is not None:
                self._hang_up(former, POLICY, "replaced by a newer connection")
        for call in look.calls:
            conversation = self._by_identity.get(identity_key(call.charge_point_id))
            if conversation is None or call.call_id in self._known_calls:
                continue
            self._known_calls.add(call.call_id)
            if conversation.calls is None:
                conversation.calls = deque()
            conversation.calls.append(call)
            self._next_call(conversation)

    def _next_call(self, conversation: Conversation) -> None:
        """Claim the next Call as soon as one may go out."""
        if not conversation.calls or conversation.claiming is not None:
            return
        moment_ms = now_ms()
        if not conversation.connection.may_place(moment_ms):
            if conversation.outstanding is None:
                wait_ms = conversation.connection.placeable_from_ms(moment_ms) - moment_ms
                due = time.monotonic() + max(wait_ms, 10) / 1000
                self._at(due, lambda: self._next_call(conversation))
            return
        conversation.claiming = conversation.calls.popleft()
        self._job(Claim(conversation.token, conversation.claiming), conversation)

    def _take_claim(self, conversation: Conversation, call: QueuedCall, *, claimed: bool) -> None:
        conversation.claiming = None
        self._known_calls.discard(call.call_id)
        if not claimed:
            self._next_call(conversation)
            return
        text = conversation.connection.place(call.call_id, call.action, call.payload)
        conversation.place(call, text)
        self._touched.add(conversation)
        moment_ms = now_ms()
        self._job(Send(conversation.charge_point_id, call.action, text, moment_ms))
        due = time.monotonic() + max(call.deadline_ms - moment_ms, 0) / 1000
        self._at(due, lambda: self._give_up(conversation, call))

    def _settle_unsent(self, claim: Claim) -> None:
        """The connection ended between claiming and sending: it is not sent, and not again."""
        outcome = CallOutcome("unknown", None, None, "the connection ended before it was sent")
        self._job(Settle(claim.token, claim.call.call_id, outcome))

    def _give_up(self, conversation: Conversation, call: QueuedCall) -> None:
        """The charger has not answered in time; a late answer will settle nothing."""
        if conversation.closed or conversation.outstanding is not call:
            return
        conversation.outstanding = None
        conversation.connection.give_up(call.call_id)
        outcome = CallOutcome("expired", None, None, "the charger has not answered in time")
        self._job(Settle(conversation.token, call.call_id, outcome))
        self._next_call(conversation)

    # -- the end ----------------------------------------------------------------------------------

    def _end(self) -> None:
        """Facts that have come are written and answered, then everybody gets a Close."""
        self._hand_over()
        self._bookkeeper.finish(timeout_s=1.0)
        while self._delivered:
            self._delivered.popleft()()
        self._flush()
        for transport, _ in self._adopted:
            transport.close(RESTART, "the Central System restarts")
            transport.destroy()
        for conversation in list(self._conversations.values()):
            self._hang_up(conversation, RESTART, "the Central System restarts")
        self._hand_over()
        deadline = time.monotonic() + 0.2
        while self._farewells and time.monotonic() < deadline:
            for key, mask in self._selector.select(0.05):
                key.data(mask)
        self._bookkeeper.stop(timeout_s=1.0)
        self._bell.remove()


class _Reader:
    """What the selector calls when a conversation's descriptor is ready."""

    __slots__ = ("_conversation", "_switchboard")

    def __init__(self, switchboard: Switchboard, conversation: Conversation) -> None:
        self._switchboard = switchboard
        self._conversation = conversation

    def __call__(self, mask: int) -> None:
        if mask & READ:
            self._switchboard.read(self._conversation)
        if mask & WRITE:
            self._switchboard.write(self._conversation)
