"""Without a site.json and a mqtt.json, chargers get not one Call more than without limits."""

import json
from collections.abc import Iterator

import pytest

from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.site.ticks import Ticks
from shocpp.store.thread_database import ThreadDatabase
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.limits import report_currents, write_site
from tests.world.server import Server
from tests.world.stored_limits import leading


@pytest.fixture
def server(home: Home) -> Iterator[Server]:
    """A server that does not lead: the tests do, so that nobody waits for ticks."""
    with leading(home):
        server = Server(home)
        yield server
        server.stop()


def leader(home: Home) -> Ticks:
    """Return the ticks of a leader."""
    allowlist = AllowlistFile(home.charge_points_file)
    return Ticks(
        home.settings, allowlist, ThreadDatabase().connection, "/no/doorbell", lambda: None
    )


def evening(home: Home, charger: Charger) -> list[str]:
    """Let a car come, charge, sleep and leave, with ticks all the time; return the Calls."""
    ticks = leader(home)

    def decide() -> None:
        for _ in range(3):
            ticks.tick(is_rung=True)

    charger.report("Available")
    decide()
    charger.report("Preparing")
    decide()
    sent = charger.begin("3333", 1_000)
    charger.report("Charging")
    decide()
    for current_a in (16.0, 0.0, 10.0):
        report_currents(charger, sent, current_a, current_a, current_a)
        decide()
    charger.report("SuspendedEV")
    decide()
    charger.end(sent, 9_000)
    charger.report("Available")
    decide()
    return [action for (action,) in home.query("SELECT action FROM call ORDER BY id")]


@pytest.mark.parametrize("mode", [None, "fast", "solar"])
def test_a_charger_gets_not_one_call(home: Home, server: Server, mode: str | None) -> None:
    # A default of `solar` without a meter charges as ever.
    accounts = [{"index": 2, "account": "family-y", "ids": ["3333"]}]
    home.tags_file.write_text(
        json.dumps([one | ({"mode": mode} if mode else {}) for one in accounts])
    )
    with Charger(server, "garage").boot() as charger:
        assert evening(home, charger) == []
        assert charger.calls == []
    if mode is not None:
        return
    for table in ("set_point", "site_state", "installed_profile", "site_reading", "site_minute"):
        assert home.query(f"SELECT 1 FROM {table}") == [], table
    assert home.query("SELECT 1 FROM property WHERE name LIKE 'mqtt%' OR name = 'site'") == []


def test_the_same_evening_has_calls_with_a_site_json(home: Home, server: Server) -> None:
    write_site(home, limit_a=20)
    with Charger(server, "garage").boot() as charger:
        assert "SetChargingProfile" in evening(home, charger)
