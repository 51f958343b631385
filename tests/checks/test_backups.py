"""The findings about backups, and the examples that make run writes."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import ROOT, needs
from tests.world.visits import EVENING, MORNING, say, start, stop

DAY_MS = 86_400_000


def notes(home: Home) -> list[str]:
    """Return the findings about backups."""
    found = json.loads(check(home, "--json").stdout)["findings"]
    return [
        finding["sentence"]
        for finding in found
        if "backup;" in finding["sentence"] or "backup is" in finding["sentence"]
    ]


def test_a_missing_and_an_old_backup_are_noted(home: Home) -> None:
    home.run("shocpp", "migrate")
    assert notes(home) == []
    say(home, start(1_000, MORNING), stop(5_000, EVENING))
    remedy = "make one, and keep it on another machine: shocpp backup FILE.zip"
    assert notes(home) == [f"this database has no backup; {remedy}"]
    assert home.run("shocpp", "backup", str(home.folder / "b.zip")).returncode == 0
    assert notes(home) == []
    with contextlib.closing(sqlite3.connect(home.database)) as db, db:
        db.execute(
            "UPDATE property SET value = value - ? WHERE name = 'backed_up_ms'", (36 * DAY_MS,)
        )
    assert notes(home) == [f"the newest backup is 36 days old; {remedy}"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and the examples, as in a checkout."""
    folder = tmp_path / "checkout"
    (folder / "conf").mkdir(parents=True)
    (folder / "db").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    for example in (ROOT / "conf").glob("*.example"):
        shutil.copy(example, folder / "conf")
    return folder


def made(checkout: Path, **settings: str) -> tuple[set[str], str]:
    """Make the examples as make run does; return the files of conf/ and the lines on stderr."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SHOCPP_")}
    done = subprocess.run(
        [needs("make"), "--no-print-directory", "conf/tags.json", "conf/canned.json"],
        cwd=checkout,
        env=others | settings,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return {path.name for path in (checkout / "conf").glob("*.json")}, done.stderr


def test_a_new_checkout_gets_examples(checkout: Path) -> None:
    assert made(checkout) == ({"tags.json", "canned.json"}, "")


def test_a_database_never_gets_examples(checkout: Path) -> None:
    (checkout / "db" / "shocpp.sqlite3").write_text("x")
    files, errors = made(checkout)
    assert files == set()
    assert "conf/tags.json is missing beside a database" in errors
    (checkout / "db" / "shocpp.sqlite3").unlink()
    assert made(checkout, SHOCPP_DATABASE=str(checkout / "Makefile"))[0] == set()


@pytest.mark.parametrize("setting", ["SHOCPP_HOME", "SHOCPP_TAGSFILE"])
def test_files_elsewhere_need_no_examples(checkout: Path, setting: str) -> None:
    assert made(checkout, **{setting: "/elsewhere"}) == (set(), "")
    assert made(checkout, SHOCPP_CANNEDFILE="/elsewhere")[0] == {"tags.json"}
