"""A reconnect storm: many chargers at once, each until its BootNotification is answered.

    python -m bench.storm URL [--chargers 2000]

A charger that the server hangs up on, because its handshake took too long, connects again. Prints
one JSON object: the seconds until half, 99 % (p99) and all of them had booted, and the number of
connections that were hung up on.
"""

import argparse
import errno
import json
import select
import socket
import time
from urllib.parse import urlsplit

from bench.frames import BOOT, first_frame, framed, upgrade
from bench.machine import percentile, raise_descriptors

PATIENCE_S = 60.0


class Connecting:
    """A charger that connects, upgrades and boots without blocking."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
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
        """Do the next step; return True if it has just sent its request and now only reads.

        Raises ConnectionError if it is hung up on.
        """
        if self._request is not None:
            self.socket.send(self._request)
            self._request = None
            return True
        received = self.socket.recv(65_536)
        if not received:
            raise ConnectionResetError
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

    def connect(name: str) -> None:
        charger = Connecting(options.url, name)
        chargers[charger.socket.fileno()] = charger
        poll.register(charger.socket, select.EPOLLOUT)

    for number in range(options.chargers):
        connect(f"charger-{number}")
    booted_s: list[float] = []
    lost = 0
    while len(booted_s) < options.chargers:
        events = poll.poll(PATIENCE_S)
        assert events, f"only {len(booted_s)} have booted"
        for descriptor, _ in events:
            charger = chargers[descriptor]
            try:
                if charger.advance():
                    poll.modify(descriptor, select.EPOLLIN)
            except ConnectionError:
                lost += 1
                poll.unregister(descriptor)
                charger.socket.close()
                connect(charger.name)
            if charger.has_booted:
                booted_s.append(time.perf_counter() - begun)
                poll.unregister(descriptor)
    p50, p99, last = (percentile(booted_s, part) for part in (0.5, 0.99, 1))
    print(json.dumps({"p50": p50, "p99": p99, "last": last, "lost": lost}))


if __name__ == "__main__":
    main()
