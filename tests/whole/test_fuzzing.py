"""Mutated frames: each is answered as OCPP-J wants or ignored, and the books stay whole.

`make fuzz` plays a million of them through the connection, a hundred thousand through conversation
and books, and ten thousand through real sockets. A failure names the seed and the frame;
`SHOCPP_FUZZ_SEED` plays the same ones again.
"""

import contextlib
import logging
import os
import random
import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from shocpp.admission.decision import Admitted
from shocpp.bookkeeping.jobs import Claim, Connect, Disconnect, Failed, Job
from shocpp.central_system.conversations.answers import Slot
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.conversations.daily_shares import DailyShares
from shocpp.configuration.charge_points import OPEN_TO_ALL
from shocpp.interfaces.server.logs import OneLine
from shocpp.metrics.counters import Counters
from shocpp.ocpp.actions import ACTIONS
from shocpp.ocpp.connection import Answered, Connection, OtherVersion, Reported
from shocpp.ocpp.frames import result_text
from shocpp.store import calls
from shocpp.store.calls import QueuedCall
from shocpp.store.keys import EVERYTHING
from tests.interfaces.websocket.test_frames import (
    MIB,
    by_wsproto,
    charger_close,
    charger_frame,
    charger_text,
    fragments,
)
from tests.ocpp.test_quick_reader import assert_read_alike
from tests.world.faults import connect
from tests.world.floods import honest_charger, load_of, rest_of, upgraded
from tests.world.fuzzing import (
    CALLS,
    OUR_CALL,
    Mutator,
    Wanted,
    controls,
    hostile_calls,
    is_hopeless,
    wanted,
)
from tests.world.home import Home
from tests.world.odd_readings import OddReadings
from tests.world.playing import Books
from tests.world.server import Server

FRAMES = int(os.environ.get("SHOCPP_FUZZ") or 20_000)
IN_THE_BOOKS = FRAMES // 10
OVER_SOCKETS = min(FRAMES // 20, 10_000)
# In CI the same ones each time, as Hypothesis does: what chance finds there nobody could repeat.
CHANCE = 0 if "CI" in os.environ else random.randrange(1_000_000)
SEED = int(os.environ.get("SHOCPP_FUZZ_SEED") or CHANCE)
AT_ONCE = 100
FRAMES_A_CHARGER = 1_000
AUTUMN_MS = 1_790_830_000_000
"""When the transcripts play: in October 2026."""


def memory_mib() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """The log as the server writes it; pytest would keep it all in memory."""
    logger, writer = logging.getLogger("shocpp"), logging.FileHandler(path)
    writer.setFormatter(OneLine("%(levelname)s %(message)s"))
    logger.addHandler(writer)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(writer)
        writer.close()


class Wire:
    """A transport of a conversation: it keeps the sent texts in a list."""

    def __init__(self) -> None:
        self.remote = "192.0.2.1:1"
        self.ended: str | None = None
        self.violation: int | None = None
        self.takes_answers = False
        self.backlog = 0
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        """Take a text."""
        self.sent.append(text)


class FuzzedBooks:
    """The books of a town whose chargers say anything."""

    def __init__(self, home: Home) -> None:
        self.books = Books(home)
        self.now_ms = AUTUMN_MS
        self.answers = self.calls_answered = 0
        self._calls = 0

    def write(self, jobs: Sequence[Job]) -> list[Any]:
        """Write the jobs of one tick and return their results."""
        return self.books.bookkeeping.write(list(jobs), self.now_ms)

    def queue(self, name: str) -> QueuedCall:
        """A Call that waits for a charger."""
        self._calls += 1
        deadline_ms = self.now_ms + 60_000
        call = QueuedCall(f"{OUR_CALL}{self._calls}", name, "GetConfiguration", "{}", deadline_ms)
        with self.books.db.writing(keys=EVERYTHING, durable=False):
            calls.queue(self.books.db, call, "", self.now_ms, asked_by="a test", canned=None)
        return call


class FuzzingCharger:
    """A charger that says anything: its conversation, and the answers that it is owed."""

    def __init__(self, books_under_test: FuzzedBooks, name: str) -> None:
        self.name = name
        self._town = books_under_test
        self._owed: list[tuple[str, Wanted]] = []
        self._waiting: list[tuple[Job, Slot | None]] = []
        self._connect()

    def _connect(self) -> None:
        self._wire = Wire()
        admitted = Admitted(self.name, OPEN_TO_ALL)
        shares = DailyShares(2**60)
        self._conversation = Conversation(self._wire, admitted, 55, Counters(), shares)  # type: ignore[arg-type]
        self._conversation.identify(self.name)
        self._conversation.connection.booted = True
        self._town.write([Connect(self._conversation.token, self.name, self._wire.remote, None)])

    def leave(self) -> None:
        """Go away."""
        self._town.write([Disconnect(self._conversation.token)])

    def say(self, texts: Sequence[str]) -> None:
        """Send some texts at once, and look at the answers."""
        call_id = self._take_call()
        for text in texts:
            self._say_one(text.replace(OUR_CALL, call_id))
        self._settle()

    def _say_one(self, text: str) -> None:
        self._town.now_ms += 10
        here = self._conversation
        turn = here.receive(text, self._town.now_ms, 0.0)
        if owed := wanted(text):
            self._owed.append((text, owed))
        if turn.job is not None:
            self._waiting.append((turn.job, turn.slot))
        if turn.close is not None:
            self._settle()
            self.leave()
            self._connect()

    def _take_call(self) -> str:
        """Have a Call of ours outstanding, so that answers to it can come mutated."""
        here = self._conversation.connection
        if here.outstanding is None:
            call = self._town.queue(self.name)
            assert self._town.write([Claim(self._conversation.token, call)]) == [call.payload]
            here.place(call.call_id, call.action, call.payload, AUTUMN_MS)
        assert here.outstanding is not None
        return here.outstanding

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        results = self._town.write([job for job, _ in waiting])
        for (job, slot), result in zip(waiting, results, strict=True):
            assert not isinstance(result, Failed), f"{result.reason}: {job!r}"
            if slot is not None:
                self._conversation.answer(slot, result, 0.0)
        assert_answered(self._owed, self._wire.sent)
        self._town.answers += len(self._wire.sent)
        self._owed.clear()
        self._wire.sent.clear()


def assert_answered(owed: Sequence[tuple[str, Wanted]], answers: Sequence[str]) -> None:
    """All that is owed is answered, in order; what is not sure to be readable may be passed over.

    `places` are where the next answer may belong: ids come again, so there may be several.
    """
    places = {0}
    for answer in answers:
        trouble = "an answer too many"
        after = set()
        for place in places:
            for position in range(place, len(owed)):
                text, answered = owed[position]
                if (wrong := answered.trouble_with(answer)) is None:
                    after.add(position + 1)
                if answered.is_sure:
                    trouble = (wrong and f"{wrong}; the next one is owed to {text!r}") or trouble
                    break
        assert after, f"{trouble}: {answer!r}"
        places = after
    unanswered = [text for text, left in owed[max(places) :] if left.is_sure]
    assert unanswered == [], "not answered"


# -- the conversation and the books ---------------------------------------------------------------


@pytest.mark.timeout(60 + FRAMES // 200)
def test_every_mutated_frame_is_answered_as_it_should_be_and_the_books_stay_whole(
    home: Home, tmp_path: Path
) -> None:
    print(f"\nSHOCPP_FUZZ_SEED={SEED}")
    with logged(tmp_path / "log"):
        held, answers = play(home)
    assert answers > IN_THE_BOOKS / 4
    assert held[-1] - held[len(held) // 2] < 16
    assert_the_books_are_whole(home)
    assert home.query("SELECT count(*) > 0 FROM call WHERE state IN ('answered', 'refused')") == [
        (1,)
    ]
    assert_people_can_still_read_them(home)
    assert_each_line_is_one_event(tmp_path / "log")


def play(home: Home) -> tuple[list[float], int]:
    """Have chargers say it all; the memory held on the way, and the number of answers."""
    books_under_test, mutator = FuzzedBooks(home), Mutator(SEED)
    begun, held = time.monotonic(), [memory_mib()]
    for begin in range(0, IN_THE_BOOKS, FRAMES_A_CHARGER):
        charger = FuzzingCharger(books_under_test, f"c{begin // FRAMES_A_CHARGER}")
        for _ in range(0, FRAMES_A_CHARGER, AT_ONCE):
            charger.say([mutator.frame() for _ in range(AT_ONCE)])
        charger.leave()
        held.append(memory_mib())
    books_under_test.books.db.close()
    tell("the books", mutator.number / (time.monotonic() - begun), books_under_test.answers, held)
    return held, books_under_test.answers


def tell(what: str, frames_a_second: float, answers: int, held: list[float]) -> None:
    """The figures of a run."""
    print(
        f"fuzzing {what}: {frames_a_second:.0f} frames/s, {answers} answers; RSS {held[0]:.0f},"
        f" {held[len(held) // 2]:.0f}, {held[-1]:.0f} MiB: begin, middle, end"
    )


def assert_each_line_is_one_event(log_file: Path) -> None:
    """No mistake of ours, no line that a charger has begun."""
    with open(log_file, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            assert line.startswith(("INFO ", "WARNING ")), line
            assert line[:-1].isprintable(), line


def assert_the_books_are_whole(home: Home) -> None:
    """No page is damaged, no column holds what is not its type, and every sum is right."""
    assert home.query("PRAGMA integrity_check") == [("ok",)]
    assert home.query("PRAGMA foreign_key_check") == []
    for table, column, told in home.query(
        "SELECT tables.name, columns.name, lower(columns.type) FROM pragma_table_list AS tables"
        " JOIN pragma_table_info(tables.name) AS columns"
        " WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'"
    ):
        is_verbatim = column in ("text", "frame_text")
        wrong = f"typeof({column}) NOT IN ('null', '{told}')"
        wrong += "" if is_verbatim else f" OR instr({column}, char(0))"
        assert home.query(f"SELECT {column} FROM {table} WHERE {wrong} LIMIT 1") == [], column
    for (view,) in home.query("SELECT name FROM sqlite_schema WHERE type = 'view'"):
        home.query(f"SELECT count(*), * FROM {view}")
    assert (
        home.query(
            "SELECT * FROM audit WHERE NOT restarts AND meter_wh <>"
            " booked_wh + unassigned_wh + under_review_wh + gap_wh - overlap_wh"
        )
        == []
    )
    assert home.query("SELECT sum(wh) FROM monthly_consumption") == home.query(
        "SELECT sum(consumed_wh) FROM accounting WHERE review IS NULL"
    )


def assert_people_can_still_read_them(home: Home) -> None:
    """The commands that look at the books do, without a control character in what they print."""
    for command in (
        ("shocpp-summary", "2026", "10"),
        ("shocpp-summary", "--year", "2026"),
        ("shocpp", "review"),
        ("shocpp", "charge-points"),
        ("shocpp", "frames", "-n", "500"),
    ):
        said = home.run(*command)
        assert (said.returncode, said.stderr) == (0, ""), (command, said.stderr)
        assert controls(said.stdout.replace("\n", "")) == [], command


# -- the connection alone -------------------------------------------------------------------------


def test_there_is_a_call_of_every_action_to_mutate() -> None:
    assert sorted(CALLS) == sorted(ACTIONS)


def test_the_same_seed_makes_the_same_frames() -> None:
    one, other = Mutator(SEED), Mutator(SEED)
    assert [one.frame() for _ in range(200)] == [other.frame() for _ in range(200)]


def say(connection: Connection, text: str) -> bool:
    """Have a text received, and look at the answer, if there is one."""
    event, owed = connection.receive(text, AUTUMN_MS), wanted(text)
    if isinstance(event, OtherVersion):
        return False
    if not isinstance(event, Reported | Answered):
        assert owed is None or not owed.is_sure, f"not answered: {text!r}"
        return False
    if isinstance(event, Reported):
        answer = result_text(event.unique_id, event.confirmation or {})
        connection.confirmed(event, text, answer)
    else:
        answer = event.text
    assert owed is not None, f"answered: {text!r}"
    assert_answered([(text, owed)], [answer])
    return True


@pytest.mark.timeout(60 + FRAMES // 1_000)
def test_every_mutated_frame_means_something_or_nothing() -> None:
    print(f"\nSHOCPP_FUZZ_SEED={SEED}")
    mutator, answers, held = Mutator(SEED), 0, [memory_mib()]
    begun = time.monotonic()
    for number in range(FRAMES):
        if number % FRAMES_A_CHARGER == 0:
            connection = Connection(55)
            held.append(memory_mib())
        if connection.outstanding is None:
            connection.place(OUR_CALL, "ClearCache", "{}", AUTUMN_MS)
        answers += say(connection, mutator.frame())
    held.append(memory_mib())
    tell("the connection", FRAMES / (time.monotonic() - begun), answers, held)
    assert answers > FRAMES / 4
    assert held[-1] - held[len(held) // 2] < 16


@pytest.mark.timeout(60 + FRAMES // 500)
def test_both_readers_read_every_mutated_frame_alike() -> None:
    print(f"\nSHOCPP_FUZZ_SEED={SEED}")
    mutator, odd_readings = Mutator(SEED), OddReadings(SEED)
    plain = 0
    for _ in range(FRAMES // 4):
        assert_read_alike(mutator.frame())
        plain += assert_read_alike(odd_readings.text())
    print(f"both readers: {FRAMES // 4 * 2} texts, {plain} of them plain MeterValues")
    assert plain > FRAMES // 40


@settings(max_examples=30)
@given(hostile_calls())
def test_a_call_with_any_members_is_answered(text: str) -> None:
    say(Connection(55), text)


# -- real sockets ---------------------------------------------------------------------------------

CHARGERS = 4
A_BATCH = 20


class MadCharger(threading.Thread):
    """Says what a mutator makes, and looks at the answers; `failure` is what was wrong with them.

    It takes a breath after two texts that may pass for garbage: three would end the connection.
    """

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(name=f"mad{number}", daemon=True)
        self.failure: BaseException | None = None
        self.answers = 0
        self._mutator = Mutator(SEED + number)
        self._url = server.url(self.name)
        self._owed: list[tuple[str, Wanted]] = []
        self._garbage = 0

    def run(self) -> None:
        """Say it all."""
        try:
            with connect(self._url, compression=None, max_size=None) as wire:
                for _ in range(0, OVER_SOCKETS // CHARGERS, A_BATCH):
                    self._talk(wire)
        except (AssertionError, OSError, TimeoutError, WebSocketException) as failure:
            self.failure = failure

    def _talk(self, wire: ClientConnection) -> None:
        for _ in range(A_BATCH):
            text = self._mutator.frame()
            if len(text.encode()) < MIB:
                self._garbage = self._garbage + 1 if is_hopeless(text) else 0
                self._say(wire, text)
            if self._garbage == 2:
                self._garbage = 0
                self._say(wire, BREATH)
        self._say(wire, BREATH)
        self._say(wire, THE_END)
        answers = [str(wire.recv(20))]
        while not answers[-1].startswith('[3,"the end",'):
            answers.append(str(wire.recv(20)))
        assert_answered(self._owed, answers)
        self.answers += len(answers)
        self._owed.clear()

    def _say(self, wire: ClientConnection, text: str) -> None:
        wire.send(text)
        if owed := wanted(text):
            self._owed.append((text, owed))


BREATH, THE_END = '[2,"breath","Heartbeat",{}]', '[2,"the end","Heartbeat",{}]'


def spoiled_frames(dice: random.Random) -> bytes:
    """Return frames with invalid bits, lengths and endings, to send after valid ones."""
    sent = b"".join(charger_text(BREATH) for _ in range(dice.randrange(3)))
    payload = dice.choice((b"", b"x", b"\xff", b"\x03\xe8", b"\x00", b"\xe2\x82", b"x" * 126))
    kind = dice.randrange(6)
    if kind == 0:
        return sent + charger_close(
            dice.choice((0, 999, 1000, 1004, 1005, 1015, 2999, 4999, 65535))
        )
    if kind == 1:
        length = dice.choice((2**63, 2**63 - 1, 2**64 - 1, 2**32, 2**31, 126))
        return sent + bytes([0x80 | dice.randrange(16), 0xFF]) + length.to_bytes(8, "big") + b"abcd"
    if kind == 2:
        return sent + dice.randbytes(dice.randrange(2, 40))
    if kind == 3:
        first, *others = fragments(*[b"x"] * dice.randrange(2, 6))
        dice.shuffle(others)
        return sent + first + charger_frame(dice.choice((9, 10, 0, 1)), payload) + b"".join(others)
    whole = charger_frame(
        dice.randrange(16),
        payload,
        fin=dice.random() < 0.7,
        rsv=dice.choice((0, 0, 1, 2, 4, 7)),
        mask=dice.choice((None, b"abcd", b"abcd")),
        wide=dice.choice((None, None, 2, 8)) if len(payload) < 126 else None,
    )
    return sent + (whole if kind == 4 else whole[: dice.randrange(len(whole))])


def assert_closed_as_wsproto_would(server: Server, sent: bytes) -> None:
    """Assert that earlier frames are answered and that the Close names the violation."""
    messages, code = by_wsproto(sent)
    with upgraded(server, "spoiled") as wire:
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
        answers, told = rest_of(wire)
    assert len(answers) <= messages.count(BREATH), sent
    if code is not None:
        assert told == code, f"closed {told}, not {code}: {sent!r}"
        assert len(answers) == messages.count(BREATH), sent


@pytest.mark.timeout(60 + OVER_SOCKETS // 20)
def test_over_real_sockets_nothing_that_is_sent_troubles_the_server_or_an_honest_charger(
    server: Server,
) -> None:
    print(f"\nSHOCPP_FUZZ_SEED={SEED}")
    workers, dice = server.workers(), random.Random(SEED)
    books_under_test = [MadCharger(server, number) for number in range(CHARGERS)]
    with honest_charger(server) as honest:
        begun, before = time.monotonic(), load_of(server)
        for charger in books_under_test:
            charger.start()
        for _ in range(OVER_SOCKETS // 10):
            assert_closed_as_wsproto_would(server, spoiled_frames(dice))
        for charger in books_under_test:
            charger.join(20 + OVER_SOCKETS / 20)
            assert not charger.is_alive(), "it still waits for an answer"
            if charger.failure is not None:
                raise charger.failure
        took, after = time.monotonic() - begun, load_of(server)
    print(
        f"fuzzing sockets: {OVER_SOCKETS} frames and {OVER_SOCKETS // 10} spoiled connections in"
        f" {took:.1f} s; {before}, {after} after; {honest.answers} honest answers, worst"
        f" {honest.worst_ms:.0f} ms"
    )
    assert sum(charger.answers for charger in books_under_test) > OVER_SOCKETS / 4
    assert after.mib - before.mib < 64
    assert (server.workers(), after.threads) == (workers, max(before.threads, after.threads))
    assert "Traceback" not in server.log()
    assert "ERROR" not in server.log()
