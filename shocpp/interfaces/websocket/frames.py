"""WebSocket frames (RFC 6455 §5): received messages, and frames to send."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from wsproto.frame_protocol import CloseReason, Opcode

_FIN: Final = 0x80
TEXT: Final = _FIN | Opcode.TEXT
CLOSE: Final = _FIN | Opcode.CLOSE
PING: Final = _FIN | Opcode.PING
PONG: Final = _FIN | Opcode.PONG

LONGEST_CONTROL: Final = 125
_LONGEST_REASON: Final = LONGEST_CONTROL - 2


class Ping(NamedTuple):
    """The peer asks for a sign of life; the caller answers with `pong_frame(payload)`."""

    payload: bytes


class Pong(NamedTuple):
    """The peer answered a ping, or sent an unasked sign of life (RFC 6455 §5.5.3)."""

    payload: bytes


class Closed(NamedTuple):
    """The peer's Close frame; code 1005 says that it carried no code."""

    code: int
    reason: str


Received = str | Ping | Pong | Closed


class FrameViolation(Exception):
    """The peer broke the protocol: answer with `close_frame(code, reason)` and hang up.

    `code` is 1002 (protocol), 1003 (binary), 1007 (not UTF-8) or 1009 (too big); `reason` fits a
    Close frame; `before` holds what the same bytes had completed first: it is still to be answered.
    """

    def __init__(self, code: int, reason: str, before: list[Received]) -> None:
        self.code = int(code)
        self.reason = cut_reason(reason).decode()
        self.before = before
        super().__init__(f"{code} {self.reason}")


def too_big(message_bytes: int, limit: int, before: list[Received]) -> FrameViolation:
    reason = f"a message of {message_bytes} bytes is over the limit of {limit}; send smaller ones"
    return FrameViolation(CloseReason.MESSAGE_TOO_BIG, reason, before)


def text_frame(text: str) -> bytes:
    """Return one whole text frame; raises UnicodeEncodeError for a lone surrogate."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return bytes((TEXT, length)) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", TEXT, 126, length) + payload
    return struct.pack("!BBQ", TEXT, 127, length) + payload


def ping_frame(payload: bytes = b"") -> bytes:
    """Return a ping; raises ValueError above 125 bytes (RFC 6455 §5.5)."""
    return _control_frame(PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping, whose payload it repeats; raises ValueError above 125 bytes."""
    return _control_frame(PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a Close frame, its reason cut to 123 bytes at a character boundary.

    1005, 1006 and 1015 never travel (RFC 6455 §7.4.1) and become a Close without a code, so that a
    `Closed.code` may be handed back as it came.
    """
    if code in (1005, 1006, 1015):
        return _control_frame(CLOSE, b"")
    return _control_frame(CLOSE, code.to_bytes(2, "big") + cut_reason(reason))


def _control_frame(first: int, payload: bytes) -> bytes:
    if len(payload) > LONGEST_CONTROL:
        raise ValueError(f"a control frame carries {LONGEST_CONTROL} bytes, not {len(payload)}")
    return bytes((first, len(payload))) + payload


def cut_reason(reason: str) -> bytes:
    # "replace", because a lone surrogate in a reason must not keep us from hanging up.
    whole = reason.encode(errors="replace")
    return whole[:_LONGEST_REASON].decode(errors="ignore").encode()
