"""Saying good-bye (a room): a Close goes out, and the socket is watched until the peer goes too."""

import time

from shocpp.central_system.loop import READ, Loop
from shocpp.central_system.transport import Transport

FAREWELL_S = 2.0
"""How long a peer has to answer a Close."""


class Farewells:
    """The transports of one switchboard that are about to end; everything runs in its loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._ending: set[Transport] = set()

    def say(self, transport: Transport, code: int, reason: str) -> None:
        """Close a transport that nobody watches any more, with a word."""
        if transport.close(code, reason):
            self._ending.add(transport)
            self._loop.watch(transport, READ, lambda _: self._discard(transport))
            self._loop.at(time.monotonic() + FAREWELL_S, self._part, transport)
        else:
            transport.destroy()

    def are_under_way(self) -> bool:
        """Whether a peer has yet to answer."""
        return bool(self._ending)

    def _discard(self, transport: Transport) -> None:
        if not transport.discard():
            self._part(transport)

    def _part(self, transport: Transport) -> None:
        if transport in self._ending:
            self._ending.discard(transport)
            self._loop.unwatch(transport)
            transport.destroy()
