"""Saying good-bye (a room): what was sent last can be read, and the peer has a while to go."""

import time
from typing import Protocol

from shocpp.central_system.loop import READ, Loop
from shocpp.central_system.transport import Transport

CLOSE_TIMEOUT_S = 2.0
"""How long a peer has to answer a Close, or to go."""

MOST_SEEN_OFF = 500
"""Web clients that are waited for at the same time: each is a descriptor."""


class Leaving(Protocol):
    """A connection that nobody serves any more, half-closed by us."""

    def fileno(self) -> int:
        """The descriptor the loop watches."""

    def discard(self) -> bool:
        """Read and forget; False when the peer has gone."""

    def destroy(self) -> None:
        """Give the descriptor back."""


class ClosingHandshakes:
    """The connections of one switchboard that are about to end; everything runs in its loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._ending: set[Leaving] = set()

    def say(self, transport: Transport, code: int, reason: str) -> None:
        """Close a transport that nobody watches any more, with a word."""
        if transport.close(code, reason):
            self._await_end(transport)
        else:
            transport.destroy()

    def see_off(self, leaving: Leaving) -> None:
        """Wait for a web client to go; beyond a number of them, not any more."""
        if len(self._ending) < MOST_SEEN_OFF:
            self._await_end(leaving)
        else:
            leaving.destroy()

    def _await_end(self, leaving: Leaving) -> None:
        self._ending.add(leaving)
        self._loop.watch(leaving, READ, lambda _: self._discard(leaving))
        self._loop.at(time.monotonic() + CLOSE_TIMEOUT_S, self._part, leaving)

    def are_under_way(self) -> bool:
        """Whether a peer has yet to answer."""
        return bool(self._ending)

    def _discard(self, leaving: Leaving) -> None:
        if not leaving.discard():
            self._part(leaving)

    def _part(self, leaving: Leaving) -> None:
        if leaving in self._ending:
            self._ending.discard(leaving)
            self._loop.unwatch(leaving)
            leaving.destroy()
