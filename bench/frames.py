"""The WebSocket of a simulated charger: masked frames, the upgrade, and the answers to Calls."""

import base64
import json
import os
import socket
import sys
from itertools import cycle
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.speedups import apply_mask

PATIENCE_S = 20.0
PONG = b"\x8a\x80\0\0\0\0"
BOOT = (
    b'[2,"boot","BootNotification",{"chargePointVendor":"go-e","chargePointModel":"go-eCharger"}]'
)
MASKS = cycle([os.urandom(4) for _ in range(64)])
"""A mask drawn for each frame would cost the load a system call a message."""


class Frame(NamedTuple):
    """A masked Call.

    unique_id      its unique id in quotes, as the answer has it
    is_awaited     True if the next message depends on the answer; others are made ahead
    """

    masked: bytes
    unique_id: bytes
    is_awaited: bool = False


def framed(payload: bytes) -> bytes:
    """Return a masked text frame of a client (RFC 6455 §5.2, §5.3)."""
    mask, size = next(MASKS), len(payload)
    assert size < 65_536
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    return head + mask + apply_mask(payload, mask)


def accepted(call: bytes) -> bytes:
    """Return the frame that accepts a Call of the Central System."""
    unique_id = json.loads(call)[1]
    return framed(f'[3,"{unique_id}",{{"status":"Accepted"}}]'.encode())


def upgrade(url: str, name: str, password: str = "") -> bytes:
    """Return the HTTP request for a WebSocket of OCPP 1.6; `{}` in the URL's path is the name."""
    address = urlsplit(url)
    path = (address.path or "/{}").replace("{}", name)
    credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
    authorization = f"Authorization: Basic {credentials}\r\n" if password else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Version: 13\r\n{authorization}Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    ).encode()


def connected(url: str, name: str, password: str = "") -> socket.socket:
    """Return the non-blocking socket of an open WebSocket of OCPP 1.6."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    sock = socket.create_connection((host, port), PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(upgrade(url, name, password))
    head = b""
    # Byte by byte: the next bytes belong to a frame already.
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            sys.exit(f"{name} was refused: {head!r}")
        head += byte
    if not head.startswith(b"HTTP/1.1 101"):
        sys.exit(f"{name} was refused: {head!r}")
    sock.setblocking(False)
    return sock


def booted(url: str, name: str) -> tuple[socket.socket, bytes]:
    """Return a socket after its BootNotification, and the bytes received after the answer.

    The Central System holds back Calls for a charger that has not booted.
    """
    sock = connected(url, name)
    sock.settimeout(PATIENCE_S)
    sock.sendall(framed(BOOT))
    received = b""
    while (frame := first_frame(received)) is None:
        received += sock.recv(65_536)
    assert frame[1].startswith(b'[3,"boot"'), frame
    sock.setblocking(False)
    return sock, received[frame[2] :]


def first_frame(received: bytes) -> tuple[int, bytes, int] | None:
    """Return opcode, payload and whole size of the first complete frame, or None."""
    if len(received) < 2:
        return None
    size, begin = received[1], 2
    if size == 126:
        size, begin = int.from_bytes(received[2:4]), 4
    end = begin + size
    return (received[0] & 0xF, received[begin:end], end) if len(received) >= end else None
