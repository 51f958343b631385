"""The connection of the simulated charger: a queue of Calls, and the repetition of unanswered ones.

It knows frames but not their meaning, which is the duty of its `Behaviour`. The rules:

- One Call is outstanding at a time (OCPP-J §4.1.1); an answer is matched by its unique id. Calls of
  the Central System are answered at once, also while one of ours is outstanding.
- The queue is first in, first out, and outlives connections. A transaction-related Call (OCPP 1.6
  §3.7) stays at the head until a CallResult arrives. After a reconnect or a CallError it is sent
  again under a new unique id. Any other Call is dropped when it cannot be sent.
- A lost connection is opened again after a pause of 0.2 s, which doubles up to 2 s.

One thread owns the socket and sends from the queue. Other threads hold the `Condition` that
connection and behaviour share, append to the queue and ring the doorbell. simple_websocket's reader
thread rings the same doorbell, so the owner waits for one event only.
"""

import itertools
import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol
from urllib.parse import quote

from shocpp.demo.websocket import CONNECTION_ERRORS, WebSocket
from shocpp.demo.words import Payload, call_in_words, confirmation_in_words, error_in_words

TO_CENTRAL_SYSTEM = "charger → Central System"
TO_CHARGER = "Central System → charger"

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
"""The pauses before a reconnect."""

RETRY_S = 0.5
"""The pause before a transaction-related Call is sent again after a CallError."""

ANSWER_TIMEOUT_S = 10.0
"""A Call unanswered for longer means a dead connection, which is then closed."""

HANDSHAKE_TIMEOUT_S = 5.0

Report = Callable[[str, str, str], None]
"""A listener to frames: direction, text of the frame, description in plain English."""


@dataclass(frozen=True, eq=False)
class Outgoing:
    """A Call to the Central System.

    `payload` is called when the Call is sent, because a StopTransaction needs the id from the
    confirmation of its start. `is_persistent` marks transaction-related Calls, which are repeated
    until they are answered. `answered` gets the confirmation, or None if the Call was refused or
    dropped. Both functions run while the shared condition is held.
    """

    action: str
    payload: Callable[[], Payload]
    is_persistent: bool
    answered: Callable[[Payload | None], None]


class Behaviour(Protocol):
    """The charger behind a connection; its methods run while the shared condition is held."""

    def greeting(self) -> list[Outgoing]:
        """Return the first Calls of every new connection."""

    def answer(self, action: str, payload: Payload) -> Payload | None:
        """Return the confirmation of a Call from the Central System.

        None means NotImplemented. Raises KeyError if the payload lacks a field.
        """

    def send_heartbeat(self) -> None:
        """Queue a Heartbeat, because nothing was sent for `heartbeat_s`."""


class Connection:
    """The connection of one charger to a Central System on 127.0.0.1, from `start` to `stop`."""

    def __init__(
        self,
        port: int,
        identity: str,
        behaviour: Behaviour,
        condition: threading.Condition,
        report: Report,
    ) -> None:
        self.heartbeat_s = 300.0
        self._address = ("127.0.0.1", port)
        # The identity is percent-encoded in the URL (OCPP-J §3.1.1).
        self._path = "/" + quote(identity, safe="")
        self._behaviour = behaviour
        self._condition = condition
        self._report = report
        self._queue: deque[Outgoing] = deque()
        # The unique id under which the head of the queue was sent; None: it was not sent yet.
        self._outstanding: str | None = None
        # Moments of the monotonic clock: the outstanding Call was sent, any frame was sent, and
        # the next Call may be sent.
        self._call_sent_at = self._sent_at = self._not_before = 0.0
        self._unique_ids = itertools.count(1)
        self._doorbell = threading.Event()
        self._sock: socket.socket | None = None
        self._connected = self._hang_up = self._stopped = False
        self._online = True
        self._owner = threading.Thread(target=self._run, name=f"charger {identity}", daemon=True)

    def start(self) -> None:
        """Connect, and reconnect after each loss, until `stop`."""
        self._owner.start()

    def stop(self) -> None:
        """End all threads; returns within a second."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
            if self._sock:
                with suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)
        self._doorbell.set()
        if self._owner.is_alive():
            self._owner.join(1)

    def go_online(self, online: bool) -> None:
        """Allow connections, or cut the connection and allow no other."""
        with self._condition:
            self._online = online
            self._hang_up = self._connected and (self._hang_up or not online)
            self._condition.notify_all()
        self._doorbell.set()

    def reboot(self) -> None:
        """Cut the connection and count unique ids from 1 again, as a go-eCharger does."""
        with self._condition:
            self._hang_up = self._connected
            self._unique_ids = itertools.count(1)
        self._doorbell.set()

    def queue(self, outgoing: Outgoing) -> None:
        """Append a Call; a Call that is not persistent is dropped without a connection."""
        with self._condition:
            if outgoing.is_persistent or self._is_open:
                self._queue.append(outgoing)
            else:
                outgoing.answered(None)
        self._doorbell.set()

    def queue_first(self, outgoing: Outgoing, seconds: float) -> None:
        """Put a Call at the head of the queue, and send no Call for this number of seconds."""
        with self._condition:
            self._queue.appendleft(outgoing)
            self._not_before = monotonic() + seconds

    def wait_until_idle(self, timeout: float) -> bool:
        """Return True if within `timeout` seconds it was connected and the queue was empty."""
        with self._condition:
            return self._condition.wait_for(lambda: self._is_open and not self._queue, timeout)

    @property
    def is_online(self) -> bool:
        """True while connections are allowed."""
        return self._online

    @property
    def _is_open(self) -> bool:
        """True while frames may be sent: connected, and no end of the connection is pending."""
        return self._connected and self._online and not (self._hang_up or self._stopped)

    # --- the owner thread ---

    def _run(self) -> None:
        """Connect and serve until `stop`."""
        pause_s = FIRST_PAUSE_S
        while not self._stopped:
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or self._online)
            websocket = self._connect()
            if websocket:
                pause_s = FIRST_PAUSE_S
                self._serve(websocket)
            # A Condition and not sleep, because `stop` must end the pause.
            with self._condition:
                self._condition.wait_for(lambda: self._stopped, pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _connect(self) -> WebSocket | None:
        """Return an open WebSocket, or None if the Central System cannot be reached."""
        try:
            sock = socket.create_connection(self._address, timeout=HANDSHAKE_TIMEOUT_S)
        except OSError:
            return None
        # Nagle's algorithm cost 40 ms a frame.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Set before the handshake, so that `stop` can cut a handshake that hangs.
        with self._condition:
            self._sock = sock
            stopped = self._stopped
        try:
            if not stopped:
                return WebSocket(sock, self._path, self._doorbell)
        except CONNECTION_ERRORS:
            pass
        sock.close()
        return None

    def _serve(self, websocket: WebSocket) -> None:
        """Exchange frames until the connection ends."""
        self._connect_queue()
        try:
            # `receive` clears the doorbell. It comes first, so a later ring ends the wait.
            while self._is_open:
                self._receive(websocket)
                self._send_next(websocket)
                self._doorbell.wait(self._wait_s())
        except (*CONNECTION_ERRORS, json.JSONDecodeError):
            pass
        finally:
            websocket.hang_up()
            self._disconnect_queue()

    def _connect_queue(self) -> None:
        """Put the first Calls of a connection before all that is still queued."""
        with self._condition:
            self._queue.extendleft(reversed(self._behaviour.greeting()))
            self._sent_at, self._not_before = monotonic(), 0.0
            self._connected = True

    def _disconnect_queue(self) -> None:
        """Drop the Calls that are not persistent, and wake all that wait for an answer."""
        with self._condition:
            self._connected = self._hang_up = False
            self._sock = self._outstanding = None
            dropped = [outgoing for outgoing in self._queue if not outgoing.is_persistent]
            self._queue = deque(outgoing for outgoing in self._queue if outgoing.is_persistent)
            for outgoing in dropped:
                outgoing.answered(None)
            self._condition.notify_all()

    def _send_next(self, websocket: WebSocket) -> None:
        """Send the next Call if it is due; raises TimeoutError if the last one is unanswered."""
        with self._condition:
            now = monotonic()
            if self._outstanding and now - self._call_sent_at >= ANSWER_TIMEOUT_S:
                raise TimeoutError
            if not self._queue and now - self._sent_at >= self.heartbeat_s:
                self._behaviour.send_heartbeat()
            if not self._is_open or self._outstanding or not self._queue or now < self._not_before:
                return
            # The Call stays in the queue until it is answered: a lost connection repeats it.
            head, self._outstanding = self._queue[0], str(next(self._unique_ids))
            self._call_sent_at = now
            payload = head.payload()
            frame = [2, self._outstanding, head.action, payload]
        self._send(websocket, frame, call_in_words(head.action, payload))

    def _receive(self, websocket: WebSocket) -> None:
        """Handle all frames that have arrived; an answer to no outstanding Call is ignored."""
        while (text := websocket.receive(timeout=0)) is not None:
            match json.loads(text):
                case [2, unique_id, str(action), dict(payload)]:
                    self._report(TO_CHARGER, str(text), call_in_words(action, payload))
                    self._answer(websocket, unique_id, action, payload)
                case [3, unique_id, dict(payload)] if unique_id == self._outstanding:
                    action = self._queue[0].action
                    self._report(TO_CHARGER, str(text), confirmation_in_words(action, payload))
                    self._settle(payload)
                case [4, unique_id, str(code), *_] if unique_id == self._outstanding:
                    action = self._queue[0].action
                    self._report(TO_CHARGER, str(text), error_in_words(action, code))
                    self._settle(None)

    def _answer(self, websocket: WebSocket, unique_id: Any, action: str, payload: Payload) -> None:
        """Answer a Call of the Central System, with a CallError where the behaviour has none."""
        code = "NotImplemented"
        try:
            with self._condition:
                confirmation = self._behaviour.answer(action, payload)
        except KeyError:
            # OCPP-J 1.6 §4.2.3 spells the code with one r.
            confirmation, code = None, "OccurenceConstraintViolation"
        if confirmation is None:
            self._send(websocket, [4, unique_id, code, "", {}], error_in_words(action, code))
        else:
            words = confirmation_in_words(action, confirmation)
            self._send(websocket, [3, unique_id, confirmation], words)

    def _settle(self, confirmation: Payload | None) -> None:
        """Remove the outstanding Call; a refused persistent one stays and is sent again."""
        with self._condition:
            self._outstanding = None
            if confirmation is None and self._queue[0].is_persistent:
                self._not_before = monotonic() + RETRY_S
                return
            self._queue.popleft().answered(confirmation)
            self._condition.notify_all()

    def _send(self, websocket: WebSocket, frame: list[Any], words: str) -> None:
        """Send a frame and report it; the condition is not held, because sending may block."""
        text = json.dumps(frame, separators=(",", ":"))
        websocket.send(text)
        self._sent_at = monotonic()
        self._report(TO_CENTRAL_SYSTEM, text, words)

    def _wait_s(self) -> float:
        """Return the seconds until something is due without the doorbell."""
        with self._condition:
            if not self._is_open:
                return 0.0
            if self._outstanding:
                due = self._call_sent_at + ANSWER_TIMEOUT_S
            elif self._queue:
                due = self._not_before
            else:
                due = self._sent_at + self.heartbeat_s
        return max(0.0, due - monotonic())
