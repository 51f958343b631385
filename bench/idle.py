"""Chargers that say nothing of themselves but answer every Call at once, until they are hung up on.

    python -m bench.idle URL [--chargers 1]

Prints `ready` when all have booted, and at their end one JSON object: how many got which Close code
(0: none), and when the first and the last one did, by the monotonic clock that all processes share.
"""

import argparse
import json
import select
import time
from collections import Counter

from bench.chargers import BOOT, PONG, accepted, connected, framed, taken
from bench.machine import raise_descriptors


class Idle:
    """One connection."""

    def __init__(self, url: str, name: str) -> None:
        self.wire = connected(url, name)
        self.code: int | None = None
        self.has_booted = False
        self._received = b""
        self.wire.send(framed(BOOT))

    def hear(self) -> None:
        """Answer what has come; `code` is set at the end."""
        try:
            received = self.wire.recv(65_536)
        except ConnectionError:
            received = b""
        if not received:
            self.code = 0
        self._received += received
        while frame := taken(self._received):
            kind, payload, size = frame
            self._received = self._received[size:]
            if kind == 0x8:
                self.code = int.from_bytes(payload[:2])
            elif kind == 0x9:
                self.wire.send(PONG)
            elif payload.startswith(b'[3,"boot"'):
                self.has_booted = True
            else:
                self.wire.send(accepted(payload))


def main() -> None:
    """Connect, boot, answer; tell of the end."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--chargers", type=int, default=1)
    asked = parser.parse_args()
    raise_descriptors()
    poll = select.epoll()
    idle: dict[int, Idle] = {}
    for number in range(asked.chargers):
        one = Idle(asked.url, f"charger-{number}")
        idle[one.wire.fileno()] = one
        poll.register(one.wire, select.EPOLLIN)
        for descriptor, _ in poll.poll(0):
            idle[descriptor].hear()
    codes: Counter[int] = Counter()
    closed: list[float] = []
    is_ready = False
    while idle:
        for descriptor, _ in poll.poll():
            one = idle[descriptor]
            one.hear()
            if one.code is not None:
                codes[one.code] += 1
                closed.append(time.monotonic())
                poll.unregister(descriptor)
                idle.pop(descriptor).wire.close()
        if not is_ready and all(one.has_booted for one in idle.values()):
            is_ready = True
            print("ready", flush=True)
    print(json.dumps({"codes": codes, "first": closed[0], "last": closed[-1]}))


if __name__ == "__main__":
    main()
