"""A reconnect storm: many chargers at once, each until its BootNotification is answered.

    python -m bench.storm URL [--chargers 2000]

Prints one JSON object: the seconds until half, 99 % (p99) and all of them had booted.
"""

import argparse
import errno
import json
import select
import socket
import time
from urllib.parse import urlsplit

from bench.chargers import BOOT, first_frame, framed, upgrade
from bench.machine import percentile, raise_descriptors

PATIENCE_S = 60.0


class Connecting:
    """A charger that connects, upgrades and boots without blocking."""

    def __init__(self, url: str, name: str) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.has_booted = False
        self._request: bytes | None = upgrade(url, name)
        self._received = b""
        self._is_upgraded = False
        address = urlsplit(url)
        failed = self.socket.connect_ex((address.hostname or "", address.port or 80))
        assert failed in (0, errno.EINPROGRESS), errno.errorcode[failed]

    def advance(self) -> bool:
        """Do the next step; return True if it has just sent its request and now only reads."""
        if self._request is not None:
            self.socket.send(self._request)
            self._request = None
            return True
        received = self.socket.recv(65_536)
        assert received, "a charger was hung up on"
        self._received += received
        if not self._is_upgraded and b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_upgraded = True
            self.socket.send(framed(BOOT))
        if self._is_upgraded and (frame := first_frame(self._received)):
            assert frame[1].startswith(b'[3,"boot"'), frame
            self.has_booted = True
        return False


def main() -> None:
    """Connect all chargers, and print the times."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--chargers", type=int, default=2_000)
    options = parser.parse_args()
    raise_descriptors()
    poll = select.epoll()
    begun = time.perf_counter()
    chargers: dict[int, Connecting] = {}
    for number in range(options.chargers):
        charger = Connecting(options.url, f"charger-{number}")
        chargers[charger.socket.fileno()] = charger
        poll.register(charger.socket, select.EPOLLOUT)
    booted_s: list[float] = []
    while len(booted_s) < options.chargers:
        events = poll.poll(PATIENCE_S)
        assert events, f"only {len(booted_s)} have booted"
        for descriptor, _ in events:
            charger = chargers[descriptor]
            if charger.advance():
                poll.modify(descriptor, select.EPOLLIN)
            elif charger.has_booted:
                booted_s.append(time.perf_counter() - begun)
                poll.unregister(descriptor)
    p50, p99, last = (percentile(booted_s, part) for part in (0.5, 0.99, 1))
    print(json.dumps({"p50": p50, "p99": p99, "last": last}))


if __name__ == "__main__":
    main()
