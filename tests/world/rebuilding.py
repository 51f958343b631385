"""The books of a home beside those that are made again from its accounting files or frames."""

import json
import shutil
from pathlib import Path

from tests.world.home import Home

RECORDS = (
    "SELECT number, file_name, month, charge_point_id, connector_id, account, id_tag,"
    " transaction_id, begin_wh, end_wh, consumed_wh, started_at, stopped_at, review, flags"
    " FROM accounting ORDER BY number"
)


def assert_the_files_make_the_same_books(home: Home, folder: Path) -> None:
    """`shocpp rebuild` makes the same records from the accounting files alone."""
    _assert_same_books(home, folder, ("conf", "accounting"), "rebuild")


def assert_the_frames_make_the_same_books(home: Home, folder: Path) -> None:
    """`shocpp rebuild --frames` derives the same records from what the chargers have sent."""
    _assert_same_books(home, folder, ("conf", "db", "accounting"), "rebuild", "--frames")


def _assert_same_books(home: Home, folder: Path, folders: tuple[str, ...], *command: str) -> None:
    second = Home(folder)
    for name in folders:
        shutil.copytree(home.folder / name, folder / name, dirs_exist_ok=True)
    rebuilt = second.run("shocpp", *command, timeout=300)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert second.query(RECORDS) == home.query(RECORDS)


def wrong_findings(home: Home) -> list[str]:
    """Return the sentences of `shocpp check` on all that is wrong."""
    findings = json.loads(home.run("shocpp", "check", "--json").stdout)["findings"]
    return [finding["sentence"] for finding in findings if finding["level"] == "wrong"]
