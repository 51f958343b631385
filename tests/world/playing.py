r"""Transcripts: whole conversations with a Charge Point, and three ways of playing them.

A transcript is a text file. It begins with its case in prose and goes on line by line; a line that
begins with a blank continues the one above it (and keeps its newline).

    # prose
    > TEXT             the Charge Point sends this text
    < TEXT             the Central System's next text is exactly this one: members in order, no
                       blanks. `*` stands for any characters but quotes.
    ! SQL => ROWS      a query on the views of db/views.sql and its rows: `["a",1] ["b",2]`, `none`.
                       The views hold only what belongs to the charger that speaks. `calls`
                       (action, state, confirmation, error_code) is our own Calls.
    ! files: N         so many accounting files has this charger
    ! summary YYYY MM: LINE    the month's Abrechnung has this line, blanks aside; no other
                       transcript uses this month
    reconnect          the charger's connection has gone (answers not yet read with it), here is a
                       new one
    reboot             the same after a restart of the charger: its message ids begin again
    closed CODE        the Central System hangs up (only a WebSocket shows the code); whatever the
                       charger sends next, it sends on a new connection
    tags: JSON         from now on tags.json is this
    chargers: JSON     from now on charge_points.json is this, its chargers by the names of `as`;
                       those that it does not list come in all the same
    call: ACTION JSON  somebody queues this Call to the charger
    as: NAME           the lines below are of another charger on its own connection; the first
                       one is called `charger`

`{{name}}` takes the number or quoted string that it meets first in a `<` line and stands for the
same afterwards, in `<` and `>`. `{{x*300}}` in a `>` line is 300 times x.

Every answer must be named: at the end a Heartbeat is sent, and what comes next must be its answer.
All transcripts are played into one database: an id that is to be unknown is used in no other one, a
card that may charge at one charger only is one transcript's own, and an account index never changes
its name.
"""

import contextlib
import json
import os
import re
import select
import sqlite3
import subprocess
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Claim, Connect, Connected, Disconnect, Receive
from shocpp.bookkeeping.posting import posting
from shocpp.central_system.conversations.conversation import connection_of
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.language.month import Month
from shocpp.ocpp.connection import Answered, Connection, Ignored, OtherVersion, Reported
from shocpp.reports import month as month_reports
from shocpp.reports.formats import chunks
from shocpp.reports.month import month_statement
from shocpp.store import calls
from shocpp.store.calls import QueuedCall
from shocpp.store.charge_points import connections
from shocpp.store.database import open_database
from shocpp.store.doorbells import ring
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate
from tests.world import launcher
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S, ROOT
from tests.world.server import Server

# -- the file -------------------------------------------------------------------------------------

KINDS = ("reconnect", "reboot", "closed", "tags:", "chargers:", "call:", "as:")


class Step(NamedTuple):
    """One line of a transcript with its continuations."""

    where: str
    kind: str
    text: str


def read_steps(path: Path) -> list[Step]:
    """The steps of a transcript; fails on a line that is none."""
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line or line.startswith("#"):
            continue
        if line[0] == " ":
            steps[-1] = steps[-1]._replace(text=f"{steps[-1].text}\n{line}")
            continue
        kind, _, text = line.partition(" ")
        assert kind in ("<", ">", "!", *KINDS), f"{where}: {kind!r} begins no line of a transcript"
        steps.append(Step(where, kind, text))
    return steps


def prose_of(path: Path) -> str:
    """Return the case that the head of a transcript describes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.lstrip("# ") for line in lines if line.startswith("#"))


_WILD = re.compile(r"(\*|\{\{\w+\}\})")


def pattern_of(expected: str, captured: dict[str, str]) -> re.Pattern[str]:
    """Return an expected text as a regular expression."""
    parts = []
    for part in _WILD.split(expected):
        if part == "*":
            parts.append('[^"]*')
        elif part.startswith("{{") and part.endswith("}}"):
            name = part[2:-2]
            known = captured.get(name)
            parts.append(rf'(?P<{name}>"[^"]*"|-?\d+)' if known is None else re.escape(known))
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts), re.DOTALL)


def filled(text: str, captured: dict[str, str]) -> str:
    """A text to send, with its notations carried out."""
    text = re.sub(r"\{\{(.+?)\*(\d+)\}\}", lambda long: long[1] * int(long[2]), text)
    return re.sub(r"\{\{(\w+)\}\}", lambda name: captured[name[1]], text)


# -- the play -------------------------------------------------------------------------------------


class HungUp(NamedTuple):
    """The Central System has closed the connection; None where the wire knows no codes."""

    code: int | None


class Wire(Protocol):
    """A charger's connection."""

    def send(self, text: str) -> None:
        """Send a text."""

    def receive(self) -> str | HungUp | None:
        """The next text; None when there is none in time."""

    def close(self) -> None:
        """Go away; what was sent before takes effect before the next connection's first text."""


class Play:
    """A transcript being played in a home, over the wires that `dial` makes."""

    def __init__(
        self,
        path: Path,
        home: Home,
        dial: Callable[[str], Wire],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._path = path
        self._patience_s = patience_s
        self._home = home
        self._dial = dial
        self._wires: dict[str, Wire] = {}
        self._captured: dict[str, str] = {}
        self._as = "charger"

    def run(self) -> None:
        """Play it to its end; an AssertionError names the line that did not come true."""
        set_tags(self._home, (ROOT / "conf" / "tags.json.example").read_text())
        if self._home.charge_points_file.exists():
            self._set_chargers("{}")
        do: dict[str, Callable[[str], None]] = {
            ">": self._send,
            "<": self._expect,
            "!": self._check,
            "reconnect": self._reconnect,
            "reboot": self._reconnect,
            "closed": self._expect_closed,
            "tags:": lambda text: set_tags(self._home, text),
            "chargers:": self._set_chargers,
            "call:": self._queue_call,
            "as:": self._speak_as,
        }
        with contextlib.ExitStack() as after:
            after.callback(self._hang_up)
            for where, kind, text in read_steps(self._path):
                try:
                    do[kind](text)
                except AssertionError as error:
                    raise AssertionError(f"{where}: {error}") from None
            self._expect_silence()

    @property
    def _identity(self) -> str:
        return self._identity_of(self._as)

    def _identity_of(self, name: str) -> str:
        return f"{self._path.stem}.{name}"

    def _set_chargers(self, text: str) -> None:
        listed = {self._identity_of(name): entry for name, entry in json.loads(text).items()}
        open_to_all = {"*": {"auth": "none"}}
        replace_file(self._home.charge_points_file, json.dumps(open_to_all | listed))

    def _wire(self) -> Wire:
        if self._as not in self._wires:
            self._wires[self._as] = self._dial(self._identity)
        return self._wires[self._as]

    def _speak_as(self, name: str) -> None:
        self._as = name

    def _send(self, text: str) -> None:
        self._wire().send(filled(text, self._captured))

    def _expect(self, expected: str) -> None:
        got = self._wire().receive()
        match = isinstance(got, str) and pattern_of(expected, self._captured).fullmatch(got)
        assert match, f"\n  expected {expected}\n  got      {got or 'silence'}"
        self._captured |= match.groupdict()

    def _expect_closed(self, code: str) -> None:
        got = self._wire().receive()
        assert isinstance(got, HungUp), f"expected to be hung up on, got {got or 'silence'}"
        assert got.code in (None, int(code)), f"expected the code {code}, got {got.code}"
        self._wires.pop(self._as).close()

    def _expect_silence(self) -> None:
        for name, wire in self._wires.items():
            wire.send('[2,"the end","Heartbeat",{}]')
            got = wire.receive()
            assert str(got).startswith('[3,"the end",'), f"{name} got an answer too many: {got}"

    def _reconnect(self, _: str) -> None:
        self._wires.pop(self._as).close()
        self._wire()

    def _hang_up(self) -> None:
        for wire in self._wires.values():
            wire.close()

    def _queue_call(self, text: str) -> None:
        action, payload = text.split(" ", 1)
        queue_call(self._home, self._identity, action, payload)

    def _check(self, fact: str) -> None:
        """Facts may lag behind the answers a little: record files do, and frames without one."""
        found, expected, holds = self._fact(fact)
        deadline = time.monotonic() + self._patience_s
        while not holds(now := found()):
            assert time.monotonic() < deadline, f"\n  expected {expected}\n  found    {now}"
            time.sleep(0.01)

    def _fact(self, fact: str) -> tuple[Callable[[], str], str, Callable[[str], object]]:
        """Return the query, the expected values, and the comparison of a fact line."""
        if fact.startswith("files: "):
            return self._count_files, fact[7:], fact[7:].__eq__
        if fact.startswith("summary "):
            line = " ".join(fact[17:].split())
            month = Month.parse(fact[8:15].replace(" ", "-"))
            return lambda: self._summary(month), line, lambda text: line in text.split("\n")
        sql, _, rows = (filled(fact, self._captured)).rpartition(" => ")
        expected = "none" if rows == "none" else "\n".join(_compact_rows(rows))
        pattern = pattern_of(expected, {})
        return lambda: self._query(sql), expected, pattern.fullmatch

    def _query(self, sql: str) -> str:
        with contextlib.closing(sqlite3.connect(self._home.database, timeout=10)) as db:
            for statement in _views_of(self._identity):
                db.execute(statement)
            rows = db.execute(sql).fetchall()
        return "\n".join(_compact(row) for row in rows) or "none"

    def _count_files(self) -> str:
        records = [json.loads(file.read_text()) for file in self._home.record_files()]
        return str([record["charge_point_id"] for record in records].count(self._identity))

    def _summary(self, month: Month) -> str:
        with open_database(self._home.database) as db:
            readable = month_reports.Books(db, self._home.settings)
            statement = month_statement(readable, month)
            text = b"".join(chunks(readable, statement, "text", "de")).decode()
        return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _compact_rows(rows: str) -> Iterator[str]:
    decode, at = json.JSONDecoder().raw_decode, 0
    while at < len(rows):
        row, at = decode(rows, at)
        yield _compact(row)
        at += len(rows[at:]) - len(rows[at:].lstrip())


def _views_of(identity: str) -> Iterator[str]:
    """The views, for this connection only, with nothing in them but one charger's rows."""
    for view in (
        "accounting",
        "open_transactions",
        "connectors",
        "meter_values",
        "signed_values",
        "review",
        "gaps",
    ):
        yield (
            f"CREATE TEMP VIEW {view} AS"
            f" SELECT * FROM main.{view} WHERE charge_point_id = '{identity}'"
        )
    yield (
        "CREATE TEMP VIEW charge_points AS"
        f" SELECT * FROM main.charge_points WHERE id = '{identity}'"
    )
    yield (
        "CREATE TEMP VIEW calls AS SELECT action, state, confirmation, error_code FROM main.call"
        " JOIN main.charge_point ON charge_point.id = charge_point"
        f" WHERE charge_point_id = '{identity}' ORDER BY call.id"
    )


def set_tags(home: Home, text: str) -> None:
    """Save tags.json as a careful editor does."""
    replace_file(home.tags_file, text)


def replace_file(path: Path, text: str) -> None:
    """Write a file whole, so that nobody reads a half of it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def queue_call(home: Home, identity: str, action: str, payload: str) -> None:
    """Queue a Call as any process may, and ring for the worker that holds the charger."""
    now = _now_ms()
    call = QueuedCall(str(uuid.uuid4()), identity, action, payload, now + 60_000)
    with open_database(home.database) as db:
        with db.writing(keys=EVERYTHING):
            calls.queue(db, call, "", now, asked_by="a test", canned=None)
        holder = connections.holder(db, identity)
    if holder is not None:
        ring(holder[1])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# -- the pure connection --------------------------------------------------------------------------


class Books:
    """The connection's facts written down in the same thread: no loop, no socket, real SQLite."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._settings = home.settings
        migrate(self._settings.database, _now_ms())
        self.db = open_database(self._settings.database)
        self._files = RecordFiles(self._settings.accounting_folder)
        tags = TagsFile(self._settings.tags_file)
        self._chargers = AllowlistFile(self._settings.charge_points_file)
        self.bookkeeping = Bookkeeping(
            self.db, tags, posting(self.db, self._settings), "the only worker", self._chargers
        )

    def dial(self, identity: str) -> "PureWire":
        """A charger's connection."""
        entry = self._chargers.allowlist().entry(identity)
        assert entry is not None, f"{identity} may not connect"
        return PureWire(self, identity, connection_of(entry, self._settings.heartbeat_s))

    def export(self) -> None:
        """Write the record files that are missing."""
        self._files.export(self.db, _now_ms())


class PureWire:
    """Plays the switchboard: one frame after the other."""

    def __init__(self, books: Books, identity: str, connection: Connection) -> None:
        self._books = books
        self._identity = identity
        self._connection = connection
        self._token = uuid.uuid4().hex
        self._texts: deque[str | HungUp] = deque()
        connected = self._write(Connect(self._token, identity, "here", fallback_id=None))
        if isinstance(connected, Connected) and not connected.needs_boot:
            self._connection.return_at(_now_ms())

    def _write(self, job: Connect | Disconnect | Receive | Claim) -> str | bool | Connected | None:
        (result,) = self._books.bookkeeping.write([job], _now_ms())
        return cast(str | bool | Connected | None, result)

    def send(self, text: str) -> None:
        """Take the text in, write its fact, answer."""
        event = self._connection.receive(text, _now_ms())
        if isinstance(event, OtherVersion):
            self._texts.append(HungUp(1002))
            return
        answer = self._write(Receive(self._token, self._identity, text, _now_ms(), event))
        if isinstance(event, Reported):
            assert isinstance(answer, str), f"not written: {answer}"
            self._connection.confirmed(event, text, answer)
            self._texts.append(answer)
        elif isinstance(event, Answered):
            self._texts.append(event.text)
        if isinstance(event, Ignored) and event.hang_up:
            self._texts.append(HungUp(1002))
        self._books.export()

    def receive(self) -> str | HungUp | None:
        """The oldest answer, else a Call that waits."""
        if not self._texts:
            self._place_calls()
        return self._texts.popleft() if self._texts else None

    def _place_calls(self) -> None:
        for call in self._books.bookkeeping.poll(_now_ms(), rung=True, watching=False).calls:
            if call.charge_point_id != self._identity or not self._connection.may_place(_now_ms()):
                continue
            payload = self._write(Claim(self._token, call))
            if isinstance(payload, str):
                text = self._connection.place(call.call_id, call.action, payload, _now_ms())
                self._texts.append(text)

    def close(self) -> None:
        """Forget the connection."""
        self._write(Disconnect(self._token))


# -- stdin and stdout -----------------------------------------------------------------------------


class StdioWire:
    """A `shocpp-backend` of one charger."""

    def __init__(self, home: Home, identity: str) -> None:
        with open(home.folder / "log", "ab") as log:
            self._process = launcher.start(
                [BIN / "shocpp-backend", "--charge-point", identity],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=home.environment,
                bufsize=0,
            )
        self._received = b""

    def send(self, text: str) -> None:
        """Write the text and a newline."""
        assert self._process.stdin is not None
        waiting = text.encode() + b"\n"
        while waiting:
            waiting = waiting[self._process.stdin.write(waiting) :]

    def receive(self) -> str | HungUp | None:
        """The next line."""
        assert self._process.stdout is not None
        while b"\n" not in self._received:
            if not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
                return None
            received = os.read(self._process.stdout.fileno(), 65_536)
            if not received:
                return HungUp(None)
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        return line.decode()

    def close(self) -> None:
        """End the input; the process writes and answers what it has, then ends well."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.stdout.close()
        assert self._process.wait(PATIENCE_S) == 0, "shocpp-backend has failed"


# -- WebSocket ------------------------------------------------------------------------------------


class WebSocketWire:
    """A real client of a real server."""

    def __init__(self, server: Server, identity: str) -> None:
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(
            connect(server.url(identity), subprotocols=[Subprotocol("ocpp1.6")], compression=None)
        )

    def send(self, text: str) -> None:
        """Send the text as one message."""
        self._socket.send(text)

    def receive(self) -> str | HungUp | None:
        """The next message."""
        try:
            received = self._socket.recv(PATIENCE_S)
        except TimeoutError:
            return None
        except ConnectionClosed:
            return HungUp(self._socket.close_code)
        assert isinstance(received, str), "a binary message"
        return received

    def close(self) -> None:
        """Close the connection."""
        self._open.close()
