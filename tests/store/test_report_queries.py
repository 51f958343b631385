"""Tests of the queries in db/reports/, run by the commands in their first lines."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.bookkeeping.test_closing import charge, close, price
from tests.world.home import Home
from tests.world.machine import ROOT, needs

QUERIES = sorted((ROOT / "db" / "reports").glob("*.sql"))


def printed(home: Home, query: Path) -> str:
    """Return the output of the command in the head of a query, without table borders."""
    needs("sqlite3")
    reports = home.folder / "db" / "reports"
    if not reports.exists():
        reports.symlink_to(ROOT / "db" / "reports")
    (command,) = re.findall(r"sqlite3 -box .*", query.read_text())
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=home.folder,
        env=os.environ | {"HOME": str(home.folder)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return " ".join(re.sub(r"[│┌┐└┘├┤┬┴┼─]", " ", ended.stdout).split())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.stem)
def test_the_command_in_the_head_of_a_query_prints_the_record(
    migrated_home: Home, query: Path
) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    assert "family-y" in printed(migrated_home, query)


def test_the_query_of_a_statement_prints_records_prices_and_sums(migrated_home: Home) -> None:
    price(migrated_home, 31.27)
    charge(migrated_home, 1_000_000, 1_033_250)
    charge(migrated_home, 1_033_250, 1_040_000, "2026-11-01")
    close(migrated_home)
    output = printed(migrated_home, ROOT / "db" / "reports" / "paper.sql")
    assert "family-y own 2026-01-01 31.27 33.25 10.4" in output
    assert "family-y 1 33.25 10.4 5.0 0.0 15.4" in output
    assert "1 2026-10-01 12:00:00 family-y garage" in output
    assert "6.75" not in output, "that is November's"
