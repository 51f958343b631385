"""A relay in front of a server, as slow as a phone's line: each handshake takes its round trips.

Chromium's emulation delays the answer to each request, but no handshake of TCP or TLS.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import NamedTuple

from bench.servers import ADDRESS

PACKET = 1_400
"""The bytes that travel together."""


class Line(NamedTuple):
    """A line: the seconds of a round trip, and the bytes a second in each direction."""

    round_trip_s: float
    down: float
    up: float


class Direction:
    """One direction of a line, which all connections share."""

    def __init__(self, line: Line, bytes_a_second: float) -> None:
        self._delay_s = line.round_trip_s / 2
        self._rate = bytes_a_second
        self._free_at = 0.0

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Carry all bytes of a connection, and then its end."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while packet := await source.read(PACKET):
                self._free_at = max(self._free_at, loop.time()) + len(packet) / self._rate
                loop.call_at(self._free_at + self._delay_s, _write, sink, packet)
        loop.call_at(self._free_at + self._delay_s, sink.close)


def _write(sink: asyncio.StreamWriter, packet: bytes) -> None:
    """Write a packet, unless its receiver has gone meanwhile."""
    if not sink.is_closing():
        sink.write(packet)


@contextlib.contextmanager
def slow_line(line: Line, port: int) -> Iterator[int]:
    """Relay to a port of this machine, in a thread of its own; yield the port of the relay."""
    loop = asyncio.new_event_loop()
    down, up = Direction(line, line.down), Direction(line, line.up)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The handshake of TCP: this machine has answered it at once.
        await asyncio.sleep(line.round_trip_s)
        source, sink = await asyncio.open_connection(ADDRESS, port)
        await asyncio.gather(up.carry(reader, sink), down.carry(source, writer))

    server = loop.run_until_complete(asyncio.start_server(relay, ADDRESS, 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_end(server))
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """End all connections."""
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
