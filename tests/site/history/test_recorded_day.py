"""The day that the leader of a real server stores."""

from collections.abc import Callable
from datetime import datetime

from shocpp.clock import now_ms
from shocpp.site.history.day import SiteDay, site_day
from shocpp.site.inputs.posted import record_posted
from shocpp.store.database import open_database
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.limits import limits, report_currents, start, write_site
from tests.world.machine import wait_for
from tests.world.server import Server

SOON_S = 45.0
"""Two ticks, the time of a Call, and the least time between two powers, on a busy machine."""


def today(home: Home, account: str | None = None) -> SiteDay:
    """Return the day up to now."""
    with open_database(home.database) as db:
        day = datetime.now(home.settings.zone).date()
        return site_day(db, home.settings, day, now_ms(), account)


def test_the_leader_stores_grid_cars_limits_and_reasons(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=35, meter={"posted": True})
    with Charger(serve(), "garage").boot() as charger:
        sent = start(charger, "3333")
        with open_database(home.database) as db:
            record_posted(db, home.settings, {"a": [12.0, 11.0, 12.0]}, now_ms())
        # Currents count once somebody limits them; a worker knows it when it sends a limit.
        wait_for(lambda: limits(charger), SOON_S)
        report_currents(charger, sent, 10, 10, 10)

        def power_w() -> int:
            connectors = today(home).connectors
            return (connectors[0].powers_w[-1] or 0) if connectors else 0

        wait_for(lambda: power_w() > 0, SOON_S)
        day, own, other = today(home), today(home, "family-y"), today(home, "company-x")
    assert 0 < power_w() <= 6_900
    assert max(one or 0 for one in day.grid_w) == 8_050
    (garage,) = day.connectors
    assert all(span.value.sentence.startswith("6 A: ") for span in garage.set_points)
    assert not own.has_grid
    (own_garage,) = own.connectors
    assert own_garage.title == garage.title
    assert any(own_garage.powers_w)
    assert all(span.value.sentence.startswith("6 A: ") for span in own_garage.set_points)
    assert other.connectors == ()
