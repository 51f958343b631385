"""Findings about chargers that do not keep limits, or get too many of them."""

import json
from collections.abc import Iterator

import pytest

from shocpp.checks.findings import NOTE, RISKY, WRONG
from shocpp.checks.limits.chargers import MANY_WRITES
from shocpp.checks.limits.site import check_site
from shocpp.clock import now_ms
from shocpp.energy.model import (
    FOLLOWS,
    IGNORES,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
)
from shocpp.ocpp.facts import Booted
from shocpp.store.charge_points import identities, notifications
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import limits, observed, set_points
from shocpp.store.site.limits import LimitChoice
from shocpp.store.site.observed import Seen
from shocpp.store.site.set_points import StoredSetPoint
from tests.world.findings import english_of
from tests.world.home import Home

NOW_MS = now_ms()
NONE = {"auth": "none"}


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database that knows two chargers; the one named garage is of go-e."""
    with open_database(migrated_home.database) as db:
        with db.writing(keys=NO_KEYS):
            garage = identities.enter(db, "garage", NOW_MS)
            identities.enter(db, "yard", NOW_MS)
            booted = Booted("go-e", "Gemini", None, "56.2", None)
            notifications.record_boot(db, garage, booted, NOW_MS)
        yield db


def decide(db: Database, *points: StoredSetPoint) -> None:
    """Store these set points."""
    with db.writing(keys=NO_KEYS):
        set_points.store(db, points)


def point(charge_point_id: str, standing: str = FOLLOWS, connector_id: int = 1) -> StoredSetPoint:
    """Return the set point of a connector, with a limit of 10 A and a base of 6 A."""
    return StoredSetPoint(
        charge_point_id, connector_id, 10_000, 6_000, "L1", "{}", standing, NOW_MS
    )


def configure(home: Home, site: object = None, **power: dict[str, object]) -> None:
    """Write site.json, and charge_points.json with these keys of power."""
    if site is not None:
        home.settings.site_file.write_text(json.dumps(site))
    entries = {name: NONE | power.get(name, {}) for name in ("garage", "yard")}
    home.charge_points_file.write_text(json.dumps(entries))


def sentences(home: Home, db: Database, level: str) -> list[str]:
    """Return the findings of a level."""
    found = list(check_site(home.settings, db))
    return english_of(each for each in found if each.level == level)


SITE = {"limit_a": 35, "house_a": 0}


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        (REFUSES, "yard refuses limits; it counts as 20 A, and others get less; set its"),
        (IGNORES, "yard accepts limits and does not keep them; it counts as 20 A"),
        (SILENT, "yard has not answered its newest limit; it counts as 20 A"),
        (UNVERIFIABLE, "yard reports neither current nor power, so nothing shows if it"),
    ],
)
def test_a_charger_that_counts_with_its_maximum_is_named_once(
    migrated_home: Home, db: Database, standing: str, sentence: str
) -> None:
    configure(migrated_home, SITE, yard={"max_a": 20})
    decide(db, point("garage"), point("yard", standing), point("yard", standing, 2))
    (found,) = sentences(migrated_home, db, RISKY)
    assert found.startswith(sentence)
    assert str(migrated_home.charge_points_file) in found


def test_a_charger_is_named_without_a_site_json_too(migrated_home: Home, db: Database) -> None:
    configure(migrated_home)
    decide(db, point("yard", IGNORES))
    (found,) = sentences(migrated_home, db, RISKY)
    assert "it counts as 32 A" in found
    (promise,) = sentences(migrated_home, db, NOTE)
    assert promise.startswith("limits replace neither a fuse")


def test_maxima_above_a_limit_are_wrong_by_phase_and_by_group(
    migrated_home: Home, db: Database
) -> None:
    one_phase = {"phases": 1, "rotation": "L2", "max_a": 16}
    group = {"yard": {"limit_a": 10, "members": ["yard"]}}
    configure(migrated_home, SITE | {"groups": group}, garage={"max_a": 20}, yard=one_phase)
    decide(db, point("garage", REFUSES), point("yard", IGNORES))
    of_site, of_group = sentences(migrated_home, db, WRONG)
    assert of_site.startswith(
        "on L2, chargers that may not keep limits may draw 36 A together, more than the "
        "35 A of the site: garage, yard; set the highest current in each of them"
    )
    assert of_group.startswith("on L2, chargers that may not keep limits may draw 16 A")
    assert "more than the 10 A of the group 'yard': yard; set" in of_group
    configure(
        migrated_home,
        SITE | {"groups": group},
        garage={"max_a": 20},
        yard=one_phase | {"rotation": "L3", "max_a": 10},
    )
    assert sentences(migrated_home, db, WRONG) == []


def test_chargers_without_a_base_are_noted_unless_somebody_chose_so(
    migrated_home: Home, db: Database
) -> None:
    configure(migrated_home, SITE)
    decide(db, point("garage")._replace(base_ma=0), point("yard")._replace(base_ma=0))
    found = sentences(migrated_home, db, NOTE)[0]
    assert found.startswith("without the server, nobody charges here: garage, yard; 6 A for each")
    with db.writing(keys=NO_KEYS):
        limits.choose(db, LimitChoice("garage", 0, 0, None, "papa", NOW_MS))
    found = sentences(migrated_home, db, NOTE)[0]
    assert found.startswith("without the server, nobody charges here: yard; 6 A")
    configure(migrated_home, SITE, yard={"min_a": 8})
    assert sentences(migrated_home, db, NOTE)[0].startswith("limits replace neither")
    configure(migrated_home, SITE | {"fallback_a": 0})
    assert sentences(migrated_home, db, NOTE)[0].startswith("limits replace neither")


def report(db: Database, charge_point_id: str, *currents_ma: int | None) -> None:
    """Store a report of the currents of connector 1."""
    row = identities.row_of(db, charge_point_id)
    assert row is not None
    first, second, third = currents_ma
    seen = Seen((first, second, third), None, None, NOW_MS)
    with db.writing(keys=NO_KEYS):
        observed.record(db, row, 1, seen, NOW_MS)


def test_a_charger_on_more_phases_than_stated_is_wrong(migrated_home: Home, db: Database) -> None:
    configure(migrated_home, SITE, garage={"phases": 1}, yard={"phases": 1, "rotation": "L2"})
    decide(db, point("garage"), point("yard"))
    report(db, "garage", 9_800, 9_900, 300)
    report(db, "yard", 300, 15_000, None)
    (found,) = sentences(migrated_home, db, WRONG)
    assert found.startswith("garage charges on more phases than phases in ")
    configure(migrated_home, SITE)
    assert sentences(migrated_home, db, WRONG) == []


def test_a_charger_that_draws_more_than_its_maximum_is_wrong(
    migrated_home: Home, db: Database
) -> None:
    configure(migrated_home, SITE, garage={"max_a": 16}, yard={"max_a": 16})
    decide(db, point("garage"), point("yard"))
    report(db, "garage", 16_700, 17_400, None)
    report(db, "yard", 16_000, 15_900, 20_100)
    (found,) = sentences(migrated_home, db, WRONG)
    assert found.startswith("yard drew 21 A, more than its max_a in ")
    assert ": 16 A; set its highest current in the charger itself" in found


def test_a_charger_with_many_limits_is_noted(migrated_home: Home, db: Database) -> None:
    configure(migrated_home, SITE)
    decide(db, point("yard")._replace(writes=MANY_WRITES - 1))
    assert len(sentences(migrated_home, db, NOTE)) == 1
    decide(db, point("yard")._replace(writes=MANY_WRITES))
    many = sentences(migrated_home, db, NOTE)[0]
    assert many.startswith("yard was sent 240 limits in 24 hours; from 300 on its limit is raised")


def test_a_charger_whose_limits_do_not_end_is_noted(migrated_home: Home, db: Database) -> None:
    relative = {"profile": {"kind": "Relative"}}
    configure(migrated_home, SITE, yard=relative)
    decide(db, point("garage"), point("yard"), point("yard", connector_id=2))
    last = [each for each in sentences(migrated_home, db, NOTE) if "ends by itself" in each]
    assert len(last) == 1
    assert last[0].startswith("yard takes no limit that ends by itself; without the server the la")
    assert last[0].endswith("so it gets at most 6 A (fallback_a)")


def test_a_charger_of_go_e_is_noted_if_it_is_limited(migrated_home: Home, db: Database) -> None:
    configure(migrated_home, SITE)
    assert len(sentences(migrated_home, db, NOTE)) == 1
    decide(db, point("garage"), point("yard"))
    assert sentences(migrated_home, db, NOTE)[1].startswith(
        "garage by go-e: with firmware 56.2 no limit was in force any more once the WLAN was gone"
    )
