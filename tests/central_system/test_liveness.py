"""Signs of life: pings, chargers that never pong, and chargers that do not read (OCPP-J §5.4).

The intervals of the switchboard are shortened; sockets, loop and database are real.
"""

import contextlib
import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage

from shocpp.admission.decision import Admitted
from shocpp.bookkeeping import reserve
from shocpp.bookkeeping.accounting_files import files_thread
from shocpp.bookkeeping.writing import health, write_access
from shocpp.central_system import liveness, reception
from shocpp.central_system.conversations import conversation
from shocpp.central_system.switchboard import Switchboard
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import OPEN_TO_ALL
from shocpp.interfaces.websocket.transport import WebSocketTransport
from shocpp.ocpp.actions import ACTIONS
from shocpp.store import calls
from shocpp.store.calls import QueuedCall
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from tests.world.adopted import SocketCharger
from tests.world.connections import START, STOP
from tests.world.home import Home
from tests.world.machine import PATIENCE_S, wait_for


@pytest.fixture
def switchboard(migrated_home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switchboard]:
    """Start a switchboard whose intervals are fifty times shorter."""
    monkeypatch.setattr(liveness, "PING_AFTER_S", 0.6)
    monkeypatch.setattr(liveness, "STUCK_S", 0.6)
    monkeypatch.setattr(conversation, "NAMELESS_S", 0.6)
    switchboard = Switchboard(migrated_home.settings)
    switchboard.start()
    yield switchboard
    switchboard.stop()


def answer_to(charger: SocketCharger, text: str) -> str:
    """Send a text, and return the next one that comes back."""
    charger.send(text)
    return next(
        event.data for event in charger.events(PATIENCE_S) if isinstance(event, TextMessage)
    )


def test_a_silent_charger_is_pinged_and_dropped_after_three_intervals(
    home: Home, switchboard: Switchboard
) -> None:
    charger = SocketCharger(switchboard, "garage")
    events = list(charger.events(5))
    assert len([event for event in events if isinstance(event, Ping)]) == 3
    assert events[-1] == "gone"
    wait_for(lambda: home.query("SELECT connected FROM charge_points") == [(0,)])


def test_a_connection_that_waits_for_a_name_gets_it_when_the_holder_fails_its_ping(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reception, "SIGN_OF_LIFE_S", 0.3)
    monkeypatch.setattr(reception, "CONTEST_S", 1_000.0)
    caplog.set_level("INFO")
    dead = SocketCharger(switchboard, "garage")
    answer_to(dead, '[2,"1","Heartbeat",{}]')
    new = SocketCharger(switchboard, "garage", "elsewhere:1")
    assert answer_to(new, '[2,"1","Heartbeat",{}]').startswith('[3,"1",')
    assert "garage is disconnected: silent when another connection claimed its name" in caplog.text


def test_a_charger_that_never_pongs_but_talks_stays(switchboard: Switchboard) -> None:
    charger = SocketCharger(switchboard, "garage")
    begun = time.monotonic()
    while time.monotonic() - begun < 2:  # longer than three intervals
        answer_to(charger, '[2,"1","Heartbeat",{}]')
        time.sleep(0.1)


def test_a_charger_that_does_not_read_its_answers_is_closed(switchboard: Switchboard) -> None:
    charger = SocketCharger(switchboard, "garage")
    charger.socket.settimeout(0.2)
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        try:
            charger.send('[2,"1","Heartbeat",{}]')
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return
    pytest.fail("it was still served after 20 s")


def test_a_charger_without_identity_and_serial_is_named_by_its_address(
    home: Home, switchboard: Switchboard
) -> None:
    mine, theirs = socket.socketpair()
    theirs.setblocking(False)
    switchboard.adopt(WebSocketTransport(theirs, "192.0.2.7:4711"), Admitted(None, OPEN_TO_ALL))
    wire = Connection(ConnectionType.CLIENT)
    stop = '[2,"s","StopTransaction",{"transactionId":-1,"meterStop":5,"timestamp":"2026-10-01"}]'
    mine.sendall(wire.send(Message(data=stop)))
    mine.settimeout(5)
    answers: list[str] = []
    while len(answers) < 2:
        wire.receive_data(mine.recv(65_536))
        answers += [event.data for event in wire.events() if isinstance(event, TextMessage)]
    assert '"TriggerMessage"' in answers[0]
    assert answers[1] == '[3,"s",{}]'
    assert home.query("SELECT charge_point_id, provenance FROM accounting") == [
        ("unidentified-192.0.2.7", "unmatched")
    ]


def test_a_close_of_the_charger_is_answered(switchboard: Switchboard) -> None:
    charger = SocketCharger(switchboard, "garage")
    charger.socket.sendall(charger.wire.send(CloseConnection(code=1000)))
    events = list(charger.events(5))
    assert isinstance(events[0], CloseConnection)
    assert events[-1] == "gone"


def test_a_bug_in_an_action_is_answered_internal_error_and_for_energy_closes(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(_payload: object, _moment: object) -> NoReturn:
        raise ZeroDivisionError

    for action in ("DataTransfer", "StopTransaction"):
        monkeypatch.setitem(ACTIONS, action, mistaken)
    charger = SocketCharger(switchboard, "garage")
    answer = answer_to(charger, '[2,"1","DataTransfer",{"vendorId":"x"}]')
    assert answer == '[4,"1","InternalError","",{}]'
    charger.send('[2,"2","StopTransaction",{}]')
    (close,) = [event for event in charger.events(5) if isinstance(event, CloseConnection)]
    assert close.code == 1011


def test_frames_before_a_boot_set_no_timers_for_a_waiting_call(
    home: Home, switchboard: Switchboard
) -> None:
    charger = SocketCharger(switchboard, "garage")
    answer_to(charger, '[2,"0","Heartbeat",{}]')
    call = QueuedCall("a call", "garage", "ClearCache", "{}", now_ms() + 60_000)
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        calls.queue(db, call, "", now_ms(), asked_by="a test", canned=None)
    time.sleep(1.1)  # one poll of the switchboard
    timers = len(switchboard._loop._timers)
    for _ in range(50):
        charger.send('[2,"1","Heartbeat",{}]')
    list(charger.events(0.3))
    # A few are those of the polls.
    assert len(switchboard._loop._timers) < timers + 10


def test_reading_a_flood_pauses_while_the_database_is_locked(
    home: Home, switchboard: Switchboard
) -> None:
    charger = SocketCharger(switchboard, "garage")
    answer_to(charger, '[2,"0","Heartbeat",{}]')
    heartbeats = 100_000
    left = charger.wire.send(Message(data='[2,"1","Heartbeat",{}]')) * heartbeats
    charger.socket.setblocking(False)
    answers = 0
    with contextlib.closing(sqlite3.connect(home.database)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                left = left[charger.socket.send(left[:65_536]) :]
            with contextlib.suppress(BlockingIOError):
                charger.wire.receive_data(charger.socket.recv(1 << 20))
            answers += sum(isinstance(event, TextMessage) for event in charger.wire.events())
            time.sleep(0.001)
    assert 0 < answers < heartbeats / 5
    assert left


def test_a_disk_of_accounting_files_that_hangs_is_named_and_stops_no_charger(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(health, "STUCK_S", 0.3)
    monkeypatch.setattr(files_thread, "HANGS_S", 0.6)
    # SQLite calls fdatasync, and not this one.
    monkeypatch.setattr(os, "fsync", lambda _descriptor: goes_on.wait(PATIENCE_S))
    charger = SocketCharger(switchboard, "garage")
    answer_to(charger, json.dumps([2, "1", "StartTransaction", START]))
    answer_to(charger, json.dumps([2, "2", "StopTransaction", STOP]))
    trouble = wait_for(switchboard.files_trouble, PATIENCE_S)
    assert "accounting files have not been written for" in trouble
    again = START | {"meterStart": STOP["meterStop"]}
    assert "transactionId" in answer_to(charger, json.dumps([2, "3", "StartTransaction", again]))
    assert switchboard.health() is None
    goes_on.set()
    wait_for(lambda: switchboard.files_trouble() is None, PATIENCE_S)


def test_meter_values_wait_behind_a_sync_that_hangs_and_health_names_it(
    switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power cut would take all that was answered while the disk hangs."""
    goes_on, begun = threading.Event(), threading.Event()

    def hang(_descriptor: int) -> None:
        begun.set()
        goes_on.wait(PATIENCE_S)

    # A batch that asks for the space of the disk would wait in any case.
    monkeypatch.setattr(reserve, "CHECK_EVERY_S", 60.0)
    monkeypatch.setattr(write_access, "SYNC_WITHIN_S", 0.2)
    monkeypatch.setattr(health, "STUCK_S", 0.3)
    charger = SocketCharger(switchboard, "garage")
    answer_to(charger, json.dumps([2, "1", "StartTransaction", START]))
    time.sleep(1.1)
    monkeypatch.setattr(os, "fdatasync", hang)
    reading = {"connectorId": 1, "meterValue": []}
    answer_to(charger, json.dumps([2, "2", "MeterValues", reading]))
    assert begun.wait(PATIENCE_S)
    charger.send(json.dumps([2, "3", "MeterValues", reading]))
    wait_for(lambda: "has not been written for" in (switchboard.health() or ""), PATIENCE_S)
    assert not [event for event in charger.events(0.5) if isinstance(event, TextMessage)]
    goes_on.set()
    answers = (event for event in charger.events(PATIENCE_S) if isinstance(event, TextMessage))
    assert next(answers).data == '[3,"3",{}]'


def test_the_loop_leaves_a_batch_to_the_writer_that_would_wait_for_a_lock(
    home: Home, switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A batch that asks for the space of the disk goes to the writer in any case.
    monkeypatch.setattr(reserve, "CHECK_EVERY_S", 60.0)
    charging, idle = SocketCharger(switchboard, "garage"), SocketCharger(switchboard, "idle")
    for charger in (charging, idle):
        answer_to(charger, json.dumps([2, "1", "Heartbeat", {}]))
    time.sleep(1.1)
    with contextlib.closing(sqlite3.connect(home.database)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        charging.send(json.dumps([2, "2", "MeterValues", {"connectorId": 1, "meterValue": []}]))
        time.sleep(0.2)
        begun = time.monotonic()
        assert "currentTime" in answer_to(idle, json.dumps([2, "2", "Heartbeat", {}]))
        assert time.monotonic() - begun < 2
        lock.rollback()
    answers = (event for event in charging.events(PATIENCE_S) if isinstance(event, TextMessage))
    assert next(answers).data == '[3,"2",{}]'
