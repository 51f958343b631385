"""`shocpp demo --serve` as a process of its own: live chargers, and somebody at its terminal."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Timer
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.serving.console import Console
from shocpp.demo.serving.past import PLUGGED_FOR, QUIET, sessions_of
from shocpp.demo.serving.site import PLACES
from tests.world.machine import BIN, PATIENCE_S, wait_for
from tests.world.scratch import assert_nothing_is_left, environment, killing_all_in
from tests.world.terminal import Terminal, in_terminal

BERLIN = ZoneInfo("Europe/Berlin")
START = {"action": "RemoteStartTransaction", "payload": {"idTag": "3333", "connectorId": 1}}
STATES = {"garage": "Available", "carport": "Charging", "yard": "Preparing", "gate": "Faulted"}


class Demo:
    """A demo that serves: its terminal, its API, and commands in its home."""

    def __init__(self, terminal: Terminal, scratch: Path) -> None:
        self.terminal, self.scratch = terminal, scratch
        introduction = terminal.read_until("garage> ")
        self.address = first_group(r"page: +(http://127\.0\.0\.1:\d+)/\n", introduction)
        self.invitation = first_group(r"sign in: +(\S+)\n", introduction)
        self.home = Path(first_group(r"home: +(\S+);", introduction))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands in its home."""
        others = {name: text for name, text in os.environ.items() if not name.startswith("SHOCPP_")}
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            timeout=20,
            env=others | {"SHOCPP_HOME": str(self.home), "TZ": "Europe/Berlin"},
        )

    def get(self, path: str) -> Any:
        """Return the answer of its API."""
        with urllib.request.urlopen(f"{self.address}/api/{path}", timeout=10) as answer:
            return json.load(answer)

    def post_call(self, name: str, call: dict[str, Any]) -> Any:
        """Send a Call by its API, and return the charger's confirmation."""
        request = urllib.request.Request(
            f"{self.address}/api/charge-points/{name}/calls",
            json.dumps(call).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["confirmation"]

    def states(self) -> dict[str, str]:
        """Return the status of each charger, or `offline`."""
        return {
            row["id"]: row["connectors"][0]["status"] if row["connected"] else "offline"
            for row in self.get("charge-points")["charge_points"]
        }

    def await_state(self, name: str, state: str) -> None:
        """Wait until the server has this state of a charger."""
        assert wait_for(lambda: self.states()[name] == state, 10), self.states()

    def transaction(self, name: str) -> dict[str, Any] | None:
        """Return the open transaction of a charger, or None."""
        rows: list[dict[str, Any]] = self.get("transactions")["transactions"]
        return next((row for row in rows if row["charge_point_id"] == name), None)

    def type(self, line: str, answer: str) -> None:
        """Type a line, and wait for its answer."""
        self.terminal.type(f"{line}\n")
        self.terminal.read_until(f"{answer}\n")


def first_group(pattern: str, text: str) -> str:
    """Return the first group of a pattern that must match in the text."""
    match = re.search(pattern, text)
    assert match, text
    return match[1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Serve one demo for the tests of this file; the last of them ends it."""
    scratch = tmp_path_factory.mktemp("demo")
    with (
        killing_all_in(scratch),
        in_terminal("shocpp", "demo", "--serve", environment=environment(scratch)) as terminal,
    ):
        yield Demo(terminal, scratch)


def test_it_serves_a_month_of_sessions_and_four_chargers(demo: Demo) -> None:
    assert wait_for(lambda: demo.states() == STATES, 5), demo.states()
    with urllib.request.urlopen(f"{demo.address}/i", timeout=10) as page:
        assert page.status == 200
    assert re.fullmatch(re.escape(demo.address) + r"/i#\w{26}", demo.invitation)
    records = demo.get("accounting?limit=1000")["accounting"]
    assert 40 < len(records) < 90
    accounts = {record["account"] for record in records}
    assert accounts == {"company-x", "company-z", "family-y", "unassigned"}
    checked = demo.run("shocpp", "check").stdout
    assert "WRONG" not in checked
    assert "1 case waits for somebody to decide" in checked


def test_the_meter_rises_while_the_power_varies(demo: Demo) -> None:
    interval = {"key": "MeterValueSampleInterval", "value": "1"}
    change = {"action": "ChangeConfiguration", "payload": interval}
    assert demo.post_call("carport", change) == {"status": "Accepted"}
    rows = []
    deadline = time.monotonic() + 10
    while len({row["power_w"] for row in rows}) < 3 and time.monotonic() < deadline:
        row = demo.transaction("carport")
        assert row
        rows.append(row)
        time.sleep(0.2)
    powers = {row["power_w"] for row in rows}
    assert len(powers) >= 3
    assert all(10_600 < power < 11_400 for power in powers)
    energies = [row["consumed_wh"] for row in rows]
    assert energies == sorted(energies)
    assert 8_000 < energies[0] < energies[-1]


def test_a_chosen_limit_is_seen_in_the_power_of_the_car(demo: Demo) -> None:
    def is_drawing(power_w: range) -> bool:
        row = demo.transaction("carport")
        return row is not None and row["power_w"] in power_w

    chosen = demo.run("shocpp", "limit", "-c", "carport", "6A")
    assert chosen.returncode == 0, chosen
    assert wait_for(lambda: is_drawing(range(4_140, 4_141)), 10)
    paused = demo.run("shocpp", "limit", "-c", "carport", "0")
    assert paused.returncode == 0, paused
    demo.await_state("carport", "SuspendedEVSE")
    free = demo.run("shocpp", "limit", "-c", "carport", "off")
    assert free.returncode == 0, free
    demo.await_state("carport", "Charging")
    assert wait_for(lambda: is_drawing(range(10_600, 11_400)), 10)


def test_a_remote_start_without_a_cable_is_refused_with_the_reason(demo: Demo) -> None:
    refused = demo.run("shocpp-command", "-c", "garage", START["action"], '{"idTag": "3333"}')
    assert "Rejected" in refused.stdout
    spoken = demo.run("shocpp-caller", "start-family").stdout
    assert spoken == "garage hat abgelehnt: vielleicht ist das Kabel nicht eingesteckt.\n"
    # Lines stand above the prompt, which may have been read before; others may come first.
    events = demo.terminal.read_until("garage → server      Rejected\ngarage> ")
    assert re.search(
        r"(?:^|garage> )\r(?:[^\n]*\n)*?"
        r"\d\d:\d\d  server → garage      start charging for card 3333",
        events,
    )
    assert demo.states()["garage"] == "Available"


def test_a_remote_start_charges_and_a_remote_stop_waits_for_the_unplugging(demo: Demo) -> None:
    booked = len(demo.get("accounting?limit=1000")["accounting"])
    demo.type("p", "garage: the cable is plugged in")
    demo.await_state("garage", "Preparing")
    assert demo.post_call("garage", START) == {"status": "Accepted"}
    demo.await_state("garage", "Charging")
    transaction = demo.transaction("garage")
    assert transaction
    assert (transaction["account"], transaction["id_tag"]) == ("family-y", "3333")
    stop = json.dumps({"transactionId": transaction["transaction_id"]})
    stopped = demo.run("shocpp-command", "-c", "garage", "RemoteStopTransaction", stop)
    assert "Accepted" in stopped.stdout
    demo.await_state("garage", "Finishing")
    assert demo.transaction("garage") is None
    demo.type("unplug garage", "garage: the cable is unplugged")
    demo.await_state("garage", "Available")
    assert len(demo.get("accounting?limit=1000")["accounting"]) == booked + 1


def test_a_card_at_the_reader_starts_a_charge_and_ends_it(demo: Demo) -> None:
    demo.type("c yard 04A2", "yard: card 04A2 is refused")
    assert demo.states()["yard"] == "Preparing"
    demo.type("c 5555", "yard: card 5555 is accepted")
    demo.await_state("yard", "Charging")
    demo.type("card", "yard: card 5555 is accepted")
    demo.await_state("yard", "Finishing")


def test_faults_and_lost_networks_come_and_go(demo: Demo) -> None:
    demo.type("4", "4  gate      Faulted")
    demo.type("fault", "gate: repaired")
    demo.await_state("gate", "Available")
    demo.type("f gate", "gate: faulty")
    demo.await_state("gate", "Faulted")
    demo.type("o", "gate: offline")
    demo.await_state("gate", "offline")
    demo.type("o", "gate: online again")
    demo.await_state("gate", "Faulted")
    demo.type("fly", "'fly' is no command and no charger; h lists the commands")


def test_ctrl_c_ends_it_and_leaves_nothing(demo: Demo) -> None:
    demo.terminal.type("\x03")
    assert demo.terminal.process.wait(10) == 0
    assert "Traceback" not in demo.terminal.output
    assert_nothing_is_left(demo.scratch)


def test_without_a_terminal_it_runs_until_sigterm(tmp_path: Path) -> None:
    with (
        killing_all_in(tmp_path),
        subprocess.Popen(
            [str(BIN / "shocpp"), "demo", "--serve"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path) | {"SHOCPP_LANG": "en"},
        ) as process,
    ):
        # A demo that says too little must not keep the test.
        patience = Timer(PATIENCE_S, process.kill)
        patience.start()
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        home = next(line for line in lines if line.startswith("home:")).split()[1].rstrip(";")
        assert '"Gate"' in (Path(home) / "conf" / "charge_points.json").read_text()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=10)
        patience.cancel()
        assert (process.returncode, errors) == (128 + signal.SIGTERM, "")
        assert "> " not in rest
        assert_nothing_is_left(tmp_path)


@given(
    seconds=st.integers(1_700_000_000, 1_900_000_000),
    name=st.sampled_from(sorted(PLACES)),
)
def test_the_sessions_of_the_past_never_overlap_each_other_or_the_present(
    seconds: int, name: str
) -> None:
    now = datetime.fromtimestamp(seconds, BERLIN)
    place, end = PLACES[name], datetime.min.replace(tzinfo=UTC)
    for session in sessions_of(name, place, now):
        begin = session.begin.astimezone(UTC)
        assert begin > end
        end = begin + timedelta(hours=session.energy_wh / place.power_w) + PLUGGED_FOR
    assert end < now.astimezone(UTC) - QUIET


@cache
def dead_chargers() -> dict[str, ChargePoint]:
    """Return chargers that are never switched on, so that they tell nobody of their actions."""
    return {name: ChargePoint(name, 1, now=lambda: datetime.now(UTC)) for name in PLACES}


QUIT = ("q", "quit")


@given(lines=st.lists(st.text() | st.from_regex(r"[pucfolh?1-9] ?\w*", fullmatch=True)))
@example(lines=["Q", "1 quit"])
def test_no_line_breaks_the_console_and_only_quit_ends_it(lines: list[str]) -> None:
    console = Console(dead_chargers(), dict.fromkeys(PLACES, "3333"))
    for line in lines:
        console.execute(line)
        first, second = [*line.lower().split(), "", ""][:2]
        if first in QUIT:
            assert console.is_over
        elif console.is_over:
            assert second in QUIT, "the first word named a charger"
        console.is_over = False
    assert console.prompt.removesuffix("> ") in PLACES
