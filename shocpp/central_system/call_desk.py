"""The call desk: brings queued Calls to the conversations of this process (a room).

A Call is claimed when its conversation can send it, never before: one outstanding Call a
connection, first come first served. What was claimed is settled, whatever becomes of the
connection; nothing is sent twice.
"""

import time
from collections import deque
from collections.abc import Callable

from shocpp.bookkeeping.jobs import Claim, Job, Send, Settle
from shocpp.central_system.conversation import Conversation
from shocpp.central_system.loop import Loop
from shocpp.clock import now_ms
from shocpp.metrics.counters import Counters
from shocpp.store.calls import CallOutcome, QueuedCall

Submit = Callable[[Job, Conversation | None], None]


class CallDesk:
    """The Calls of one switchboard; everything here runs in its loop."""

    def __init__(
        self, loop: Loop, submit: Submit, touch: Callable[[Conversation], None], counters: Counters
    ) -> None:
        self._loop = loop
        self._counters = counters
        self._submit = submit
        self._touch = touch
        self._known: set[str] = set()

    def take(self, call: QueuedCall, conversation: Conversation) -> None:
        """A Call waits for this conversation; it may be one that is known already."""
        if call.call_id in self._known:
            return
        self._known.add(call.call_id)
        if conversation.calls is None:
            conversation.calls = deque()
        conversation.calls.append(call)
        self.next_call(conversation)

    def next_call(self, conversation: Conversation) -> None:
        """Claim the next Call as soon as one may go out."""
        if not conversation.calls or conversation.claiming is not None or conversation.closed:
            return
        moment_ms = now_ms()
        if conversation.connection.may_place(moment_ms):
            conversation.claiming = conversation.calls.popleft()
            self._submit(Claim(conversation.token, conversation.claiming), conversation)
        elif conversation.outstanding is None:
            wait_ms = conversation.connection.placeable_from_ms(moment_ms) - moment_ms
            due = time.monotonic() + max(wait_ms, 10) / 1000
            self._loop.at(due, self.next_call, conversation)

    def take_claim(self, conversation: Conversation, claim: Claim, *, claimed: bool) -> None:
        """Send a Call that has become this conversation's, or go on to the next."""
        call = claim.call
        self._known.discard(call.call_id)
        conversation.claiming = None
        if conversation.closed:
            if claimed:
                told = "the connection ended before it was sent"
                self._settle(claim.token, call, "unknown", told)
        elif claimed:
            self._send(conversation, call)
        else:
            self.next_call(conversation)

    def ask(self, conversation: Conversation, call: QueuedCall) -> None:
        """Send a question of our own, which is not in the queue."""
        self._send(conversation, call)

    def _send(self, conversation: Conversation, call: QueuedCall) -> None:
        text = conversation.connection.place(call.call_id, call.action, call.payload)
        conversation.place(call, text)
        self._touch(conversation)
        moment_ms = now_ms()
        self._submit(Send(conversation.charge_point_id, call.action, text, moment_ms), None)
        due = time.monotonic() + max(call.deadline_ms - moment_ms, 0) / 1000
        self._loop.at(due, self._give_up, conversation, call)

    def _give_up(self, conversation: Conversation, call: QueuedCall) -> None:
        """The charger has not answered in time; a late answer will settle nothing."""
        if conversation.closed or conversation.outstanding is not call:
            return
        conversation.outstanding = None
        conversation.connection.give_up(call.call_id)
        self._settle(conversation.token, call, "expired", "the charger has not answered in time")
        self.next_call(conversation)

    def leave(self, conversation: Conversation, reason: str) -> None:
        """The conversation has ended: what it was asked has no known end, what waits waits on."""
        for call in conversation.calls or ():
            self._known.discard(call.call_id)
        if conversation.outstanding is not None:
            told = f"the connection ended: {reason}"
            self._settle(conversation.token, conversation.outstanding, "unknown", told)

    def _settle(self, token: str, call: QueuedCall, state: str, told: str) -> None:
        self._counters.call_ended(state)
        self._submit(Settle(token, call.call_id, CallOutcome(state, None, None, told)), None)
