"""Idle chargers: they boot, and answer every Call at once, until the server closes the connection.

    python -m bench.idle URL [--chargers 1]

Prints `ready` when all have booted. At the end it prints one JSON object: the number of chargers by
Close code (0: none), and the moments of the first and last Close. These are of the monotonic clock,
which all processes share.
"""

import argparse
import json
import select
import time
from collections import Counter

from bench.frames import BOOT, PONG, accepted, connected, first_frame, framed
from bench.machine import raise_descriptors


class Idle:
    """The connection of one idle charger."""

    def __init__(self, url: str, name: str) -> None:
        self.socket = connected(url, name)
        self.code: int | None = None
        self.has_booted = False
        self._received = b""
        self.socket.send(framed(BOOT))

    def receive(self) -> None:
        """Answer the received frames; `code` is set when the connection ends."""
        try:
            received = self.socket.recv(65_536)
        except ConnectionError:
            received = b""
        if not received:
            self.code = 0
        self._received += received
        while frame := first_frame(self._received):
            kind, payload, size = frame
            self._received = self._received[size:]
            if kind == 0x8:
                self.code = int.from_bytes(payload[:2])
            elif kind == 0x9:
                self.socket.send(PONG)
            elif payload.startswith(b'[3,"boot"'):
                self.has_booted = True
            else:
                self.socket.send(accepted(payload))


def main() -> None:
    """Connect, boot and answer; print the Close codes at the end."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--chargers", type=int, default=1)
    options = parser.parse_args()
    raise_descriptors()
    poll = select.epoll()
    idle: dict[int, Idle] = {}
    for number in range(options.chargers):
        charger = Idle(options.url, f"charger-{number}")
        idle[charger.socket.fileno()] = charger
        poll.register(charger.socket, select.EPOLLIN)
        for descriptor, _ in poll.poll(0):
            idle[descriptor].receive()
    codes: Counter[int] = Counter()
    closed: list[float] = []
    is_ready = False
    while idle:
        for descriptor, _ in poll.poll():
            charger = idle[descriptor]
            charger.receive()
            if charger.code is not None:
                codes[charger.code] += 1
                closed.append(time.monotonic())
                poll.unregister(descriptor)
                idle.pop(descriptor).socket.close()
        if not is_ready and all(charger.has_booted for charger in idle.values()):
            is_ready = True
            print("ready", flush=True)
    print(json.dumps({"codes": codes, "first": closed[0], "last": closed[-1]}))


if __name__ == "__main__":
    main()
