"""The frame reader, compared with wsproto, and the building of frames."""

from __future__ import annotations

import gc
import itertools
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)

from shocpp.interfaces.websocket.frame_reader import FrameReader
from shocpp.interfaces.websocket.frames import (
    Closed,
    FrameViolation,
    Ping,
    Pong,
    Received,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MIB = 1 << 20
HEARTBEAT = '[2,"7","Heartbeat",{}]'


# --- the Charge Point's side of the wire ---


def charger_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x11\xa7\x00\xff",
    wide: int | None = None,
) -> bytes:
    """Return a frame of a Charge Point; `wide` is the number of extra bytes of its length."""
    length = len(payload)
    if wide is None:
        wide = 0 if length < 126 else 2 if length < 65536 else 8
    head = bytearray([fin << 7 | rsv << 4 | opcode, 0x80 if mask else 0])
    head[1] |= {0: length, 2: 126, 8: 127}[wide]
    head += length.to_bytes(wide, "big") if wide else b""
    if mask is None:
        return bytes(head) + payload
    cover = mask * (length // 4 + 1)
    return bytes(head) + mask + bytes(a ^ b for a, b in zip(payload, cover, strict=False))


def charger_text(text: str) -> bytes:
    return charger_frame(TEXT, text.encode())


def charger_close(code: int, reason: bytes = b"") -> bytes:
    return charger_frame(CLOSE, struct.pack("!H", code) + reason)


def fragments(*parts: bytes) -> list[bytes]:
    last = len(parts) - 1
    return [
        charger_frame(CONTINUATION if n else TEXT, part, fin=n == last)
        for n, part in enumerate(parts)
    ]


def reader(limit: int = MIB) -> FrameReader:
    return FrameReader(limit)


def refusal(received: bytes, limit: int = MIB) -> FrameViolation:
    with pytest.raises(FrameViolation) as caught:
        reader(limit).feed(received)
    return caught.value


# --- the plain case ---


def test_a_whole_text_frame_is_a_message() -> None:
    assert reader().feed(charger_text(HEARTBEAT)) == [HEARTBEAT]


def test_several_frames_in_one_read_come_out_in_order() -> None:
    received = charger_text("a") + charger_frame(PONG, b"p") + charger_text("") + charger_text("ö")
    assert reader().feed(received) == ["a", Pong(b"p"), "", "ö"]


def test_pings_and_pongs_carry_their_payload() -> None:
    received = charger_frame(PING) + charger_frame(PING, b"x" * 125) + charger_frame(PONG, b"y")
    assert reader().feed(received) == [Ping(b""), Ping(b"x" * 125), Pong(b"y")]


@pytest.mark.parametrize("length", [0, 1, 3, 125, 126, 127, 499, 500, 501, 65535, 65536, 65537])
def test_every_length_encoding_is_read_alone_and_between_others(length: int) -> None:
    text = "0123456789"[: length % 7] + "x" * (length - length % 7)
    received = charger_text("before") + charger_text(text) + charger_text("after")
    assert reader().feed(received) == ["before", text, "after"]


def test_a_frame_may_arrive_byte_by_byte() -> None:
    frame_reader, received = (
        reader(),
        charger_text("é" * 100) + charger_frame(PING, b"!") + charger_text("b"),
    )
    arrived = [frame_reader.feed(received[n : n + 1]) for n in range(len(received))]
    assert [message for messages in arrived for message in messages] == ["é" * 100, Ping(b"!"), "b"]


def test_a_frame_is_a_message_with_its_last_byte_and_not_before() -> None:
    frame_reader, received = reader(), charger_text("x" * 300)
    assert frame_reader.feed(received[:-1]) == []
    assert frame_reader.feed(received[-1:]) == ["x" * 300]


def test_the_beginning_of_the_next_frame_waits_for_its_rest() -> None:
    frame_reader, second = reader(), charger_text("second")
    assert frame_reader.feed(charger_text("first") + second[:3]) == ["first"]
    assert frame_reader.feed(second[3:] + charger_text("third")) == ["second", "third"]


def test_nothing_received_is_no_message() -> None:
    assert reader().feed(b"") == []


def test_eight_mebibytes_in_reads_of_64_kib_are_one_message() -> None:
    text = "0123456789abcdef" * (MIB // 2)
    received = charger_frame(TEXT, text.encode())
    frame_reader = reader(8 * MIB)
    reads = [received[n : n + 65536] for n in range(0, len(received), 65536)]
    assert [frame_reader.feed(part) for part in reads[:-1]] == [[]] * (len(reads) - 1)
    assert frame_reader.feed(reads[-1]) == [text]


# --- fragments ---


def test_fragments_are_joined_and_control_frames_between_them_come_first() -> None:
    first, second, third = fragments(b"[3,", b'"7"', b",{}]")
    received = first + charger_frame(PING, b"?") + second + charger_frame(PONG) + third
    assert reader().feed(received) == [Ping(b"?"), Pong(b""), '[3,"7",{}]']


def test_a_character_may_be_split_between_fragments() -> None:
    euro = "€".encode()
    assert reader().feed(b"".join(fragments(euro[:1], b"", euro[1:2], euro[2:]))) == ["€"]


def test_line_ends_in_fragments_stay_as_they_were_sent() -> None:
    assert reader().feed(b"".join(fragments(b"a\r", b"\nb\r", b"c"))) == ["a\r\nb\rc"]


def test_plain_frames_behind_fragments_in_the_same_read_are_read() -> None:
    tail = charger_text("tail")
    frame_reader = reader()
    assert frame_reader.feed(b"".join(fragments(b"a", b"b")) + charger_text("c") + tail[:2]) == [
        "ab",
        "c",
    ]
    assert frame_reader.feed(tail[2:]) == ["tail"]


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_a_fragment_of_any_length_ends_where_the_next_frame_begins(length: int) -> None:
    received = b"".join(fragments(b"x" * length, b"y" * length)) + charger_text("z")
    assert reader().feed(received) == ["x" * length + "y" * length, "z"]


def test_a_ping_between_fragments_is_answered_before_the_message_ends() -> None:
    frame_reader = reader()
    assert frame_reader.feed(fragments(b"a", b"b")[0] + charger_frame(PING)) == [Ping(b"")]


def test_a_close_between_fragments_ends_the_connection() -> None:
    assert reader().feed(fragments(b"a", b"b")[0] + charger_close(1001)) == [Closed(1001, "")]


# --- close ---


def test_a_close_frame_has_a_code_and_a_reason() -> None:
    assert reader().feed(charger_close(1000, "tschüß".encode())) == [Closed(1000, "tschüß")]


def test_an_empty_close_frame_has_the_code_1005() -> None:
    assert reader().feed(charger_frame(CLOSE)) == [Closed(1005, "")]


def test_bytes_after_the_close_are_dropped() -> None:
    frame_reader = reader()
    assert frame_reader.feed(charger_text("a") + charger_close(4000) + charger_text("b")) == [
        "a",
        Closed(4000, ""),
    ]
    assert frame_reader.feed(charger_text("c") + b"\xff\xff") == []


# --- refusals ---


def test_a_binary_frame_is_refused_with_1003() -> None:
    assert refusal(charger_frame(BINARY, b"\x00")).code == 1003


def test_text_that_is_not_utf_8_is_refused_with_1007() -> None:
    assert refusal(charger_frame(TEXT, b"\xff")).code == 1007
    assert refusal(charger_frame(TEXT, b"\xed\xa0\x80")).code == 1007
    assert refusal(charger_frame(TEXT, "€".encode()[:2])).code == 1007
    assert refusal(b"".join(fragments(b"a", b"\xff"))).code == 1007


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(charger_frame(TEXT, b"a", mask=None), id="no mask"),
        pytest.param(charger_frame(TEXT, b"a" * 126, mask=None), id="no mask, 126 bytes"),
        pytest.param(charger_frame(TEXT, b"a" * 65536, mask=None), id="no mask, 65536 bytes"),
        pytest.param(charger_frame(PING, b"a", mask=None), id="ping without a mask"),
        pytest.param(charger_frame(TEXT, b"a", rsv=4), id="compressed without having asked"),
        pytest.param(charger_frame(CONTINUATION, b"a"), id="continues nothing"),
        pytest.param(
            charger_frame(TEXT, b"a", fin=False) + charger_text("b"), id="no continuation"
        ),
        pytest.param(charger_frame(0x3), id="unknown opcode"),
        pytest.param(charger_frame(PING, fin=False), id="fragmented ping"),
        pytest.param(charger_frame(PONG, b"x" * 126), id="long pong"),
        pytest.param(charger_frame(TEXT, b"x" * 125, wide=2), id="125 in two bytes"),
        pytest.param(charger_frame(TEXT, b"x" * 65535, wide=8), id="65535 in eight bytes"),
        pytest.param(b"\x81\xff" + b"\xff" * 8, id="a negative length"),
        pytest.param(charger_frame(CLOSE, b"\x03"), id="half a close code"),
        pytest.param(charger_close(1005), id="a close code that never travels"),
        pytest.param(b"GET / HTTP/1.1\r\n", id="not a WebSocket at all"),
    ],
)
def test_a_protocol_error_is_refused_with_1002(received: bytes) -> None:
    violation = refusal(received)
    assert (violation.code, violation.before) == (1002, [])


def test_messages_completed_before_a_refusal_are_not_lost() -> None:
    received = charger_text("a") + charger_frame(PING) + charger_frame(TEXT, b"\xff")
    assert refusal(received).before == ["a", Ping(b"")]
    received = b"".join(fragments(b"a", b"b")) + charger_frame(BINARY)
    assert refusal(received).before == ["ab"]


def test_after_a_refusal_further_bytes_are_dropped() -> None:
    frame_reader = reader()
    with pytest.raises(FrameViolation):
        frame_reader.feed(charger_frame(BINARY) + charger_text("a"))
    assert frame_reader.feed(charger_text("b")) == []


def test_the_reason_of_a_refusal_fits_a_close_frame() -> None:
    violation = FrameViolation(1002, "ü" * 100, [])
    assert violation.reason == "ü" * 61
    assert close_frame(violation.code, violation.reason)[4:] == violation.reason.encode()


# --- the limit ---


def test_a_huge_announced_length_is_refused_at_once_with_1009() -> None:
    violation = refusal(b"\x81\xff" + (5 * 10**9).to_bytes(8, "big"))
    assert violation.code == 1009
    assert violation.reason == (
        "a message of 5000000000 bytes is over the limit of 1048576; send smaller ones"
    )


def test_the_last_byte_of_an_announced_length_is_enough_to_refuse_it() -> None:
    frame_reader, header = reader(), b"\x81\xff" + (5 * 10**9).to_bytes(8, "big")
    assert [frame_reader.feed(header[n : n + 1]) for n in range(9)] == [[]] * 9
    with pytest.raises(FrameViolation, match=r"^1009 "):
        frame_reader.feed(header[9:])


def test_a_huge_announced_fragment_is_refused_at_once_with_1009() -> None:
    first = charger_frame(TEXT, b"a", fin=False)
    assert refusal(first + b"\x80\xff" + (5 * 10**9).to_bytes(8, "big")).code == 1009


def test_65_536_two_byte_characters_count_as_131_072_bytes() -> None:
    received = charger_text("é" * 65536)
    assert reader(131_072).feed(received) == ["é" * 65536]
    assert refusal(received, 131_071).code == 1009


def test_the_fragments_of_a_message_count_together() -> None:
    received = b"".join(fragments(b"x" * 60, b"", b"x" * 40))
    assert reader(100).feed(received) == ["x" * 100]
    violation = refusal(charger_text("a") + received, 99)
    assert (violation.code, violation.before) == (1009, ["a"])
    assert violation.reason.startswith("a message of 100 bytes is over the limit of 99;")


def test_pings_do_not_count() -> None:
    first, second = fragments(b"x" * 6, b"x" * 4)
    ping = charger_frame(PING, b"p" * 100)
    received = ping + first + ping + second
    assert reader(10).feed(received) == [Ping(b"p" * 100), Ping(b"p" * 100), "x" * 10]


def test_a_header_arriving_byte_by_byte_counts_once() -> None:
    frame_reader, received = reader(10), b"".join(fragments(b"x" * 6, b"x" * 4))
    arrived = [frame_reader.feed(received[n : n + 1]) for n in range(len(received))]
    assert arrived[-1] == ["x" * 10]


def test_each_message_has_the_whole_limit() -> None:
    message = b"".join(fragments(b"x" * 6, b"x" * 4)) + charger_text("x" * 10)
    assert reader(10).feed(message * 3) == ["x" * 10] * 6


def test_the_limit_may_be_raised_between_two_reads() -> None:
    frame_reader = reader(10)
    first, second = fragments(b"x" * 10, b"x" * 10)
    assert frame_reader.feed(first) == []
    frame_reader.max_message_bytes = 20
    assert frame_reader.feed(second + charger_text("y" * 20)) == ["x" * 20, "y" * 20]


# --- memory ---


def test_an_idle_reader_holds_no_protocol_machine() -> None:
    received = b"".join(fragments(b"a", b"b")) + charger_frame(PING) + charger_text("c")
    readers = [reader() for _ in range(1000)]
    readers[0].feed(received)
    tracemalloc.start()
    try:
        busy = [reader() for _ in range(1000)]
        for frame_reader in busy:
            assert len(frame_reader.feed(received)) == 3
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(busy) < 200


def test_a_message_in_one_byte_fragments_costs_no_more_than_a_few_times_its_size() -> None:
    frame_reader, received = reader(), b"".join(fragments(*["€".encode()] * 15_000))
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(0, len(received) - 9, 9_000):
            frame_reader.feed(received[n : min(n + 9_000, len(received) - 9)])
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 45_000
    assert frame_reader.feed(received[-9:]) == ["€" * 15_000]


# --- encoders ---


def sent(frames: bytes) -> list[object]:
    """Return the messages that a wsproto client reads in frames of the Central System."""
    charger = FrameProtocol(client=True, extensions=[])
    charger.receive_bytes(frames)
    text, seen = "", list[object]()
    for frame in charger.received_frames():
        if frame.opcode is Opcode.TEXT:
            assert isinstance(frame.payload, str)
            text += frame.payload
            if frame.message_finished:
                seen.append(text)
                text = ""
        else:
            seen.append((int(frame.opcode), frame.payload))
    return seen


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_a_charge_point_reads_the_text_it_is_sent(length: int) -> None:
    assert sent(text_frame("x" * length) + text_frame("ö")) == ["x" * length, "ö"]


def test_a_charge_point_reads_the_control_frames_it_is_sent() -> None:
    frames = ping_frame() + ping_frame(b"x" * 125) + pong_frame(b"y") + close_frame(1001, "neu")
    assert sent(frames) == [(PING, b""), (PING, b"x" * 125), (PONG, b"y"), (CLOSE, (1001, "neu"))]


def test_a_long_close_reason_is_cut_at_a_character() -> None:
    assert sent(close_frame(1008, "x" + "€" * 60)) == [(CLOSE, (1008, "x" + "€" * 40))]


def test_a_close_code_that_never_travels_is_sent_as_no_code() -> None:
    assert [sent(close_frame(code, "lost")) for code in (1005, 1006, 1015)] == [
        [(CLOSE, (1005, ""))]
    ] * 3


def test_a_lone_surrogate_in_a_reason_does_not_prevent_the_close() -> None:
    assert sent(close_frame(1002, "\ud800!")) == [(CLOSE, (1002, "?!"))]


def test_a_control_payload_over_125_bytes_is_refused() -> None:
    for encode in (ping_frame, pong_frame):
        with pytest.raises(ValueError, match="carries 125 bytes, not 126"):
            encode(b"x" * 126)


@given(st.lists(st.text(), max_size=5))
def test_any_text_reaches_the_charge_point(texts: list[str]) -> None:
    assert sent(b"".join(map(text_frame, texts))) == list(texts)


# --- the property: FrameReader is wsproto ---

# Above 65535, so that all three length encodings are allowed.
LIMIT = 70_000


class Limit(Extension):
    """The same limit for wsproto alone, counted from the payload."""

    name = "limit"

    def __init__(self) -> None:
        self.passed, self.control = 0, False

    def offer(self) -> bool:
        return False

    def enabled(self) -> bool:
        return True

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        self.control = opcode.iscontrol()
        if not self.control and self.passed + payload_length > LIMIT:
            return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        self.passed += 0 if self.control else len(data)
        return data

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        if fin and not self.control:
            self.passed = 0
        return None


def by_wsproto(received: bytes) -> tuple[list[Received], int | None]:
    protocol = FrameProtocol(client=False, extensions=[Limit()])
    protocol.receive_bytes(received)
    messages: list[Received] = []
    text = ""
    try:
        for frame in protocol.received_frames():
            payload = frame.payload
            if frame.opcode is Opcode.BINARY:
                return messages, 1003
            if frame.opcode is Opcode.TEXT:
                assert isinstance(payload, str)
                text += payload
                if frame.message_finished:
                    messages.append(text)
                    text = ""
            elif frame.opcode is Opcode.CLOSE:
                assert isinstance(payload, tuple)
                messages.append(Closed(int(payload[0]), payload[1]))
            else:
                assert isinstance(payload, bytes)
                messages.append(Ping(payload) if frame.opcode is Opcode.PING else Pong(payload))
    except ParseFailed as failure:
        return messages, int(failure.code)
    return messages, None


def by_reader(frame_reader: FrameReader, chunks: list[bytes]) -> tuple[list[Received], int | None]:
    messages: list[Received] = []
    code = None
    for chunk in chunks:
        try:
            messages += frame_reader.feed(chunk)
        except FrameViolation as violation:
            assert code is None, "a connection is refused once"
            messages += violation.before
            code = violation.code
    return messages, code


masks = st.one_of(st.just(b"\0\0\0\0"), st.binary(min_size=4, max_size=4))
short_texts = st.text(max_size=40)
long_texts = st.builds(
    lambda text, length: (text * (length // len(text.encode()) + 1)).encode()[:length],
    st.text(min_size=1, max_size=5),
    st.sampled_from([124, 125, 126, 127, 400, 500, 501, 1400, 65534, 65535, 65536, 69_999, 70_001]),
)
texts = st.one_of(short_texts.map(str.encode), short_texts.map(str.encode), long_texts)


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    payload = draw(short_texts).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), min_size=1, max_size=4)))
    edges = [0, *cuts, len(payload)]
    frames = []
    for n, (start, stop) in enumerate(itertools.pairwise(edges)):
        fin = n == len(edges) - 2
        opcode = CONTINUATION if n else TEXT
        frames.append(charger_frame(opcode, payload[start:stop], fin=fin, mask=draw(masks)))
        if not fin and draw(st.booleans()):
            frames.append(charger_frame(draw(st.sampled_from([PING, PONG])), draw(st.binary())))
    return b"".join(frames)


text_frames = st.builds(lambda payload, mask: charger_frame(TEXT, payload, mask=mask), texts, masks)
control_frames = st.builds(
    charger_frame, st.sampled_from([PING, PONG]), st.binary(max_size=130), mask=masks
)
close_frames = st.builds(
    charger_close, st.sampled_from([1000, 1001, 1005, 1016, 2999, 3000, 4999, 5000, 0]), st.binary()
)
broken_frames = st.one_of(
    st.builds(charger_frame, st.just(TEXT), st.binary(max_size=40)),
    st.builds(charger_frame, st.just(BINARY), st.binary(max_size=40), fin=st.booleans()),
    st.builds(
        charger_frame,
        st.integers(0, 15),
        st.binary(max_size=40),
        fin=st.booleans(),
        rsv=st.integers(0, 7),
        mask=st.one_of(st.none(), masks),
        wide=st.sampled_from([0, 2, 8]),
    ),
    st.binary(max_size=20),
)
good_frames = st.one_of(text_frames, text_frames, control_frames, fragmented())
streams = st.builds(
    lambda good, last: b"".join(good) + last,
    st.lists(good_frames, max_size=8),
    st.one_of(st.just(b""), close_frames, broken_frames, fragmented()),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Return the bytes of a Charge Point, some of them damaged, in chunks as from a network."""
    stream = bytearray(draw(streams) + draw(streams))
    for where, byte in draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)
    ):
        if draw(st.booleans()) and where < len(stream):
            stream[where] = byte
    if draw(st.booleans()) and len(stream) < 300:
        return [bytes(stream[n : n + 1]) for n in range(len(stream))]
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    edges = [0, *cuts, len(stream)]
    return [bytes(stream[a:b]) for a, b in itertools.pairwise(edges)]


@given(conversations())
def test_frame_reader_equals_wsproto_for_any_bytes_in_any_chunks(
    chunks: list[bytes],
) -> None:
    stream = b"".join(chunks)
    frame_reader = FrameReader(LIMIT)
    messages, code = by_reader(frame_reader, chunks)
    expected, expected_code = by_wsproto(stream)
    assert messages == expected
    if (code, expected_code) == (None, 1007):
        # wsproto decodes an incomplete frame; FrameReader refuses it once the frame is complete.
        padding = bytes(LIMIT)
        rest, code = by_reader(frame_reader, [padding])
        assert (messages + rest, code) == by_wsproto(stream + padding)
    assert code == expected_code
