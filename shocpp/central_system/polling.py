"""The polls of one process: rows that other processes have written for it, and the allowlist.

A ring of the doorbell says that a row waits. A ring may be lost, so the database is also polled
once a second. The writer reads the rows; what they ask for is done here, in the loop.
"""

import time

from shocpp.admission.decision import may_stay
from shocpp.bookkeeping.jobs import Disconnect, PollResult
from shocpp.bookkeeping.writing.writer import Writer
from shocpp.central_system.call_desk import CallDesk
from shocpp.central_system.connections import Connections
from shocpp.central_system.feed import Feed
from shocpp.central_system.loop import READ, Loop
from shocpp.central_system.reception import Reception
from shocpp.central_system.retiring import Retiring
from shocpp.central_system.transport import POLICY
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.charge_points import Allowlist
from shocpp.store.doorbells import Doorbell

POLL_EVERY_S = 1.0


class Polling:
    """The polls of one switchboard; all but `deliver` and `poll_now` runs in its loop.

    `feed` publishes the changes of other processes; a poll also says whether it has subscribers.
    """

    def __init__(
        self,
        loop: Loop,
        writer: Writer,
        doorbell: Doorbell,
        connections: Connections,
        reception: Reception,
        retiring: Retiring,
        calls: CallDesk,
        chargers: AllowlistFile,
    ) -> None:
        self._loop = loop
        self._writer = writer
        self._doorbell = doorbell
        self._connections = connections
        self._reception = reception
        self._retiring = retiring
        self._calls = calls
        self._chargers = chargers
        self.feed = Feed(self.poll_now)
        self._checked_allowlist: Allowlist | None = None

    def start(self) -> None:
        """Poll now, once a second, and whenever the doorbell rings."""
        self._loop.watch(self._doorbell, READ, self._answer_doorbell)
        self._poll()

    def poll_now(self) -> None:
        """Poll as if the doorbell had rung; for any thread."""
        # An ordinary poll reads rows only after another process has written.
        self._writer.poll(rung=True, watching=self.feed.is_watched())

    def _answer_doorbell(self, _mask: int) -> None:
        self._doorbell.clear()
        self.poll_now()

    def _poll(self) -> None:
        self._writer.poll(rung=False, watching=self.feed.is_watched())
        self._poll_allowlist()
        self._loop.call_at(time.monotonic() + POLL_EVERY_S, self._poll)

    def _poll_allowlist(self) -> None:
        """Close the connections that a changed allowlist would not admit."""
        newest = self._chargers.newest
        if newest is None or newest is self._checked_allowlist:
            return
        self._checked_allowlist = newest
        for conversation in self._connections.all():
            entry = newest.entry(conversation.charge_point_id)
            if conversation.identified and not may_stay(conversation.admitted, entry):
                reason = "charge_points.json no longer admits it"
                self._connections.hang_up(conversation, POLICY, reason)

    def deliver(self, result: PollResult) -> None:
        """Take the result of a poll; for the writer's thread."""
        if any(result):
            self._loop.call_soon(lambda: self._take(result))

    def _take(self, result: PollResult) -> None:
        for token in result.superseded:
            former = self._connections.of_token(token)
            if former is not None:
                self._retiring.retire(former)
        for token in result.contested:
            contested = self._connections.of_token(token)
            if contested is not None:
                self._reception.ping_holder(contested)
            else:  # its end could not be written
                self._connections.jobs.submit(Disconnect(token))
        for token in result.free_names:
            waiting = self._connections.of_token(token)
            if waiting is not None:
                self._reception.ask_again(waiting)
        for call in result.calls:
            conversation = self._connections.holder(call.charge_point_id)
            if conversation is not None:
                self._calls.take(call, conversation)
        if result.changes:
            self.feed.publish(result.changes)
