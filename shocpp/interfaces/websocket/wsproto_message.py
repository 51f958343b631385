"""One message that wsproto reads."""

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
    """One message in wsproto's care, and the control frames between its fragments."""

    __slots__ = ("_account", "_fed", "_protocol", "_text", "ended")

    def __init__(self) -> None:
        self._account = _ByteCounter()
        self._protocol = FrameProtocol(client=False, extensions=[self._account])
        self._fed = 0
        # Encoded again: a list of parts (or a StringIO, which keeps one) costs up to 80 bytes for
        # each tiny fragment.
        self._text = bytearray()
        self.ended = False

    def feed(self, received: bytes, limit: int, messages: list[Received]) -> int:
        """Append what is completed; return how many of these bytes lie beyond the message's end."""
        self._account.limit = limit
        self._fed += len(received)
        self._protocol.receive_bytes(received)
        try:
            for frame in self._protocol.received_frames():
                self._take(frame, messages)
                if self.ended:
                    return self._fed - self._account.finished_bytes
        except ParseFailed as failure:
            if failure.code == CloseReason.MESSAGE_TOO_BIG:
                raise too_big(self._account.announced_bytes, limit, messages) from None
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
            reason = "a binary frame; OCPP-J is JSON in text frames"
            raise FrameViolation(CloseReason.UNSUPPORTED_DATA, reason, messages)
        else:
            assert isinstance(payload, bytes)
            messages.append((Ping if frame.opcode is Opcode.PING else Pong)(payload))


class _ByteCounter(Extension):
    """Counts the bytes wsproto has read, which only an extension is told while it happens.

    It is never offered in a handshake and changes no frame. wsproto asks again about a header whose
    mask had not arrived, so a header only notes and a finished frame counts.
    """

    name = "shocpp-account"

    def __init__(self) -> None:
        self.limit = 0
        self.finished_bytes = 0  # of whole frames, headers included
        self.announced_bytes = 0  # of the message's payload, with the frame now being read
        self._message_bytes = 0
        self._frame_bytes = 0

    def offer(self) -> bool:
        return False

    def enabled(self) -> bool:
        return True

    def frame_inbound_header(
        self,
        _proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        _rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        # wsproto refuses a length in more bytes than it needs, so the length tells the header's.
        wide = 0 if payload_length < 126 else 2 if payload_length < 1 << 16 else 8
        self._frame_bytes = 2 + wide + 4 + payload_length
        self.announced_bytes = self._message_bytes
        if not opcode.iscontrol():
            self.announced_bytes += payload_length
            if self.announced_bytes > self.limit:
                return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_complete(
        self, _proto: FrameDecoder | FrameProtocol, _fin: bool
    ) -> bytes | CloseReason | None:
        self._message_bytes = self.announced_bytes
        self.finished_bytes += self._frame_bytes
        return None
