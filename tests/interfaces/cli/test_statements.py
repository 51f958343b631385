"""`shocpp-summary` as a process of its own: the files that it writes."""

from pathlib import Path

import pytest

from tests.bookkeeping.test_closing import charge
from tests.world.home import Home


@pytest.mark.parametrize(
    "words",
    [
        ("2026", "10", "--account", "family-y", "--format", "pdf"),
        ("2026", "10", "--account", "family-y", "--format", "csv"),
        ("--year", "2026", "--format", "csv"),
    ],
    ids=["pdf", "csv", "year"],
)
def test_a_file_in_a_missing_folder_is_refused_with_the_next_step(
    migrated_home: Home, tmp_path: Path, words: tuple[str, ...]
) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    missing = tmp_path / "missing" / "statement"
    done = migrated_home.run("shocpp-summary", *words, "-o", str(missing))
    sentence = f"there is no folder {missing.parent}; make it first: mkdir -p {missing.parent}\n"
    assert (done.returncode, done.stderr) == (2, sentence)


def test_an_accounts_statement_goes_into_a_folder_under_its_own_name(
    migrated_home: Home, tmp_path: Path
) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    words = ("2026", "10", "--account", "family-y", "--format", "csv", "-o", str(tmp_path))
    assert migrated_home.run("shocpp-summary", *words).returncode == 0
    assert (tmp_path / "2026-10_002_family-y.csv").is_file()


def test_a_year_needs_a_file(migrated_home: Home, tmp_path: Path) -> None:
    charge(migrated_home, 1_000_000, 1_033_250)
    done = migrated_home.run(
        "shocpp-summary", "--year", "2026", "--format", "csv", "-o", str(tmp_path)
    )
    sentence = f"{tmp_path} is a folder; name a file in it: -o {tmp_path}/FILE\n"
    assert (done.returncode, done.stderr) == (2, sentence)
