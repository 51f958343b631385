"""The reception: it settles which connection holds the identity of a Charge Point.

The database decides which connection holds an identity; the writer's result to a Connect job says
so. A newer connection replaces the older one at once if its password proves who it is, or if it
comes from the same address. Otherwise the older one is pinged and keeps its identity if it is
alive. The writer decides: `bookkeeping/takeovers.py`. The newer one waits meanwhile, and is let in
as soon as the older one ends, in this process or in another.
"""

import logging
import time

from shocpp.admission.decision import NAME_TAKEN
from shocpp.bookkeeping.jobs import Connect, Connected, Contested, Failed, refusal
from shocpp.central_system.connections import Connections
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.loop import Loop
from shocpp.central_system.retiring import Retiring
from shocpp.central_system.transport import POLICY, TRY_AGAIN
from shocpp.clock import now_ms
from shocpp.store.charge_points.connections import address_of

log = logging.getLogger(__name__)

SIGN_OF_LIFE_S = 5.0
"""Seconds that a connection has to show that it is alive when another one claims its identity."""

CONTEST_S = 6.0
"""Seconds until the other one asks for the last time.

More than SIGN_OF_LIFE_S: another process may hold the first connection and see the claim late.
"""


class Reception:
    """The claims of identities on one switchboard; everything here runs in its loop."""

    def __init__(self, loop: Loop, connections: Connections, retiring: Retiring) -> None:
        self._loop = loop
        self._connections = connections
        self._retiring = retiring
        self._waiting: dict[tuple[str | None, str], tuple[Conversation, Connect]] = {}

    def take(
        self, conversation: Conversation, job: Connect, result: Connected | Contested | Failed
    ) -> None:
        """Take the writer's result: the conversation holds its identity, or another one does."""
        if isinstance(result, Failed):
            reason = "cannot be written just now" if result.unavailable else result.reason
            self._connections.hang_up(conversation, TRY_AGAIN, reason)
            return
        if isinstance(result, Contested):
            self._wait(conversation, job)
            return
        if result.notice is not None:
            log.warning("%s", result.notice)
        # A charger that was here before may send a large StopTransaction. Refused for its size, it
        # would block the charger's queue for ever.
        if result.known:
            conversation.transport.trust()
        if not result.needs_boot:
            conversation.connection.return_at(now_ms())
        former = self._connections.holder(result.charge_point_id)
        if former is not None and former is not conversation:
            log.info("%s has connected again: its older connection ends", result.charge_point_id)
            self._retiring.retire(former)
        self._connections.identify(conversation, result.charge_point_id)

    def _wait(self, conversation: Conversation, job: Connect) -> None:
        """Keep a conversation waiting while the holder of its identity is pinged.

        After a second attempt (`asks_again`) the conversation is closed.
        """
        if job.asks_again:
            log.warning("%s from %s is refused: %s", job.charge_point_id, job.remote, NAME_TAKEN)
            taken = refusal(job.charge_point_id, job.remote, NAME_TAKEN, "", now_ms())
            self._connections.jobs.submit(taken)
            self._connections.hang_up(conversation, POLICY, NAME_TAKEN)
        else:
            # One waiting connection for each identity and address. Without this limit, somebody
            # who opens many of them would use up all descriptors.
            claim = _claim_of(conversation)
            earlier = self._waiting.get(claim)
            if earlier is not None:
                self._connections.hang_up(earlier[0], POLICY, NAME_TAKEN)
            self._waiting[claim] = (conversation, job)
            self._loop.call_at(time.monotonic() + CONTEST_S, self._ask_last, conversation)

    def ask_again(self, conversation: Conversation, *, is_last: bool = False) -> None:
        """Ask again for the identity of a conversation that waits: its holder has ended."""
        claim = _claim_of(conversation)
        waiting, job = self._waiting.get(claim, (None, None))
        if waiting is not conversation or job is None:
            return
        del self._waiting[claim]
        if not conversation.closed:
            self._connections.jobs.submit(job._replace(asks_again=is_last), conversation)

    def _ask_last(self, conversation: Conversation) -> None:
        """Ask for the last time: the time for a sign of life of the holder is over."""
        self.ask_again(conversation, is_last=True)

    def ping_holder(self, conversation: Conversation) -> None:
        """Ping a conversation whose identity another connection claims."""
        # Without a ping (stdin) silence proves nothing, so the conversation keeps its identity.
        if conversation.closed or not conversation.transport.ping():
            return
        asked = time.monotonic()
        self._connections.touched.add(conversation)
        self._loop.call_at(asked + SIGN_OF_LIFE_S, self._check_pong, conversation, asked)

    def _check_pong(self, conversation: Conversation, asked: float) -> None:
        """Close a conversation that has sent nothing since it was pinged at `asked`."""
        # While reading pauses, the pong waits unread behind other frames: that is no silence.
        if conversation.closed or conversation.paused:
            return
        if self._connections.last_seen(conversation) < asked:
            reason = "silent when another connection claimed its name"
            self._connections.drop(conversation, reason)


def _claim_of(conversation: Conversation) -> tuple[str | None, str]:
    """Return the identity key that a conversation claims, and the address that it comes from."""
    return conversation.key, address_of(conversation.transport.remote)
