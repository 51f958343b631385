"""Findings about default modes."""

import json

from shocpp.checks.findings import RISKY
from shocpp.checks.limits.site import check_site
from shocpp.store.database import open_database
from tests.world.findings import english_of
from tests.world.home import Home

METER = {"limit_a": 35, "meter": {"posted": True}}


def sentences(home: Home) -> list[str]:
    """Return the findings about the sun."""
    with open_database(home.database) as db:
        found = [one for one in check_site(home.settings, db) if one.level == RISKY]
    return [text for text in english_of(found) if "the default mode is solar" in text]


def configure(home: Home, mode: str, site: object = None) -> None:
    """Write the default mode of a charger and of an account, and site.json."""
    home.charge_points_file.write_text(json.dumps({"garage": {"auth": "none", "mode": mode}}))
    accounts = [{"index": 2, "account": "family-y", "ids": ["3333"], "mode": mode}]
    home.tags_file.write_text(json.dumps(accounts))
    home.settings.site_file.unlink(missing_ok=True)
    if site is not None:
        home.settings.site_file.write_text(json.dumps(site))


def test_a_default_sun_needs_a_meter(migrated_home: Home) -> None:
    for site in (None, {"limit_a": 35}):
        configure(migrated_home, "solar", site)
        (sentence,) = sentences(migrated_home)
        assert "charge fast: garage, family-y; write meter into it" in sentence
    configure(migrated_home, "solar", METER)
    assert sentences(migrated_home) == []
    configure(migrated_home, "min")
    assert sentences(migrated_home) == []
