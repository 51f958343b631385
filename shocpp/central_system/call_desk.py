"""The call desk: it sends queued Calls on the conversations of this process.

    queued → claimed → sent → answered | refused | expired | unknown

A Call is claimed only when its conversation can send it at once: a Call that waits in the queue
may still be withdrawn or taken by another worker. A connection has one outstanding Call (OCPP-J
§4.1.1), and the Calls of a charger go out in the order of the queue. Each claimed Call is settled,
also if its connection ends. A Call is never sent twice: two RemoteStarts are two transactions.
`ocpp/connection.py` matches confirmations to Calls.
"""

import time

from shocpp.bookkeeping.jobs import Claim, Send, Settle
from shocpp.central_system.connections import Connections
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.loop import Loop
from shocpp.clock import now_ms
from shocpp.metrics.counters import Counters
from shocpp.store.calls import CallOutcome, QueuedCall


class CallDesk:
    """The Calls of one switchboard; everything here runs in its loop, so it needs no lock."""

    def __init__(self, loop: Loop, connections: Connections, counters: Counters) -> None:
        self._loop = loop
        self._connections = connections
        self._counters = counters
        # One timer each: without this limit every frame before a BootNotification would set one.
        self._with_timer: set[Conversation] = set()

    def take(self, call: QueuedCall, conversation: Conversation) -> None:
        """Queue a Call for a conversation, unless it is queued here already.

        Every poll of the database returns all waiting Calls again.
        """
        claiming = conversation.claiming
        if claiming is not None and claiming.call_id == call.call_id:
            return
        if conversation.calls is None:
            conversation.calls = {}
        if call.call_id in conversation.calls:
            return
        conversation.calls[call.call_id] = call
        self.next_call(conversation)

    def next_call(self, conversation: Conversation) -> None:
        """Claim the next Call if it may be sent now; otherwise set a timer."""
        if not conversation.calls or conversation.claiming is not None or conversation.closed:
            return
        moment_ms = now_ms()
        if conversation.connection.may_place(moment_ms):
            # A dict keeps the order of insertion: its first key is the oldest Call.
            oldest = conversation.calls.pop(next(iter(conversation.calls)))
            conversation.claiming = oldest
            self._connections.jobs.submit(Claim(conversation.token, oldest), conversation)
        elif conversation.outstanding is None and conversation not in self._with_timer:
            self._with_timer.add(conversation)
            wait_ms = conversation.connection.placeable_from_ms(moment_ms) - moment_ms
            due = time.monotonic() + max(wait_ms, 10) / 1000
            self._loop.call_at(due, self._try_again, conversation)

    def _try_again(self, conversation: Conversation) -> None:
        self._with_timer.discard(conversation)
        self.next_call(conversation)

    def take_claim(self, conversation: Conversation, claim: Claim, result: object) -> None:
        """Send a Call that the writer has claimed; if it could not claim it, try the next one.

        `result` is that of the claim: the payload to send; anything else means that it failed.

        The claim is committed, so a worker that dies now leaves a row that is not sent again.
        """
        call = claim.call
        # Also if the claim failed: a Call whose claim could not be written is still queued, and the
        # next poll returns it.
        conversation.claiming = None
        # The connection may end while the claim is being committed, and its end settles only the
        # outstanding Call.
        if conversation.closed or conversation.is_retiring:
            if isinstance(result, str):
                description = "the connection ended before it was sent"
                self._settle(claim.token, call, "unknown", description)
        elif isinstance(result, str):
            self.send(conversation, call._replace(payload=result, sealed=None))
        else:
            self.next_call(conversation)

    def send(self, conversation: Conversation, call: QueuedCall) -> None:
        """Send a claimed Call, or one of the Central System itself, which needs no claim."""
        moment_ms = now_ms()
        text = conversation.connection.place(call.call_id, call.action, call.payload, moment_ms)
        conversation.outstanding = call
        conversation.transport.send(text)
        self._connections.touched.add(conversation)
        self._counters.sent(call.action)
        # This job only records the frame, so it may wait; the Claim is committed already.
        self._connections.jobs.submit(
            Send(conversation.charge_point_id, call.action, text, moment_ms)
        )
        due = time.monotonic() + max(call.deadline_ms - moment_ms, 0) / 1000
        self._loop.call_at(due, self._give_up, conversation, call)

    def _give_up(self, conversation: Conversation, call: QueuedCall) -> None:
        """Settle a Call whose deadline has passed; a late answer will settle nothing."""
        # This timer also fires for a Call that was answered in time.
        if conversation.closed or conversation.outstanding is not call:
            return
        conversation.outstanding = None
        # Some chargers send Heartbeats and ignore all Calls until they reconnect. The next Call
        # must not wait for them.
        conversation.connection.give_up(call.call_id)
        self._settle(conversation.token, call, "expired", "the charger has not answered in time")
        self.next_call(conversation)

    def _settle(self, token: str, call: QueuedCall, state: str, description: str) -> None:
        self._counters.call_ended(state)
        outcome = CallOutcome(state, None, None, description)
        self._connections.jobs.submit(Settle(token, call.call_id, outcome))
