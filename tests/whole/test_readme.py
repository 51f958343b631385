"""README and docs/ are true: their tables are the code's, their session prints what it shows."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from shocpp.interfaces import cli
from shocpp.interfaces.web import navigation
from shocpp.ocpp.actions import ACTIONS
from shocpp.settings import VARIABLES
from tests.world.home import Home
from tests.world.machine import BIN, ROOT, needs

README = (ROOT / "README.md").read_text()
LONGEST_README = 10_000
"""The bytes that a stranger reads before trying it."""

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
PAGES = (ROOT / "docs" / "pages.md").read_text()
SESSIONS = "".join(
    (ROOT / "docs" / name).read_text() for name in ("books.md", "access.md", "calls.md")
)
"""The parts of one session, in the order of reading."""

SEEDS_NAMES = {"listener", "backend", "caller", "command", "summary"}


def table(first_column: str, text: str = REFERENCE) -> list[list[str]]:
    """The cells of the table whose head begins with this column."""
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows = []
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_readme_is_short() -> None:
    assert len(README.encode()) < LONGEST_README


def test_all_links_lead_somewhere() -> None:
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = path.read_text()
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", text):
            linked = path.parent / target if target else path
            assert linked.exists(), (path.name, target)
            if anchor and linked.suffix == ".md":
                heads = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
                named = set(re.findall(r'<a id="([^"]+)">', linked.read_text()))
                assert anchor[1:] in anchors | named, (path.name, target, anchor)


def test_each_page_of_the_navigation_has_its_commands() -> None:
    rows = {row[0].strip("`"): row for row in table("page", PAGES)}
    for path, _, _ in navigation.PAGES:
        assert path in rows
    commands = {name for row in rows.values() for name in re.findall(r"`shocpp ([a-z-]+)", row[3])}
    assert commands <= set(cli.main.commands)


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
    told = re.search(r"security extension: (.*?)\.\n", REFERENCE, re.DOTALL)
    assert told is not None
    assert re.split(r",\s+", told[1]) == sorted(ACTIONS)


@pytest.mark.parametrize("name", sorted(cli.main.commands))
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = cli.main.commands[name]
    text = command.get_help(click.Context(command, info_name=name))
    assert "Example: " in text


def session(number: int) -> list[tuple[str, str]]:
    """The commands of a session and what they print."""
    block = re.findall(r"```console\n(.*?)```", SESSIONS, re.DOTALL)[number]
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


class Ended(NamedTuple):
    """The output of a command of a session, and its exit code."""

    stdout: str
    stderr: str
    code: int


def run_in_one_shell(folder: Path, environment: dict[str, str], commands: list[str]) -> list[Ended]:
    """Run commands of the README as its reader would: one after the other, in the checkout."""
    checkout, errors = folder / "checkout", folder / "errors"
    checkout.mkdir()
    errors.mkdir()
    for name, target in ((".venv", BIN.parent), ("conf", ROOT / "conf")):
        (checkout / name).symlink_to(target)
    steps = [
        f"exec 2>{errors / str(number)}\n{command}\nprintf '\\036%d\\036' $?"
        for number, command in enumerate(commands)
    ]
    shell = subprocess.run(
        ["bash", "-s"],
        input="\n".join(steps),
        cwd=checkout,
        env=environment | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert sorted(path.name for path in checkout.iterdir()) == [".venv", "conf"]
    printed = shell.stdout.split("\x1e")
    return [
        Ended(printed[2 * number], (errors / str(number)).read_text(), int(printed[2 * number + 1]))
        for number in range(len(commands))
    ]


def test_the_shell_session_prints_what_it_shows_and_leaves_the_books_alone(
    home: Home, tmp_path: Path
) -> None:
    needs("sqlite3")
    assert len(session(0)) >= 7
    printed = [step for number in range(4) for step in session(number)]
    refused = session(4)
    assert refused
    # Without the session's own folder the commands would work on the chargers of the checkout.
    environment = dict(home.environment)
    del environment["SHOCPP_HOME"]
    assert "SHOCPP_HOME=$(mktemp -d)" in printed[0][0]
    commands = [command for command, _ in printed + refused]
    ended = run_in_one_shell(tmp_path, environment, commands)
    for (command, shown), end in zip(printed, ended, strict=False):
        pattern = re.escape(shown).replace("…", ".*")
        assert re.fullmatch(pattern, end.stdout), (command, end)
        assert end.code == 0, (command, end)
    for (command, shown), end in zip(refused, ended[len(printed) :], strict=True):
        assert (end.stdout, end.stderr) == ("", shown), command
        assert end.code == (1 if shown.startswith("OCPP unreachable. ") else 2)
