"""Closing handshakes: connections that we have closed and whose peers have not closed yet.

A socket that is destroyed with unread bytes resets its connection, and the peer may lose our last
bytes: an answer or a Close frame. So the loop reads and discards until the peer closes too
(RFC 6455 §7.1.1), at most two seconds.
"""

import time
from typing import Protocol

from shocpp.central_system.loop import READ, Loop
from shocpp.central_system.transport import Transport

CLOSE_TIMEOUT_S = 2.0
"""Seconds that a peer has to answer our Close, or to close its end."""

MAX_LINGERING = 500
"""Lingering closes at the same time: each one costs a descriptor, and chargers need those."""


class ClosingConnection(Protocol):
    """A connection that we have half-closed and serve no longer: a Transport, a web client."""

    def fileno(self) -> int:
        """Return the descriptor that the loop watches."""

    def discard(self) -> bool:
        """Read and discard; return False when the peer has closed."""

    def destroy(self) -> None:
        """Close the descriptor."""


class ClosingHandshakes:
    """The connections of one switchboard that are closing; everything runs in its loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._closing: set[ClosingConnection] = set()

    def close(self, transport: Transport, code: int, reason: str) -> None:
        """Close a transport with a close code (RFC 6455 §7.4) and a reason.

        The loop must not watch it any more.
        """
        if transport.close(code, reason):
            self._await_peer(transport)
        else:
            transport.destroy()

    def linger(self, connection: ClosingConnection) -> None:
        """Wait for a web client to close; above MAX_LINGERING connections, close at once."""
        if len(self._closing) < MAX_LINGERING:
            self._await_peer(connection)
        else:
            connection.destroy()

    def _await_peer(self, connection: ClosingConnection) -> None:
        self._closing.add(connection)
        self._loop.watch(connection, READ, lambda _: self._discard(connection))
        self._loop.call_at(time.monotonic() + CLOSE_TIMEOUT_S, self._finish, connection)

    def are_under_way(self) -> bool:
        """Return True if a peer has not closed yet."""
        return bool(self._closing)

    def _discard(self, connection: ClosingConnection) -> None:
        if not connection.discard():
            self._finish(connection)

    def _finish(self, connection: ClosingConnection) -> None:
        """Destroy a connection whose peer has closed, or whose time is up."""
        # The timer of a connection that has ended before comes here a second time.
        if connection in self._closing:
            self._closing.discard(connection)
            self._loop.unwatch(connection)
            connection.destroy()
