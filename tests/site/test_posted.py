"""Posted readings of the site's meter: their forms, and what is refused."""

import json
from typing import Any

import pytest

from shocpp.errors import UsageError
from shocpp.site.inputs.posted import NoPostedInput, posted_currents, record_posted
from shocpp.store import properties
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import readings
from tests.world.home import Home
from tests.world.limits import write_site

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("document", "currents_ma"),
    [
        ({"grid_w": 2300}, (10_000, 10_000, 10_000)),
        ({"grid_w": -1150}, (-5_000, -5_000, -5_000)),
        ({"w": [230, 0, -460]}, (1_000, 0, -2_000)),
        ({"a": [3.1, 4, 2.2049]}, (3_100, 4_000, 2_205)),
    ],
)
def test_a_reading_has_one_of_three_forms(
    document: object, currents_ma: tuple[int, int, int]
) -> None:
    assert posted_currents(document) == currents_ma


def test_a_sum_counts_by_the_stated_split() -> None:
    split = (0.5, 0.3, 0.2)
    assert posted_currents({"grid_w": 2300}, split) == (5_000, 3_000, 2_000)
    # The values of phases need no split.
    assert posted_currents({"a": [1, 2, 3]}, split) == (1_000, 2_000, 3_000)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([1, 2, 3], "must be an object"),
        ({}, "one member"),
        ({"a": [1, 2, 3], "grid_w": 1}, "one member"),
        ({"watts": 1}, "unknown; there are grid_w, w, a, dimmed"),
        ({"a": [1, 2]}, "list of three numbers"),
        ({"a": 1}, "list of three numbers"),
        ({"a": [1, 2, "3"]}, "must have numbers, not '3'"),
        ({"a": [1, 2, True]}, "must have numbers, not True"),
        ({"w": [1, 2, None]}, "must have numbers, not None"),
        ({"grid_w": float("nan")}, "must have numbers, not nan"),
        ({"a": [1, 2, 1e9]}, "check the unit"),
        ({"a": [1, 2, 10**400]}, "check the unit"),
    ],
)
def test_a_reading_without_one_of_the_forms_is_refused(document: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        posted_currents(document)


def post(home: Home, document: object) -> None:
    with open_database(home.database) as db:
        record_posted(db, home.settings, document, NOW_MS)


def test_a_reading_is_stored_with_the_split_of_site_json(migrated_home: Home) -> None:
    write_site(migrated_home, limit_a=35, meter={"posted": True, "split": [1, 0, 0]})
    post(migrated_home, {"grid_w": 2300})
    with open_database(migrated_home.database) as db:
        assert readings.newest(db) == (NOW_MS, (10_000, 0, 0), True)


@pytest.mark.parametrize(
    "site", [None, {"limit_a": 35}, {"limit_a": 35, "meter": {"url": "http://a/", "paths": ["a"]}}]
)
def test_a_reading_that_nobody_asked_for_is_refused(
    migrated_home: Home, site: dict[str, Any] | None
) -> None:
    if site is not None:
        write_site(migrated_home, **site)
    with pytest.raises(NoPostedInput, match='"posted": true'):
        post(migrated_home, {"grid_w": 2300})
    # The error of the document comes first: it is the next step either way.
    with pytest.raises(UsageError, match="unknown") as error:
        post(migrated_home, {"grid": 2300})
    assert not isinstance(error.value, NoPostedInput)


def test_the_last_good_site_json_counts_while_the_present_one_has_an_error(
    migrated_home: Home,
) -> None:
    good = json.dumps({"limit_a": 35, "meter": {"posted": True}})
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS):
        properties.store_site(db, good)
    write_site(migrated_home, limit_a="much")
    post(migrated_home, {"a": [1, 2, 3]})
    assert migrated_home.query("SELECT l1_ma, source FROM site_reading") == [(1_000, "posted")]
