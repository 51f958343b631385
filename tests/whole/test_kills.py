"""Kills at random under a site's whole life: the books are the truth, and no Call comes twice.

Fifty chargers with queues (see `queued_charger`) charge, while a server with one worker or two is
killed, stopped and reloaded (see `kills`), and people send Calls. When all queues have drained, the
books are compared with what the meters have counted, and what callers were told with what the
chargers have received.

`make kills` is the long run. A failure names its seed; `SHOCPP_KILLS_SEED` plays the same chargers
and the same order of kills again, although not the same moments.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shocpp.store.calls import NEVER_SENT
from tests.world.faults import assert_each_record_has_its_file
from tests.world.home import Home
from tests.world.kills import ANSWERED, NOT_SENT, Site
from tests.world.machine import wait_for
from tests.world.queued_charger import marker_of
from tests.world.rebuilding import assert_the_files_make_the_same_books, wrong_findings
from tests.world.server import Server

KILLS = int(os.environ.get("SHOCPP_KILLS") or 4)
SEED = int(os.environ.get("SHOCPP_KILLS_SEED") or random.randrange(1_000_000))
CHARGERS = 50


def assert_the_books_are_the_truth(site: Site) -> None:
    """One record for each session, and to the Wh all that has flowed: by account, or in review."""
    home, sessions = site.home, site.fleet.sessions
    booked = Counter(
        home.query(
            "SELECT charge_point_id, connector_id, account, consumed_wh, review IS NOT NULL"
            " FROM accounting"
        )
    )
    truth = Counter(session.truth for session in sessions)
    assert booked - truth == Counter(), "booked, but it never flowed"
    assert truth - booked == Counter(), "it flowed, but is not booked"
    sums: Counter[str] = Counter()
    for _, _, account, wh, is_under_review in truth.elements():
        sums["under review" if is_under_review else account] += wh
    by_account = "iif(review IS NULL, account, 'under review'), sum(consumed_wh)"
    assert sums == dict(home.query(f"SELECT {by_account} FROM accounting GROUP BY 1"))
    states = "SELECT state, count(*) FROM started_transaction GROUP BY 1"
    assert home.query(states) == [("stopped", len(sessions))]
    assert home.query("PRAGMA integrity_check") == [("ok",)]


def assert_no_call_came_twice(site: Site) -> None:
    """Callers were told, and the queue has, the Calls that the chargers have received."""
    home, delivered = site.home, site.fleet.delivered
    assert [marker for marker, count in delivered.items() if count > 1] == []
    assert delivered.keys() <= site.outcomes.keys()
    for marker, outcome in site.outcomes.items():
        if outcome == ANSWERED:
            assert delivered[marker] == 1, f"{marker} was answered, and has never arrived"
        if outcome == NOT_SENT:
            assert delivered[marker] == 0, f"{marker} was delivered, and is told as not sent"
    wait_for(lambda: not home.query("SELECT 1 FROM call WHERE state IN ('queued', 'sent')"))
    for payload, state, error_text in home.query(
        "SELECT payload, state, error_description FROM call"
    ):
        count = delivered[str(marker_of(json.loads(payload)))]
        if state in ("answered", "refused"):
            assert count == 1, f"{payload} is {state}, and has never arrived"
        if state == "expired" and error_text == NEVER_SENT:
            assert count == 0, f"{payload} was delivered, and is stored as never sent"


@pytest.mark.timeout(120 + 10 * KILLS)
def test_whatever_is_killed_the_books_are_the_truth_and_no_call_comes_twice(
    home: Home, serve: Callable[..., Server], tmp_path: Path
) -> None:
    print(f"SHOCPP_KILLS_SEED={SEED}")
    site = Site(home, serve(), SEED, KILLS, CHARGERS)
    try:
        asyncio.run(site.run())
        site.report()
        (sums,) = home.query("SELECT count(*), sum(repeats) FROM accounting")
        print("{} records, {} repeats of stops".format(*sums))
        assert site.leftovers() == []
        unexported = "SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"
        wait_for(lambda: not home.query(unexported), 30 + KILLS)
        assert_the_books_are_the_truth(site)
        assert_no_call_came_twice(site)
        assert_each_record_has_its_file(home)
        assert wrong_findings(home) == []
        assert site.server.stop() == 0
        assert_the_files_make_the_same_books(home, tmp_path / "second")
        assert "Traceback" not in site.server.log()
    finally:
        site.end()
