"""The reader of a Charge Point's WebSocket frames: bytes in, messages out (RFC 6455 §5).

The module is pure: no socket, no clock, no randomness, no OCPP. The transport passes the received
bytes to `FrameReader.feed`, and sends the answers.

Design: there are two paths.

    short path      a whole, masked, unfragmented text frame, ping or pong, which is nearly all that
                    a Charge Point sends; `FrameReader` reads it itself: a header, an XOR, a decode
    wsproto         everything else: fragments, Close, binary, RSV bits, no mask, a length in more
                    bytes than it needs; wsproto reads one message and is dropped after it

`WsprotoMessage` counts the bytes of its message exactly, so the short path continues behind it.
An idle Charge Point therefore costs one small object and no protocol state machine.
`tests/interfaces/websocket/test_frames.py` compares both paths with wsproto alone.
"""

from __future__ import annotations

from wsproto.frame_protocol import CloseReason

from shocpp.interfaces.websocket.frames import (
    LONGEST_CONTROL,
    PING,
    PONG,
    TEXT,
    Closed,
    FrameViolation,
    Ping,
    Pong,
    Received,
    too_big,
)
from shocpp.interfaces.websocket.unmasking import unmask
from shocpp.interfaces.websocket.wsproto_message import WsprotoMessage


class FrameReader:
    """The receiving half of one Charge Point's WebSocket, from just after the 101.

    `max_message_bytes` limits the payload of one message in bytes, over all its fragments.
    The caller may change it at any time; the next `feed` obeys it.
    """

    # With thousands of Charge Points, the size of an idle reader counts.
    __slots__ = ("_ended", "_needed", "_waiting", "_wsproto_message", "max_message_bytes")

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        # The beginning of a frame, and the length in bytes that allows the next step of reading.
        self._waiting: bytearray | None = None
        self._needed = 0
        # None means that the short path is active.
        self._wsproto_message: WsprotoMessage | None = None
        self._ended = False

    def awaits_more_than(self, size: int) -> bool:
        """Return True while a message of more than `size` bytes has arrived in part."""
        if self._wsproto_message is not None:
            return self._wsproto_message.fed_bytes > size
        return self._waiting is not None and self._needed > size

    def feed(self, received: bytes) -> list[Received]:
        """Return the messages that these bytes complete, in their order.

        A length over the limit is refused as soon as the header is complete, before any payload is
        stored. Text that is not UTF-8 is refused at the latest when its frame is complete.
        After a `Closed` or a violation, further bytes are ignored (RFC 6455 §5.5.1, §7.1.7).

        Raises FrameViolation, at most once; its `before` holds the messages completed before it.
        """
        if self._ended:
            return []
        arrived: bytes | bytearray = received
        if self._waiting is not None:
            self._waiting += received
            if len(self._waiting) < self._needed:
                return []
            arrived, self._waiting = self._waiting, None
        messages: list[Received] = []
        try:
            at = 0
            while at < len(arrived) and not self._ended:
                if self._wsproto_message is None:
                    at = self._read_plain(arrived, at, messages)
                else:
                    at = self._read_by_wsproto(self._wsproto_message, arrived, at, messages)
        except FrameViolation:
            self._ended, self._wsproto_message = True, None
            raise
        return messages

    def _read_plain(self, arrived: bytes | bytearray, at: int, messages: list[Received]) -> int:
        """Read plain frames from index `at`, and append their messages.

        Returns the index of the first frame for wsproto, or the length of `arrived`.
        """
        end = len(arrived)
        while at < end:
            first = arrived[at]
            # Each of these bytes has FIN set and the RSV bits clear (RFC 6455 §5.2).
            if first != TEXT and first != PONG and first != PING:
                return self._begin_wsproto_message(at)
            if end - at < 2:
                return self._wait(arrived, at, 2)
            # 0x80 is the MASK bit: without it, the length becomes negative.
            length, mask_at = arrived[at + 1] - 0x80, at + 2
            if length > LONGEST_CONTROL and first == TEXT:
                # 126 announces a length of 2 bytes, 127 one of 8 bytes.
                extra = 2 if length == 126 else 8
                mask_at += extra
                if end < mask_at:
                    return self._wait(arrived, at, 2 + extra)
                length = int.from_bytes(arrived[at + 2 : mask_at], "big")
                # RFC 6455 §5.2: the shortest encoding is mandatory, and the highest bit is 0.
                # wsproto refuses the frame with its own reason.
                if length <= (LONGEST_CONTROL if extra == 2 else 0xFFFF) or length >> 63:
                    return self._begin_wsproto_message(at)
            elif not 0 <= length <= LONGEST_CONTROL:
                return self._begin_wsproto_message(at)
            if first == TEXT and length > self.max_message_bytes:
                raise too_big(length, self.max_message_bytes, messages)
            payload_at = mask_at + 4
            stop = payload_at + length
            if end < stop:
                return self._wait(arrived, at, stop - at)
            payload = unmask(arrived[payload_at:stop], arrived[mask_at:payload_at])
            messages.append(_message(first, payload, messages))
            at = stop
        return at

    def _wait(self, arrived: bytes | bytearray, at: int, needed: int) -> int:
        """Store an incomplete frame until it has `needed` bytes."""
        # One growing bytearray, which is not read before it has `needed` bytes, keeps a long frame
        # linear: another copy for each read of 64 KiB would make it quadratic.
        self._waiting = bytearray(memoryview(arrived)[at:])
        self._needed = needed
        return len(arrived)

    def _begin_wsproto_message(self, at: int) -> int:
        self._wsproto_message = WsprotoMessage()
        return at

    def _read_by_wsproto(
        self,
        message: WsprotoMessage,
        arrived: bytes | bytearray,
        at: int,
        messages: list[Received],
    ) -> int:
        """Pass the bytes from index `at` to wsproto, and append the messages.

        Returns the index behind its message, or the length of `arrived`.
        """
        unread = message.feed(bytes(arrived[at:]), self.max_message_bytes, messages)
        if message.ended:
            self._wsproto_message = None
            self._ended = isinstance(messages[-1], Closed)
        return len(arrived) - unread


def _message(first: int, payload: bytes | bytearray, before: list[Received]) -> Received:
    """Return the message of a plain frame; `first` is the first byte of the frame.

    Raises FrameViolation if a text is not UTF-8 (RFC 6455 §8.1).
    """
    if first == TEXT:
        try:
            return payload.decode()
        except UnicodeDecodeError as error:
            code = CloseReason.INVALID_FRAME_PAYLOAD_DATA
            raise FrameViolation(code, str(error), before) from None
    return (Ping if first == PING else Pong)(bytes(payload))
