"""Findings about chargers whose phases are to be switched."""

import json

import pytest

from shocpp.checks.findings import NOTE, RISKY
from shocpp.checks.limits.site import check_site
from shocpp.clock import now_ms
from shocpp.ocpp.facts import Booted
from shocpp.store.charge_points import identities, notifications
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import observed, switches
from shocpp.store.site.observed import Seen
from tests.world.findings import english_of
from tests.world.home import Home

NOW_MS = now_ms()
NONE = {"auth": "none"}
LONG_AGO_MS = NOW_MS - 3_600_000


def switch_findings(home: Home, db: Database, level: str) -> list[str]:
    """Return the findings about switching of a level."""
    every = english_of(one for one in check_site(home.settings, db) if one.level == level)
    return [sentence for sentence in every if "phase" in sentence]


def configure(home: Home, phase_switch: object) -> None:
    home.settings.site_file.write_text('{"limit_a": 35, "house_a": 0}')
    entry = NONE | {"phase_switch": phase_switch}
    home.charge_points_file.write_text(json.dumps({"garage": entry, "yard": NONE}))


def boot(db: Database, vendor: str) -> int:
    with db.writing(keys=NO_KEYS):
        garage = identities.enter(db, "garage", NOW_MS)
        identities.enter(db, "yard", NOW_MS)
        notifications.record_boot(db, garage, Booted(vendor, "m", None, "1", None), NOW_MS)
    return garage


def test_unknown_means_are_noted_and_stated_ones_are_not(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        boot(db, "maker")
        configure(migrated_home, True)
        (sentence,) = switch_findings(migrated_home, db, NOTE)
        assert sentence.startswith("garage: nobody knows how this charger switches its phases, so")
        for stated in ({"means": "number_phases"}, False):
            configure(migrated_home, stated)
            assert switch_findings(migrated_home, db, NOTE) == []


def test_a_known_vendor_is_not_noted(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        boot(db, "go-e")
        configure(migrated_home, True)
        assert switch_findings(migrated_home, db, NOTE) == []
        assert switch_findings(migrated_home, db, RISKY) == []


def test_a_refused_command_is_named_until_one_is_accepted(migrated_home: Home) -> None:
    configure(migrated_home, True)
    with open_database(migrated_home.database) as db:
        boot(db, "go-e")
        with db.writing(keys=NO_KEYS):
            switches.record_sent(db, "garage", 1, 1, "call", LONG_AGO_MS)
            switches.record_refused(db, "call", LONG_AGO_MS)
        (sentence,) = switch_findings(migrated_home, db, RISKY)
        assert sentence.startswith("garage refuses to switch its phases and stays as it is; check")
        with db.writing(keys=NO_KEYS):
            switches.record_accepted(db, "call")
        assert switch_findings(migrated_home, db, RISKY) == []


@pytest.mark.parametrize(
    ("currents_ma", "age_ms", "is_found"),
    [
        ((6_000, 6_000, 6_000), 0, True),
        ((6_000, 0, 0), 0, False),
        ((6_000, 6_000, 6_000), 3_300_000, False),
    ],
)
def test_three_phases_long_after_the_switch_to_one_are_named(
    migrated_home: Home, currents_ma: tuple[int, int, int], age_ms: int, is_found: bool
) -> None:
    configure(migrated_home, True)
    with open_database(migrated_home.database) as db:
        garage = boot(db, "go-e")
        with db.writing(keys=NO_KEYS):
            switches.record_sent(db, "garage", 1, 1, "call", LONG_AGO_MS)
            switches.record_accepted(db, "call")
            seen = Seen(currents_ma, None, None, NOW_MS - age_ms)
            observed.record(db, garage, 1, seen, NOW_MS - age_ms)
        sentences = switch_findings(migrated_home, db, RISKY)
        assert [one.startswith("garage accepts one phase and goes on") for one in sentences] == (
            [True] if is_found else []
        )
