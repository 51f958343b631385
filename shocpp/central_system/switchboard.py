"""The switchboard: one loop per process that serves all connected Charge Points.

A turn reads frames, makes jobs of them and hands these to the writer; with the results it answers.

    sockets   From `adopt` on the loop owns a socket: no other thread reads, writes or closes it.
    threads   Everything runs in the loop's thread, except the section "for any thread" (web
              requests) and `_deliver*` (the writer's thread): these post functions to the loop.
    waiting   The loop never waits for a disk, a lock or a peer; only the writer waits for a disk.
    wake-ups  Sockets, posted functions, timers, and the doorbell (another process has queued a
              Call). A ring may be lost, so the database is also polled once a second.
    order     Results come back in the order of the jobs; answers leave in the order of the Calls.
    durable   The commit comes before the answer. A message about energy that cannot be written is
              not answered: we close the connection, and the charger keeps it and sends it again.
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
    PollResult,
    Receive,
    Refuse,
    may_be_delayed,
)
from shocpp.bookkeeping.writer import Writer
from shocpp.central_system.call_desk import CallDesk
from shocpp.central_system.closing_handshakes import ClosingConnection, ClosingHandshakes
from shocpp.central_system.conversation import Conversation, Slot, must_hang_up
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

POLL_EVERY_S = 1.0
PING_AFTER_S = 30.0
"""Seconds of silence after which a charger is pinged; proxies close after 60 s."""

SILENT_INTERVALS = 3
"""Pings without a sign of life after which a charger is gone."""

STUCK_S = 30.0
"""Seconds that a charger may leave our answers unread."""

START_TIMEOUT_S = 2.0
"""Seconds that `start` waits at most for the writer to open the database."""

BATCH_DELAY_S = 0.1
"""Seconds that a job without a waiting charger may be delayed, so that one commit takes many."""

BATCH_SIZE = 32
"""Jobs at which a batch is handed over without the delay."""

PROTOCOL_ERROR, INTERNAL, RESTART, TRY_AGAIN = 1002, 1011, 1012, 1013


class Switchboard:
    """All conversations of this process; the first section is for any thread."""

    def __init__(
        self,
        settings: Settings,
        selector: selectors.BaseSelector | None = None,
        counter_file: CounterFile | None = None,
    ) -> None:
        """Create a switchboard; without a `counter_file` its counters end with the process."""
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
        self._batch_is_due = False
        self._batch_timer_set = False
        # One entry for each job without a result; the writer returns results in the same order.
        self._handed_over: deque[tuple[Conversation | None, Slot | None]] = deque()
        self._touched: set[Conversation] = set()
        self._closing_handshakes = ClosingHandshakes(self._loop)
        self._reception = Reception(
            self._loop, self._submit, self._hang_up, self._drop, self._touch, self._calls.ask
        )
        self._most_chargers = _max_chargers()
        self._checked_allowlist: Allowlist | None = None
        self._stopping = False
        self._done = threading.Event()

    # -- for any thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Serve in a new thread; wait a little until `health` knows if the database is usable."""
        threading.Thread(target=self.run, name="switchboard", daemon=True).start()
        self._writer.wait_until_begun(START_TIMEOUT_S)

    def adopt(self, transport: Transport, admitted: Admitted) -> None:
        """Take over the transport of an admitted Charge Point; the caller must not use it again."""
        self._adopted.add(transport)
        self._loop.call_soon(lambda: self._begin(transport, admitted))

    def report(self, refused: Iterable[RefusedAttempts]) -> None:
        """Record refused attempts in the database."""
        job = Refuse(tuple(refused))
        self._loop.call_soon(lambda: self._submit(job, None))

    def linger(self, connection: ClosingConnection) -> None:
        """Wait in the loop until a web client closes, which has been sent its answer."""
        self._loop.call_soon(lambda: self._closing_handshakes.linger(connection))

    def is_full(self) -> bool:
        """Return True if one more charger could use up the descriptors of the process."""
        return len(self._conversations) + len(self._adopted) >= self._most_chargers

    def later(self, after_s: float, action: Callable[[], None]) -> None:
        """Call a function in the loop after `after_s` seconds."""
        self._loop.call_soon(lambda: self._loop.call_at(time.monotonic() + after_s, action))

    def health(self) -> str | None:
        """Return the reason why no charger can be served now, or None."""
        if not self._writer.has_begun():
            return "the database is being opened; try again in a moment"
        return self._writer.trouble

    def conf_trouble(self) -> str | None:
        """Return the reason why tags.json or charge_points.json is not in force, or None."""
        self.chargers.allowlist()
        return self._writer.tags.trouble or self.chargers.trouble

    def stop(self, timeout_s: float = 1.5) -> None:
        """End the loop like `end_soon`, and wait for its end, at most `timeout_s` seconds."""
        self.end_soon()
        self._done.wait(timeout_s)

    def end_soon(self) -> None:
        """Have all received frames written and answered, close with 1012, and end the loop."""
        self._stopping = True
        self._loop.call_soon(lambda: None)

    # -- the loop ----------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serve until `stop`, or until no job is left and `until` returns True; not twice."""
        self._loop.watch(self._doorbell, READ, self._answer_doorbell)
        self._writer.start(self._deliver, self._deliver_poll)
        self._poll()
        try:
            while not self._stopping and not (until() and self._is_idle()):
                self._loop.turn()
                self._hand_over()
                self._flush()
                self._hand_over()  # the Disconnect jobs of sockets that failed while sending
            self._end()
        except BaseException:
            # A process without its loop would keep its chargers' sockets and serve none of them.
            log.critical("the switchboard has failed; the process ends", exc_info=True)
            os._exit(70)
        self._done.set()

    def is_empty(self) -> bool:
        """Return True if no Charge Point is connected or adopted; for the loop's thread."""
        return not (self._conversations or self._adopted)

    def _is_idle(self) -> bool:
        return not (self._handed_over or self._jobs or self._loop.has_posted())

    def _answer_doorbell(self, _mask: int) -> None:
        self._doorbell.clear()
        self._writer.poll(rung=True)

    def _poll(self) -> None:
        self._writer.poll(rung=False)
        self._poll_allowlist()
        self._loop.call_at(time.monotonic() + POLL_EVERY_S, self._poll)

    def _poll_allowlist(self) -> None:
        """Close the connections that a changed allowlist would not admit."""
        newest = self.chargers.newest
        if newest is None or newest is self._checked_allowlist:
            return
        self._checked_allowlist = newest
        for conversation in list(self._conversations.values()):
            name = conversation.charge_point_id
            if conversation.identified and not may_stay(conversation.admitted, newest.entry(name)):
                self._hang_up(conversation, POLICY, "charge_points.json no longer admits it")

    def _deliver(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        self._loop.call_soon(lambda: self._take_results(jobs, results))

    def _deliver_poll(self, result: PollResult) -> None:
        if result.calls or result.superseded or result.contested:
            self._loop.call_soon(lambda: self._take_poll(result))

    def _submit(
        self, job: Job, conversation: Conversation | None, slot: Slot | None = None
    ) -> None:
        """Queue a job for the writer, with the batch delay if no charger waits for its result."""
        self._jobs.append(job)
        if conversation is not None:
            conversation.unwritten_jobs += 1
        self._handed_over.append((conversation, slot))
        if not may_be_delayed(job) or len(self._jobs) >= BATCH_SIZE:
            self._batch_is_due = True
        elif not self._batch_timer_set:
            self._batch_timer_set = True
            self._loop.call_at(time.monotonic() + BATCH_DELAY_S, self._end_batch_delay)

    def _end_batch_delay(self) -> None:
        self._batch_timer_set, self._batch_is_due = False, True

    def _hand_over(self) -> None:
        """Hand all queued jobs to the writer if one is urgent or the batch delay is over."""
        if self._batch_is_due and self._jobs:
            self._writer.submit(self._jobs)
            self._jobs = []
        self._batch_is_due = False

    def _touch(self, conversation: Conversation) -> None:
        """Have a conversation flushed and its watch updated at the end of this turn."""
        self._touched.add(conversation)

    def _flush(self) -> None:
        touched, self._touched = self._touched, set()
        for conversation in touched:
            if not conversation.closed:
                self._update_watch(conversation, conversation.transport.flush())
        self.counters.left()

    def _update_watch(self, conversation: Conversation, flushed: bool) -> None:
        """Watch for frames unless reading pauses, and for room to send if something is left."""
        transport = conversation.transport
        if flushed:
            conversation.stuck_since = None
        elif conversation.stuck_since is None:
            conversation.stuck_since = time.monotonic()
            self._loop.call_at(conversation.stuck_since + STUCK_S, self._check_stuck, conversation)
        ended = transport.ended is not None
        if ended and self._close_ended(conversation):
            return
        reads = not ended and conversation.may_read()
        mask = (READ if reads else 0) | (0 if flushed else WRITE)
        if mask != conversation.watched_mask:
            if mask:
                self._loop.watch(transport, mask, lambda events: self._ready(conversation, events))
            else:
                self._loop.unwatch(transport)
            conversation.watched_mask = mask

    def _ready(self, conversation: Conversation, events: int) -> None:
        if events & READ and not conversation.closed:
            self._read(conversation)
        self._touched.add(conversation)

    def _close_ended(self, conversation: Conversation) -> bool:
        """Close a conversation whose peer has ended; return False while it waits for answers."""
        transport = conversation.transport
        if transport.takes_answers and conversation.held_jobs:
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
                return  # this frame has closed it: the rest is not answered

    def _fail(self, conversation: Conversation, text: str) -> None:
        """Answer InternalError after a bug; close if the message is about energy."""
        call = parse(text)
        if isinstance(call, Call) and call.action not in NEVER_REFUSED:
            answer = error_text(call.unique_id, "InternalError", "")
            conversation.transport.send(answer)
            self.counters.exchanged(call.action, answer, conversation.last_seen)
        else:
            self._hang_up(conversation, INTERNAL, "internal error")

    def _receive(self, conversation: Conversation, text: str, moment_ms: int) -> None:
        event, slot = conversation.receive(text, moment_ms)
        if conversation.held_jobs is not None:
            self._reception.receive(conversation, text, moment_ms, event, slot)
        else:
            job = Receive(conversation.token, conversation.charge_point_id, text, moment_ms, event)
            if conversation.should_record(event, moment_ms):
                self._submit(job, conversation, slot)
        self._wake_when_due(conversation)
        if must_hang_up(event):
            self._hang_up(conversation, PROTOCOL_ERROR, "not OCPP-J")
        elif conversation.calls and conversation.outstanding is None:
            self._calls.next_call(conversation)

    def _take_results(self, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        for job, result in zip(jobs, results, strict=True):
            conversation, slot = self._handed_over.popleft()
            if conversation is None:
                continue
            conversation.unwritten_jobs -= 1
            if conversation.paused:  # with this result fewer jobs wait: reading may go on
                self._touched.add(conversation)
            if isinstance(job, Claim):  # also if it is closed: a claimed Call must be settled
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
                # As if rung: an ordinary poll reads Calls only after another process has written.
                self._writer.poll(rung=True)

    def _take_failure(
        self, conversation: Conversation, job: Job, slot: Slot | None, failed: Failed
    ) -> None:
        """Close after an unwritten message about energy; refuse any other one."""
        if isinstance(job, Receive) and isinstance(job.event, Reported):
            assert slot is not None
            if failed.unavailable or job.event.action in NEVER_REFUSED:
                name = conversation.charge_point_id
                log.warning("%s: a message cannot be written: %s", name, failed.reason)
                self._hang_up(conversation, TRY_AGAIN, "the database cannot be written now")
            else:
                refusal = error_text(job.event.unique_id, "InternalError", "")
                conversation.refuse(slot, refusal, time.monotonic())
                self._wake_when_due(conversation)
                self._touched.add(conversation)
        elif isinstance(job, Connect):
            self._hang_up(conversation, TRY_AGAIN, "cannot be written just now")

    def _wake_when_due(self, conversation: Conversation) -> None:
        """Set a timer for the oldest answer if only its reply delay holds it back."""
        due = conversation.due()
        if due is not None and not conversation.wake_up_set:
            conversation.wake_up_set = True
            self._loop.call_at(due, self._release, conversation)

    def _release(self, conversation: Conversation) -> None:
        conversation.wake_up_set = False
        if not conversation.closed:
            conversation.release(time.monotonic())
            self._wake_when_due(conversation)
            self._touched.add(conversation)

    def _take_poll(self, result: PollResult) -> None:
        for token in result.superseded:
            former = self._conversations.get(token)
            if former is not None:
                self._hang_up(former, POLICY, REPLACED)
        for token in result.contested:
            contested = self._conversations.get(token)
            if contested is not None:
                self._reception.ping_holder(contested)
            else:  # its end could not be written
                self._submit(Disconnect(token), None)
        for call in result.calls:
            conversation = self._reception.holder(call.charge_point_id)
            if conversation is not None:
                self._calls.take(call, conversation)

    # -- connections -------------------------------------------------------------------------------

    def _begin(self, transport: Transport, admitted: Admitted) -> None:
        now = time.monotonic()
        self._adopted.discard(transport)
        heartbeat_s = self._settings.heartbeat_s
        conversation = Conversation(transport, admitted, heartbeat_s, now, self.counters)
        self.counters.opened()
        self._conversations[conversation.token] = conversation
        self._loop.call_at(now + PING_AFTER_S, self._check_life, conversation)
        if admitted.charge_point_id is not None:
            self._reception.identify(conversation, admitted.charge_point_id)
        self._touched.add(conversation)

    def _check_life(self, conversation: Conversation) -> None:
        """Ping a silent charger, or drop it; any frame is a sign of life (OCPP-J §5.4)."""
        if conversation.closed:
            return
        now = time.monotonic()
        due = conversation.last_seen + PING_AFTER_S
        # Some chargers never answer a ping, but they send frames.
        if due > now:
            conversation.silent_intervals = 0
        else:
            due = now + PING_AFTER_S
            conversation.silent_intervals += 1
            if conversation.silent_intervals > SILENT_INTERVALS:
                self._drop(conversation, "silent for three intervals")
                return
            # Without pings (stdin) silence proves nothing.
            if not conversation.transport.ping():
                conversation.silent_intervals = 0
            self._touched.add(conversation)
        self._loop.call_at(due, self._check_life, conversation)

    def _check_stuck(self, conversation: Conversation) -> None:
        since = conversation.stuck_since
        if conversation.closed or since is None:
            return
        if time.monotonic() - since >= STUCK_S:
            self._hang_up(conversation, POLICY, "answers are not read")

    # -- closing -----------------------------------------------------------------------------------

    def _hang_up(self, conversation: Conversation, code: int, reason: str) -> None:
        """Close a conversation with a close code; answers that are on disk leave before."""
        if conversation.closed:
            return
        conversation.release(math.inf)
        self._forget(conversation, reason)
        self._closing_handshakes.close(conversation.transport, code, reason)

    def _drop(self, conversation: Conversation, reason: str) -> None:
        """End a conversation without a Close: its peer has gone or is silent."""
        self._forget(conversation, reason)
        conversation.transport.destroy()

    def _forget(self, conversation: Conversation, reason: str) -> None:
        # The Disconnect is submitted last: it must follow all other jobs of this token.
        conversation.closed = True
        self.counters.closed()
        if conversation.watched_mask:
            self._loop.unwatch(conversation.transport)
            conversation.watched_mask = 0
        del self._conversations[conversation.token]
        self._reception.leave(conversation)
        if conversation.identified:
            log.info("%s is disconnected: %s", conversation.charge_point_id, reason)
        self._calls.leave(conversation, reason)
        self._submit(Disconnect(conversation.token), None)

    def _end(self) -> None:
        """Write and answer the received frames, then close all connections with 1012."""
        self._batch_is_due = True
        self._hand_over()
        # `finish` returns after the last delivery: its results are posted by then.
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


def _max_chargers() -> int:
    """Return the number of chargers whose sockets leave descriptors for databases and web pages."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else allowed - min(allowed // 2, 1_500)
