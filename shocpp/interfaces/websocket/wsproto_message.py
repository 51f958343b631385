"""One message that wsproto reads, with a count of its bytes (pure).

wsproto's decoder does not report where a message ends in the bytes that it was fed. An extension
counts them, so that the bytes behind the message can be read by another reader.
"""

from __future__ import annotations

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    Frame,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)

from shocpp.interfaces.websocket.frames import (
    Closed,
    FrameViolation,
    Ping,
    Pong,
    Received,
    too_big,
)


class WsprotoMessage:
    """One message, and the control frames between its fragments (RFC 6455 §5.4).

    `ended` is True once the message, or a Close between its fragments, is complete. `fed_bytes` is
    the number of bytes so far.
    """

    __slots__ = ("_counter", "_protocol", "_text", "ended", "fed_bytes")

    def __init__(self) -> None:
        self._counter = _ByteCounter()
        self._protocol = FrameProtocol(client=False, extensions=[self._counter])
        self.fed_bytes = 0
        # The text is stored as UTF-8: a list of parts (or a StringIO, which keeps one) costs up to
        # 80 bytes for each tiny fragment.
        self._text = bytearray()
        self.ended = False

    def feed(self, received: bytes, limit: int, messages: list[Received]) -> int:
        """Append completed messages; return the number of bytes behind the end of the message.

        `limit` is the largest message in bytes. The result is 0 as long as the message goes on.
        Raises FrameViolation.
        """
        self._counter.limit = limit
        self.fed_bytes += len(received)
        self._protocol.receive_bytes(received)
        try:
            for frame in self._protocol.received_frames():
                self._take(frame, messages)
                if self.ended:
                    return self.fed_bytes - self._counter.finished_bytes
        except ParseFailed as failure:
            if failure.code == CloseReason.MESSAGE_TOO_BIG:
                raise too_big(self._counter.announced_bytes, limit, messages) from None
            raise FrameViolation(failure.code, str(failure), messages) from None
        return 0

    def _take(self, frame: Frame, messages: list[Received]) -> None:
        payload = frame.payload
        if frame.opcode is Opcode.TEXT:
            assert isinstance(payload, str)
            self._text += payload.encode()
            if frame.message_finished:
                messages.append(self._text.decode())
                self.ended = True
        elif frame.opcode is Opcode.CLOSE:
            assert isinstance(payload, tuple)
            messages.append(Closed(int(payload[0]), payload[1]))
            self.ended = True
        elif frame.opcode is Opcode.BINARY:
            # RFC 6455 §7.4.1: 1003 is the code of an endpoint that understands only text.
            reason = "a binary frame; OCPP-J is JSON in text frames"
            raise FrameViolation(CloseReason.UNSUPPORTED_DATA, reason, messages)
        else:
            assert isinstance(payload, bytes)
            messages.append((Ping if frame.opcode is Opcode.PING else Pong)(payload))


class _ByteCounter(Extension):
    """A counter of the bytes that wsproto reads; only an extension is called for each frame.

    It is never offered in a handshake, and changes no frame.
    """

    name = "shocpp-byte-counter"

    def __init__(self) -> None:
        # The largest message in bytes; the sizes below are in bytes, too.
        self.limit = 0
        # All complete frames, with their headers.
        self.finished_bytes = 0
        # The payload of the message so far, with the frame that is being read.
        self.announced_bytes = 0
        self._message_bytes = 0
        self._frame_bytes = 0

    def offer(self) -> bool:
        """Return False: a client never sees this extension."""
        return False

    def enabled(self) -> bool:
        """Return True, because wsproto calls only enabled extensions."""
        return True

    def frame_inbound_header(
        self,
        _proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        _rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """Refuse a message over the limit, before its payload is read."""
        # wsproto calls this again for a header whose mask had not arrived, so a header only sets
        # the sizes, and a complete frame adds them.
        # wsproto refuses a length in more bytes than it needs, so the length tells its own size.
        extra = 0 if payload_length < 126 else 2 if payload_length < 1 << 16 else 8
        self._frame_bytes = 2 + extra + 4 + payload_length
        self.announced_bytes = self._message_bytes
        # Control frames between fragments are no part of the message (RFC 6455 §5.4).
        if not opcode.iscontrol():
            self.announced_bytes += payload_length
            if self.announced_bytes > self.limit:
                return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_complete(
        self, _proto: FrameDecoder | FrameProtocol, _fin: bool
    ) -> bytes | CloseReason | None:
        """Add the sizes of a complete frame."""
        self._message_bytes = self.announced_bytes
        self.finished_bytes += self._frame_bytes
        return None
