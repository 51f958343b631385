"""Messages a second: FrameReader against a plain wsproto FrameProtocol, in one process, by turns.

    python -m bench.websocket_frames [repeats]

Both read the same masked frames: first one frame a read, as in an OCPP conversation, then 64 KiB a
read, as under load. Only the ratio is comparable between machines; a figure is the median of its
repeats. Below the table: the time for one long frame, which must be linear, and the memory of an
idle reader.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable

from wsproto.frame_protocol import FrameProtocol

from shocpp.interfaces.websocket.frame_reader import FrameReader

MIB = 1 << 20
READ = 1 << 16
MESSAGES = 5000

HEARTBEAT = '[2,"1048576","Heartbeat",{}]'
SAMPLES = [
    {"value": f"{1000 + n}.{n}", "context": "Sample.Periodic", "measurand": "Voltage", "unit": "V"}
    for n in range(15)
]
METER_VALUES = json.dumps(
    [
        2,
        "1048577",
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": 219010,
            "meterValue": [{"timestamp": "2024-05-01T06:12:00Z", "sampledValue": SAMPLES}],
        },
    ]
)


def masked(text: str, *, fragments: int = 1) -> bytes:
    """Return one message as the masked frames of a Charge Point."""
    charger = FrameProtocol(client=True, extensions=[])
    step = len(text) // fragments + 1
    parts = [text[n : n + step] for n in range(0, len(text), step)]
    return b"".join(bytes(charger.send_data(part, part is parts[-1])) for part in parts)


def with_reader(reads: list[bytes]) -> int:
    """Read with our FrameReader, and return the number of messages."""
    reader = FrameReader(16 * MIB)
    return sum(len(reader.feed(read)) for read in reads)


def with_wsproto(reads: list[bytes]) -> int:
    """Read with wsproto, and return the number of messages."""
    protocol = FrameProtocol(client=False, extensions=[])
    messages, parts = 0, []
    for read in reads:
        protocol.receive_bytes(read)
        for frame in protocol.received_frames():
            parts.append(str(frame.payload))
            if frame.message_finished:
                "".join(parts)
                parts.clear()
                messages += 1
    return messages


def seconds(run: Callable[[list[bytes]], int], reads: list[bytes], messages: int) -> float:
    """Return the time of a run, which must find this number of messages."""
    gc.collect()
    begun = time.perf_counter()
    assert run(reads) == messages
    return time.perf_counter() - begun


def cut(stream: bytes) -> list[bytes]:
    """Cut a stream into reads of 64 KiB."""
    return [stream[n : n + READ] for n in range(0, len(stream), READ)]


def compare(name: str, reads: list[bytes], repeats: int) -> None:
    """Print the rates of both, and the median ratio."""
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(seconds(with_reader, reads, MESSAGES))
        theirs.append(seconds(with_wsproto, reads, MESSAGES))
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    rate, their_rate = (MESSAGES / statistics.median(times) for times in (ours, theirs))
    print(f"{name:36} {rate:9,.0f}/s {their_rate:9,.0f}/s  ratio {ratio:5.2f}")


def one_long_frame(size: int, repeats: int) -> float:
    """Return the median time for one frame of this size in bytes."""
    reads = cut(masked("x" * size))
    return statistics.median(seconds(with_reader, reads, 1) for _ in range(repeats))


def idle_bytes(used: Iterable[bytes], count: int = 10_000) -> float:
    """Return the memory of a reader that has read these frames, in bytes."""
    tracemalloc.start()
    try:
        readers = [FrameReader(MIB) for _ in range(count)]
        for read in used:
            for reader in readers:
                reader.feed(read)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / len(readers)
    finally:
        tracemalloc.stop()


def main(repeats: int) -> None:
    """Print the table, and the figures below it."""
    print(f"{'':36} {'FrameReader':>11} {'wsproto':>11}  python {sys.version.split()[0]}")
    for name, text in (("Heartbeat", HEARTBEAT), ("MeterValues", METER_VALUES)):
        frames = [masked(text) for _ in range(MESSAGES)]
        compare(f"{name} ({len(text)} B), one a read", frames, repeats)
        compare(f"{name} ({len(text)} B), 64 KiB reads", cut(b"".join(frames)), repeats)
    frames = [masked(METER_VALUES, fragments=2) for _ in range(MESSAGES)]
    compare("MeterValues in two fragments", frames, repeats)
    frames = [masked(HEARTBEAT, fragments=2) for _ in range(MESSAGES)]
    compare("Heartbeat in two, 64 KiB reads", cut(b"".join(frames)), repeats)

    for size in (1, 4, 16):
        a_mib_s = one_long_frame(size * MIB, repeats) / size
        print(f"one frame of {size} MiB in 64 KiB reads: {a_mib_s * 1e3:.1f} ms a MiB")
    used = [masked(HEARTBEAT), masked(HEARTBEAT, fragments=2)]
    print(f"an idle reader: {idle_bytes([]):.0f} bytes new, {idle_bytes(used):.0f} bytes after use")


if __name__ == "__main__":
    main(max(3, int(sys.argv[1])) if len(sys.argv) > 1 else 5)
