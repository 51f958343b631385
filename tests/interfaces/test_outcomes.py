"""The end of a Call, as each interface reports it: an exit code or an HTTP status, and one line."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from shocpp.interfaces.cli.calls import caller, command
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server

TIMEOUT_S = 0.2
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
        command=(1, "OCPP unreachable. No answer in 0.2 s: it was never sent"),
        api=(
            504,
            '{"error":"garage has not answered in 0.2 s: it was never sent","state":"expired"}',
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
    with Charger(server, "garage", ClearCache=ANSWERS.get(outcome, {"status": "Accepted"})) as box:
        if outcome == "never sent":
            # It has not booted, so it gets no Calls.
            box.ask("Heartbeat")
        else:
            box.boot()
        yield
        box.leave()


def call_of(outcome: str) -> tuple[str, str]:
    """Return the charger and the action of the Call."""
    charger = {"not connected": "away", "unknown charger": "nobody"}.get(outcome, "garage")
    return charger, STOP if outcome == "nothing to stop" else "ClearCache"


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
    return run(server, command, "-t", str(TIMEOUT_S), "-c", charger, action)


def by_api(server: Server, outcome: str) -> Report:
    charger, action = call_of(outcome)
    body = json.dumps({"action": action, "timeout_s": TIMEOUT_S})
    return ask(server, "POST", f"/api/charge-points/{charger}/calls", body)


def canned(server: Server, outcome: str) -> str:
    """Return the name of a canned call that nobody has used: a repeat would not be sent."""
    charger, action = call_of(outcome)
    name = f"call-{next(NUMBERS)}"
    entry = {"action": action, "charge_point": charger, "timeout_s": TIMEOUT_S}
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
