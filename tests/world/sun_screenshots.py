"""The pictures of a car in the sun for docs/power.md: sunrise, noon, a cloud, dimmed, and the day.

It is always the same day, with the rows that the leader would store: `make screenshots`.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.energy.model import METER_GOOD, SOLAR, VOLT, SiteReading
from shocpp.site.choices.modes import WantedMode, choose_mode
from shocpp.site.inputs.dim_signal import note_dimmed
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import readings, set_points
from shocpp.store.site.set_points import SiteState, StoredSetPoint
from tests.world.browser import Browser, Screen
from tests.world.charger import Charger
from tests.world.clock import Clock
from tests.world.home import Home
from tests.world.people import cookie_of
from tests.world.scenes import start
from tests.world.server import Server
from tests.world.stored_day import store_day
from tests.world.stored_limits import leading, set_point

ZONE = ZoneInfo("Europe/Berlin")
DAY = datetime(2026, 6, 18, tzinfo=ZONE)
EVENING = DAY + timedelta(hours=22)
PHONE, DESK = Screen(390, 844, 1.5), Screen(1000, 900, is_phone=False)
ACCOUNTS = [{"index": 1, "account": "family-y", "ids": ["3333"], "names": {"3333": "Zoe"}}]
CHARGE_POINTS = {
    "garage": {"auth": "none", "name": "Garage", "max_a": 16},
    "yard": {"auth": "none", "name": "Yard", "max_a": 16},
}
DIMMED_W = 4_200
SITE = {"limit_a": 35, "meter": {"posted": True}, "dimmed_w": DIMMED_W, "dim": {"posted": True}}
PHASES, BEGIN_WH = 3, 9_042_000


class Scene(NamedTuple):
    """A moment of the day: the limits of both chargers with their reasons, and the grid.

    wh        the register since the begin
    left_s    the seconds until the limit of the garage changes
    grid_w    import over all phases, negative for export
    """

    hour: float
    wh: int
    garage_ma: int
    reason: str
    left_s: int | None
    grid_w: int
    yard: tuple[int | None, str] = (None, "base")

    @property
    def moment(self) -> datetime:
        """The local time."""
        return DAY + timedelta(hours=self.hour)


SCENES = {
    "sunrise": Scene(8.7, 0, 0, "sun_starts", 90, -4_300),
    "noon": Scene(11.7, 18_900, 12_000, "sun", None, -150),
    "cloud": Scene(12.05, 21_700, 6_000, "sun_short", 130, 3_350),
    "dimmed": Scene(19.0, 39_600, 6_000, "dimmed", None, 4_700, (0, "dimmed")),
}
"""The scenes by the name of their pictures, docs/sun-NAME.png."""


def write_pictures(folder: Path, docs: Path, browser: Browser) -> Iterator[Path]:
    """Write the pictures into docs/, and yield each; `folder` is for the server."""
    home = Home(folder / "home")
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    home.charge_points_file.write_text(json.dumps(CHARGE_POINTS))
    (home.folder / "conf" / "site.json").write_text(json.dumps(SITE))
    clock = Clock(folder / "clock", _spelled(DAY + timedelta(hours=6)))
    # See screenshots.py.
    environment = {
        name: value for name, value in clock.environment.items() if "MONOTONIC" not in name
    }
    with leading(home):
        server = Server(home, SHOCPP_LANG="en", **environment)
        try:
            with contextlib.ExitStack() as stack:
                garage = stack.enter_context(Charger(server, "garage")).boot()
                stack.enter_context(Charger(server, "yard")).boot().report("Available")
                garage.report("Charging")
                begin = DAY + timedelta(hours=6)
                sent = start(garage, "3333", minutes=0, meter_wh=BEGIN_WH, now=begin)
                wanted, begin_ms = WantedMode(SOLAR), int(begin.timestamp() * 1000)
                with open_database(home.database) as db:
                    choose_mode(db, home.settings, "garage", 1, wanted, "Anna", begin_ms)
                cookie = cookie_of(home, "admin", name="Anna")
                for name, scene in SCENES.items():
                    clock.set(_spelled(scene.moment))
                    _store(home, scene)
                    _measure(garage, sent, scene)
                    with browser.tab(server.port, cookie, PHONE, moves=False) as tab:
                        tab.open().await_live()
                        tab.tile("garage/1").screenshot(path=docs / f"sun-{name}.png")
                    yield docs / f"sun-{name}.png"
                store_day(home, DAY.date(), 22)
                clock.set(_spelled(EVENING))
                with browser.tab(server.port, cookie, DESK, moves=False) as tab:
                    tab.open(f"/site/day/{DAY.date()}")
                    tab.page.screenshot(path=docs / "sun-day.png")
                yield docs / "sun-day.png"
        finally:
            server.kill()


def _spelled(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _store(home: Home, scene: Scene) -> None:
    """Store what the leader would have decided at this moment."""
    moment_ms = int(scene.moment.timestamp() * 1000)
    is_dimmed = scene.reason == "dimmed"
    each_ma = round(scene.grid_w * 1000 / VOLT / PHASES)
    house_ma = each_ma - scene.garage_ma
    points = [
        _point("garage", scene.garage_ma, scene.reason, moment_ms)._replace(
            mode=SOLAR,
            next_ms=None if scene.left_s is None else moment_ms + 1_000 * scene.left_s,
        ),
        _point("yard", *scene.yard, moment_ms),
    ]
    with open_database(home.database) as db:
        with db.writing(keys=NO_KEYS):
            reading = SiteReading(moment_ms, (each_ma, each_ma, each_ma))
            readings.add(db, readings.POSTED, reading)
            set_points.store(db, points)
            state = SiteState("{}", moment_ms, METER_GOOD, False, (house_ma, house_ma, house_ma))
            set_points.save_state(db, state)
        note_dimmed(db, home.settings, is_dimmed=is_dimmed, source="posted", now_ms=moment_ms)


def _measure(garage: Charger, sent: int, scene: Scene) -> None:
    """Report what the car in the garage draws."""
    power_w = scene.garage_ma * PHASES * VOLT // 1000
    samples = [
        {"value": str(BEGIN_WH + scene.wh)},
        {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"},
    ]
    values = [{"timestamp": scene.moment.isoformat(), "sampledValue": samples}]
    garage.report("Charging" if power_w else "SuspendedEVSE")
    garage.ask("MeterValues", connectorId=1, transactionId=sent, meterValue=values)


def _point(name: str, limit_ma: int | None, reason: str, moment_ms: int) -> StoredSetPoint:
    """Return a set point that its charger keeps."""
    values = {"limit_w": DIMMED_W} if reason == "dimmed" else {}
    point = set_point(name, 1, limit_ma, reason, **values)
    return point._replace(since_ms=moment_ms, confirmed_ms=moment_ms, observed_ms=moment_ms)
