"""WebSocket frames (RFC 6455 §5): the messages that are received, and the frames to send (pure).

The Central System is the server, so it sends unmasked frames (RFC 6455 §5.1).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from wsproto.frame_protocol import CloseReason, Opcode

# The first byte of a whole frame: FIN is set, no RSV bit, and the opcode (RFC 6455 §5.2).
_FIN: Final = 0x80
TEXT: Final = _FIN | Opcode.TEXT
CLOSE: Final = _FIN | Opcode.CLOSE
PING: Final = _FIN | Opcode.PING
PONG: Final = _FIN | Opcode.PONG

LONGEST_CONTROL: Final = 125
"""The largest payload of a control frame, in bytes (RFC 6455 §5.5)."""
# The Close code takes the first two bytes of the payload (RFC 6455 §5.5.1).
_LONGEST_REASON: Final = LONGEST_CONTROL - 2


class Ping(NamedTuple):
    """A ping of the peer; the caller answers it with `pong_frame(payload)` (RFC 6455 §5.5.2)."""

    payload: bytes


class Pong(NamedTuple):
    """An answer to a ping, or an unsolicited pong (RFC 6455 §5.5.3)."""

    payload: bytes


class Closed(NamedTuple):
    """The Close frame of the peer; code 1005 means that the frame carried no code."""

    code: int
    reason: str


Received = str | Ping | Pong | Closed
"""A received message; a string is the text of a whole text message."""


class FrameViolation(Exception):
    """An error of the peer that ends the connection (RFC 6455 §7.1.7).

    The caller sends `close_frame(code, reason)` and closes the connection.

    `code` is 1002 (protocol error), 1003 (binary), 1007 (not UTF-8) or 1009 (too big).
    `reason` fits into a Close frame.
    `before` holds the messages that were complete before the error; the caller answers them first.
    """

    def __init__(self, code: int, reason: str, before: list[Received]) -> None:
        self.code = int(code)
        self.reason = cut_reason(reason).decode()
        self.before = before
        super().__init__(f"{code} {self.reason}")


def too_big(message_bytes: int, limit: int, before: list[Received]) -> FrameViolation:
    """Return the violation for a message of `message_bytes` bytes; the caller raises it."""
    reason = f"a message of {message_bytes} bytes is over the limit of {limit}; send smaller ones"
    return FrameViolation(CloseReason.MESSAGE_TOO_BIG, reason, before)


def text_frame(text: str) -> bytes:
    """Return one whole text frame.

    Raises UnicodeEncodeError if the text holds a lone surrogate.
    """
    payload = text.encode()
    length = len(payload)
    # RFC 6455 §5.2: the length takes 7, 7 + 16 or 7 + 64 bits, as few as possible.
    if length < 126:
        return bytes((TEXT, length)) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", TEXT, 126, length) + payload
    return struct.pack("!BBQ", TEXT, 127, length) + payload


def ping_frame(payload: bytes = b"") -> bytes:
    """Return a ping.

    Raises ValueError if the payload has more than 125 bytes (RFC 6455 §5.5).
    """
    return _control_frame(PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping, which repeats the payload of the ping.

    Raises ValueError if the payload has more than 125 bytes (RFC 6455 §5.5).
    """
    return _control_frame(PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a Close frame; a long reason is cut to 123 bytes at a character boundary.

    The codes 1005, 1006 and 1015 must not be sent (RFC 6455 §7.4.1).
    They become a Close frame without a code, so a caller may send any `Closed.code` back.
    """
    if code in (1005, 1006, 1015):
        return _control_frame(CLOSE, b"")
    return _control_frame(CLOSE, code.to_bytes(2, "big") + cut_reason(reason))


def _control_frame(first: int, payload: bytes) -> bytes:
    if len(payload) > LONGEST_CONTROL:
        raise ValueError(f"a control frame carries {LONGEST_CONTROL} bytes, not {len(payload)}")
    return bytes((first, len(payload))) + payload


def cut_reason(reason: str) -> bytes:
    """Return a Close reason as UTF-8, cut to 123 bytes at a character boundary."""
    # "replace": a lone surrogate in a reason must not prevent the Close frame.
    whole = reason.encode(errors="replace")
    # "ignore" drops the character that the cut has split.
    return whole[:_LONGEST_REASON].decode(errors="ignore").encode()
