"""The recipes of docs/power.md for the meter of the house: each is run as it stands there.

The addresses are those of a simulated device and of the test's server; nothing else is changed.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S, ROOT, needs, wait_for
from tests.world.server import Server

POWER = (ROOT / "docs" / "power.md").read_text()
IN_TEXT, SERVER_IN_TEXT = "192.168.1.30", "localhost:8080"

GEN_1 = {
    "wifi_sta": {"connected": True},
    "emeters": [
        {"power": 690.0, "pf": 0.98, "current": 3.1, "voltage": 230.0, "is_valid": True},
        {"power": 920.0, "pf": 0.99, "current": 4.1, "voltage": 229.8, "is_valid": True},
        {"power": -506.0, "pf": -0.97, "current": 2.3, "voltage": 230.4, "is_valid": True},
    ],
    "total_power": 1104.0,
}
PRO = {
    "id": 0,
    "a_current": 3.1,
    "a_act_power": 690.0,
    "b_current": 4.1,
    "b_act_power": 920.0,
    "c_current": 2.3,
    "c_act_power": -506.0,
    "total_act_power": 1104.0,
}
CURRENTS_MA = (3_000, 4_000, -2_200)
"""The powers of the documents divided by 230 V."""


class Shelly(BaseHTTPRequestHandler):
    """A simulated meter: it answers as a Shelly 3EM and as a Shelly Pro 3EM do."""

    def do_GET(self) -> None:
        document = {"/status": GEN_1, "/rpc/EM.GetStatus?id=0": PRO}.get(self.path)
        body = json.dumps(document).encode()
        self.send_response(200 if document else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing to the test's output."""


@pytest.fixture
def device() -> Iterator[str]:
    """The host and port of the simulated meter."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelly)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def blocks(heading: str, language: str) -> list[str]:
    """Return the fenced blocks of a language below a heading."""
    below = POWER.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", below, re.DOTALL)


def environment(home: Home) -> dict[str, str]:
    """Return the environment of a user whose commands are those of the checkout."""
    path = f"{BIN}:{os.environ['PATH']}"
    return home.environment | {"PATH": path, "HOME": str(home.folder)}


def run(home: Home, script: str) -> None:
    """Run a recipe in a home folder, as a user would who pastes it."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-s"],
        input=script,
        cwd=home.folder,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def readings(home: Home) -> list[tuple[str, int, int, int]]:
    """Return the source and the currents of all readings."""
    return home.query("SELECT source, l1_ma, l2_ma, l3_ma FROM site_reading")


@pytest.mark.parametrize("heading", ["Shelly 3EM, polled", "Shelly Pro 3EM, polled"])
def test_a_meter_is_polled_by_the_recipe(server: Server, device: str, heading: str) -> None:
    home = server.home
    (script,) = blocks(heading, "sh")
    assert IN_TEXT in script
    script = script.replace(IN_TEXT, device)
    # Its last line checks; a home of tests has chargers without passwords, which is risky.
    assert script.splitlines()[-1] == "shocpp check"
    run(home, script.replace("shocpp check\n", "shocpp check || true\n"))
    wait_for(lambda: readings(home))
    assert readings(home)[0] == ("polled", *CURRENTS_MA)
    assert "site.json" not in check(home).stdout.partition("\n\n")[2]


def test_the_sun_charges_by_the_recipe_without_a_smart_home(server: Server, device: str) -> None:
    home = server.home
    home.charge_points_file.write_text('{"garage": {"auth": "none"}}')
    (script,) = blocks("The sun, with a Shelly and no smart home", "sh")
    script = script.replace(IN_TEXT, device)
    run(home, script.replace("shocpp check\n", "shocpp check || true\n"))
    wait_for(lambda: readings(home))
    assert readings(home)[0] == ("polled", *CURRENTS_MA)
    assert json.loads(home.charge_points_file.read_text())["garage"]["mode"] == "solar"
    assert "site.json" not in check(home).stdout.partition("\n\n")[2]


def test_a_meter_is_posted_by_the_line_of_cron(server: Server, device: str) -> None:
    for program in ("curl", "jq"):
        needs(program)
    home = server.home
    (script,), (line,) = (
        blocks("Any program, by a line of cron", "sh"),
        blocks("Any program, by a line of cron", "cron"),
    )
    run(home, script)
    header = home.folder / "site.header"
    assert header.stat().st_mode & 0o077 == 0
    assert re.fullmatch(r"Authorization: Bearer \S+\n", header.read_text())
    schedule, command = line.strip().split(" for ", 1)
    assert schedule == "* * * * *"
    # A percent sign would be a line break for cron (crontab(5)).
    assert "%" not in line
    command = f"for {command}".replace(IN_TEXT, device)
    assert SERVER_IN_TEXT in command
    command = command.replace(SERVER_IN_TEXT, f"127.0.0.1:{server.port}")
    with posting(home, command) as output:
        wait_for(lambda: readings(home))
        assert readings(home)[0] == ("posted", *CURRENTS_MA), output.read_text()


@contextlib.contextmanager
def posting(home: Home, command: str) -> Iterator[Path]:
    """A command of cron while it runs, and the file of its output."""
    output = home.folder / "cron.log"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdout=file,
            stderr=file,
            env=environment(home),
            start_new_session=True,
        )
        try:
            yield output
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)


def test_the_examples_of_json_are_valid(home: Home) -> None:
    path = home.settings.site_file
    objects = re.findall(r"^    (\{\"limit_a\".*?\}\}\})$", POWER, re.DOTALL | re.MULTILINE)
    assert objects
    for text in objects:
        path.write_text(text)
        home.charge_points_file.write_text('{"p1": {"auth": "none"}, "p2": {"auth": "none"}}')
        assert "is not JSON" not in check(home).stdout
        assert f"{path}, line" not in check(home).stdout
