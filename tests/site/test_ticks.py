"""The ticks of a leader over its database: restarts, clocks that are set back, and outages."""

import json
from collections.abc import Iterator

import pytest

from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.energy.model import SiteReading
from shocpp.energy.state.text import state_of, state_text
from shocpp.ocpp.charging_profiles import Profile, Variant, base_id
from shocpp.site.ticks import Ticks
from shocpp.store import calls
from shocpp.store.charge_points import connections, identities
from shocpp.store.charge_points.connections import NewConnection, WorkerRow
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import profiles, readings, set_points
from shocpp.store.thread_database import ThreadDatabase
from tests.world.home import Home
from tests.world.limits import write_site

BASE = Variant("TxDefaultProfile", "Absolute", 0, "A")


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """The database of a home whose site.json has a meter that is posted."""
    write_site(migrated_home, limit_a=63, meter={"posted": True}, house_a=5)
    with open_database(migrated_home.database) as db:
        yield db


def leader(home: Home) -> Ticks:
    """Return the ticks of a new leader."""
    allowlist = AllowlistFile(home.charge_points_file)
    connect = ThreadDatabase().connection
    return Ticks(home.settings, allowlist, connect, "/no/doorbell", lambda: None)


def connect_charging(db: Database, number: int) -> None:
    """Let a charger with its base and a transaction be connected for a long time."""
    name, moment_ms = f"p{number}", now_ms()
    with db.writing(keys=NO_KEYS):
        row = identities.enter(db, name, moment_ms)
        connections.enter_worker(db, WorkerRow("w", "/no/doorbell", 1), 1)
        new = NewConnection(f"token {number}", "1.2.3.4", authenticated=True)
        connections.hold(db, row, new, "w", moment_ms, None)
        profiles.record_accepted(db, row, Profile(1, base_id(1), BASE, 6_000), moment_ms)
        columns = {
            "charge_point": row,
            "transaction_id": number,
            "connector_id": 1,
            "id_tag": "a",
            "id_tag_key": "a",
            "account_index": 0,
            "account": "a",
            "status": "Accepted",
            "state": "open",
            "meter_start_wh": 0,
            "start_known": 1,
            "started_ms": moment_ms,
            "received_ms": moment_ms,
            "start_key": name,
            "has_clock": 1,
            "last_record": 0,
        }
        db.insert("started_transaction", columns)


def post(db: Database, moment_ms: int, *currents_ma: int) -> None:
    first, second, third = currents_ma
    with db.writing(keys=NO_KEYS):
        readings.add(db, readings.POSTED, SiteReading(moment_ms, (first, second, third)))


def waiting_limits(db: Database) -> list[float]:
    """Return the limit of each Call that has not left yet."""
    profiles = [
        json.loads(one.payload)["csChargingProfiles"]
        for one in calls.waiting_for(db, "w", now_ms())
    ]
    return [one["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] for one in profiles]


def meter(db: Database) -> str:
    state = set_points.present_state(db)
    assert state is not None
    return state.meter


def test_raises_are_spread_if_nothing_was_decided_for_a_minute(
    db: Database, migrated_home: Home
) -> None:
    leader(migrated_home).tick(is_rung=True)
    for number in range(1, 9):
        connect_charging(db, number)
    with db.writing(keys=NO_KEYS):
        db.execute("UPDATE site_state SET decided_ms = decided_ms - 61000")
    leader(migrated_home).tick(is_rung=True)
    assert len(calls.waiting_for(db, "w", now_ms())) < 4
    # A leader that follows at once does not wait.
    leader(migrated_home).tick(is_rung=True)
    assert len(calls.waiting_for(db, "w", now_ms())) == 8


def test_a_leader_that_is_killed_before_its_call_leaves_is_followed_without_a_second_one(
    db: Database, migrated_home: Home
) -> None:
    leader(migrated_home).tick(is_rung=True)
    connect_charging(db, 1)
    leader(migrated_home).tick(is_rung=True)
    # The decision and its Call are stored at once; the worker has not sent it yet.
    assert waiting_limits(db) == [6]
    points = db.execute("SELECT limit_ma, base_ma, since_ms FROM set_point").fetchall()
    for _ in range(3):
        leader(migrated_home).tick(is_rung=True)
    assert waiting_limits(db) == [6]
    assert db.execute("SELECT limit_ma, base_ma, since_ms FROM set_point").fetchall() == points


def test_readings_from_before_this_leader_are_used_and_old_ones_are_not(
    db: Database, migrated_home: Home
) -> None:
    moment_ms = now_ms()
    for age_ms in (86_400_000, 3_600_000):
        post(db, moment_ms - age_ms, 1, 2, 3)
    leader(migrated_home).tick(is_rung=True)
    assert meter(db) == "new"
    for age_ms in (20_000, 15_000, 10_000):
        post(db, now_ms() - age_ms, 5_000, 5_000, 5_000 + age_ms)
    leader(migrated_home).tick(is_rung=True)
    assert meter(db) == "good"


def test_readings_count_after_the_clock_was_set_back(db: Database, migrated_home: Home) -> None:
    hour_ms = 3_600_000
    for age_ms in (20_000, 15_000, 10_000):
        post(db, now_ms() - age_ms, 5_000, 5_000, 5_000 + age_ms)
    ticks = leader(migrated_home)
    ticks.tick(is_rung=True)
    assert meter(db) == "good"
    # All so far is an hour in the future now.
    stored = set_points.present_state(db)
    assert stored is not None
    memory = json.loads(stored.state)
    state = state_of(memory["controller"])
    assert state.meter.newest is not None
    future = state.meter.newest._replace(received_ms=now_ms() + hour_ms)
    state = state._replace(meter=state.meter._replace(newest=future))
    memory["controller"] = state_text(state)
    with db.writing(keys=NO_KEYS):
        db.execute("UPDATE site_reading SET received_ms = received_ms + ?", (hour_ms,))
        set_points.save_state(db, stored._replace(state=json.dumps(memory)))
    post(db, now_ms(), 40_000, 40_000, 40_000)
    leader(migrated_home).tick(is_rung=True)
    stored = set_points.present_state(db)
    assert stored is not None
    newest = state_of(json.loads(stored.state)["controller"]).meter.newest
    assert newest is not None
    assert newest.currents_ma == (40_000, 40_000, 40_000)


def test_readings_of_the_future_do_not_come_back_after_the_clock_was_set_back(
    db: Database, migrated_home: Home
) -> None:
    hour_ms = 3_600_000
    post(db, now_ms() - 5_000, 5_000, 5_000, 5_000)
    leader(migrated_home).tick(is_rung=True)
    stored = set_points.present_state(db)
    assert stored is not None
    with db.writing(keys=NO_KEYS):
        db.execute("UPDATE site_reading SET received_ms = received_ms + ?", (hour_ms,))
        set_points.save_state(db, stored._replace(decided_ms=now_ms() + hour_ms))
    post(db, now_ms(), 7_000, 7_000, 7_000)
    leader(migrated_home).tick(is_rung=True)
    present = readings.since(db, 0)
    assert [one.currents_ma for one in present] == [(7_000, 7_000, 7_000)]


def test_a_tick_without_anything_new_writes_nothing(db: Database, migrated_home: Home) -> None:
    ticks = leader(migrated_home)
    ticks.tick(is_rung=True)
    ticks.tick(is_rung=False)
    version = db.version_of_others()
    ticks.tick(is_rung=False)
    assert db.version_of_others() == version
    ticks.tick(is_rung=True)
    assert db.version_of_others() != version


def test_rows_that_are_too_old_are_deleted(db: Database, migrated_home: Home) -> None:
    day_ms = 86_400_000
    for days in (15, 2):
        post(db, now_ms() - days * day_ms, 1, 2, 3)
    leader(migrated_home).tick(is_rung=True)
    ((left,),) = db.execute("SELECT count(*) FROM site_reading").fetchall()
    assert left == 1
