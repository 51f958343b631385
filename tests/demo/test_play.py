"""shocpp demo: an evening to watch, whose bill does not mind a killed server."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.machine import BIN, wait_for

WATCHED_S = 20
BILL = """\
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
    "consumed_kwh": "33"
  }
]
"""


def environment(scratch: Path) -> dict[str, str]:
    """The surroundings of a user who has set up everything, which the demo must leave alone."""
    theirs = {name: str(scratch / "theirs") for name in ("SHOCPP_HOME", "SHOCPP_DATABASE")}
    others = {"SHOCPP_HEARTBEAT": "never", "WS_PORT": "1", "TZ": "America/New_York"}
    return os.environ | theirs | others | {"TMPDIR": str(scratch)}


def processes_in(scratch: Path) -> list[int]:
    """Everything that was started with this scratch folder in its environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and f"TMPDIR={scratch}\0".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for pid in processes_in(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def demo(scratch: Path) -> Iterator[subprocess.Popen[str]]:
    # A shell that runs the tests in the background has them, and their children, ignore it.
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


def read_until(demo: subprocess.Popen[str], sign: str, times: int = 1) -> str:
    """What it prints up to the line that says `sign` for the `times`-th time."""
    assert demo.stdout
    read = ""
    while read.count(sign) < times:
        line = demo.stdout.readline()
        assert line, read
        read += line
    return read


def kill_server(told: str) -> None:
    """End the announced server and all that it has started, as a power cut would."""
    found = re.search(r"server \(pid (\d+)\)", told)
    assert found
    master = int(found[1])
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    assert children
    for pid in [master, *map(int, children)]:
        os.kill(pid, signal.SIGKILL)


def bill_of(told: str) -> str:
    """The summary at the end, without its date: midnight may come between two demos."""
    bill = told[told.index("Abrechnung für Jahr/Monat") :]
    return re.sub(r"\d{4}/\d\d|(?<=time\": \")[^\"]+", "-", bill)


def nothing_is_left(scratch: Path) -> None:
    assert wait_for(lambda: not processes_in(scratch), 5)
    assert list(scratch.iterdir()) == []


def test_an_evening_is_told_in_plain_words_and_ends_with_the_months_bill(
    demo: subprocess.Popen[str], scratch: Path
) -> None:
    begun = time.monotonic()
    told, complaints = demo.communicate(timeout=WATCHED_S)
    assert (demo.returncode, complaints) == (0, "")
    assert 5 < time.monotonic() - begun < WATCHED_S
    story, bill = told[: told.index("Abrechnung für")], bill_of(told)
    assert not re.search(r'[\[\]{}"]|None|\?', story)
    sentences = (
        "I am a go-e go-eCharger",
        "car plugged in, waiting for a card",
        "start charging for card 3333",
        "Accepted: transaction 20009042",
        "charging: 11.0 kW, meter 9 075 000 Wh",
        "no car here",
        "transaction 20009042 ends at meter 9 075 000 Wh",
    )
    places = [story.rindex(sentence) for sentence in sentences]
    assert places == sorted(places)
    frames = [line for line in story.splitlines() if "→" in line]
    assert len(frames) > 30
    assert all(
        re.fullmatch(r"\d\d:\d\d  (charger → Central System|Central System → charger)   \S.*", line)
        for line in frames
    )
    assert bill == BILL
    nothing_is_left(scratch)


def test_a_server_that_is_killed_in_the_middle_of_the_charge_does_not_change_the_bill(
    demo: subprocess.Popen[str], scratch: Path
) -> None:
    told = read_until(demo, "charging: 11.0 kW", times=5)
    kill_server(told)
    rest, complaints = demo.communicate(timeout=WATCHED_S)
    assert (demo.returncode, complaints) == (0, "")
    assert "The server has ended, and is started again (pid " in rest
    assert (told + rest).count("I am a go-e go-eCharger") == 2
    assert bill_of(rest) == BILL
    nothing_is_left(scratch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_has_seen_enough_leaves_nothing_behind(
    demo: subprocess.Popen[str], scratch: Path, number: signal.Signals
) -> None:
    read_until(demo, "charging: 11.0 kW")
    demo.send_signal(number)
    _, complaints = demo.communicate(timeout=WATCHED_S)
    assert demo.returncode != 0
    assert "Traceback" not in complaints
    nothing_is_left(scratch)


def test_a_taken_port_is_one_sentence_and_never_somebody_elses_server(scratch: Path) -> None:
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
    nothing_is_left(scratch)
