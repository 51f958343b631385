"""Power cuts at every step of a site's life: no answer promises more than the disk holds.

Chargers note each answer, and the server runs on a disk that knows its syncs (see `power`). After
each cut the answered messages must be there: starts, stops and the meter values that settle a bill
all of them, other readings but for the last second. At the end the books are compared with what the
meters have counted.

`make cuts` is the long run. A failure names its seed.
"""

import asyncio
import itertools
import os
import random
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.world.disk import Disk
from tests.world.faults import assert_each_record_has_its_file
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.power_cuts import Site
from tests.world.rebuilding import (
    assert_the_files_make_the_same_books,
    assert_the_frames_make_the_same_books,
    wrong_findings,
)

CUTS = int(os.environ.get("SHOCPP_CUTS") or 3)
SEED = int(os.environ.get("SHOCPP_CUTS_SEED") or random.randrange(1_000_000))
CHARGERS = 5
SITES = {
    "one worker": {},
    "two workers, all synced": {"GUNICORN_CMD_ARGS": "--workers 2", "SHOCPP_SYNC": "all"},
}
if "SHOCPP_CUTS" in os.environ:
    SITES["one worker, all synced"] = {"SHOCPP_SYNC": "all"}
    SITES["two workers"] = {"GUNICORN_CMD_ARGS": "--workers 2"}


def assert_the_books_are_the_truth(site: Site) -> None:
    """One record for each session, with the id that its charger knows, and all that has flowed."""
    booked = Counter(
        site.home.query(
            "SELECT charge_point_id, account, transaction_id, begin_wh, consumed_wh FROM accounting"
            " WHERE review IS NULL"
        )
    )
    truth = Counter(session.truth for session in site.sessions)
    assert booked - truth == Counter(), "booked, but it never flowed"
    assert truth - booked == Counter(), "it flowed, but is not booked"
    records = len(site.sessions)
    assert site.home.query("SELECT count(*) FROM accounting") == [(records,)]
    states = "SELECT state, count(*) FROM started_transaction GROUP BY 1"
    assert site.home.query(states) == [("stopped", records)]


@pytest.mark.timeout(120 + 10 * CUTS)
@pytest.mark.parametrize("environment", SITES.values(), ids=SITES)
def test_whenever_the_power_is_cut_what_was_answered_is_there_and_booked_once(
    home: Home, tmp_path: Path, environment: dict[str, str]
) -> None:
    print(f"SHOCPP_CUTS_SEED={SEED}")
    workshop = tmp_path / "workshop"
    workshop.mkdir()
    site = Site(home, workshop, f"{SEED} {environment}", CHARGERS, **environment)
    try:
        asyncio.run(site.run(CUTS))
        print(f"{len(site.sessions)} transactions, {len(site.answered)} answers;", site.happened)
        unexported = "SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"
        wait_for(lambda: not home.query(unexported), 30 + CUTS)
        assert_the_books_are_the_truth(site)
        site.assert_answers_are_there()
        assert_each_record_has_its_file(home)
        assert wrong_findings(home) == []
        assert site.server.stop() == 0
        assert_the_files_make_the_same_books(home, tmp_path / "from files")
        assert_the_frames_make_the_same_books(home, tmp_path / "from frames")
        assert "Traceback" not in "".join([*site.logs, site.server.log()])
    finally:
        site.end()


def test_a_power_cut_in_the_first_start_leaves_nothing_in_the_way_of_the_next(
    home: Home, tmp_path: Path
) -> None:
    for syncs in itertools.count(1):
        after = tmp_path / f"after-{syncs}"
        disk = Disk(home.folder, tmp_path / f"disk-{syncs}")
        disk.cut_at(syncs, moment="before")
        made = home.run("shocpp", "migrate", env=disk.environment, start_new_session=True)
        if made.returncode == 0:
            break
        assert made.returncode == -signal.SIGKILL, made.stderr
        disk.leave(after)
        shutil.rmtree(home.folder)
        after.rename(home.folder)
        again = home.run("shocpp", "migrate")
        assert again.returncode == 0, again.stderr
        assert home.query("PRAGMA integrity_check") == [("ok",)]
        shutil.rmtree(home.database.parent)
    assert syncs > 4
