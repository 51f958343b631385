"""shocpp-backend: one charger over stdin and stdout, with pipes, files and super-servers."""

import base64
import contextlib
import getpass
import itertools
import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from shocpp.ocpp.passwords import password_hash
from tests.world.home import Home
from tests.world.machine import BIN, free_port, needs, wait_for
from tests.world.placing import place_call

BACKEND = str(BIN / "shocpp-backend")
HEARTBEAT = '[2,"1","Heartbeat",{}]\n'
OCPP = Subprotocol("ocpp1.6")
PATIENCE_S = 5.0


class TextCharger:
    """A charger over any transport; `send` sends one text, and `receive` returns one."""

    def __init__(self, send: Callable[[str], Any], receive: Callable[[], Any]) -> None:
        self.send = send
        self._receive = receive
        self._unique_ids = map(str, itertools.count(1))

    def hear(self) -> list[Any]:
        """Return the next frame."""
        text = self._receive()
        assert text, "the other end has hung up"
        frame: list[Any] = json.loads(text)
        return frame

    def say(self, *frame: Any) -> None:
        """Send a frame."""
        self.send(json.dumps(frame))

    def ask(self, action: str, **payload: Any) -> dict[str, Any]:
        """Send a Call, and return its confirmation."""
        unique_id = next(self._unique_ids)
        self.say(2, unique_id, action, payload)
        kind, answered_id, confirmation = self.hear()
        assert (kind, answered_id) == (3, unique_id)
        return dict(confirmation)

    def boot(self, serial: str = "219010") -> None:
        """Send a BootNotification, which must be accepted."""
        booted = self.ask(
            "BootNotification",
            chargePointVendor="go-e",
            chargePointModel="go-eCharger",
            chargePointSerialNumber=serial,
        )
        assert booted["status"] == "Accepted"


def in_lines(writer: IO[str], reader: IO[str]) -> TextCharger:
    """Return a charger that sends and receives lines."""

    def send(text: str) -> None:
        writer.write(text + "\n")
        writer.flush()

    return TextCharger(send, reader.readline)


def charge_at_once(home: Home, chargers: dict[str, TextCharger]) -> None:
    """Charge with all chargers at the same time, and check that each account's energy is booked."""
    for serial, charger in chargers.items():
        charger.boot(serial)
    cards = dict(zip(chargers, ["1111", "3333"], strict=True))
    transaction_ids = {
        serial: charger.ask(
            "StartTransaction",
            connectorId=1,
            idTag=cards[serial],
            meterStart=9_042_000,
            timestamp="2023-09-03T04:00:00Z",
        )["transactionId"]
        for serial, charger in chargers.items()
    }
    for extra_wh, (serial, charger) in enumerate(chargers.items()):
        charger.ask(
            "StopTransaction",
            transactionId=transaction_ids[serial],
            meterStop=9_075_000 + extra_wh,
            timestamp="2023-09-03T07:52:10Z",
        )
    accounts = {"1111": "company-x", "3333": "family-y"}
    assert home.query("SELECT charge_point_id, account, consumed_wh FROM accounting") == [
        (serial, accounts[cards[serial]], 33_000 + extra_wh)
        for extra_wh, serial in enumerate(chargers)
    ]


@contextlib.contextmanager
def running(command: Sequence[str], home: Home) -> Iterator[None]:
    """Run a super-server during the block; then stop it with all its processes."""
    with open(home.folder / "log", "ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=home.environment, start_new_session=True
        )
    try:
        yield
        wait_for(lambda: not home.query("SELECT 1 FROM charge_points WHERE connected"))
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def wire_of(backend: subprocess.Popen[str]) -> TextCharger:
    """Return a charger at the pipes of a backend."""
    assert backend.stdin
    assert backend.stdout
    return in_lines(backend.stdin, backend.stdout)


@contextlib.contextmanager
def by_tcp(port: int) -> Iterator[TextCharger]:
    """Yield a charger over a plain TCP connection, as inetd passes it on."""

    def try_to_connect() -> socket.socket | None:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        return None

    with wait_for(try_to_connect) as wire, wire.makefile("rw", encoding="utf-8") as stream:
        yield in_lines(stream, stream)


def by_websocket(wire: ClientConnection) -> TextCharger:
    """Return a charger over a WebSocket."""
    return TextCharger(wire.send, lambda: wire.recv(PATIENCE_S))


@pytest.fixture
def backend(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Yield a running backend of the charger `garage`."""
    with home.backend("garage") as process:
        yield process


def frames_in(text: str) -> list[Any]:
    """Return the frames of an output, which must have one frame a line and nothing else."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_heartbeat_from_printf_is_answered_in_one_line(home: Home) -> None:
    pipe = f'printf \'[2,"1","Heartbeat",{{}}]\\n\' | {shlex.quote(BACKEND)}'
    ended = subprocess.run(
        ["sh", "-c", pipe], capture_output=True, text=True, timeout=30, env=home.environment
    )
    assert ended.returncode == 0, ended.stderr
    ((kind, unique_id, confirmation),) = frames_in(ended.stdout)
    assert (kind, unique_id, list(confirmation)) == (3, "1", ["currentTime"])
    assert ended.stdout.count("\n") == 1


def test_a_last_line_without_its_newline_is_answered_too(home: Home) -> None:
    ended = home.run("shocpp-backend", stdin=HEARTBEAT.rstrip())
    assert [frame[:2] for frame in frames_in(ended.stdout)] == [[3, "1"]]


def test_the_frames_of_an_evening_are_taken_from_a_file_and_booked(home: Home) -> None:
    frames = home.folder / "frames.txt"
    boot = {"chargePointVendor": "go-e", "chargePointModel": "x", "chargePointSerialNumber": "219"}
    start = {"connectorId": 1, "idTag": "3333", "meterStart": 9_042_000}
    stop = {"transactionId": 20_009_042, "meterStop": 9_075_000}
    calls = [
        [2, "1", "BootNotification", boot],
        [2, "2", "StartTransaction", start | {"timestamp": "2023-09-03T04:00:00Z"}],
        [2, "3", "StopTransaction", stop | {"timestamp": "2023-09-03T07:52:10Z"}],
    ]
    frames.write_text("".join(json.dumps(call) + "\n" for call in calls))
    with open(frames) as reader:
        ended = subprocess.run(
            [BACKEND], stdin=reader, capture_output=True, timeout=30, env=home.environment
        )
    assert ended.returncode == 0, ended.stderr
    answers = frames_in(ended.stdout.decode())
    assert [answer[:2] for answer in answers] == [[3, "1"], [3, "2"], [3, "3"]]
    assert answers[1][2]["transactionId"] == 20_009_042
    assert home.query("SELECT charge_point_id, account, consumed_wh, review FROM accounting") == [
        ("219", "family-y", 33_000, None)
    ]
    assert len(home.record_files()) == 1


def test_pretty_printed_frames_are_understood(home: Home) -> None:
    pretty = json.dumps(json.loads(HEARTBEAT), indent=4)
    other = json.dumps([2, "[2,\n", "DataTransfer", {"vendorId": 'a "]}'}], indent=1)
    ended = home.run("shocpp-backend", "-c", "garage", stdin=f"{pretty}\n\n{other}\n{HEARTBEAT}")
    answers = frames_in(ended.stdout)
    assert [answer[:2] for answer in answers] == [[3, "1"], [3, "[2,\n"], [3, "1"]]


@pytest.mark.parametrize(
    "truncated",
    [
        '[2,"7","StatusNotification",{"connectorId":1,',
        '[2,"7","StatusNotification",{"connectorId":1,"errorCo',
    ],
)
def test_a_truncated_frame_does_not_affect_the_next_one(home: Home, truncated: str) -> None:
    ended = home.run("shocpp-backend", "-c", "garage", stdin=f"{truncated}\n{HEARTBEAT}{truncated}")
    assert ended.returncode == 0
    assert [frame[:2] for frame in frames_in(ended.stdout)] == [[3, "1"]]


def test_a_charger_is_answered_after_a_truncated_frame(backend: subprocess.Popen[str]) -> None:
    charger = wire_of(backend)
    charger.ask("Heartbeat")
    charger.send('[2,"7","StatusNotification",{"connectorId":1,')
    time.sleep(0.1)
    charger.ask("Heartbeat")


def test_a_name_that_could_not_be_in_a_url_is_one_sentence_and_exit_2(home: Home) -> None:
    ended = home.run("shocpp-backend", "--charge-point", "a/b", stdin=HEARTBEAT)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


def test_a_queued_call_goes_out_on_stdout_and_its_answer_is_taken_from_stdin(
    home: Home, backend: subprocess.Popen[str]
) -> None:
    charger = wire_of(backend)
    charger.boot()
    with ThreadPoolExecutor() as elsewhere:
        placed = elsewhere.submit(
            place_call, home.settings, "garage", "RemoteStartTransaction", {"idTag": "3333"}
        )
        kind, unique_id, action, payload = charger.hear()
        assert (kind, action, payload) == (2, "RemoteStartTransaction", {"idTag": "3333"})
        charger.say(3, unique_id, {"status": "Accepted"})
        outcome = placed.result(PATIENCE_S)
    assert outcome.state == "answered"
    assert json.loads(outcome.confirmation or "") == {"status": "Accepted"}
    assert backend.stdin
    backend.stdin.close()
    assert backend.wait(PATIENCE_S) == 0


def test_websocketd_serves_two_chargers_at_once_by_the_names_in_their_paths(home: Home) -> None:
    port = free_port()
    command = [needs("websocketd"), "--address=127.0.0.1", f"--port={port}"]

    def try_to_connect(name: str) -> ClientConnection | None:
        with contextlib.suppress(ConnectionRefusedError):
            return connect(f"ws://127.0.0.1:{port}/ocpp/{name}", subprotocols=[OCPP])
        return None

    with (
        running([*command, "--passenv=PATH,TZ,SHOCPP_HOME", BACKEND], home),
        wait_for(lambda: try_to_connect("left")) as left,
        wait_for(lambda: try_to_connect("right")) as right,
    ):
        chargers = {"left": by_websocket(left), "right": by_websocket(right)}
        charge_at_once(home, chargers)


def test_websocketd_admits_chargers_by_the_allowlist(home: Home) -> None:
    entries = {"left": {"password_hash": password_hash(b"secret12", b"salt", 1)}}
    (home.folder / "conf" / "charge_points.json").write_text(json.dumps(entries))
    port = free_port()
    command = [needs("websocketd"), "--address=127.0.0.1", f"--port={port}"]

    def answer(name: str, password: str) -> str:
        credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        url = f"ws://127.0.0.1:{port}/ocpp/{name}"
        try:
            with connect(url, subprotocols=[OCPP], additional_headers=headers) as charger:
                charger.send('[2,"1","Heartbeat",{}]')
                return str(charger.recv(PATIENCE_S))
        except (ConnectionRefusedError, ConnectionClosed):
            return ""

    with running([*command, "--passenv=PATH,TZ,SHOCPP_HOME", BACKEND], home):
        assert "currentTime" in wait_for(lambda: answer("left", "secret12"))
        assert answer("left", "secret13") == ""
        assert answer("right", "secret12") == ""
    rows = home.query("SELECT id, address, reason FROM refused_attempts ORDER BY id")
    assert rows == [
        ("left", "127.0.0.1", "wrong password"),
        ("right", "127.0.0.1", "not listed"),
    ]


def test_a_name_on_the_command_line_needs_no_password(home: Home) -> None:
    entries = {"left": {"password_hash": password_hash(b"secret12", b"salt", 1)}}
    (home.folder / "conf" / "charge_points.json").write_text(json.dumps(entries))
    heartbeat = '[2,"1","Heartbeat",{}]'
    assert "currentTime" in home.run("shocpp-backend", "-c", "left", stdin=heartbeat).stdout
    done = home.run("shocpp-backend", stdin=heartbeat)
    assert (done.returncode, done.stdout) == (2, "")
    assert "may not connect: no name" in done.stderr


def test_systemd_serves_two_chargers_at_once_by_their_serials(home: Home) -> None:
    port = free_port()
    command = [needs("systemd-socket-activate"), "--accept", "--inetd"]
    command += [f"--listen=127.0.0.1:{port}", f"--setenv=SHOCPP_HOME={home.folder}"]
    with (
        running([*command, BACKEND], home),
        by_tcp(port) as left,
        by_tcp(port) as right,
    ):
        charge_at_once(home, {"219010": left, "219011": right})


@pytest.mark.parametrize(
    "stderr",
    [
        "2>>log",
        "",
    ],
)
def test_inetd_serves_two_chargers_at_once_by_their_serials(
    home: Home, tmp_path: Path, stderr: str
) -> None:
    port = free_port()
    inetd = needs("inetd")
    wrapper = tmp_path / "backend"
    wrapper.write_text(
        "#!/bin/sh\n"
        f"cd {shlex.quote(str(tmp_path))}\n"
        f"SHOCPP_HOME={shlex.quote(str(home.folder))} TZ=Europe/Berlin\n"
        "export SHOCPP_HOME TZ\n"
        f"exec {shlex.quote(BACKEND)} {stderr}\n"
    )
    wrapper.chmod(0o755)
    configuration = tmp_path / "inetd.conf"
    configuration.write_text(
        f"127.0.0.1:{port} stream tcp nowait {getpass.getuser()} {wrapper} {wrapper.name}\n"
    )
    with (
        running([inetd, "-d", str(configuration)], home),
        by_tcp(port) as left,
        by_tcp(port) as right,
    ):
        charge_at_once(home, {"219010": left, "219011": right})
