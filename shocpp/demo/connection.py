"""The charger's wire: its connection, the queue of what is still unsaid, and the retrying.

Floor: doors (demo). It knows frames, not cars: what a Call means is its `Behaviour`'s business.

The rules:

- One Call outstanding at a time (OCPP-J §4.1.1); an answer is matched by its unique id. Calls from
  the Central System are answered at once, also while ours is outstanding.
- The queue is first in, first out and outlives connections. A *kept* Call (transaction-related,
  OCPP 1.6 §3.7) stays at its head until a CallResult arrives and is sent again, under a new unique
  id, after a reconnect or a CallError. Any other Call is dropped when it cannot be sent.
- A connection that ends is opened again after a pause of 0.2 s that doubles up to 2 s.

One thread owns the socket and both ends of the queue. Other threads take their turn with the
`Condition` this wire shares with its behaviour, queue what they have to say and ring the doorbell.
simple_websocket's reader thread rings the same doorbell, so the owner sleeps in one place.
"""

import itertools
import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request
from wsproto.utilities import ProtocolError

from shocpp.demo.words import Payload, call_in_words, confirmation_in_words, error_in_words

if TYPE_CHECKING:  # simple_websocket carries no types: the part of it that is used here

    class SimpleWebsocketError(RuntimeError): ...

    class Base:
        sock: socket.socket
        ws: WSConnection
        connected: bool
        thread: threading.Thread

        def __init__(self, sock: socket.socket, kind: ConnectionType, **classes: Any) -> None: ...
        def send(self, data: str) -> None: ...
        def receive(self, timeout: float) -> str | bytes | None: ...
        def close(self) -> None: ...

else:
    from simple_websocket.errors import SimpleWebsocketError
    from simple_websocket.ws import Base

TO_CENTRAL_SYSTEM = "charger → Central System"
TO_CHARGER = "Central System → charger"

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
RETRY_SECONDS = 0.5  # before a kept Call that drew a CallError is sent again
ANSWER_SECONDS = 10.0  # a Call unanswered for longer: the line is dead, hang up
HANDSHAKE_SECONDS = 5.0

# What a dying connection raises, at connect, in the handshake and in mid-sentence.
LOST = (OSError, SimpleWebsocketError, ProtocolError)

Report = Callable[[str, str, str], None]


@dataclass(frozen=True, eq=False)
class Outgoing:
    """A Call of ours. `payload` is asked for when it is sent, because a transaction's id is known
    only once its start was confirmed; `answered` gets the confirmation, or None when the Call was
    refused or dropped (a kept one never is). Both run in the charger's turn."""

    action: str
    payload: Callable[[], Payload]
    kept: bool
    answered: Callable[[Payload | None], None]


class Behaviour(Protocol):
    """What the wire asks of the charger, always in its turn."""

    def greeting(self) -> list[Outgoing]:
        """What is said first on every new connection."""

    def answer(self, action: str, payload: Payload) -> Payload | None:
        """The confirmation of a Call from the Central System; None: NotImplemented; KeyError: a
        field is missing."""

    def quiet(self) -> None:
        """Nothing was sent for `quiet_seconds`."""


class Line(Base):
    """One WebSocket, built as simple_websocket's Client is but for two things: its handshake has a
    time limit, and its end wakes the reader thread (closing a descriptor does not)."""

    def __init__(self, sock: socket.socket, path: str, doorbell: threading.Event) -> None:
        self._path = path
        reader = partial(threading.Thread, daemon=True)
        kind = ConnectionType.CLIENT
        super().__init__(sock, kind, thread_class=reader, event_class=lambda: doorbell)

    def handshake(self) -> None:
        host, port = self.sock.getpeername()
        request = Request(host=f"{host}:{port}", target=self._path, subprotocols=["ocpp1.6"])
        self.sock.sendall(self.ws.send(request))
        event = None
        while event is None:
            self.ws.receive_data(self.sock.recv(4096))
            event = next(self.ws.events(), None)
        self.connected = isinstance(event, AcceptConnection)
        self.sock.settimeout(None)

    def hang_up(self) -> None:
        with suppress(*LOST):
            self.close()
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(1)


class Wire:
    """Speaks for one charger with one Central System, from `start` until `stop`."""

    def __init__(
        self,
        port: int,
        identity: str,
        behaviour: Behaviour,
        turn: threading.Condition,
        report: Report,
    ) -> None:
        self.quiet_seconds = 300.0
        self._address = ("127.0.0.1", port)
        self._path = "/" + quote(identity, safe="")
        self._behaviour = behaviour
        self._turn = turn
        self._report = report
        self._queue: deque[Outgoing] = deque()
        self._outstanding: str | None = None  # the unique id under which the head was sent
        self._asked_at = self._said_at = self._not_before = 0.0
        self._unique_ids = itertools.count(1)
        self._doorbell = threading.Event()
        self._sock: socket.socket | None = None
        self._connected = self._hang_up = self._stopped = False
        self._online = True
        self._owner = threading.Thread(target=self._live, name=f"charger {identity}", daemon=True)

    def start(self) -> None:
        """Connect, and connect again, until `stop`."""
        self._owner.start()

    def stop(self) -> None:
        """End every thread; returns within a second."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
            if self._sock:
                with suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)
        self._doorbell.set()
        if self._owner.is_alive():
            self._owner.join(1)

    def go_online(self, online: bool) -> None:
        """Let the connection come back, or cut it and stay away."""
        with self._turn:
            self._online = online
            self._hang_up = self._connected and (self._hang_up or not online)
            self._turn.notify_all()
        self._doorbell.set()

    def reboot(self) -> None:
        """Cut the connection and start counting unique ids from 1 again, as go-e does."""
        with self._turn:
            self._hang_up = self._connected
            self._unique_ids = itertools.count(1)
        self._doorbell.set()

    def queue(self, outgoing: Outgoing) -> None:
        """Say it after everything else; what is not kept and cannot be said now is dropped."""
        with self._turn:
            if outgoing.kept or self._talking:
                self._queue.append(outgoing)
            else:
                outgoing.answered(None)
        self._doorbell.set()

    def queue_first(self, outgoing: Outgoing, seconds: float) -> None:
        """Say it before everything else, and nothing at all for so many seconds."""
        with self._turn:
            self._queue.appendleft(outgoing)
            self._not_before = monotonic() + seconds

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether, within `timeout` seconds, it was connected with nothing left to say."""
        with self._turn:
            return self._turn.wait_for(lambda: self._talking and not self._queue, timeout)

    @property
    def _talking(self) -> bool:
        return self._connected and self._online and not (self._hang_up or self._stopped)

    # --- the owner thread ---

    def _live(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopped:
            with self._turn:
                self._turn.wait_for(lambda: self._stopped or self._online)
            line = self._connect()
            if line:
                pause = FIRST_PAUSE
                self._converse(line)
            with self._turn:
                self._turn.wait_for(lambda: self._stopped, pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _connect(self) -> Line | None:
        try:
            sock = socket.create_connection(self._address, timeout=HANDSHAKE_SECONDS)
        except OSError:
            return None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Nagle cost 40 ms a frame
        with self._turn:
            self._sock = sock  # from here on `stop` can cut it
            stopped = self._stopped
        try:
            if not stopped:
                return Line(sock, self._path, self._doorbell)
        except LOST:
            pass
        sock.close()
        return None

    def _converse(self, line: Line) -> None:
        self._connect_queue()
        try:
            while self._talking:
                self._hear(line)
                self._say(line)
                self._doorbell.wait(self._patience())
        except (*LOST, json.JSONDecodeError):
            pass
        finally:
            line.hang_up()
            self._disconnect_queue()

    def _connect_queue(self) -> None:
        with self._turn:
            self._queue.extendleft(reversed(self._behaviour.greeting()))
            self._said_at, self._not_before = monotonic(), 0.0
            self._connected = True

    def _disconnect_queue(self) -> None:
        with self._turn:
            self._connected = self._hang_up = False
            self._sock = self._outstanding = None
            dropped = [outgoing for outgoing in self._queue if not outgoing.kept]
            self._queue = deque(outgoing for outgoing in self._queue if outgoing.kept)
            for outgoing in dropped:
                outgoing.answered(None)
            self._turn.notify_all()

    def _say(self, line: Line) -> None:
        with self._turn:
            now = monotonic()
            if self._outstanding and now - self._asked_at >= ANSWER_SECONDS:
                raise TimeoutError
            if not self._queue and now - self._said_at >= self.quiet_seconds:
                self._behaviour.quiet()
            if not self._talking or self._outstanding or not self._queue or now < self._not_before:
                return
            head, self._outstanding = self._queue[0], str(next(self._unique_ids))
            self._asked_at = now
            payload = head.payload()
            frame = [2, self._outstanding, head.action, payload]
        self._send(line, frame, call_in_words(head.action, payload))

    def _hear(self, line: Line) -> None:
        while (text := line.receive(timeout=0)) is not None:
            match json.loads(text):
                case [2, unique_id, str(action), dict(payload)]:
                    self._report(TO_CHARGER, str(text), call_in_words(action, payload))
                    self._answer(line, unique_id, action, payload)
                case [3, unique_id, dict(payload)] if unique_id == self._outstanding:
                    action = self._queue[0].action
                    self._report(TO_CHARGER, str(text), confirmation_in_words(action, payload))
                    self._settle(payload)
                case [4, unique_id, str(code), *_] if unique_id == self._outstanding:
                    action = self._queue[0].action
                    self._report(TO_CHARGER, str(text), error_in_words(action, code))
                    self._settle(None)

    def _answer(self, line: Line, unique_id: Any, action: str, payload: Payload) -> None:
        code = "NotImplemented"
        try:
            with self._turn:
                confirmation = self._behaviour.answer(action, payload)
        except KeyError:
            confirmation, code = None, "OccurenceConstraintViolation"
        if confirmation is None:
            self._send(line, [4, unique_id, code, "", {}], error_in_words(action, code))
        else:
            words = confirmation_in_words(action, confirmation)
            self._send(line, [3, unique_id, confirmation], words)

    def _settle(self, confirmation: Payload | None) -> None:
        with self._turn:
            self._outstanding = None
            if confirmation is None and self._queue[0].kept:
                self._not_before = monotonic() + RETRY_SECONDS
                return
            self._queue.popleft().answered(confirmation)
            self._turn.notify_all()

    def _send(self, line: Line, frame: list[Any], words: str) -> None:
        text = json.dumps(frame, separators=(",", ":"))
        line.send(text)
        self._said_at = monotonic()
        self._report(TO_CENTRAL_SYSTEM, text, words)

    def _patience(self) -> float:
        """Seconds until there is something to do without the doorbell."""
        with self._turn:
            if not self._talking:
                return 0.0
            if self._outstanding:
                due = self._asked_at + ANSWER_SECONDS
            elif self._queue:
                due = self._not_before
            else:
                due = self._said_at + self.quiet_seconds
        return max(0.0, due - monotonic())
