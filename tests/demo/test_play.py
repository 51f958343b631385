"""`shocpp demo` as a process of its own: its output, its statement, and a killed server."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.machine import BIN
from tests.world.scratch import assert_nothing_is_left, environment, killing_all_in

WATCHED_S = 20
STATEMENT = """\
Abrechnung für Jahr/Monat: -

Mandant: company-x                       0,000 kWh
Mandant: company-z                       0,000 kWh
Mandant: family-y                       33,000 kWh
Gesamt :                                33,000 kWh

Zählerprüfung:
  garage: 33,000 abgerechnet = 33,000 kWh gezählt

Abrechnungsdatensätze:

[
  {
    "localtime": "-",
    "unixtime": "-",
    "account": "family-y",
    "begin_kwh": "9042",
    "end_kwh": "9075",
    "consumed_kwh": "33",
    "number": "1"
  }
]
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    with killing_all_in(tmp_path):
        yield tmp_path


@pytest.fixture
def demo(scratch: Path) -> Iterator[subprocess.Popen[str]]:
    # A shell makes background jobs and their children ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [str(BIN / "shocpp"), "demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(scratch),
    ) as process:
        yield process
        process.kill()


def read_until(demo: subprocess.Popen[str], text: str, times: int = 1) -> str:
    """Return its output up to the line in which `text` appears for the `times`-th time."""
    assert demo.stdout
    output = ""
    while output.count(text) < times:
        line = demo.stdout.readline()
        assert line, output
        output += line
    return output


def kill_server(output: str) -> None:
    """Kill the server that the output names, with its workers."""
    match = re.search(r"server \(pid (\d+)\)", output)
    assert match
    master = int(match[1])
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    assert children
    for pid in [master, *map(int, children)]:
        os.kill(pid, signal.SIGKILL)


def statement_of(output: str) -> str:
    """Return the statement at the end, without dates: midnight may come between two demos."""
    statement = output[output.index("Abrechnung für Jahr/Monat") :]
    return re.sub(r"\d{4}/\d\d|(?<=time\": \")[^\"]+", "-", statement)


def test_the_demo_describes_each_frame_and_ends_with_the_statement(
    demo: subprocess.Popen[str], scratch: Path
) -> None:
    begun = time.monotonic()
    output, errors = demo.communicate(timeout=WATCHED_S)
    assert (demo.returncode, errors) == (0, "")
    assert 5 < time.monotonic() - begun < WATCHED_S
    events, statement = output[: output.index("Abrechnung für")], statement_of(output)
    assert not re.search(r'[\[\]{}"]|None|\?', events)
    sentences = (
        "I am a go-e go-eCharger",
        "car plugged in, waiting for a card",
        "start charging for card 3333",
        "Accepted: transaction 20009042",
        "charging: 11.0 kW, meter 9 075 000 Wh",
        "no car here",
        "transaction 20009042 ends at meter 9 075 000 Wh",
    )
    positions = [events.rindex(sentence) for sentence in sentences]
    assert positions == sorted(positions)
    frames = [line for line in events.splitlines() if "→" in line]
    assert len(frames) > 30
    assert all(
        re.fullmatch(r"\d\d:\d\d  (charger → Central System|Central System → charger)   \S.*", line)
        for line in frames
    )
    assert statement == STATEMENT
    assert_nothing_is_left(scratch)


def test_a_server_killed_during_the_charge_does_not_change_the_statement(
    demo: subprocess.Popen[str], scratch: Path
) -> None:
    output = read_until(demo, "charging: 11.0 kW", times=5)
    kill_server(output)
    rest, errors = demo.communicate(timeout=WATCHED_S)
    assert (demo.returncode, errors) == (0, "")
    assert "The server has ended, and is started again (pid " in rest
    assert (output + rest).count("I am a go-e go-eCharger") == 2
    assert statement_of(rest) == STATEMENT
    assert_nothing_is_left(scratch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(
    demo: subprocess.Popen[str], scratch: Path, number: signal.Signals
) -> None:
    read_until(demo, "charging: 11.0 kW")
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=WATCHED_S)
    assert demo.returncode != 0
    assert "Traceback" not in errors
    assert_nothing_is_left(scratch)


def test_a_taken_port_is_reported_and_its_server_is_not_used(scratch: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = subprocess.run(
            [str(BIN / "shocpp"), "demo", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=WATCHED_S,
            env=environment(scratch),
        )
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (78, "", 1)
    assert f"127.0.0.1:{port}" in ended.stderr
    assert_nothing_is_left(scratch)
