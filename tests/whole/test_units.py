"""The units of systemd and the files of Docker: checked by their own tools, and run.

Without a running systemd, the tests do its steps one by one.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.faults import DAY, ask, assert_booked_once, connect, not_allowed_here
from tests.world.home import Home
from tests.world.machine import BIN, ROOT, free_port, needs, wait_for
from tests.world.server import Server

UNITS = ROOT / "conf" / "systemd"
SERVICE = UNITS / "shocpp.service"
MOST_EXPOSED = {"shocpp.service": 15, "shocpp-fcgiwrap.service": 25, "shocpp-summary.service": 35}
"""In tenths, as `systemd-analyze security` counts from 0 to 10."""


def line(key: str) -> str:
    """The only line of the server's unit with that key."""
    (found,) = re.findall(f"^{key}=(.*)", SERVICE.read_text(), re.MULTILINE)
    return str(found)


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    verify = needs("systemd-analyze")
    units = sorted(UNITS.glob("*.*"))
    assert {unit.suffix for unit in units} == {".service", ".socket", ".timer"}
    needs("fcgiwrap")  # the unit names it, and systemd looks whether it is there
    for unit in units:
        installed = unit.read_text().replace("/opt/shocpp/.venv/bin", str(BIN))
        (tmp_path / unit.name).write_text(installed)
    copies = sorted(tmp_path.glob("*.*"))
    ended = subprocess.run([verify, "verify", *copies], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_the_sandbox_of_a_unit_leaves_it_little(name: str) -> None:
    analyze = [needs("systemd-analyze"), "security", "--offline=yes", "--no-pager"]
    rated = subprocess.run(
        [*analyze, f"--threshold={MOST_EXPOSED[name]}", str(UNITS / name)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert rated.returncode == 0, rated.stdout[-200:]


def test_systemd_is_told_when_the_port_is_open_and_not_before(home: Home) -> None:
    assert line("Type") == "notify"
    port, notified = free_port(), home.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(notified))
        systemd.settimeout(20)
        told = {"NOTIFY_SOCKET": str(notified), "WS_PORT": str(port)}
        server = subprocess.Popen(
            [str(BIN / Path(line("ExecStart")).name)],
            env=home.environment | told,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert b"READY=1" in systemd.recv(1000)
            assert home.query("PRAGMA integrity_check") == [("ok",)]
            with connect(f"ws://127.0.0.1:{port}/garage") as charger:
                assert ask(charger, "Heartbeat", {}).keys() == {"currentTime"}
        finally:
            server.terminate()
            assert server.wait(20) == 0


def test_what_only_a_human_can_mend_is_not_tried_again(home: Home) -> None:
    assert (line("Restart"), line("RestartPreventExitStatus")) == ("always", "78")
    home.tags_file.write_text("[")
    assert home.run("shocpp-listener", env={"WS_PORT": str(free_port())}).returncode == 78


def test_the_server_needs_to_write_no_folder_but_those_of_its_unit(home: Home) -> None:
    writable = [
        Path(path.replace("/opt/shocpp", str(home.folder)))
        for path in line("ReadWritePaths").split()
    ]
    script = [f"mount --bind {home.folder} {home.folder}"]
    for folder in writable:
        folder.mkdir(exist_ok=True)
        script.append(f"mount --bind {folder} {folder}")
    script.append(f"mount -o remount,bind,ro {home.folder}")
    script.append(f"touch {home.folder}/x 2>/dev/null && exit 9")
    script.append(f"exec {BIN}/shocpp-listener")
    port = free_port()
    unshare = [needs("unshare"), "--mount", "--map-root-user"]
    with open(home.folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*unshare, "sh", "-ec", "\n".join(script)],
            env=home.environment | {"WS_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    told = home.folder / "log"
    try:
        wait_for(lambda: process.poll() is not None or b"Booting worker" in told.read_bytes())
        if process.poll() is not None and re.match("(unshare|mount): ", told.read_text()):
            not_allowed_here(told.read_text())
        with connect(f"ws://127.0.0.1:{port}/garage") as charger:
            for number, call in enumerate(DAY):
                ask(charger, *call, str(number))
        assert_booked_once(home)
    finally:
        process.terminate()
    assert process.wait(20) == 0


# -- Docker ---------------------------------------------------------------------------------------


def commands() -> tuple[list[str], list[str]]:
    """HEALTHCHECK's and the container's own command."""
    text = (ROOT / "Dockerfile").read_text()
    health, own = re.findall(r"^(?: +)?CMD (\[.*\])$", text, re.MULTILINE)
    return json.loads(health), json.loads(own)


def test_the_containers_health_is_the_servers(server: Server) -> None:
    health, own = commands()
    assert own == ["shocpp-listener"]
    assert health[0] == "python"
    told = os.environ | {"WS_ADDRESS": "127.0.0.1", "WS_PORT": str(server.port)}
    # A proxy for Docker's clients is in every container's environment.
    told |= {"http_proxy": "http://127.0.0.1:9"}
    check = [sys.executable, *health[1:]]
    assert subprocess.run(check, env=told, timeout=20).returncode == 0
    (server.home.folder / "db" / "shocpp.sqlite3").unlink()
    wait_for(lambda: subprocess.run(check, env=told, capture_output=True).returncode == 1)
    assert server.stop() == 0
    assert subprocess.run(check, env=told, timeout=20, capture_output=True).returncode == 1


def test_shell_lines_in_the_heads_of_the_files_can_be_read_by_a_shell() -> None:
    user = UNITS / "user" / "shocpp.service"
    for file in (SERVICE, user, ROOT / "compose.yaml", ROOT / "conf" / "nginx" / "shocpp.conf"):
        commands = re.findall("^#   ([a-z(].*)$", file.read_text(), re.MULTILINE)
        assert commands
        for command in commands:
            assert shlex.split(command)
            checked = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True)
            assert (checked.returncode, checked.stderr) == (0, "")
