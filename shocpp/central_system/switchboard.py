"""The switchboard: one loop per process that serves all connected Charge Points.

A turn reads frames, makes jobs of them and hands these to the writer; with the results it answers.

    sockets   From `adopt` on the loop owns a socket: no other thread reads, writes or closes it.
    threads   Everything runs in the loop's thread, except the section "for any thread" (web
              requests) and `deliver*` (the writer's thread): these post functions to the loop.
    waiting   The loop never waits for a disk, a lock or a peer; only the writer waits for a disk.
    wake-ups  Sockets, posted functions, timers, and the doorbell (another process has queued a
              Call). A ring may be lost, so the database is also polled once a second.
    order     Results come back in the order of the jobs; answers leave in the order of the Calls.
    durable   The commit comes before the answer. A message about energy that cannot be written is
              not answered: we close the connection, and the charger keeps it and sends it again.
"""

import contextlib
import logging
import os
import resource
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shocpp.admission.decision import Admitted
from shocpp.bookkeeping.jobs import Claim, Connect, Job, Refuse
from shocpp.bookkeeping.writing.writer import PAUSE_BEFORE_END_S, Writer
from shocpp.central_system.call_desk import CallDesk
from shocpp.central_system.closing_handshakes import ClosingConnection
from shocpp.central_system.connections import Connections
from shocpp.central_system.conversations.conversation import Conversation, turn_after_bug
from shocpp.central_system.conversations.daily_shares import COSTLY_S, DailyShares
from shocpp.central_system.conversations.turn import Turn
from shocpp.central_system.loop import Loop
from shocpp.central_system.polling import Polling
from shocpp.central_system.reception import Reception
from shocpp.central_system.retiring import Retiring
from shocpp.central_system.transport import RESTART, Transport
from shocpp.central_system.watchers import MOST_WATCHERS, Watchers
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.metrics.counter_files import CounterFile
from shocpp.metrics.counters import Counters
from shocpp.settings import Settings
from shocpp.store.changes import Change
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.doorbells import Doorbell, doorbells_folder
from shocpp.store.files.space import budget_bytes, space_of
from shocpp.unique_ids import random_uuid

log = logging.getLogger(__name__)

START_TIMEOUT_S = 2.0
"""Seconds that `start` waits at most for the writer to open the database."""


class Switchboard:
    """All conversations of this process; the first section is for any thread.

    `feed` publishes what is committed, in this process and in others; `watchers` are the pages that
    are sent it.
    """

    def __init__(
        self,
        settings: Settings,
        selector: selectors.BaseSelector | None = None,
        counter_file: CounterFile | None = None,
        listens: str | None = None,
    ) -> None:
        """Create a switchboard; without a `counter_file` its counters end with the process.

        `listens` is the host and port of its server, as in `0.0.0.0:8080`, or None.
        """
        self._settings = settings
        self.counters = Counters() if counter_file is None else counter_file.counters
        self._loop = Loop(selector)
        self._doorbell = Doorbell(doorbells_folder(settings.database), random_uuid())
        self.chargers = AllowlistFile(settings.charge_points_file)
        row = WorkerRow(random_uuid(), self._doorbell.path, os.getpid(), listens)
        self._writer = Writer(settings, self.chargers, row, self.counters, counter_file)
        self._connections = Connections(
            self._loop, self._writer, self.counters, self._read, self._take_results
        )
        self._calls = CallDesk(self._loop, self._connections, self.counters)
        retiring = Retiring(self._loop, self._connections)
        self._reception = Reception(self._loop, self._connections, retiring)
        self._polling = Polling(
            self._loop,
            self._writer,
            self._doorbell,
            self._connections,
            self._reception,
            retiring,
            self._calls,
            self.chargers,
        )
        self.feed = self._polling.feed
        self._adopted: set[Transport] = set()
        self._most_chargers, most_watchers = _shares_of_descriptors()
        self.watchers = Watchers(self._loop, most_watchers)
        self._shares = DailyShares(_budget(settings))
        self._stopping = False
        self._trouble: str | None = None
        self._pause_before_end_s = 0.0
        self._done = threading.Event()

    # -- for any thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Serve in a new thread; wait a little until `health` knows if the database is usable."""
        # gunicorn replaces a process at once. The pause slows down a loop that always fails.
        self._pause_before_end_s = PAUSE_BEFORE_END_S
        threading.Thread(target=self.run, name="switchboard", daemon=True).start()
        self._writer.wait_until_begun(START_TIMEOUT_S)

    def adopt(self, transport: Transport, admitted: Admitted) -> None:
        """Take over the transport of an admitted Charge Point; the caller must not use it again."""
        self._adopted.add(transport)
        self._loop.call_soon(lambda: self._begin(transport, admitted))

    def report(self, refused: Iterable[RefusedAttempts]) -> None:
        """Record refused attempts in the database."""
        job = Refuse(tuple(refused))
        self._loop.call_soon(lambda: self._connections.jobs.submit(job))

    def linger(self, connection: ClosingConnection) -> None:
        """Wait in the loop until a web client closes, which has been sent its answer."""
        self._loop.call_soon(lambda: self._connections.closing_handshakes.linger(connection))

    def is_full(self) -> bool:
        """Return True if one more charger could use up the descriptors of the process."""
        return len(self._connections) + len(self._adopted) >= self._most_chargers

    def close_idle_by(self, close_idle: Callable[[], None]) -> None:
        """Have `close_idle` called when the -wal was removed, before the database opens again."""
        self._writer.close_others_by(close_idle)

    def later(self, after_s: float, action: Callable[[], None]) -> None:
        """Call a function in the loop after `after_s` seconds."""
        self._loop.call_soon(lambda: self._loop.call_at(time.monotonic() + after_s, action))

    def health(self) -> str | None:
        """Return the reason why no charger can be served now, or None."""
        if not self._writer.has_begun():
            return "the database is being opened; try again in a moment"
        return self._trouble or self._writer.health.trouble()

    def disk_notice(self) -> str | None:
        """Return a sentence while the disk of the database is low, or None."""
        return self._writer.reserve.notice

    def conf_trouble(self) -> str | None:
        """Return the reason why tags.json or charge_points.json is not in force, or None."""
        self.chargers.allowlist()
        return self._writer.tags.trouble or self.chargers.trouble

    def files_trouble(self) -> str | None:
        """Return why accounting files have waited for a long time, or None."""
        return self._writer.files.trouble

    def stop(self, timeout_s: float = 1.5) -> None:
        """End the loop like `end_soon`, and wait for its end, at most `timeout_s` seconds."""
        self.end_soon()
        self._done.wait(timeout_s)

    def end_soon(self) -> None:
        """Have all received frames written and answered, close with 1012, and end the loop."""
        self._stopping = True
        self._loop.call_soon(lambda: None)

    # -- the loop ----------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Serve until `stop`, or until no job is left and `until` returns True; not twice."""
        self._writer.start(self._deliver, self._polling.deliver)
        self._polling.start()
        try:
            while not self._stopping and not (until and until() and self._is_idle()):
                self._loop.turn()
                self._connections.end_turn()
            self._end()
        except BaseException:
            # A process without its loop would keep its chargers' sockets and serve none of them.
            log.critical("the switchboard has failed; the process ends", exc_info=True)
            self._trouble = "the server has failed and starts again; the log has the traceback"
            for conversation in self._connections.all():
                with contextlib.suppress(Exception):
                    conversation.transport.destroy()
            time.sleep(self._pause_before_end_s)
            os._exit(70)
        self._done.set()

    def is_empty(self) -> bool:
        """Return True if no Charge Point is connected or adopted; for the loop's thread."""
        return not (self._connections or self._adopted)

    def _is_idle(self) -> bool:
        return not (self._connections.jobs.lack_results() or self._loop.has_posted())

    def _end(self) -> None:
        """Write and answer the received frames, then close all connections with 1012."""
        connections = self._connections
        # Their browsers connect again, to the worker that replaces this one.
        self.watchers.close()
        connections.jobs.hand_over(at_once=True)
        # `finish` returns after the last delivery: its results are posted by then.
        self._writer.finish(timeout_s=1.0)
        self._loop.run_posted()
        connections.flush()
        for conversation in connections.all():
            connections.hang_up(conversation, RESTART, "the Central System restarts")
        connections.jobs.hand_over(at_once=True)
        deadline = time.monotonic() + 0.2
        while connections.closing_handshakes.are_under_way() and time.monotonic() < deadline:
            self._loop.turn(0.05)
        self._writer.stop(timeout_s=1.0)
        self._doorbell.remove()

    # -- conversations -----------------------------------------------------------------------------

    def _begin(self, transport: Transport, admitted: Admitted) -> None:
        self._adopted.discard(transport)
        heartbeat_s = self._settings.heartbeat_s
        conversation = Conversation(transport, admitted, heartbeat_s, self.counters, self._shares)
        self._connections.begin(conversation)
        if admitted.charge_point_id is not None:
            self._connections.jobs.submit(
                conversation.connect(admitted.charge_point_id), conversation
            )

    def _read(self, conversation: Conversation, now: float) -> None:
        """Take the frames of a conversation that arrived at `now` (monotonic)."""
        shares, transport, moment_ms = self._shares, conversation.transport, now_ms()
        if shares.large_after > now and transport.awaits_much():
            self._connections.pause(conversation, shares.large_after)
            return
        texts = transport.receive()
        for text in texts:
            try:
                self._execute(conversation.receive(text, moment_ms, now), conversation)
            except Exception:
                log.exception("%s: %.200s", conversation.charge_point_id, text)
                self._execute(turn_after_bug(conversation, text, now), conversation)
            if conversation.closed:
                return  # this frame has closed it: the rest is not answered
        if texts and (ended := time.monotonic()) > now + COSTLY_S:
            conversation.share.rest(texts, ended - now, ended)
        if shares.resume_at or shares.rest_until or conversation.share.reads_little:
            self._connections.pace(conversation)

    def _execute(self, turn: Turn, conversation: Conversation) -> None:
        """Do what a turn of a conversation asks for."""
        if turn.job is not None:
            self._connections.jobs.submit(turn.job, conversation, turn.slot)
        if turn.wake_at is not None:
            self._loop.call_at(turn.wake_at, self._wake, conversation)
        if turn.call is not None:
            self._calls.send(conversation, turn.call)
        if turn.close is not None:
            self._connections.hang_up(conversation, *turn.close)
        elif conversation.calls and conversation.outstanding is None:
            self._calls.next_call(conversation)

    def _wake(self, conversation: Conversation) -> None:
        if not conversation.closed:
            self._execute(conversation.wake(time.monotonic()), conversation)
            self._connections.touched.add(conversation)

    def _deliver(
        self, jobs: Sequence[Job], results: Sequence[Any], changes: Sequence[Change]
    ) -> None:
        self._loop.call_soon(lambda: self._take_results(jobs, results, changes))

    def _take_results(
        self, jobs: Sequence[Job], results: Sequence[Any], changes: Sequence[Change]
    ) -> None:
        for conversation, slot, job, result in self._connections.jobs.deliveries(jobs, results):
            # With this result fewer jobs wait: reading may go on.
            if conversation.paused:
                self._connections.touched.add(conversation)
            # Also if the conversation is closed: a claimed Call must be settled.
            if isinstance(job, Claim):
                self._calls.take_claim(conversation, job, result)
            elif conversation.closed:
                continue
            elif slot is not None:
                self._execute(conversation.answer(slot, result, time.monotonic()), conversation)
                self._connections.touched.add(conversation)
            elif isinstance(job, Connect):
                self._reception.take(conversation, job, result)
                self._polling.poll_now()
        if changes:
            self.feed.publish(changes)


def _budget(settings: Settings) -> int:
    """Return the bytes of a charger and day that are stored as they are."""
    try:
        total = space_of(settings.database).total
    except OSError:
        total = sys.maxsize
    return budget_bytes(settings.charger_mb, total)


def _shares_of_descriptors() -> tuple[int, int]:
    """Return the most chargers and the most watchers; both leave descriptors for web requests.

    The rest is for databases, requests and closes that linger.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return sys.maxsize, MOST_WATCHERS
    others = min(allowed // 2, 2_500)
    return allowed - others, others * 2 // 5
