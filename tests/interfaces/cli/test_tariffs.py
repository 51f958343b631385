"""Prices of records that had no tariff: statements print them, `shocpp tariffs apply` sets them."""

import hashlib
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bookkeeping.test_closing import charge, price
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S

PROPOSED = "2026-10  family-y: 2 records, 15000 Wh, 4.50 EUR\n"

READING = [
    *(f"shocpp-summary 2026 10 --format {name}" for name in ("text", "csv", "csv-machine")),
    *("shocpp-summary 2026 10 --format json", "shocpp-summary 2026 10 --format pdf -o papers"),
    *("shocpp-summary --year 2026", "shocpp tariffs check", "shocpp tariffs apply"),
]
"""Commands that print, and write nothing into the database."""

WATCHED = """
import contextlib, io, os, sys
from shocpp.interfaces.cli import main
from shocpp.interfaces.cli.statements import summary

opened = []

def watch(event, arguments):
    # The opener of a file is an event of its own, without a mode.
    if event == "open" and arguments[1] and str(arguments[0]).endswith("/tariffs.json"):
        opened.append(arguments[0])

sys.addaudithook(watch)
for line in sys.argv[1:]:
    opened.clear()
    command, *words = line.split()
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        (summary if command == "shocpp-summary" else main)(words)
    os.write(2, f"{len(opened)} {line}\\n".encode())
"""
"""A program that runs command lines, and counts how often each opens tariffs.json."""


@pytest.fixture(scope="module")
def charged(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home whose two records of October 2026 are older than their tariff."""
    home = Home(tmp_path_factory.mktemp("charged") / "home")
    assert home.run("shocpp", "migrate").returncode == 0
    charge(home, 1_000_000, 1_010_000)
    charge(home, 1_010_000, 1_015_000, "2026-10-02")
    price(home, 30)
    return home


@pytest.fixture
def late(home: Home, charged: Home) -> Home:
    """Return a copy of that home."""
    shutil.copytree(charged.folder, home.folder, dirs_exist_ok=True)
    return home


def content(folder: Path) -> dict[str, str]:
    """Return the digests of all files below a folder, by path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def amounts(home: Home) -> list[int | None]:
    """Return the amounts in the books, in cents."""
    return [ct for (ct,) in home.query("SELECT amount_ct FROM accounting ORDER BY number")]


def printed(home: Home) -> str:
    """Return the statement in the format for programs, which has all prices."""
    return home.run("shocpp-summary", "2026", "10", "--format", "csv-machine").stdout


def test_printing_reads_the_tariffs_once_and_changes_no_byte_of_the_books(late: Home) -> None:
    folders = (late.database.parent, late.folder / "accounting")
    before = [content(folder) for folder in folders]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *READING],
        cwd=late.folder,
        env=late.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr.splitlines() == [f"1 {line}" for line in READING]
    assert (late.folder / "papers" / "2026-10_002_family-y.pdf").is_file()
    assert PROPOSED in done.stdout
    # The text is stored beside the records, as ever.
    (late.folder / "accounting" / "2026" / "10" / "00_abrechnung_2026_10.txt").unlink()
    assert [content(folder) for folder in folders] == before


def test_prices_are_set_by_consent_and_for_ever(late: Home) -> None:
    before = printed(late)
    refused = late.run("shocpp", "tariffs", "apply", "2026", "10")
    assert (refused.returncode, refused.stdout) == (2, PROPOSED)
    sentence = "nothing is set; to set these prices for ever: shocpp tariffs apply 2026 10 --yes\n"
    assert refused.stderr == sentence
    assert amounts(late) == [None, None]
    done = late.run("shocpp", "tariffs", "apply", "--yes")
    assert (done.stdout, done.stderr) == (f"{PROPOSED}2 records have a price now\n", "")
    assert amounts(late) == [300, 150]
    files = [json.loads(file.read_text()) for file in late.record_files()]
    assert sorted(file["price"]["amount_ct"] for file in files) == [150, 300]
    price(late, 40)
    assert printed(late) == before
    again = late.run("shocpp", "tariffs", "apply")
    assert (again.returncode, again.stdout) == (
        *(0, "none: every record that a tariff covers has its price\n"),
    )


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_a_terminal_is_asked_before_prices_are_set(late: Home, answer: str, code: int) -> None:
    here, there = pty.openpty()
    os.write(here, f"{answer}\n".encode())
    done = subprocess.run(
        [str(BIN / "shocpp"), "tariffs", "apply"],
        stdin=there,
        capture_output=True,
        env=late.environment,
        timeout=PATIENCE_S,
    )
    os.close(here)
    os.close(there)
    assert done.returncode == code
    assert done.stderr.startswith(b"Set these prices? They never change again. [y/N]: ")
    assert amounts(late) == ([300, 150] if answer == "y" else [None, None])


def test_only_open_months_are_priced_and_months_are_named_in_pairs(late: Home) -> None:
    assert late.run("shocpp", "tariffs", "apply", "2026", "09", "--yes").stdout.startswith("none: ")
    assert late.run("shocpp", "close", "2026", "10").returncode == 0
    for words, sentence in (
        (("2026", "10"), "2026-10 is closed, so its records get no price any more; book them "),
        (("2026",), "name each month by year and number, such as: 2026 09"),
        (("2026", "13"), "13 is not in the range 1<=x<=12"),
    ):
        refused = late.run("shocpp", "tariffs", "apply", *words)
        assert refused.returncode == 2
        assert sentence in refused.stderr
