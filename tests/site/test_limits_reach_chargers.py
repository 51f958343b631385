"""Limits reach chargers: real servers, a site.json, and a WebSocket client as the charger."""

import json
from typing import Any

from tests.world.charger import Charger, now
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server


def write_site(home: Home, **members: Any) -> None:
    """Write a site.json, as an editor does that replaces it."""
    path = home.folder / "conf" / "site.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(members))
    new.replace(path)


def profiles(charger: Charger) -> list[tuple[int, int, str, float]]:
    """Return connector, level, purpose and limit of each profile that a charger was sent."""
    written = []
    for action, payload in [*charger.calls]:
        if action == "SetChargingProfile":
            profile = payload["csChargingProfiles"]
            period = profile["chargingSchedule"]["chargingSchedulePeriod"][0]
            purpose = profile["chargingProfilePurpose"]
            written.append(
                (payload["connectorId"], profile["stackLevel"], purpose, period["limit"])
            )
    return written


def test_a_charger_gets_its_base_and_then_the_limit_of_its_session(home: Home) -> None:
    write_site(home, limit_a=20)
    server = Server(home)
    try:
        with Charger(server, "garage").boot() as charger:
            wait_for(lambda: profiles(charger), 12)
            assert profiles(charger) == [(1, 0, "TxDefaultProfile", 6)]
            charger.ask("StartTransaction", connectorId=1, idTag="1111", meterStart=0, **now())
            wait_for(lambda: len(profiles(charger)) > 1, 12)
            assert profiles(charger)[1:] == [(1, 1, "TxProfile", 20)]
    finally:
        server.stop()
