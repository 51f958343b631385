"""The output of commands: no text of a charger, a file or a person controls a terminal."""

import csv
import io
import json
import re
import shlex
import socket
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.texts import UNSAFE as OBEYED
from shocpp.texts import controls_to_blanks, without_controls
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.terminal import run_in_terminal
from tests.world.visits import EVENING, MORNING, NOON, say, start, stop, values

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
POISON = f"\x1b[2J\x9b31m\x07\x08\r\x7f\x85{BIDIRECTIONAL}\u2028\u2029\n\t'\"\\"
UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{BIDIRECTIONAL}\u2028\u2029]")

POISONED = {
    "account": "account",
    "accounting_record": "account id_tag stop_reason decided_by decided_why",
    "call": "payload confirmation error_code error_description asked_by",
    "charge_point": "serial vendor model firmware meter_serial",
    "closed_month": "closed_by",
    "configuration_value": "value set_value",
    "connector": "status error_code info vendor_id vendor_error_code",
    "frame": "text answer",
    "price": "note",
    "refused_attempt": "charge_point_id address told",
    "started_transaction": "id_tag account assigned_by",
    "status_event": "status info vendor_id vendor_error_code",
}
"""Columns to which POISON is added, also where only an older version could have stored it."""

LISTS = (
    *("review", "review list --json", "transactions", "transactions --json", "frames -n 500"),
    *("frames -n 500 --json", "calls", "calls --json", "charge-points", "charge-points --json"),
    *("charge-points --refused", "charge-points --refused --json", "check", "check --json"),
    *("verify", "verify --json", "sessions", "sessions --json", "tariffs check"),
    *("tariffs check --json", "tariffs apply --yes", "transactions --signed 1", "migrate"),
)
DECISIONS = (
    *("review assign 2 --account nine --why", "review dismiss 3 --yes --why"),
    *("review correct 1 --wh 5 --yes --why", "charge-points add", "tags learn -t 1 --account"),
    *("import", "caller", "command -c x Reset", "calls x", "sessions --account", "x"),
)
"""Commands whose last argument is POISON."""


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with cases to decide on, and with control characters in all texts."""
    home = Home(tmp_path_factory.mktemp("books") / "home")
    assert home.run("shocpp", "migrate").returncode == 0
    boot = {"chargePointVendor": POISON, "chargePointModel": POISON, "firmwareVersion": POISON}
    status = {"connectorId": 1, "errorCode": POISON, "status": POISON, "info": POISON}
    sample = {"value": POISON, "format": "SignedData", "context": POISON}
    signed = {"timestamp": MORNING, "sampledValue": [sample]}
    say(
        home,
        *(("BootNotification", boot), ("StatusNotification", status), ("Heartbeat", {"a": POISON})),
        ("DataTransfer", {"vendorId": POISON, "messageId": POISON, "data": POISON}),
        start(1_000, MORNING),
        ("MeterValues", {"connectorId": 1, "transactionId": 20_000_001, "meterValue": [signed]}),
        stop(21_000, NOON),
        *(start(21_000, EVENING, POISON), stop(25_000, "2026-10-02T05:00:00Z")),
        *(start(25_000, "2026-10-03T05:00:00Z", "1111"), stop(325_000, "2026-10-05T05:00:00Z")),
        *(start(325_000, "2026-11-01T05:00:00Z"), values(331_000, NOON, 20000325)),
    )
    # The names of the accounts of the books are others from here on.
    home.tags_file.write_text('[{"index": 9, "account": "nine", "ids": ["9999"]}]')
    with closing(sqlite3.connect(home.database)) as db, db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in (made := triggers.fetchall()):
            db.execute(f"DROP TRIGGER {name}")
        db.execute("INSERT INTO refused_attempt VALUES ('x', 'y', 'Origin', 'z', 1, 1, 1)")
        db.execute(
            "INSERT INTO call (call_id, charge_point, action, payload, state, queued_ms,"
            " deadline_ms, asked_by) VALUES ('a', 1, 'Reset', '{}', 'expired', 1, 1, 'x')"
        )
        for table, columns in POISONED.items():
            for column in columns.split():
                db.execute(f"UPDATE {table} SET {column} = {column} || ?", [POISON])
        for _, sql in made:
            db.execute(sql)
    return home


def all_unsafe(output: str) -> set[str]:
    """Return the characters of an output that control a terminal."""
    return set(UNSAFE.findall(output.replace("\r\n", "\n")))


# --- the functions ---


@given(st.text())
def test_a_text_without_controls_is_the_same_json(text: str) -> None:
    raw = json.dumps([text, {text: 1}], ensure_ascii=False)
    safe = without_controls(raw)
    assert json.loads(safe) == json.loads(raw)
    assert not all_unsafe(safe)
    safe.encode()


@given(st.text())
def test_controls_become_blanks_or_escapes_and_nothing_else_changes(text: str) -> None:
    blank, escaped = controls_to_blanks(text), without_controls(text)
    assert len(blank) == len(text)
    assert not all_unsafe(blank + escaped)
    assert "\n" not in blank
    if not all_unsafe(text.replace("\n", "\x00")) and text.isprintable():
        assert blank == escaped == text


@given(st.characters())
def test_each_character_is_escaped_unless_it_is_safe(character: str) -> None:
    is_safe = character in "\n\t" or not re.match(f"[\x00-\x1f{OBEYED}]", character)
    assert (without_controls(character) == character) == is_safe


# --- the commands ---


@pytest.mark.parametrize("command", LISTS)
def test_a_list_does_not_control_a_terminal(books: Home, command: str) -> None:
    in_terminal = run_in_terminal(books, "shocpp", *shlex.split(command))
    piped = books.run("shocpp", *shlex.split(command))
    assert "Traceback" not in in_terminal.output + piped.stderr
    assert not all_unsafe(in_terminal.output)
    assert not all_unsafe(piped.stdout + piped.stderr)
    if command.endswith("--json") and "frames" not in command:
        json.loads(piped.stdout)


@pytest.mark.parametrize("command", DECISIONS)
def test_an_argument_does_not_control_a_terminal(books: Home, command: str) -> None:
    session = run_in_terminal(books, "shocpp", *shlex.split(command), POISON, answers="y\n")
    assert "Traceback" not in session.output
    assert not all_unsafe(session.output)


@pytest.mark.parametrize("script", ["backend", "caller", "command", "listener", "summary"])
def test_an_argument_of_a_script_does_not_control_a_terminal(books: Home, script: str) -> None:
    session = run_in_terminal(books, f"shocpp-{script}", "x", POISON, POISON, POISON)
    assert session.code == 2
    assert not all_unsafe(session.output)


@pytest.mark.parametrize(("period", "language"), [("2026 10", "de"), ("--year 2026", "en")])
@pytest.mark.parametrize("format_", ["text", "csv", "csv-machine", "json"])
def test_a_statement_does_not_control_a_terminal(
    books: Home, format_: str, period: str, language: str
) -> None:
    options = (*period.split(), "--lang", language, "--format", format_)
    session = run_in_terminal(books, "shocpp-summary", *options)
    assert session.code == 0, session.output
    assert not all_unsafe(session.output)
    printed = books.run("shocpp-summary", *options).stdout
    assert not all_unsafe(printed)
    if format_ == "json":
        assert json.loads(printed)
    if format_ == "csv-machine":
        rows = list(csv.reader(io.StringIO(printed, newline="")))
        assert len({len(row) for row in rows}) == 1
        assert "\\u001b[2J\\u009b31m" in printed


def test_the_name_of_a_backup_does_not_control_a_terminal(books: Home) -> None:
    done = books.run("shocpp", "backup", POISON, cwd=books.folder)
    assert done.returncode == 0
    assert not all_unsafe(done.stdout + done.stderr)


def test_a_closed_month_does_not_control_a_terminal(books: Home) -> None:
    session = run_in_terminal(books, "shocpp", "close", "2026", "10", "--anyway", answers="y\n")
    assert not all_unsafe(session.output)
    for command in ("verify", "sessions --month 2026-10"):
        assert not all_unsafe(run_in_terminal(books, "shocpp", *command.split()).output)


def configurations() -> Iterable[tuple[str, str]]:
    """Return broken files of conf/ with control characters, by name."""
    text = json.dumps(POISON, ensure_ascii=False).replace("\\u", "u")
    for name in ("tags", "canned", "charge_points", "operator", "tariffs"):
        yield f"{name}.json", f'{{{text}: {text}, "garage": {{{text}: {text}}}}}'
        yield f"{name}.json", POISON


@pytest.mark.parametrize(("name", "text"), configurations())
def test_a_broken_file_does_not_control_a_terminal(home: Home, name: str, text: str) -> None:
    (home.folder / "conf" / name).write_text(text)
    for command in ("check", "tariffs check", "charge-points add x"):
        assert not all_unsafe(run_in_terminal(home, "shocpp", *command.split()).output)
    if name == "charge_points.json":
        assert not all_unsafe(run_in_terminal(home, "shocpp-listener").output)


def test_the_log_of_a_server_does_not_control_a_terminal(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()
    poison = POISON.replace("\r", "").replace("\n", "").encode()
    requests = (
        b"GET /" + poison + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        poison + b" / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/" + poison + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + poison + b": x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + poison + b"\r\nContent-Length: " + poison + b"\r\n\r\n",
        b"GET /cgi-bin/caller?canned=" + quote(poison).encode() + b" HTTP/1.0\r\n\r\n",
    )
    for request in requests:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(request)
            client.recv(1_000)
    wait_for(lambda: "canned call" in server.log())
    assert not all_unsafe(Path(server.log_file).read_text())
