"""A connection of a simulated charger: Calls one at a time, and answers to those of the server."""

import contextlib
import itertools
import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

ANSWER_S = 10

Answer = dict[str, Any] | str | None
"""A confirmation, the code of a CallError, or None for silence."""


class ChargerLine:
    """A WebSocket; `answer_of(action, payload)` answers on a thread of its own.

    Raises ConnectionError where the connection, or the answer to a Call, is missing.
    """

    def __init__(self, url: str, answer_of: Callable[[str, dict[str, Any]], Answer]) -> None:
        self._answer_of = answer_of
        self._numbers = itertools.count(1)
        self._answers: queue.Queue[list[Any] | None] = queue.Queue()
        self._one_at_a_time = threading.Lock()
        self._open = contextlib.ExitStack()
        try:
            self._wire = self._open.enter_context(
                connect(url, subprotocols=["ocpp1.6"], open_timeout=5, proxy=None)
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ConnectionError(f"{url} cannot be reached: {error}") from error
        threading.Thread(target=self._read, name=f"reads {url}", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection."""
        self._open.close()

    def ask(self, action: str, payload: dict[str, Any]) -> Any:
        """Send a Call, and return its confirmation."""
        with self._one_at_a_time:
            unique_id = str(next(self._numbers))
            self._send([2, unique_id, action, payload])
            deadline = time.monotonic() + ANSWER_S
            while True:
                try:
                    answer = self._answers.get(timeout=max(0.01, deadline - time.monotonic()))
                except queue.Empty:
                    raise ConnectionError(f"{action} was not answered") from None
                if answer is None:
                    raise ConnectionError(f"the connection ended before the answer to {action}")
                if answer[1] == unique_id:
                    assert answer[0] == 3, answer
                    return answer[2]

    def _send(self, frame: list[Any]) -> None:
        try:
            self._wire.send(json.dumps(frame))
        except ConnectionClosed as error:
            raise ConnectionError("the connection has ended") from error

    def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            for message in self._wire:
                frame = json.loads(message)
                if frame[0] == 2:
                    self._reply(*frame[1:])
                else:
                    self._answers.put(frame)
        self._answers.put(None)

    def _reply(self, unique_id: str, action: str, payload: dict[str, Any]) -> None:
        answer = self._answer_of(action, payload)
        if isinstance(answer, str):
            self._send([4, unique_id, answer, "", {}])
        elif answer is not None:
            self._send([3, unique_id, answer])
