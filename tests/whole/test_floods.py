"""Floods, slow peers and strangers at a bare gunicorn: an honest charger beside them is served.

Each test prints one line of figures (`pytest -s`); what is asserted are generous guards, for the
machine is shared. `make fuzz` floods as much as is promised, and waits as long.
"""

import contextlib
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from shocpp.admission.connection_rate import MOST_CONNECTIONS
from tests.interfaces.websocket.test_frames import MIB, TEXT, charger_frame, charger_text
from tests.world.faults import ask, connect
from tests.world.floods import (
    ALL,
    HANG_S,
    dial,
    handshake,
    honest_charger,
    load_of,
    rest_of,
    upgraded,
)
from tests.world.fuzzing import controls
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

HEARTBEAT = charger_text('[2,"1","Heartbeat",{}]')
THREADS = 8
MESSAGES = 200_000 if ALL else 20_000
GROWTH_MIB = 24
"""Growth of a worker's memory that a flood may cause: caches fill once, Python keeps pages."""

BOOT = {"chargePointVendor": "x", "chargePointModel": "y"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that bears all these floods, one after the other."""
    home = Home(tmp_path_factory.mktemp("floods") / "home")
    # The others are strangers, and of these only so many get rows.
    names = (f"{kind}{number}" for kind in ("c", "honest") for number in range(30))
    listed = ("*", *names)
    home.charge_points_file.write_text(json.dumps({name: {"auth": "none"} for name in listed}))
    server = Server(home)
    yield server
    try:
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
    assert "Traceback" not in server.log()
    assert server.log().count("Booting worker") == 1


def test_a_charger_that_reads_no_answers_is_read_no_more_and_holds_no_memory(
    server: Server,
) -> None:
    with honest_charger(server) as honest, upgraded(server, "slow") as slow:
        before = load_of(server)
        slow.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 200 * MIB:
                sent += slow.send(HEARTBEAT * 2_000)
        held = load_of(server)
        if ALL:
            wait_for(lambda: "slow is disconnected: answers are not read" in server.log(), 40)
    print(f"\nslow reader: {before}, {held} after {sent >> 10} KiB; worst {honest.worst_ms:.0f} ms")
    assert sent < 64 * MIB
    assert held.mib - before.mib < GROWTH_MIB
    assert held.threads == before.threads


def test_a_flood_of_messages_is_answered_and_nobody_else_waits_for_it(server: Server) -> None:
    with honest_charger(server) as honest, upgraded(server, "flood") as flood:
        before, begun = load_of(server), time.monotonic()
        pouring = threading.Thread(target=lambda: flood.sendall(HEARTBEAT * MESSAGES), daemon=True)
        pouring.start()
        held = before
        answers, rest = 0, b""
        while answers < MESSAGES:
            *whole, rest = (rest + flood.recv(1 << 20)).split(b'"}]')
            answers += len(whole)
            held = max(held, load_of(server))
        pouring.join(20)
        took = time.monotonic() - begun
    print(
        f"\nflood: {MESSAGES} messages, {MESSAGES / took:.0f}/s; {before}, {held} at most;"
        f" worst {honest.worst_ms:.0f} ms"
    )
    assert held.mib - before.mib < GROWTH_MIB
    assert held.threads == before.threads


def test_a_compressed_frame_is_refused_whatever_it_would_become(server: Server) -> None:
    text = '[2,"1","DataTransfer",{"vendorId":"x","data":"' + "x" * (50 * MIB) + '"}]'
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = (deflate.compress(text.encode()) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    with upgraded(server, "bomb", "Sec-WebSocket-Extensions: permessage-deflate") as charger:
        charger.sendall(HEARTBEAT)
        before = load_of(server)
        charger.sendall(charger_frame(TEXT, bomb, rsv=4))
        answers, code = rest_of(charger)
    after = load_of(server)
    print(f"\nzip bomb: {len(bomb) >> 10} KiB for {len(text) >> 20} MiB; {before}, {after} after")
    assert (len(answers), code) == (1, 1002)
    assert after.mib - before.mib < GROWTH_MIB


def data_transfer(size: int) -> bytes:
    """A Call of so many bytes, nearly all in characters of two, under a mask of zeros."""
    begin, end = '[2,"1","DataTransfer",{"vendorId":"x","data":"', '"}]'
    room = size - len(begin) - len(end)
    text = f"{begin}{'é' * (room // 2)}{'x' * (room % 2)}{end}"
    return b"\x81\xff" + size.to_bytes(8, "big") + bytes(4) + text.encode()


def test_the_size_of_a_message_is_counted_in_bytes_and_is_larger_for_a_known_charger(
    server: Server,
) -> None:
    before = load_of(server)
    for size, code in ((MIB, None), (MIB + 1, 1009)):
        with upgraded(server, f"new{code}") as stranger:
            stranger.sendall(data_transfer(size))
            assert one_answer(stranger) == (code is None, code)
    with connect(server.url("known")) as charger:
        ask(charger, "BootNotification", BOOT)
    held = []
    for size, code in (*[(8 * MIB, None)] * 4, (8 * MIB + 1, 1009)):
        with upgraded(server, "known") as charger:
            charger.sendall(HEARTBEAT)  # by its answer the charger is known
            assert b"currentTime" in charger.recv(1000)
            with contextlib.suppress(ConnectionError):
                charger.sendall(data_transfer(size))
            assert one_answer(charger) == (code is None, code)
        held.append(load_of(server))
    print(f"\nhuge messages: {before}; after one of 8 MiB {held[0]}, after four {held[-1]}")
    assert held[0].mib - before.mib < 100
    assert held[-1].mib - held[0].mib < GROWTH_MIB


def one_answer(charger: socket.socket) -> tuple[bool, int | None]:
    """Return True if the Call is answered, and the code of the Close, or None."""
    begin = charger.recv(2)
    if begin[:1] == b"\x88":
        return False, int.from_bytes(charger.recv(2), "big")
    return b"UnknownVendorId" in charger.recv(200), None


# -- before the upgrade ---------------------------------------------------------------------------


def newcomer_s(server: Server) -> float:
    """Return the seconds until a charger that connects now is answered."""
    begun = time.monotonic()
    with connect(server.url("newcomer"), open_timeout=60, compression=None) as charger:
        ask(charger, "Heartbeat", {})
    return time.monotonic() - begun


def test_mute_connections_keep_nobody_out(server: Server) -> None:
    """TCP_DEFER_ACCEPT: until they say something, they are the kernel's."""
    with honest_charger(server) as honest, contextlib.ExitStack() as mute:
        before = load_of(server)
        for _ in range(200):
            mute.enter_context(dial(server))
        waited_s, held = newcomer_s(server), load_of(server)
    print(
        f"\n200 mute connections: {before}, {held} with them; a newcomer waits"
        f" {waited_s * 1000:.0f} ms; worst {honest.worst_ms:.0f} ms"
    )
    assert waited_s < HANG_S


def test_who_stays_after_the_answer_keeps_nobody_out(server: Server) -> None:
    """gunicorn would wait two seconds for each of them, accepting nobody."""
    with honest_charger(server) as honest, contextlib.ExitStack() as staying:
        sockets = [staying.enter_context(dial(server)) for _ in range(30)]
        for one in sockets:
            one.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        waited_s = newcomer_s(server)
        answers = [one.makefile("rb").read() for one in sockets]
    assert all(answer.endswith(b"ok\n") for answer in answers)
    print(f"\n30 that stay: a newcomer waits {waited_s * 1000:.0f} ms; {honest.worst_ms:.0f} ms")
    assert waited_s < HANG_S


def test_half_a_request_holds_a_thread_for_seconds_and_chargers_that_are_there_not_at_all(
    server: Server,
) -> None:
    """As many of them as there are threads: newcomers wait until gunicorn.conf.py's SILENCE_S."""
    with honest_charger(server) as honest, contextlib.ExitStack() as halves:
        for _ in range(THREADS):
            half = halves.enter_context(dial(server))
            half.sendall(handshake(server, "half")[:60])
        waited_s, held = newcomer_s(server), load_of(server)
        wait_for(
            lambda: (
                server.log().count("[WARNING] A request was incomplete after 3 s without data")
                == THREADS
            )
        )
    print(
        f"\n{THREADS} halves of a request: {held}; a newcomer waits {waited_s:.1f} s;"
        f" worst {honest.worst_ms:.0f} ms"
    )
    assert waited_s < 20


def test_requests_that_dribble_do_not_reach_the_chargers_that_are_there(server: Server) -> None:
    """A byte now and then is no silence: newcomers wait, and nginx is what helps."""
    stopped = threading.Event()

    def dribble() -> None:
        with dial(server) as wire, contextlib.suppress(OSError):
            for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 10_000:
                wire.sendall(bytes([byte]))
                if stopped.wait(0.1):
                    return

    with honest_charger(server) as honest:
        dribbling = [threading.Thread(target=dribble, daemon=True) for _ in range(THREADS)]
        for one in dribbling:
            one.start()
        served = honest.answers
        ending = threading.Timer(1, stopped.set)
        ending.start()
        waited_s = newcomer_s(server)
        served = honest.answers - served
        for one in dribbling:
            one.join(20)
    print(
        f"\n{THREADS} that dribble for a second: a newcomer waits {waited_s:.1f} s, meanwhile"
        f" {served} answers to a charger that is there, worst {honest.worst_ms:.0f} ms"
    )
    assert waited_s < 20


IDLE = "SELECT id FROM charge_points WHERE id LIKE 'idle%' AND connected"


def test_of_500_idle_strangers_nothing_is_left_when_they_have_gone(server: Server) -> None:
    with honest_charger(server) as honest:
        newcomer_s(server)
        before = load_of(server)
        with contextlib.ExitStack() as idle:
            for number in range(500):
                idle.enter_context(upgraded(server, f"idle{number}"))
            held = load_of(server)
        wait_for(lambda: not server.home.query(IDLE))
        after = load_of(server)
    print(
        f"\n500 idle strangers: {before}, {held} with them, {after} after;"
        f" worst {honest.worst_ms:.0f} ms"
    )
    assert max(held.threads, after.threads) <= before.threads + 8
    assert after.mib - before.mib < GROWTH_MIB


# -- words that are meant for somebody else -------------------------------------------------------

HOSTILE = [
    *('"><script>', "../../etc/passwd", "a\r\n2026 Accepted", "'; DROP TABLE frame;", "$(id)"),
    *("\x1b[2J\x1b[31mred", "%s%n{0}", "=1+1", "\u202egnp.exe", "`id`;&&|", "a[$(id)]"),
]


def test_what_a_charger_calls_itself_and_its_cards_stays_text(server: Server) -> None:
    begin = len(server.log())
    for number, word in enumerate(HOSTILE):
        with connect(server.url(f"c{number}")) as charger:
            boot = {"chargePointModel": word[:20], "chargePointSerialNumber": word[:25]}
            ask(charger, "BootNotification", BOOT | boot)
            ask(charger, "Authorize", {"idTag": word[:20]})
            ask(charger, "DataTransfer", {"vendorId": word, "messageId": word, "data": word})
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "info": word}
            ask(charger, "StatusNotification", status)
            charge(charger, number, word)
            charger.send(f"{word} is no JSON")
            charger.send(json.dumps([9, word]))
            ask(charger, "Heartbeat", {})
    refused = handshake(server, "%0d%0a2026-01-01%20INFO%20forged%1b[2J")
    with dial(server) as stranger:
        stranger.sendall(refused)
        assert stranger.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert_kept_verbatim(server.home)
    assert_told_on_one_line_each(server.log()[begin:])
    assert_printed_without_controls(server.home)


def charge(charger: object, number: int, word: str) -> None:
    """A transaction with a hostile card and a hostile reason."""
    begin_wh = 1_000_000 * (number + 1)
    start = {"connectorId": 1, "idTag": word, "meterStart": begin_wh}
    sent = ask(charger, "StartTransaction", start | {"timestamp": "2026-10-01T05:00:00Z"})  # type: ignore[arg-type]
    stop = {"transactionId": sent["transactionId"], "meterStop": begin_wh + 1_000, "reason": word}
    ask(charger, "StopTransaction", stop | {"timestamp": "2026-10-01T07:00:00Z"})  # type: ignore[arg-type]
    stop["transactionId"] = word
    ask(charger, "StopTransaction", stop | {"timestamp": word})  # type: ignore[arg-type]


def assert_kept_verbatim(home: Home) -> None:
    """Assert that the views hold the sent texts verbatim, and that file names are digits."""
    told = home.query("SELECT model, serial FROM charge_points WHERE id LIKE 'c%'")
    assert sorted(told) == sorted((word[:20], word[:25]) for word in HOSTILE)
    cards = home.query(
        "SELECT id_tag, stop_reason FROM accounting WHERE review IS NULL"
        " AND charge_point_id LIKE 'c%'"
    )
    assert sorted(cards) == sorted((word, word) for word in HOSTILE)
    wait_for(lambda: not home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"))
    folder = home.folder / "accounting"
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert len(names) >= len(HOSTILE)
    for name in names:
        assert re.fullmatch(r"\d{4}/\d\d/\d+-[0-9a-f]{12}\.json", name), name


def assert_told_on_one_line_each(log: str) -> None:
    """No line that a charger has begun, and nothing in one that a terminal obeys."""
    assert "2026 Accepted" in log
    assert "forged" in log
    for line in log.split("\n")[:-1]:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} (INFO|WARNING) ", line), line
        assert controls(line) == [], line


def assert_printed_without_controls(home: Home) -> None:
    """Nor do the commands print such."""
    for command in ("charge-points", "review", "frames", "transactions", "calls"):
        said = home.run("shocpp", command)
        assert (said.returncode, said.stderr) == (0, "")
        assert controls(said.stdout.replace("\n", "")) == [], command


def test_a_charger_that_connects_hundreds_of_times_delays_nobody(server: Server) -> None:
    name = f"c{len(HOSTILE) - 1}"
    statuses = []
    with honest_charger(server):
        for _ in range(MOST_CONNECTIONS + 20):
            with dial(server) as wire:
                wire.sendall(handshake(server, name))
                statuses.append(int(wire.recv(1_000).split()[1]))
    assert statuses.count(429) >= 20
    assert set(statuses) == {101, 429}
    assert server.log().count(f"{name} has connected more than") == 1
