"""The connections of one process: their conversations, watches and ends.

Reception, call desk and polling act on a conversation through this object: they submit a job to its
`jobs`, hang up, or add it to `touched`. Everything here runs in the loop. Flushes come once a turn,
for the conversations in `touched`.
"""

import logging
import math
import time
from collections.abc import Callable

from shocpp.bookkeeping.writing.writer import Writer
from shocpp.central_system.closing_handshakes import ClosingHandshakes
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.job_batches import JobBatches, TakeResults
from shocpp.central_system.liveness import Liveness
from shocpp.central_system.loop import READ, WRITE, Loop
from shocpp.central_system.transport import OTHER_VERSION_SPOKEN, POLICY
from shocpp.clock import now_ms
from shocpp.metrics.counters import Counters
from shocpp.ocpp.identity import identity_key

log = logging.getLogger(__name__)

PAUSE_AT = 64
"""Waiting answers or unwritten jobs above which reading from a charger pauses."""

RESUME_AT = 32
"""Waiting answers or unwritten jobs at which reading goes on."""

LOGGED_AFTER_S, MOST_LOGGED_LATER = 5.0, 1_000
"""The delay of the log line for a charger that was sent away for its OCPP version, in seconds, and
the most such chargers. So their reconnects do not fill the log."""

BACKLOG_BYTES = 256 * 1024
"""Unsent bytes above which reading pauses."""


class Connections:
    """All conversations of one switchboard, by token and by identity.

    `jobs` are those for the writer. `touched` are the conversations to flush at the end of this
    turn.
    """

    def __init__(
        self,
        loop: Loop,
        writer: Writer,
        counters: Counters,
        read: Callable[[Conversation, float], None],
        take_results: TakeResults,
    ) -> None:
        """Create an empty set.

        `read` is called when frames of a conversation have arrived, `take_results` with the results
        of jobs.
        """
        self._loop = loop
        self._counters = counters
        self._read = read
        self.closing_handshakes = ClosingHandshakes(loop)
        self._by_token: dict[str, Liveness] = {}
        self._by_identity: dict[str, Conversation] = {}
        self._logged_later: set[str | None] = set()
        self.touched: set[Conversation] = set()
        self.jobs = JobBatches(loop, writer, take_results)

    def __len__(self) -> int:
        """Return the number of connections; for any thread."""
        return len(self._by_token)

    def all(self) -> list[Conversation]:
        """Return all conversations."""
        return [liveness.conversation for liveness in self._by_token.values()]

    def of_token(self, token: str) -> Conversation | None:
        """Return the conversation of this token, or None if it has ended."""
        liveness = self._by_token.get(token)
        return None if liveness is None else liveness.conversation

    def holder(self, charge_point_id: str) -> Conversation | None:
        """Return the conversation with this Charge Point, or None if this process has none."""
        return self._by_identity.get(identity_key(charge_point_id))

    def last_seen(self, conversation: Conversation) -> float:
        """Return the moment of the last sign of life (monotonic) of an open conversation."""
        return self._by_token[conversation.token].last_seen

    def begin(self, conversation: Conversation) -> None:
        """Add a conversation, and watch its transport from the end of this turn on."""
        self._counters.opened()
        liveness = Liveness(conversation, time.monotonic())
        self._by_token[conversation.token] = liveness
        self.pace(conversation)
        self._check_life(liveness)

    def identify(self, conversation: Conversation, charge_point_id: str) -> None:
        """Enter a conversation under its identity, in place of an older one.

        The jobs that have waited for the identity are submitted.
        """
        held_jobs = conversation.identify(charge_point_id)
        key = identity_key(charge_point_id)
        self._by_identity[key] = conversation
        if key in self._logged_later:
            self._loop.call_at(time.monotonic() + LOGGED_AFTER_S, self._log, conversation)
        else:
            self._log(conversation)
        # In the order of receipt, and before any frame that is read from now on.
        for job, slot in held_jobs:
            self.jobs.submit(job, conversation, slot)
        self.pace(conversation)
        self.touched.add(conversation)

    def _log(self, conversation: Conversation) -> None:
        """Log that a charger is connected, unless it has gone."""
        if not conversation.closed:
            conversation.is_logged = True
            self._logged_later.discard(conversation.key)
            name, remote = conversation.charge_point_id, conversation.transport.remote
            log.info("%s is connected from %s", name, remote)

    def _log_later(self, key: str) -> None:
        """Log the next connection of this charger only if it stays: it reconnects for ever."""
        if len(self._logged_later) >= MOST_LOGGED_LATER:
            self._logged_later.clear()
        self._logged_later.add(key)

    def end_turn(self) -> None:
        """Hand over the jobs of a turn of the loop, and send the answers."""
        # The jobs first: the writer begins while the answers leave.
        self.jobs.hand_over()
        self.flush()
        # The Disconnect jobs of sockets that failed while sending.
        self.jobs.hand_over()

    # -- watches -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what the touched conversations have to send, and update their watches."""
        touched, self.touched = self.touched, set()
        for conversation in touched:
            if not conversation.closed:
                transport = conversation.transport
                self._update_watch(conversation, not transport.backlog or transport.flush())
        if touched:
            self._counters.left()

    def _update_watch(self, conversation: Conversation, flushed: bool) -> None:
        """Watch for frames unless reading pauses, and for room to send if something is left."""
        liveness, transport = self._by_token[conversation.token], conversation.transport
        if not flushed or liveness.stuck_since is not None:
            due = liveness.next_stuck_check(time.monotonic(), flushed=flushed)
            if due is not None:
                self._loop.call_at(due, self._check_stuck, liveness)
        ended = transport.ended is not None
        if ended and self._close_ended(conversation):
            return
        reads = not ended and _may_read(conversation)
        mask = (READ if reads else 0) | (0 if flushed else WRITE)
        if mask != liveness.watched_mask:
            if mask:
                self._loop.watch(transport, mask, lambda events: self._ready(liveness, events))
            else:
                self._loop.unwatch(transport)
            liveness.watched_mask = mask

    def _ready(self, liveness: Liveness, events: int) -> None:
        conversation = liveness.conversation
        if events & READ and not conversation.closed:
            liveness.last_seen = now = time.monotonic()
            self._read(conversation, now)
        self.touched.add(conversation)

    def pace(self, conversation: Conversation) -> None:
        """Pause reading from a charger that has used up its share of the disk.

        Meanwhile its messages wait in its own queue; nothing of it is dropped.
        """
        now, share = time.monotonic(), conversation.share
        # A large read may hold thousands of messages.
        if share.reads_little is not share.is_used_up():
            share.reads_little = share.is_used_up()
            conversation.transport.limit_reads(small=share.reads_little)
        pause_s = share.pause_s(now)
        if pause_s:
            self.pause(conversation, now + pause_s)

    def pause(self, conversation: Conversation, until: float) -> None:
        """Pause reading from a charger until a moment (monotonic), if no pause has begun."""
        if not conversation.share.pauses:
            conversation.share.pauses = True
            self._loop.call_at(until, self._end_pause, conversation)

    def _end_pause(self, conversation: Conversation) -> None:
        conversation.share.pauses = False
        if not conversation.closed:
            self.pace(conversation)
            self.touched.add(conversation)

    def read_now(self, conversation: Conversation) -> None:
        """Take what has arrived from an open conversation, without waiting for the loop."""
        if _may_read(conversation) and conversation.transport.ended is None:
            self._read(conversation, time.monotonic())
        self.touched.add(conversation)

    def _close_ended(self, conversation: Conversation) -> bool:
        """Close a conversation whose peer has ended; return False while it waits for answers."""
        transport = conversation.transport
        is_nameless = conversation.key is None
        if is_nameless and conversation.held_jobs and transport.takes_answers:
            self.jobs.submit(conversation.connect_by_address(), conversation)
        if conversation.answers_wait():
            return False
        if transport.violation is None:
            self.drop(conversation, transport.ended or "")
        else:
            self.hang_up(conversation, transport.violation, transport.ended or "")
        return True

    def _check_life(self, liveness: Liveness) -> None:
        """Ping a silent charger, or drop it."""
        conversation = liveness.conversation
        if conversation.closed:
            return
        due = liveness.next_check(time.monotonic())
        if due is None:
            self.drop(conversation, "silent for three intervals")
        else:
            self._loop.call_at(due, self._check_life, liveness)
            self.touched.add(conversation)

    def _check_stuck(self, liveness: Liveness) -> None:
        if not liveness.conversation.closed and liveness.is_stuck(time.monotonic()):
            self.hang_up(liveness.conversation, POLICY, "answers are not read")

    # -- the end -----------------------------------------------------------------------------------

    def hang_up(self, conversation: Conversation, code: int, reason: str) -> None:
        """Close a conversation with a close code; answers that are on disk leave before."""
        if conversation.closed:
            return
        conversation.answers.release(math.inf)
        self._forget(conversation, reason)
        self.closing_handshakes.close(conversation.transport, code, reason)

    def drop(self, conversation: Conversation, reason: str) -> None:
        """End a conversation without a Close: its peer has gone or is silent."""
        self._forget(conversation, reason)
        conversation.transport.destroy()

    def _forget(self, conversation: Conversation, reason: str) -> None:
        if self._by_token.pop(conversation.token).watched_mask:
            self._loop.unwatch(conversation.transport)
        self._counters.closed()
        # The end of an old socket may come after a new one has taken the identity.
        key = conversation.key
        if key is not None and self._by_identity.get(key) is conversation:
            del self._by_identity[key]
        if key is not None and reason == OTHER_VERSION_SPOKEN:
            self._log_later(key)
        if conversation.is_logged:
            log.info("%s is disconnected: %s", conversation.charge_point_id, reason)
        for job in conversation.end(reason, now_ms()):
            self.jobs.submit(job)


def _may_read(conversation: Conversation) -> bool:
    """Return True if more frames of this charger are to be read now.

    A pause drops nothing: frames wait in the kernel's buffers, and TCP slows the sender down.
    """
    if conversation.share.pauses:
        conversation.paused = True
        return False
    # The message limit depends on whether the database knows the charger: wait for that.
    if conversation.key is not None and not conversation.identified:
        return False
    # Alfen Eve Pro sends its whole backlog of MeterValues when it first connects.
    waiting = max(len(conversation.answers), conversation.unwritten_jobs)
    if conversation.transport.backlog > BACKLOG_BYTES:
        conversation.paused = True
    # Two limits, so that reading does not pause and resume with every single answer.
    elif conversation.paused:
        conversation.paused = waiting > RESUME_AT
    else:
        conversation.paused = waiting > PAUSE_AT
    return not conversation.paused
