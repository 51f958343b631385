"""Microseconds to read one message: quickly and thoroughly, in one process, by turns.

    python -m bench.receiving [repeats]

Neither socket nor database takes part. "Thoroughly" is the way without the extra `fast`, or that of
a message with a member that OCPP 1.6 does not have. A figure is the least CPU time of its repeats.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

from bench.frames import framed
from bench.machine import machine
from bench.talks import samples
from shocpp.interfaces.websocket.frame_reader import FrameReader
from shocpp.interfaces.websocket.unmasking import unmask, unmask_in_python
from shocpp.ocpp.connection import Connection
from shocpp.ocpp.frames import decode_thoroughly
from shocpp.ocpp.quick.structures import decode_plain
from shocpp.ocpp.redaction import redacted

MESSAGES = 200
NOW_MS = 1_790_832_600_000
MASK = b"\x11\xa7\x00\xff"

NUMBERS = count(1_000_000)
"""Each message has an id and a register of its own: repeated ones are answered from memory."""


def heartbeat() -> str:
    return f'[2,"{next(NUMBERS)}","Heartbeat",{{}}]'


def meter_values(**more: object) -> str:
    number = next(NUMBERS)
    value = {"timestamp": "2026-10-01T05:30:00Z", "sampledValue": samples(number)}
    payload = {"connectorId": 1, "transactionId": 20_009_042, "meterValue": [value], **more}
    return json.dumps([2, str(number), "MeterValues", payload], separators=(",", ":"))


def of_a_vendor() -> str:
    return meter_values(vendor=None)


def receive(text: str, connection: Connection = Connection(300)) -> None:  # noqa: B008
    connection.receive(text, NOW_MS)


def read_frame(frame: bytes, reader: FrameReader = FrameReader(1 << 20)) -> None:  # noqa: B008
    reader.feed(frame)


Make = Callable[[], Any]
Read = Callable[[Any], object]


class Row(NamedTuple):
    """A line of the table: two ways, each of them what it makes and how it reads that."""

    name: str
    quickly: tuple[Make, Read]
    thoroughly: tuple[Make, Read] | None = None


def in_c(payload: bytes) -> object:
    return unmask(payload, MASK)


def in_python(payload: bytes) -> object:
    return unmask_in_python(payload, MASK)


ROWS = (
    Row("Heartbeat, unmask", (lambda: heartbeat().encode(), in_c),
        (lambda: heartbeat().encode(), in_python)),
    Row("MeterValues, unmask", (lambda: meter_values().encode(), in_c),
        (lambda: meter_values().encode(), in_python)),
    Row("Heartbeat, frame", (lambda: framed(heartbeat().encode()), read_frame)),
    Row("MeterValues, frame", (lambda: framed(meter_values().encode()), read_frame)),
    Row("Heartbeat, JSON", (heartbeat, decode_plain), (heartbeat, decode_thoroughly)),
    Row("MeterValues, JSON", (meter_values, decode_plain), (meter_values, decode_thoroughly)),
    Row("Heartbeat, text to event", (heartbeat, receive)),
    Row("MeterValues, text to event", (meter_values, receive), (of_a_vendor, receive)),
    Row("MeterValues, secrets", (meter_values, redacted)),
)  # fmt: skip


def microseconds(make: Make, read: Read) -> float:
    """Return the CPU time of one message."""
    made: Sequence[Any] = [make() for _ in range(MESSAGES)]
    begun = time.process_time()
    for one in made:
        read(one)
    return (time.process_time() - begun) / MESSAGES * 1e6


def main(repeats: int) -> None:
    """Print the table."""
    print(machine())
    print(f"{'µs a message':30} {'quickly':>8} {'thoroughly':>10}")
    for row in ROWS:
        ways = [way for way in (row.quickly, row.thoroughly) if way is not None]
        rounds = [[microseconds(*way) for way in ways] for _ in range(repeats)]
        best = [min(times) for times in zip(*rounds, strict=True)]
        print(f"{row.name:30} {best[0]:8.2f}" + "".join(f" {us:10.2f}" for us in best[1:]))


if __name__ == "__main__":
    main(max(3, int(sys.argv[1])) if len(sys.argv) > 1 else 40)
