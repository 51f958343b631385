"""The switchboard: one loop a process that owns every Charge Point's wire (a room).

A tick is *read → facts → hand over to the bookkeeper*, and when results come back *answer → send*.
The loop never waits for a disk, a lock or a peer. It is woken by its sockets, by other threads (a
door brings a connection, the bookkeeper brings results) and by its bell (another process has queued
a Call); once a second it looks by itself, in case a ring was lost.
"""

import logging
import math
import os
import resource
import selectors
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shocpp.admission.decision import Admitted, may_stay
from shocpp.bookkeeping.jobs import (
    Claim,
    Connect,
    Disconnect,
    Failed,
    Job,
    Look,
    Receive,
    Refuse,
    may_wait,
)
from shocpp.bookkeeping.writer import Writer
from shocpp.central_system.call_desk import CallDesk
from shocpp.central_system.closing_handshakes import ClosingHandshakes, Leaving
from shocpp.central_system.conversation import Conversation, Slot, too_much
from shocpp.central_system.loop import READ, WRITE, Loop
from shocpp.central_system.reception import POLICY, REPLACED, Reception
from shocpp.central_system.transport import Transport
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist, AllowlistFile
from shocpp.metrics.counter_files import CounterFile
from shocpp.metrics.counters import Counters
from shocpp.ocpp.actions import NEVER_REFUSED
from shocpp.ocpp.connection import Reported
from shocpp.ocpp.frames import Call, error_text, parse
from shocpp.settings import Settings
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.doorbells import Doorbell, doorbells_folder
from shocpp.unique_ids import random_uuid

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
PING_AFTER_S = 30.0
"""Silence after which a charger is pinged (proxies cut at 60 s); after three it is gone."""

SILENT_INTERVALS = 3
STUCK_S = 30.0
"""How long a charger may leave our answers unread."""

BEGINNING_S = 2.0
"""How long a new worker keeps nobody waiting for its books."""

LEISURE_S = 0.1
"""How long what nobody waits for may wait to be written with what somebody waits for."""

LEISURELY = 32
"""Jobs that wait so at most."""

PROTOCOL_ERROR, INTERNAL, RESTART, TRY_AGAIN = 1002, 1011, 1012, 1013


class Switchboard:
    """All conversations of this process. `adopt`, `stop` and `health` are for any thread."""

    def __init__(
        self,
        settings: Settings,
        selector: selectors.BaseSelector | None = None,
        counter_file: CounterFile | None = None,
    ) -> None:
        """Without a `tally_file` what is counted goes with the process."""
        self._settings = settings
        self.counters = Counters() if counter_file is None else counter_file.counters
        self._loop = Loop(selector)
        self._doorbell = Doorbell(doorbells_folder(settings.database))
        self.chargers = AllowlistFile(settings.charge_points_file)
        worker = (random_uuid(), self._doorbell.path, os.getpid())
        self._writer = Writer(settings, self.chargers, *worker, self.counters, counter_file)
        self._calls = CallDesk(self._loop, self._submit, self._touch, self.counters)
        self._conversations: dict[str, Conversation] = {}
        self._adopted: set[Transport] = set()
        self._jobs: list[Job] = []
        self._somebody_waits = False
        self._leisure_ends = False
        self._handed_over: deque[tuple[Conversation | None, Slot | None]] = deque()
        self._touched: set[Conversation] = set()
        self._closing_handshakes = ClosingHandshakes(self._loop)
        self._reception = Reception(
            self._loop, self._submit, self._hang_up, self._drop, self._touch, self._calls.ask
        )
        self._most = _most_chargers()
        self._listed: Allowlist | None = None
        self._stopping = False
        self._done = threading.Event()

    # -- for any thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Serve in a thread of its own; whoever is told that it is well may rely on the books."""
        threading.Thread(target=self.run, name="switchboard", daemon=True).start()
        self._writer.wait_until_begun(BEGINNING_S)

    def adopt(self, transport: Transport, admitted: Admitted) -> None:
        """Take over the wire of a Charge Point that was let in."""
        self._adopted.add(transport)
        self._loop.soon(lambda: self._begin(transport, admitted))

    def report(self, refused: Iterable[RefusedAttempts]) -> None:
        """Have it written down who was not let in."""
        job = Refuse(tuple(refused))
        self._loop.soon(lambda: self._submit(job, None))

    def see_off(self, leaving: Leaving) -> None:
        """Wait in the loop for a web client to go, whose answer was sent."""
        self._loop.soon(lambda: self._closing_handshakes.see_off(leaving))

    def is_full(self) -> bool:
        """Whether so many chargers are here that the process would run out of descriptors."""
        return len(self._conversations) + len(self._adopted) >= self._most

    def later(self, after_s: float, action: Callable[[], None]) -> None:
        """Have the loop call this in so many seconds."""
        self._loop.soon(lambda: self._loop.at(time.monotonic() + after_s, action))

    def health(self) -> str | None:
        """Why no charger can be served just now, if so."""
        if not self._writer.has_begun():
            return "the books are being opened"
        return self._writer.trouble

    def conf_trouble(self) -> str | None:
        """Why tags.json or charge_points.json is not in force as it is, if so."""
        self.chargers.allowlist()
        return self._writer.tags.trouble or self.chargers.trouble

    def stop(self, timeout_s: float = 1.5) -> None:
        """End the loop, as `end_soon` says, and wait for it."""
        self.end_soon()
        self._done.wait(timeout_s)

    def end_soon(self) -> None:
        """Write and answer what has come, say good-bye (1012) to all, and end the loop."""
        self._stopping = True
        self._loop.soon(lambda: None)

    # -- the loop ----------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serve until `stop`, or until there is nothing left to do and `until` says so."""
        self._loop.watch(self._doorbell, READ, self._rung)
        self._writer.start(self._deliver, self._found)
        self._look()
        try:
            while not self._stopping and not (until() and self._is_idle()):
                self._loop.turn()
                self._hand_over()
                self._flush()
                self._hand_over()  # what sending has found to have ended
            self._end()
        except BaseException:
            # A process without its loop would keep its chargers' sockets and serve none of them.
            log.critical("the switchboard has failed; the process ends", exc_info=True)
            os._exit(70)
        self._done.set()

    def is_empty(self) -> bool:
        """Whether no Charge Point is connected, nor about to be."""
        return not (self._conversations or self._adopted)

    def _is_idle(self) -> bool:
        return not (self._handed_over or self._jobs or self._loop.has_posted())

    def _rung(self, _mask: int) -> None:
        self._doorbell.answer()
        self._writer.look(rung=True)

    def _look(self) -> None:
        self._writer.look(rung=False)
        self._poll_allowlist()
        self._loop.at(time.monotonic() + LOOK_EVERY_S, self._look)

    def _poll_allowlist(self) -> None:
        """Part with whom the list that has changed would not let in."""
        newest = self.chargers.newest
        if newest is None or newest is self._listed:
            return
        self._listed = newest
        for conversation in list(self._conversations.values()):
            name = conversation.charge_point_id
            if conversation.introduced and not may_stay(conversation.admitted, newest.entry(name)):
                self._hang_up(conversation, POLICY, "the list does not let it in any more")

    def _deliver(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        self._loop.soon(lambda: self._take_results(jobs, results))

    def _found(self, look: Look) -> None:
        if look.calls or look.superseded or look.contested:
            self._loop.soon(lambda: self._take_look(look))

    def _submit(
        self, job: Job, conversation: Conversation | None, slot: Slot | None = None
    ) -> None:
        self._jobs.append(job)
        if conversation is not None:
            conversation.unfinished += 1
        self._handed_over.append((conversation, slot))
        if not may_wait(job) or len(self._jobs) >= LEISURELY:
            self._somebody_waits = True
        elif not self._leisure_ends:
            self._leisure_ends = True
            self._loop.at(time.monotonic() + LEISURE_S, self._end_leisure)

    def _end_leisure(self) -> None:
        self._leisure_ends, self._somebody_waits = False, True

    def _hand_over(self) -> None:
        if self._somebody_waits and self._jobs:
            self._writer.submit(self._jobs)
            self._jobs = []
        self._somebody_waits = False

    def _touch(self, conversation: Conversation) -> None:
        self._touched.add(conversation)

    def _flush(self) -> None:
        touched, self._touched = self._touched, set()
        for conversation in touched:
            if not conversation.closed:
                self._watch(conversation, conversation.transport.flush())
        self.counters.left()

    def _watch(self, conversation: Conversation, flushed: bool) -> None:
        """Watch for what can happen next: frames unless reading pauses, room for what is left."""
        transport = conversation.transport
        if flushed:
            conversation.stuck_since = None
        elif conversation.stuck_since is None:
            conversation.stuck_since = time.monotonic()
            self._loop.at(conversation.stuck_since + STUCK_S, self._check_stuck, conversation)
        ended = transport.ended is not None
        if ended and self._ends(conversation):
            return
        reads = not ended and conversation.may_read()
        mask = (READ if reads else 0) | (0 if flushed else WRITE)
        if mask != conversation.watched:
            if mask:
                self._loop.watch(
                    transport, mask, lambda happened: self._ready(conversation, happened)
                )
            else:
                self._loop.unwatch(transport)
            conversation.watched = mask

    def _ready(self, conversation: Conversation, happened: int) -> None:
        if happened & READ and not conversation.closed:
            self._read(conversation)
        self._touched.add(conversation)

    def _ends(self, conversation: Conversation) -> bool:
        """Part with a peer that says nothing more, unless it still waits for answers."""
        transport = conversation.transport
        if transport.takes_answers and conversation.held:
            self._reception.name_by_address(conversation)
        if conversation.answers_wait():
            return False
        if transport.violation is None:
            self._drop(conversation, transport.ended or "")
        else:
            self._hang_up(conversation, transport.violation, transport.ended or "")
        return True

    # -- frames ------------------------------------------------------------------------------------

    def _read(self, conversation: Conversation) -> None:
        conversation.last_seen = time.monotonic()
        moment_ms = now_ms()
        for text in conversation.transport.receive():
            try:
                self._receive(conversation, text, moment_ms)
            except Exception:
                log.exception("%s: %.200s", conversation.charge_point_id, text)
                self._fail(conversation, text)
            if conversation.token not in self._conversations:
                return

    def _fail(self, conversation: Conversation, text: str) -> None:
        """A mistake of ours: an InternalError, but for energy the charger must keep its copy."""
        call = parse(text)
        if isinstance(call, Call) and call.action not in NEVER_REFUSED:
            answer = error_text(call.unique_id, "InternalError", "")
            conversation.transport.send(answer)
            self.counters.exchanged(call.action, answer, conversation.last_seen)
        else:
            self._hang_up(conversation, INTERNAL, "internal error")

    def _receive(self, conversation: Conversation, text: str, moment_ms: int) -> None:
        event, slot = conversation.receive(text, moment_ms)
        if conversation.held is not None:
            self._reception.receive(conversation, text, moment_ms, event, slot)
        else:
            job = Receive(conversation.token, conversation.charge_point_id, text, moment_ms, event)
            if conversation.worth_keeping(event, moment_ms):
                self._submit(job, conversation, slot)
        self._wake_when_due(conversation)
        if too_much(event):
            self._hang_up(conversation, PROTOCOL_ERROR, "not OCPP-J")
        elif conversation.calls and conversation.outstanding is None:
            self._calls.next_call(conversation)

    def _take_results(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        for job, result in zip(jobs, results, strict=True):
            conversation, slot = self._handed_over.popleft()
            if conversation is None:
                continue
            conversation.unfinished -= 1
            if conversation.paused:
                self._touched.add(conversation)
            if isinstance(job, Claim):
                self._calls.take_claim(conversation, job, claimed=result is True)
            elif conversation.closed:
                continue
            elif isinstance(result, Failed):
                self._take_failure(conversation, job, slot, result)
            elif slot is not None:
                conversation.answer(slot, result, time.monotonic())
                self._wake_when_due(conversation)
                self._touched.add(conversation)
                if conversation.calls and conversation.outstanding is None:
                    self._calls.next_call(conversation)
            elif isinstance(job, Connect):
                self._reception.take(conversation, job, result)
                self._writer.look(rung=True)

    def _take_failure(
        self, conversation: Conversation, job: Job, slot: Slot | None, failed: Failed
    ) -> None:
        """Neither acknowledge nor refuse what is not on disk: hang up, the charger keeps it."""
        if isinstance(job, Receive) and isinstance(job.event, Reported):
            assert slot is not None
            if failed.unavailable or job.event.action in NEVER_REFUSED:
                log.warning("%s is hung up on: %s", conversation.charge_point_id, failed.reason)
                self._hang_up(conversation, TRY_AGAIN, "cannot be written just now")
            else:
                refusal = error_text(job.event.unique_id, "InternalError", "")
                conversation.refuse(slot, refusal, time.monotonic())
                self._wake_when_due(conversation)
                self._touched.add(conversation)
        elif isinstance(job, Connect):
            self._hang_up(conversation, TRY_AGAIN, "cannot be written just now")

    def _wake_when_due(self, conversation: Conversation) -> None:
        """Come back when an answer is due that is kept back for a while."""
        due = conversation.due()
        if due is not None and not conversation.waking:
            conversation.waking = True
            self._loop.at(due, self._release, conversation)

    def _release(self, conversation: Conversation) -> None:
        conversation.waking = False
        if not conversation.closed:
            conversation.release(time.monotonic())
            self._wake_when_due(conversation)
            self._touched.add(conversation)

    def _take_look(self, look: Look) -> None:
        for token in look.superseded:
            former = self._conversations.get(token)
            if former is not None:
                self._hang_up(former, POLICY, REPLACED)
        for token in look.contested:
            contested = self._conversations.get(token)
            if contested is not None:
                self._reception.challenge(contested)
            else:  # its end could not be written
                self._submit(Disconnect(token), None)
        for call in look.calls:
            conversation = self._reception.holder(call.charge_point_id)
            if conversation is not None:
                self._calls.take(call, conversation)

    # -- who is there ------------------------------------------------------------------------------

    def _begin(self, transport: Transport, admitted: Admitted) -> None:
        now = time.monotonic()
        self._adopted.discard(transport)
        heartbeat_s = self._settings.heartbeat_s
        conversation = Conversation(transport, admitted, heartbeat_s, now, self.counters)
        self.counters.opened()
        self._conversations[conversation.token] = conversation
        self._loop.at(now + PING_AFTER_S, self._check_life, conversation)
        if admitted.charge_point_id is not None:
            self._reception.introduce(conversation, admitted.charge_point_id)
        self._touched.add(conversation)

    def _check_life(self, conversation: Conversation) -> None:
        """Any frame is a sign of life; a charger that talks but never pongs stays (OCPP-J §5.4)."""
        if conversation.closed:
            return
        now = time.monotonic()
        due = conversation.last_seen + PING_AFTER_S
        if due > now:
            conversation.silent = 0
        else:
            due = now + PING_AFTER_S
            conversation.silent += 1
            if conversation.silent > SILENT_INTERVALS:
                self._drop(conversation, "silent for three intervals")
                return
            if not conversation.transport.ping():
                conversation.silent = 0
            self._touched.add(conversation)
        self._loop.at(due, self._check_life, conversation)

    def _check_stuck(self, conversation: Conversation) -> None:
        since = conversation.stuck_since
        if conversation.closed or since is None:
            return
        if time.monotonic() - since >= STUCK_S:
            self._hang_up(conversation, POLICY, "answers are not read")

    # -- good-byes ---------------------------------------------------------------------------------

    def _hang_up(self, conversation: Conversation, code: int, reason: str) -> None:
        """Close a conversation from our side, with a word; what is on disk is answered before."""
        if conversation.closed:
            return
        conversation.release(math.inf)
        self._forget(conversation, reason)
        self._closing_handshakes.say(conversation.transport, code, reason)

    def _drop(self, conversation: Conversation, reason: str) -> None:
        """The charger has gone."""
        self._forget(conversation, reason)
        conversation.transport.destroy()

    def _forget(self, conversation: Conversation, reason: str) -> None:
        conversation.closed = True
        self.counters.closed()
        if conversation.watched:
            self._loop.unwatch(conversation.transport)
            conversation.watched = 0
        del self._conversations[conversation.token]
        self._reception.leave(conversation)
        if conversation.introduced:
            log.info("%s is disconnected: %s", conversation.charge_point_id, reason)
        self._calls.leave(conversation, reason)
        self._submit(Disconnect(conversation.token), None)

    def _end(self) -> None:
        """Facts that have come are written and answered, then everybody gets a Close."""
        self._somebody_waits = True
        self._hand_over()
        self._writer.finish(timeout_s=1.0)
        self._loop.run_posted()
        self._flush()
        for conversation in list(self._conversations.values()):
            self._hang_up(conversation, RESTART, "the Central System restarts")
        self._hand_over()
        deadline = time.monotonic() + 0.2
        while self._closing_handshakes.are_under_way() and time.monotonic() < deadline:
            self._loop.turn(0.05)
        self._writer.stop(timeout_s=1.0)
        self._doorbell.remove()


def _most_chargers() -> int:
    """Each is a descriptor; databases, bells and pages need some as well."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else allowed - min(allowed // 2, 1_500)
