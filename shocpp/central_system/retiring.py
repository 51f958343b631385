"""Retiring connections: a newer connection of the same charger has replaced each of them.

Some chargers open a socket for each message, within milliseconds, and repeat none. So an older
connection is not closed at once. It keeps reading for RETIRE_S, its Calls are written and answered
on it, and then it is closed. It gets no Calls of ours: those go to the newest connection.
"""

import time

from shocpp.central_system.connections import Connections
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.loop import Loop
from shocpp.central_system.transport import POLICY

REPLACED = "replaced by a newer connection"

RETIRE_S = 2.0
"""Seconds that an older connection has for messages that are under way."""

UNWRITTEN_S = 10.0
"""The most seconds that it has while a received message is not written, as on a slow disk."""

MOST_OF_ONE_NAME, MOST_IN_ALL = 32, 500
"""The most retiring connections of one charger and of all, because each costs a descriptor. Beyond
them the oldest is closed at once."""


class Retiring:
    """The retiring connections of one switchboard; everything here runs in its loop."""

    def __init__(self, loop: Loop, connections: Connections) -> None:
        self._loop = loop
        self._connections = connections
        # A dict keeps the order of insertion: its first key retired first.
        self._retiring: dict[Conversation, None] = {}

    def retire(self, conversation: Conversation) -> None:
        """Retire a conversation that a newer one has replaced; what it has sent is read now."""
        if conversation.closed or conversation.is_retiring:
            return
        if not conversation.identified:
            self._connections.hang_up(conversation, POLICY, REPLACED)
            return
        conversation.retire()
        # Before the newer one is read: its messages are mostly later ones.
        self._connections.read_now(conversation)
        self._make_room(conversation.key)
        self._retiring[conversation] = None
        now = time.monotonic()
        self._loop.call_at(now + RETIRE_S, self._finish, conversation, now + UNWRITTEN_S)

    def _make_room(self, key: str | None) -> None:
        """Close the oldest connections above the limits."""
        if len(self._retiring) < MOST_OF_ONE_NAME:
            return
        self._retiring = {older: None for older in self._retiring if not older.closed}
        of_this_name = [older for older in self._retiring if older.key == key]
        if len(of_this_name) >= MOST_OF_ONE_NAME:
            self._close(of_this_name[0])
        elif len(self._retiring) >= MOST_IN_ALL:
            self._close(next(iter(self._retiring)))

    def _finish(self, conversation: Conversation, latest: float) -> None:
        """Close a conversation whose time is over, unless it waits for the disk until `latest`."""
        if conversation not in self._retiring:
            return
        now = time.monotonic()
        if conversation.answers.are_unwritten() and now < latest and not conversation.closed:
            self._loop.call_at(now + RETIRE_S, self._finish, conversation, latest)
        else:
            self._close(conversation)

    def _close(self, conversation: Conversation) -> None:
        self._retiring.pop(conversation, None)
        self._connections.hang_up(conversation, POLICY, REPLACED)
