"""A reconnect storm: many chargers at once, each until its BootNotification is answered.

    python -m bench.storm URL [--chargers 2000]

Prints one JSON object: the seconds until half, nearly all (p99) and all of them were there.
"""

import argparse
import errno
import json
import select
import socket
import time
from urllib.parse import urlsplit

from bench.chargers import BOOT, framed, taken, upgrade
from bench.machine import percentile, raise_descriptors

PATIENCE_S = 60.0


class Comer:
    """One connection: to be made, upgraded, booted."""

    def __init__(self, url: str, name: str) -> None:
        self.wire = socket.socket()
        self.wire.setblocking(False)
        self.has_booted = False
        self._request: bytes | None = upgrade(url, name)
        self._received = b""
        self._is_upgraded = False
        address = urlsplit(url)
        failed = self.wire.connect_ex((address.hostname or "", address.port or 80))
        assert failed in (0, errno.EINPROGRESS), errno.errorcode[failed]

    def go_on(self) -> bool:
        """Do what can be done now; whether it only listens from now on."""
        if self._request is not None:
            self.wire.send(self._request)
            self._request = None
            return True
        received = self.wire.recv(65_536)
        assert received, "a charger was hung up on"
        self._received += received
        if not self._is_upgraded and b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_upgraded = True
            self.wire.send(framed(BOOT))
        if self._is_upgraded and (frame := taken(self._received)):
            assert frame[1].startswith(b'[3,"boot"'), frame
            self.has_booted = True
        return False


def main() -> None:
    """Let them come, and print when they were there."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--chargers", type=int, default=2_000)
    asked = parser.parse_args()
    raise_descriptors()
    poll = select.epoll()
    begun = time.perf_counter()
    coming: dict[int, Comer] = {}
    for number in range(asked.chargers):
        comer = Comer(asked.url, f"charger-{number}")
        coming[comer.wire.fileno()] = comer
        poll.register(comer.wire, select.EPOLLOUT)
    there: list[float] = []
    while len(there) < asked.chargers:
        happened = poll.poll(PATIENCE_S)
        assert happened, f"only {len(there)} have come"
        for descriptor, _ in happened:
            comer = coming[descriptor]
            if comer.go_on():
                poll.modify(descriptor, select.EPOLLIN)
            elif comer.has_booted:
                there.append(time.perf_counter() - begun)
                poll.unregister(descriptor)
    p50, p99, last = (percentile(there, part) for part in (0.5, 0.99, 1))
    print(json.dumps({"p50": p50, "p99": p99, "last": last}))


if __name__ == "__main__":
    main()
