"""The end of a Call, as each interface reports it: an exit code or an HTTP status, and one line."""

import contextlib
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from shocpp.interfaces.cli.calls import caller, command
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.machine import PATIENCE_S, wait_for
from tests.world.server import Server
from tests.world.terminal import run_in_terminal

TIMEOUT_S = 0.2
"""The timeout of Calls that nobody answers."""
STOP = "RemoteStopTransaction"

Report = tuple[int, str]
"""An exit code or an HTTP status, and the line or the error that comes with it."""


class Reports(NamedTuple):
    """The reports of one outcome by each interface."""

    command: Report
    api: Report
    canned: Report
    caller: Report


NOBODY = "'nobody' is no charger that has been here; see: shocpp charge-points"
SENT = "it was sent, and may have been carried out"
ERROR = (
    '{"error":"garage has answered with an error: NotSupported as the test wants it",'
    '"state":"refused","code":"NotSupported","description":"as the test wants it"}'
)
NEVER_SENT = (
    "it was never sent, because fresh is booting; it gets Calls once its BootNotification is "
    "answered, or 30 s after its first message"
)
LOST = (
    "outcome unknown: it was sent, then the connection ended: the charger sent a Close frame "
    "(1000); see: shocpp transactions"
)

REPORTS = {
    "accepted": Reports(
        command=(0, '{"status": "Accepted"}'),
        api=(200, '{"state":"answered","confirmation":{"status":"Accepted"}}'),
        canned=(200, "Accepted"),
        caller=(0, "Accepted"),
    ),
    "rejected": Reports(
        command=(0, '{"status": "Rejected"}'),
        api=(200, '{"state":"answered","confirmation":{"status":"Rejected"}}'),
        canned=(200, "Rejected"),
        caller=(1, "Rejected"),
    ),
    "without a status": Reports(
        command=(0, '{"listVersion": 7}'),
        api=(200, '{"state":"answered","confirmation":{"listVersion":7}}'),
        canned=(200, '{"listVersion":7}'),
        caller=(0, '{"listVersion":7}'),
    ),
    "CallError": Reports(
        command=(1, "NotSupported as the test wants it"),
        api=(502, ERROR),
        canned=(502, "NotSupported"),
        caller=(1, "NotSupported"),
    ),
    "no answer": Reports(
        command=(1, f"OCPP unreachable. No answer in 0.2 s: {SENT}"),
        api=(504, f'{{"error":"garage has not answered in 0.2 s: {SENT}","state":"expired"}}'),
        canned=(504, "OCPP unreachable"),
        caller=(1, "OCPP unreachable"),
    ),
    "never sent": Reports(
        command=(1, f"OCPP unreachable. No answer in 0.2 s: {NEVER_SENT}"),
        api=(
            504,
            f'{{"error":"fresh has not answered in 0.2 s: {NEVER_SENT}","state":"expired"}}',
        ),
        canned=(504, "OCPP unreachable"),
        caller=(1, "OCPP unreachable"),
    ),
    "connection lost": Reports(
        command=(1, LOST),
        api=(504, f'{{"error":"{LOST}","state":"unknown"}}'),
        canned=(504, "The connection to garage broke; whether it worked is not known."),
        caller=(1, "The connection to garage broke; whether it worked is not known."),
    ),
    "not connected": Reports(
        command=(1, "OCPP unreachable. away is not connected; see: shocpp charge-points"),
        api=(502, '{"error":"away is not connected; see: shocpp charge-points"}'),
        canned=(502, "OCPP unreachable"),
        caller=(1, "OCPP unreachable"),
    ),
    "nothing to stop": Reports(
        command=(1, "no transaction is open at garage; see: shocpp transactions"),
        api=(409, '{"error":"no transaction is open at garage; see: shocpp transactions"}'),
        canned=(200, "No transaction is open."),
        caller=(1, "No transaction is open."),
    ),
    "unknown charger": Reports(
        command=(2, NOBODY),
        api=(404, f'{{"error":"{NOBODY}"}}'),
        canned=(404, NOBODY),
        caller=(2, NOBODY),
    ),
}

ANSWERS: dict[str, Any] = {
    "rejected": {"status": "Rejected"},
    "without a status": {"listVersion": 7},
    "CallError": "NotSupported",
    "no answer": None,
    "connection lost": lambda charger, *_: charger.hang_up(),
}
"""The charger's answer in these worlds; in all others it accepts."""


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for all tests of this file."""
    server = Server(Home(tmp_path_factory.mktemp("town") / "home"), SHOCPP_LANG="en")
    Charger(server, "away").boot().leave()
    yield server
    server.kill()


@contextlib.contextmanager
def world(server: Server, outcome: str) -> Iterator[None]:
    """Connect a charger `garage` that leads to this outcome, once."""
    name = "fresh" if outcome == "never sent" else "garage"
    with Charger(server, name, ClearCache=ANSWERS.get(outcome, {"status": "Accepted"})) as box:
        if outcome == "never sent":
            # It has never booted, so it gets no Calls.
            box.ask("Heartbeat")
        else:
            box.boot()
        yield
        box.leave()


def call_of(outcome: str) -> tuple[str, str]:
    """Return the charger and the action of the Call."""
    charger = {"not connected": "away", "unknown charger": "nobody", "never sent": "fresh"}.get(
        outcome, "garage"
    )
    return charger, STOP if outcome == "nothing to stop" else "ClearCache"


def timeout_s(outcome: str) -> float:
    """Return the timeout of the Call: that of an answered one never ends it."""
    return TIMEOUT_S if outcome in ("no answer", "never sent") else PATIENCE_S


def run(server: Server, program: Any, *arguments: str) -> Report:
    """Run a command in this process."""
    environment = server.home.environment | {"SHOCPP_LANG": "en"}
    done = CliRunner().invoke(program, arguments, env=environment)
    assert "" in (done.stdout, done.stderr)
    assert done.output.endswith("\n")
    return done.exit_code, done.output[:-1]


def ask(server: Server, method: str, path: str, body: str | None = None) -> Report:
    """Send a request from this machine."""
    with contextlib.closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as client:
        client.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = client.getresponse()
        return response.status, response.read().decode()[:-1]


def by_command(server: Server, outcome: str) -> Report:
    charger, action = call_of(outcome)
    return run(server, command, "-t", str(timeout_s(outcome)), "-c", charger, action)


def by_api(server: Server, outcome: str) -> Report:
    charger, action = call_of(outcome)
    body = json.dumps({"action": action, "timeout_s": timeout_s(outcome)})
    return ask(server, "POST", f"/api/charge-points/{charger}/calls", body)


def canned(server: Server, outcome: str) -> str:
    """Return the name of a canned call that nobody has used: a repeat would not be sent."""
    charger, action = call_of(outcome)
    name = f"call-{next(NUMBERS)}"
    entry = {"action": action, "charge_point": charger, "timeout_s": timeout_s(outcome)}
    server.home.settings.canned_file.write_text(json.dumps({name: entry}))
    return name


NUMBERS = itertools.count(1)


def by_http(server: Server, outcome: str) -> Report:
    return ask(server, "GET", f"/cgi-bin/caller?canned={canned(server, outcome)}")


def by_caller(server: Server, outcome: str) -> Report:
    return run(server, caller, canned(server, outcome))


@pytest.mark.parametrize("outcome", REPORTS)
def test_the_end_of_a_call_is_reported_by_each_interface(
    shared_server: Server, outcome: str
) -> None:
    reports = []
    for report in (by_command, by_api, by_http, by_caller):
        with world(shared_server, outcome):
            reports.append(report(shared_server, outcome))
    assert Reports(*reports) == REPORTS[outcome]


def test_of_several_chargers_one_must_be_named(shared_server: Server) -> None:
    name = "anywhere"
    entries = json.dumps({name: {"action": "ClearCache"}})
    shared_server.home.settings.canned_file.write_text(entries)
    line = "Several chargers are connected, and this call names none."
    with world(shared_server, "accepted"), Charger(shared_server, "carport").boot() as carport:
        assert run(shared_server, command, "ClearCache") == (
            2,
            "2 chargers are connected, so one must be named: carport, garage",
        )
        assert ask(shared_server, "GET", f"/cgi-bin/caller?canned={name}") == (200, line)
        assert run(shared_server, caller, name) == (1, line)
        carport.leave()


# -- a Reset whose charger hangs up ----------------------------------------------------------------


@contextlib.contextmanager
def resetting(server: Server, back_after_s: float | None) -> Iterator[Charger]:
    """Connect a charger that hangs up on a Reset, and connects again after some seconds."""
    returned: list[Charger] = []

    def come_back() -> None:
        returned.append(Charger(server, "garage").boot())

    def hang_up(charger: Charger, *_: Any) -> None:
        charger.hang_up()
        if back_after_s is not None:
            timer = threading.Timer(back_after_s, come_back)
            timer.start()
            timers.append(timer)

    timers: list[threading.Timer] = []
    charger = Charger(server, "garage", Reset=hang_up).boot()
    yield charger
    for timer in timers:
        timer.join()
    for box in returned or [charger]:
        box.leave()


def resets(server: Server, timeout_s: float) -> list[Callable[[], Report]]:
    """Return a function for each interface that sends a Reset, and returns its report."""
    name = f"call-{next(NUMBERS)}"
    entry = {"action": "Reset", "payload": {"type": "Soft"}, "timeout_s": timeout_s}
    server.home.settings.canned_file.write_text(json.dumps({name: entry, f"{name}-2": entry}))
    body = {"action": "Reset", "payload": {"type": "Soft"}, "timeout_s": timeout_s}
    arguments = ("-t", str(timeout_s), "Reset", '{"type": "Soft"}')
    calls_ = "/api/charge-points/garage/calls"
    return [
        lambda: run(server, command, *arguments),
        lambda: ask(server, "POST", calls_, json.dumps(body)),
        lambda: ask(server, "GET", f"/cgi-bin/caller?canned={name}"),
        lambda: run(server, caller, f"{name}-2"),
    ]


def test_a_charger_that_hangs_up_on_a_reset_is_told_as_back_once_it_is_connected(
    shared_server: Server,
) -> None:
    reports = []
    for report in resets(shared_server, 10):
        with resetting(shared_server, back_after_s=1):
            reports.append(report())
    api = '{"state":"unknown","confirmation":{},"restarting":true,"back_after_s":%d}'
    assert reports[0][0] == reports[2][0] - 200 == reports[3][0] == 0
    for code_or_status, line in reports:
        seconds = int(re.findall(r"\d+", line)[0])
        assert 1 <= seconds <= 8
        assert (code_or_status, line) in (
            (0, f"garage is restarting; back after {seconds} s"),
            (200, api % seconds),
            (200, f"garage is restarting, back after {seconds} seconds."),
            (0, f"garage is restarting, back after {seconds} seconds."),
        )
    # The row keeps its true state, and nothing was sent again.
    rows = shared_server.home.query("SELECT state FROM calls WHERE action = 'Reset'")
    assert rows == [("unknown",)] * 4


def test_a_charger_that_is_not_back_yet_is_told_as_restarting(shared_server: Server) -> None:
    reports = []
    for report in resets(shared_server, 0.8):
        with resetting(shared_server, back_after_s=None):
            reports.append(report())
    assert reports == [
        (0, "garage is restarting; not back yet after 1 s"),
        (
            200,
            '{"state":"unknown","confirmation":{},"restarting":true,"back_after_s":null}',
        ),
        (200, "garage is restarting, and not back yet."),
        (0, "garage is restarting, and not back yet."),
    ]


def test_a_charger_that_connects_anew_on_a_reset_without_hanging_up_is_back(
    shared_server: Server,
) -> None:
    """Some reset hard: the old connection ends only when the new one replaces it."""
    made: list[Charger] = []

    def connect_anew(charger: Charger, *_: Any) -> None:
        made.append(Charger(shared_server, "garage").boot())

    charger = Charger(shared_server, "garage", Reset=connect_anew).boot()
    report = run(shared_server, command, "-t", "10", "Reset", '{"type": "Hard"}')
    assert report == (0, "garage is restarting; back after 0 s")
    charger.hang_up()
    wait_for(lambda: made)
    made[0].leave()


def test_a_person_at_a_terminal_reads_that_the_charger_restarts(shared_server: Server) -> None:
    with resetting(shared_server, back_after_s=1.5):
        session = run_in_terminal(
            shared_server.home, "shocpp-command", "-t", "1", "Reset", '{"type": "Soft"}'
        )
    assert session.code == 0
    first, last = session.lines
    assert first == "garage is restarting; waiting for it (Ctrl-C ends that)"
    assert re.fullmatch(r"garage is restarting; back after \d s", last)
