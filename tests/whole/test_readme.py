"""The README is true: its tables are the code's, and its shell session prints what it shows."""

import os
import re
import subprocess

import click
import pytest

from shocpp.interfaces import cli
from shocpp.ocpp.actions import ACTIONS
from shocpp.settings import VARIABLES
from tests.world.home import Home
from tests.world.machine import BIN, ROOT, needs

README = (ROOT / "README.md").read_text()
SEEDS_NAMES = {"listener", "backend", "caller", "command", "summary"}


def table(first_column: str) -> list[list[str]]:
    """The cells of the table whose head begins with this column."""
    lines = README.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows = []
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_settings_are_those_of_the_code() -> None:
    assert table("variable") == [
        [f"`{variable.name}`", variable.default, variable.meaning] for variable in VARIABLES
    ]


def test_the_commands_are_those_of_the_program() -> None:
    known = {
        f"`shocpp-{name}`" if name in SEEDS_NAMES else f"`shocpp {name}`"
        for name in cli.main.commands
    }
    assert {row[0] for row in table("command")} == known


def test_the_actions_are_those_that_are_answered() -> None:
    told = re.search(r"security extension: (.*?)\.\n", README, re.DOTALL)
    assert told is not None
    assert re.split(r",\s+", told[1]) == sorted(ACTIONS)


@pytest.mark.parametrize("name", sorted(cli.main.commands))
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = cli.main.commands[name]
    text = command.get_help(click.Context(command, info_name=name))
    assert "Example: " in text


def session(number: int) -> list[tuple[str, str]]:
    """The commands of a session and what they print."""
    block = re.findall(r"```console\n(.*?)```", README, re.DOTALL)[number]
    steps: list[tuple[str, str]] = []
    here = None
    for line in block.splitlines(keepends=True):
        if here is not None:
            steps[-1] = (steps[-1][0] + line, "")
            here = None if line == f"{here}\n" else here
        elif line.startswith("$ "):
            steps.append((line[2:], ""))
            here = "EOF" if "<<'EOF'" in line else None
        else:
            steps[-1] = (steps[-1][0], steps[-1][1] + line)
    return steps


def run_in(home: Home, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README as its reader would."""
    return subprocess.run(
        ["bash", "-c", command.replace(".venv/bin/", "")],
        cwd=home.folder,
        env=home.environment | {"PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_the_shell_session_prints_what_it_shows(home: Home) -> None:
    needs("sqlite3")
    assert len(session(0)) >= 5
    for command, shown in session(0) + session(1) + session(2) + session(3):
        ended = run_in(home, command)
        pattern = re.escape(shown).replace("…", ".*")
        assert re.fullmatch(pattern, ended.stdout), (command, ended.stdout, ended.stderr)
        assert ended.returncode == 0, ended.stderr


def test_the_calls_are_refused_with_the_sentences_it_shows(home: Home) -> None:
    home.run("shocpp-backend", "-c", "garage", stdin='[2,"1","Heartbeat",{}]')
    assert session(4)
    for command, shown in session(4):
        ended = run_in(home, command)
        assert (ended.stdout, ended.stderr) == ("", shown)
        assert ended.returncode == (1 if shown.startswith("OCPP unreachable. ") else 2)
