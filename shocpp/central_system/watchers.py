"""The watchers of one process: pages whose sockets the loop has adopted, to send them events.

    cheap     A watcher is a socket in the loop's selector: no thread, no timer, no poll of its own.
    limited   There are limits of their own for all watchers and for one owner. They never count as
              chargers, and leave chargers their descriptors.
    in turns  An event for many watchers is sent to a slice of them in each turn of the loop, so
              that the frames of chargers wait for a slice at most.
    slow      A watcher that does not read is dropped; what it has not taken is shared with others.
    gone      A peer that closes is noticed at once, a peer that vanishes within VANISHED_MS.

From `adopt` on the loop owns the socket. The end of the process closes all of them: a browser then
connects again at once, and gets the whole state.
"""

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable

from shocpp.central_system.loop import READ, WRITE, Loop

MOST_WATCHERS, MOST_OF_OWNER = 1_000, 20
"""The watchers of a process, and those of one owner."""

BEAT_S, BEAT = 20.0, b": beat\n\n"
"""The seconds between two beats, and a beat: a comment, which an EventSource ignores."""

MOST_BACKLOG = 64 * 1024
"""The bytes that a watcher may leave unread; it is dropped when another event comes on top."""

SLICE = 50
"""The watchers that get their event in one turn of the loop: half a millisecond."""

SEND_BUFFER = 64 * 1024
"""The bytes of a socket in the kernel. It would grow to megabytes for a watcher that is slow."""

VANISHED_MS = 45_000
"""Milliseconds without an acknowledgement after which the kernel ends a connection."""

_RESET = struct.pack("ii", 1, 0)


class Watcher:
    """The socket of a watching page. `owner` is its person or device, for the limit of one owner.

    backlog    the number of bytes that the peer has not taken yet
    is_closed  True once nothing more will be sent
    """

    __slots__ = ("_out", "_socket", "backlog", "is_closed", "owner")

    def __init__(self, owner: Hashable) -> None:
        self.owner = owner
        self.backlog = 0
        self.is_closed = False
        self._socket: socket.socket | None = None
        self._out: list[bytes] = []

    def begin(self, adopted: socket.socket, head: bytes) -> None:
        """Take over a socket. `head` is sent before all events."""
        adopted.setblocking(False)
        options = [(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)]
        with contextlib.suppress(AttributeError):  # not on macOS
            options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS))
        for option in options:
            # A Unix socket does not have all of them.
            with contextlib.suppress(OSError):
                adopted.setsockopt(*option)
        self._socket = adopted
        self._put(head)

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return -1 if self._socket is None else self._socket.fileno()

    def has_peer(self) -> bool:
        """Return False if the peer has closed, or sends anything: no browser does."""
        assert self._socket is not None
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def send(self, event: bytes) -> bool:
        """Send an event as far as the peer takes it; return False if the peer does not read."""
        if self.backlog > MOST_BACKLOG:
            return False
        self._put(event)
        return self.flush()

    def _put(self, event: bytes) -> None:
        if event:
            self._out.append(event)
            self.backlog += len(event)

    def flush(self) -> bool:
        """Send as much as the socket takes now; return False if the network has failed."""
        assert self._socket is not None
        while self._out:
            try:
                sent = self._socket.send(self._out[0])
            except BlockingIOError:
                return True
            except OSError:
                return False
            self.backlog -= sent
            if sent < len(self._out[0]):
                self._out[0] = self._out[0][sent:]
                return True
            del self._out[0]
        return True

    def close(self) -> None:
        """Close the socket; a peer that has left bytes unread gets a reset."""
        self.is_closed = True
        if self._socket is not None:
            if self._out:
                # Otherwise the kernel would keep the rest for a peer that does not read.
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._socket.close()
        self._out.clear()


class Watchers:
    """The watchers of one switchboard; the first section is for any thread but the loop's."""

    def __init__(self, loop: Loop, most: int = MOST_WATCHERS, beat_s: float = BEAT_S) -> None:
        """Create the watchers of a loop; `most` is their limit in this process."""
        self._loop = loop
        self._beat_s = beat_s
        self._most = min(most, MOST_WATCHERS)
        # The loop removes watchers and never takes the lock: adding and removing one are atomic.
        self._entering = threading.Lock()
        self._entered: set[Watcher] = set()
        self._served: set[Watcher] = set()
        self._outgoing: deque[tuple[Watcher, bytes | None]] = deque()
        self._is_sending = self._is_beating = self._has_ended = False
        self._when_empty: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        """Return the number of watchers."""
        return len(self._entered)

    # -- for any thread ----------------------------------------------------------------------------

    def when_empty(self, action: Callable[[], None]) -> None:
        """Have a function called in the loop each time that the last watcher has gone."""
        self._when_empty = action

    def enter(self, watcher: Watcher) -> str | None:
        """Count a new watcher, or return the reason why there is no room for it.

        It has to be adopted or to leave afterwards.
        """
        with self._entering:
            # One call of a C function: the loop cannot change the set meanwhile.
            entered = tuple(self._entered)
            if len(entered) >= self._most:
                return f"{self._most} pages are watching already; close some, and try again"
            if sum(other.owner == watcher.owner for other in entered) >= MOST_OF_OWNER:
                return f"{MOST_OF_OWNER} pages of this device are open already; close some"
            self._entered.add(watcher)
        return None

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher that was not adopted."""
        self._entered.discard(watcher)

    def adopt(self, watcher: Watcher, adopted: socket.socket, head: bytes) -> None:
        """Take over the socket of a watcher, and send it the head."""
        watcher.begin(adopted, head)
        self._loop.call_soon(lambda: self._begin(watcher))

    def send(self, watchers: Iterable[Watcher], event: bytes) -> None:
        """Send an event to watchers; all get their events in the order of these calls."""
        pairs = [(watcher, event) for watcher in watchers]
        if pairs:
            self._loop.call_soon(lambda: self._queue(pairs))

    def end(self, watchers: Iterable[Watcher], event: bytes = b"") -> None:
        """Send watchers their last event, and close their sockets."""
        pairs: list[tuple[Watcher, bytes | None]] = []
        for watcher in watchers:
            pairs += [(watcher, event), (watcher, None)]
        if pairs:
            self._loop.call_soon(lambda: self._queue(pairs))

    # -- the loop ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close all sockets, at the end of the loop."""
        self._has_ended = True
        for watcher in tuple(self._served):
            self._end(watcher)

    def _begin(self, watcher: Watcher) -> None:
        if self._has_ended:
            watcher.close()
            self._entered.discard(watcher)
            return
        self._served.add(watcher)
        # The head waits: the next turn sends it.
        self._watch(watcher)
        if not self._is_beating:
            self._is_beating = True
            self._loop.call_at(time.monotonic() + self._beat_s, self._beat)

    def _watch(self, watcher: Watcher) -> None:
        """Wait until the peer closes, and until it takes more if something is left."""
        mask = READ | WRITE if watcher.backlog else READ
        self._loop.watch(watcher, mask, lambda events: self._handle(watcher, events))

    def _handle(self, watcher: Watcher, events: int) -> None:
        """Look whether the peer has closed, and send it what is left."""
        if events & READ and not watcher.has_peer():
            self._end(watcher)
        elif events & WRITE:
            if not watcher.flush():
                self._end(watcher)
            elif not watcher.backlog:
                self._watch(watcher)

    def _queue(self, pairs: Iterable[tuple[Watcher, bytes | None]]) -> None:
        self._outgoing.extend(pairs)
        if not self._is_sending:
            self._is_sending = True
            self._loop.call_at(time.monotonic(), self._send_slice)

    def _send_slice(self) -> None:
        """Send the next events. The rest waits for the next turn of the loop."""
        for _ in range(min(SLICE, len(self._outgoing))):
            watcher, event = self._outgoing.popleft()
            if watcher.is_closed:
                continue
            if event is None:
                self._end(watcher)
            else:
                self._write(watcher, event)
        self._is_sending = bool(self._outgoing)
        if self._is_sending:
            self._loop.call_at(time.monotonic(), self._send_slice)

    def _write(self, watcher: Watcher, event: bytes) -> None:
        was_waiting = bool(watcher.backlog)
        if not watcher.send(event):
            self._end(watcher)
        elif watcher.backlog and not was_waiting:
            self._watch(watcher)

    def _beat(self) -> None:
        """Send all watchers a beat: proxies and browsers take a silent connection for dead."""
        self._is_beating = bool(self._served)
        if self._is_beating:
            self._queue([(watcher, BEAT) for watcher in self._served])
            self._loop.call_at(time.monotonic() + self._beat_s, self._beat)

    def _end(self, watcher: Watcher) -> None:
        """Close the socket of a watcher; its device may have another one."""
        self._served.discard(watcher)
        self._entered.discard(watcher)
        self._loop.unwatch(watcher)
        watcher.close()
        if not self._entered:
            self._when_empty()
