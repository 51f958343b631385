"""Findings about site.json and the meter of the site."""

import json
import os
from collections.abc import Callable, Iterator

import pytest

from shocpp.checks.findings import NOTE, RISKY, WRONG
from shocpp.checks.limits.site import UNDECIDED_MS, check_site
from shocpp.clock import now_ms
from shocpp.energy.model import (
    METER_ABSENT,
    METER_FROZEN,
    METER_GOOD,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_REVERSED,
    METER_SILENT,
    SiteReading,
)
from shocpp.store import properties
from shocpp.store.charge_points import connections, identities
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.database import Database, open_database
from shocpp.store.doorbells import Doorbell, doorbells_folder
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import readings, set_points
from shocpp.store.site.set_points import SiteState
from tests.world.findings import check, english_of
from tests.world.home import Home
from tests.world.machine import free_port, wait_for
from tests.world.server import Server

GOOD = '{"limit_a": 35, "house_a": 0}'
POLLED = {"limit_a": 35, "meter": {"url": "http://192.168.1.30/status", "paths": ["total_power"]}}
POSTED = {"limit_a": 35, "meter": {"posted": True}}


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database."""
    with open_database(migrated_home.database) as db:
        yield db


@pytest.fixture
def worker(migrated_home: Home, db: Database) -> Iterator[None]:
    """This process as a running worker."""
    doorbell = Doorbell(doorbells_folder(migrated_home.database), "checked")
    with db.writing(keys=NO_KEYS):
        row = WorkerRow("checked", str(doorbell.path), os.getpid())
        connections.enter_worker(db, row, now_ms())
    yield
    doorbell.remove()


def write(home: Home, content: object) -> None:
    """Write site.json."""
    text = content if isinstance(content, str) else json.dumps(content)
    home.settings.site_file.write_text(text)


def decided(db: Database, meter: str, age_ms: int = 0) -> None:
    """Store the state after a decision with this verdict on the meter."""
    with db.writing(keys=NO_KEYS):
        set_points.save_state(db, SiteState("{}", now_ms() - age_ms, meter, False, None))


def sentences(home: Home, db: Database, level: str) -> list[str]:
    """Return the findings of a level."""
    found = list(check_site(home.settings, db))
    return english_of(each for each in found if each.level == level)


def test_without_limits_nothing_is_said(migrated_home: Home, db: Database) -> None:
    assert list(check_site(migrated_home.settings, db)) == []
    assert list(check_site(migrated_home.settings, None)) == []


def test_limits_do_not_replace_a_fuse(migrated_home: Home, db: Database) -> None:
    write(migrated_home, GOOD)
    (finding,) = check_site(migrated_home.settings, db)
    assert (finding.level, finding.key) == (NOTE, "limits_no_promise")
    assert "limits replace neither a fuse nor the highest current that is set in each charger" in (
        check(migrated_home).stdout
    )


def test_a_broken_file_is_wrong_and_its_line_is_named(migrated_home: Home, db: Database) -> None:
    write(migrated_home, '{\n  "limit_a": 35,\n  "margin": 2\n}')
    path = migrated_home.settings.site_file
    (sentence,) = sentences(migrated_home, db, WRONG)
    assert sentence.startswith(f"{path}, line 3: margin is unknown; there are limit_a, margin_a")
    assert sentence.endswith("; no common limit is in force until it is corrected")
    assert sentence in check(migrated_home).stdout
    with db.writing(keys=NO_KEYS):
        properties.store_site(db, GOOD)
    (sentence,) = sentences(migrated_home, db, WRONG)
    assert sentence.endswith("; the last good limits stay in force until it is corrected")
    write(migrated_home, '{\n  "limit_a": 35,,\n}')
    (sentence,) = sentences(migrated_home, db, WRONG)
    assert "is not JSON" in sentence
    assert "line 2" in sentence


def test_a_house_that_nobody_knows_is_noted(migrated_home: Home, db: Database) -> None:
    write(migrated_home, {"limit_a": 35})
    unknown = sentences(migrated_home, db, NOTE)[0]
    assert "without a meter, the chargers share all 35 A; if anything else is behind" in unknown
    for known in (GOOD, POSTED, GROUP):
        write(migrated_home, known)
        assert not any("share all" in each for each in sentences(migrated_home, db, NOTE))


def test_a_broken_file_is_found_without_a_database(home: Home) -> None:
    write(home, "{")
    (finding,) = check_site(home.settings, None)
    assert finding.key == "site_broken"


GROUP = {"groups": {"yard": {"limit_a": 20, "members": ["garage"]}}}


def test_an_unknown_member_is_wrong_and_one_that_never_connected_is_noted(
    migrated_home: Home, db: Database
) -> None:
    write(migrated_home, GROUP)
    (sentence,) = sentences(migrated_home, db, WRONG)
    assert "groups, yard, members, entry 1 is 'garage', and no charger has this name" in sentence
    migrated_home.charge_points_file.write_text('{"Garage": {"auth": "none"}}')
    assert sentences(migrated_home, db, WRONG) == []
    never, _ = sentences(migrated_home, db, NOTE)
    assert "'garage' in the group 'yard' has never connected" in never
    with db.writing(keys=NO_KEYS):
        identities.enter(db, "GARAGE", now_ms())
    assert len(sentences(migrated_home, db, NOTE)) == 1
    migrated_home.charge_points_file.unlink()
    assert sentences(migrated_home, db, WRONG) == [], "it has connected once"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("content", "meter", "level", "sentence"),
    [
        (POLLED, METER_SILENT, WRONG, "the meter http://192.168.1.30/status gives no values"),
        (POLLED, METER_NEW, WRONG, "at most 6 A; check that it can be reached"),
        (POSTED, METER_SILENT, WRONG, "no program has posted a value of the meter to /api/site"),
        (POSTED, METER_FROZEN, WRONG, "the meter has reported exactly the same values for minutes"),
        (POLLED, METER_REVERSED, WRONG, "the meter has the wrong sign"),
        (POLLED, METER_IMPLAUSIBLE, WRONG, "more than the fuse can carry"),
        (POLLED, METER_ABSENT, RISKY, "the meter does not notice cars"),
    ],
)
def test_a_meter_that_cannot_be_trusted_is_found(
    migrated_home: Home, db: Database, content: object, meter: str, level: str, sentence: str
) -> None:
    write(migrated_home, content)
    decided(db, meter)
    (found,) = sentences(migrated_home, db, level)
    assert sentence in found
    assert len(sentences(migrated_home, db, NOTE)) == 1


@pytest.mark.usefixtures("worker")
def test_a_good_or_a_new_meter_is_no_finding(migrated_home: Home, db: Database) -> None:
    write(migrated_home, POLLED)
    decided(db, METER_GOOD)
    assert [each.key for each in check_site(migrated_home.settings, db)] == ["limits_no_promise"]
    with db.writing(keys=NO_KEYS):
        readings.add(db, readings.POLLED, SiteReading(now_ms(), (0, 0, 0)))
    decided(db, METER_NEW)
    assert [each.key for each in check_site(migrated_home.settings, db)] == ["limits_no_promise"]


@pytest.mark.usefixtures("worker")
def test_a_server_in_which_nobody_decides_is_wrong(migrated_home: Home, db: Database) -> None:
    write(migrated_home, POLLED)
    decided(db, METER_SILENT, age_ms=UNDECIDED_MS + 30_000)
    (sentence,) = sentences(migrated_home, db, WRONG)
    assert sentence.startswith(
        "nobody has decided on limits for 2 min although a server is running"
    )


def test_without_a_server_nothing_is_said_of_the_meter(migrated_home: Home, db: Database) -> None:
    write(migrated_home, POLLED)
    decided(db, METER_SILENT)
    assert [each.key for each in check_site(migrated_home.settings, db)] == ["limits_no_promise"]


def test_a_meter_that_a_server_cannot_reach_is_found(
    home: Home, serve: Callable[..., Server]
) -> None:
    address = f"http://127.0.0.1:{free_port()}/status"
    key = "?auth_key=Ge31m"
    write(home, {"limit_a": 35, "meter": {"url": address + key, "paths": ["total_power"]}})
    serve()
    sentence = f"the meter {address} cannot be reached: [Errno 111] Connection refused; meanwhile"
    wait_for(lambda: sentence in check(home).stdout)
    assert key not in check(home).stdout


def test_a_server_keeps_its_last_good_limits_and_says_so(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home, GOOD)
    serve()
    wait_for(lambda: home.query("SELECT 1 FROM property WHERE name = 'site'"))
    write(home, '{"limit_a": 35,\n"limit_b": 1}')
    path = home.settings.site_file
    (wrong,) = (line for line in check(home).stdout.splitlines() if line.startswith("WRONG"))
    assert wrong.startswith(f"WRONG  {path}, line 2: limit_b is unknown")
    assert wrong.endswith("; the last good limits stay in force until it is corrected")
