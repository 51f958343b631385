"""The console scripts: each starts, and the forked processes of other tests are no different."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world import launcher
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S, ROOT, wait_for
from tests.world.server import Server

HEARTBEAT = '[2,"1","Heartbeat",{}]\n'
USES = [
    *(("shocpp", *words) for words in [(), ("--version",), ("nonsense",), ("tags", "--help")]),
    *(("shocpp-backend", *words) for words in [("--help",), ("-c", "a/b")]),
    *(("shocpp-caller", *words) for words in [(), ("nonsense",)]),
    *(("shocpp-command", *words) for words in [(), ("-c", "garage", "Reset")]),
    *(("shocpp-listener", *words) for words in [("--help",), ("nonsense",)]),
    *(("shocpp-summary", *words) for words in [("2026", "13"), ("2026", "10")]),
]


@pytest.fixture(autouse=True)
def with_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the launcher, so they use it always."""
    monkeypatch.delenv("SHOCPP_LAUNCHER", raising=False)


def by_script(home: Home, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a console script itself."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        input=HEARTBEAT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=home.environment,
        **more,
    )


@pytest.mark.parametrize("use", USES, ids=" ".join)
def test_a_forked_command_prints_what_its_script_prints(
    migrated_home: Home, use: tuple[str, ...]
) -> None:
    real = by_script(migrated_home, *use)
    assert real.stdout + real.stderr
    assert vars(migrated_home.run(*use, stdin=HEARTBEAT)) == vars(real)


def test_a_forked_command_ends_at_a_closed_pipe_as_its_script_does(migrated_home: Home) -> None:
    ended = []
    for start in (subprocess.Popen, launcher.start):
        reader, writer = os.pipe()
        os.close(reader)
        command = [str(BIN / "shocpp-summary"), "2026", "10"]
        with start(
            command, stdout=writer, stderr=subprocess.PIPE, env=migrated_home.environment
        ) as process:
            os.close(writer)
            ended.append((process.communicate()[1], process.returncode))
    assert ended[0] == ended[1] == (b"", 1)


def test_a_forked_command_can_be_killed_and_awaited(home: Home) -> None:
    with home.backend("garage") as process:
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    assert process.returncode == -signal.SIGKILL
    with home.backend("garage") as process:
        process.terminate()
        assert process.wait(PATIENCE_S) == -signal.SIGTERM


def test_a_forked_server_has_what_its_script_gives_it(tmp_path: Path) -> None:
    facts = []
    for launcher_ in "01":
        server = Server(Home(tmp_path / launcher_ / "home"), SHOCPP_LAUNCHER=launcher_)
        facts.append((facts_of(server.process.pid), files_of(server.process.pid)))
        facts[-1] += tuple(map(facts_of, server.workers()))
        assert (type(server.process) is subprocess.Popen) == (launcher_ == "0")
        server.kill()
    assert facts[0] == facts[1]


def facts_of(pid: int) -> tuple[Path, str, list[str]]:
    """Return the folder, limits and signals of a process."""
    process = Path("/proc", str(pid))
    lines = process.joinpath("status").read_text().splitlines()
    signals = [line for line in lines if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    return process.joinpath("cwd").readlink(), process.joinpath("limits").read_text(), signals


def files_of(pid: int) -> list[str]:
    """Return the open files of a process, without the parts of their names that differ."""
    names = [os.readlink(path) for path in Path("/proc", str(pid), "fd").iterdir()]
    return sorted(re.sub(r".*/[01]/home/|(?<=gunicorn-)\S+|\d+", "", name) for name in names)


def test_a_start_with_another_interpreter_runs_the_script(home: Home) -> None:
    command = [str(BIN / "shocpp"), "--version"]
    for more, kind in (({}, False), ({"PYTHONUTF8": "0"}, True), ({"LD_PRELOAD": ""}, True)):
        with launcher.start(
            command, stdout=subprocess.DEVNULL, env=home.environment | more
        ) as process:
            assert process.wait(PATIENCE_S) == 0
        assert (type(process) is subprocess.Popen) == kind


def test_the_launcher_and_its_commands_end_with_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from tests.world.home import Home\n"
        "with Home(pathlib.Path(sys.argv[1])).backend('garage') as process:\n"
        "    print(process.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "home")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        forked = process.stdout.readline().strip()
        parent = Path("/proc", forked, "stat").read_text().split()[3]
        assert b"fork_server" in Path("/proc", parent, "cmdline").read_bytes()
        process.kill()
    wait_for(lambda: not runs(forked) and not runs(parent))


def runs(pid: str) -> bool:
    """Return True if a process has not ended yet; in a container nobody may await its end."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
