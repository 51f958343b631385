"""The finding about a lost signal of the grid operator."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.checks.findings import NOTE, WRONG
from shocpp.checks.limits.site import check_site
from shocpp.clock import now_ms
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import dimmings, set_points
from shocpp.store.site.dimmings import DimSignal
from shocpp.store.site.set_points import SiteState
from tests.world.home import Home
from tests.world.limits import write_site

URL = "http://192.168.1.31/relay/0"


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database."""
    with open_database(migrated_home.database) as db:
        yield db


def findings(home: Home, db: Database, dim: dict[str, Any], signal: DimSignal) -> list[str]:
    """Return the findings in both languages, with this input and this state of it."""
    write_site(home, limit_a=35, house_a=0, dimmed_w=4200, dim=dim)
    with db.writing(keys=NO_KEYS):
        dimmings.store_signal(db, signal)
    found = [one for one in check_site(home.settings, db) if one.level == WRONG]
    return [one.sentence(language) for one in found for language in ("de", "en")]


def lost(is_dimmed: bool = True, source: str = "polled") -> DimSignal:
    return DimSignal(is_dimmed, source, now_ms() - 120_000, now_ms() - 60_000)


def test_a_signal_that_comes_is_no_finding(migrated_home: Home, db: Database) -> None:
    signal = DimSignal(True, "polled", now_ms(), None)
    assert findings(migrated_home, db, {"url": URL}, signal) == []


def test_a_signal_that_has_never_come_is_a_note(migrated_home: Home, db: Database) -> None:
    write_site(migrated_home, limit_a=35, house_a=0, dimmed_w=4200, dim={"mqtt": "haus/dim"})
    (note,) = [one for one in check_site(migrated_home.settings, db) if one.key == "dim_never"]
    assert note.level == NOTE
    assert "noch kein Signal. Prüfe den Broker und das Topic haus/dim." in note.sentence("de")
    assert "check the broker and the topic haus/dim; test once" in note.sentence("en")


@pytest.mark.parametrize(
    ("dim", "is_dimmed", "german", "english"),
    [
        ({"url": URL}, True, "der letzte Stand: gedimmt", "the last state holds: dimmed"),
        ({"mqtt": "haus/dim"}, False, "nicht gedimmt. Prüfe den Broker und das Topic haus/dim.",
         "not dimmed; check the broker and the topic haus/dim"),
        ({"posted": True, "stale_s": 30, "on_loss": "dimmed"}, False,
         "So lange gilt: gedimmt. Prüfe das Programm",
         "the chargers are dimmed; check the program"),
        ({"mqtt": "haus/dim", "on_loss": "free"}, True, "So lange gilt: nicht gedimmt",
         "the chargers are not dimmed"),
    ],
)  # fmt: skip
def test_a_lost_signal_is_named_with_what_counts_and_the_remedy(
    migrated_home: Home,
    db: Database,
    dim: dict[str, Any],
    is_dimmed: bool,
    german: str,
    english: str,
) -> None:
    in_german, in_english = findings(migrated_home, db, dim, lost(is_dimmed))
    assert german in in_german
    assert english in in_english
    assert "fehlt seit" in in_german


def test_the_error_of_a_polled_device_is_quoted(migrated_home: Home, db: Database) -> None:
    memory = json.dumps({"dim_trouble": "the dim input http://x/ answers with the status 404"})
    with db.writing(keys=NO_KEYS):
        set_points.save_state(db, SiteState(memory, now_ms(), "none", False, None))
    _, in_english = findings(migrated_home, db, {"url": f"{URL}?key=secret"}, lost())
    assert in_english.endswith("the dim input http://x/ answers with the status 404")
    assert "secret" not in in_english
