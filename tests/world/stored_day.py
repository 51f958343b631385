"""A day on file, as the leader stores it, for tests of its picture.

The sun shines from 7:00 to 17:00 with a cloud at noon. The car in the garage charges by the sun,
the one in the yard at night.
"""

import math
from collections.abc import Iterator
from datetime import date

from shocpp.energy.model import SiteReading
from shocpp.site.history.day import bounds
from shocpp.site.history.memory import HistoryMemory
from shocpp.store.charge_points import identities
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import history, readings
from tests.world.home import Home
from tests.world.stored_limits import set_point

GARAGE, YARD = ("garage", 1), ("yard", 1)
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
HOUSE_W, PHASES, VOLT = 500, 3, 230

SOLAR, NIGHT, CLOUD = (8.0, 16.0), (19.0, 23.0), (12.0, 12.5)
"""The hours in which the cars charge, and those of the cloud."""


def sun_w(hour: float) -> int:
    """Return the power of the sun."""
    if CLOUD[0] <= hour < CLOUD[1]:
        return 600
    return max(0, round(9_000 * math.sin(math.pi * (hour - 7) / 10))) if 7 < hour < 17 else 0


def limits_ma(hour: float) -> tuple[int | None, int | None]:
    """Return the limits of the sessions in the garage and in the yard, None without one."""
    garage = yard = None
    if SOLAR[0] <= hour < SOLAR[1]:
        amperes = (sun_w(hour) - HOUSE_W) // (PHASES * VOLT)
        garage = 0 if amperes < 6 else min(amperes, 16) * 1_000
    if NIGHT[0] <= hour < NIGHT[1]:
        yard = 16_000
    return garage, yard


def _reason(key: tuple[str, int], limit_ma: int | None) -> str:
    """Return the key of the reason for a limit."""
    if limit_ma is None:
        return "base"
    return ("sun" if limit_ma else "no_sun") if key == GARAGE else "limit_of"


def minutes() -> Iterator[tuple[int, float]]:
    """Yield the minutes of a day with their hours."""
    yield from ((minute, minute / 60) for minute in range(24 * 60))


def store_day(home: Home, day: date, hours: float = 24) -> None:
    """Store the first hours of a day."""
    begin_ms, _ = bounds(day, home.settings.zone)
    memory = HistoryMemory()
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        for name, _ in (GARAGE, YARD):
            identities.enter(db, name, begin_ms)
        for minute, hour in minutes():
            if hour >= hours:
                break
            moment_ms = begin_ms + minute * MINUTE_MS
            limits = dict(zip((GARAGE, YARD), limits_ma(hour), strict=True))
            drawn = {key: PHASES * VOLT * (one or 0) // 1000 for key, one in limits.items()}
            points = [
                set_point(*key, one, _reason(key, one))._replace(
                    mode="solar" if key == GARAGE else "fast"
                )
                for key, one in limits.items()
            ]
            grid_w = HOUSE_W - sun_w(hour) + sum(drawn.values())
            each_ma = round(grid_w * 1000 / VOLT / PHASES)
            for second in (0, 20, 40):
                reading = SiteReading(moment_ms + 1000 * second, (each_ma,) * 3)
                readings.add(db, readings.POSTED, reading)
            powers = memory.due_powers(drawn, moment_ms)
            changes = memory.due_points(points, moment_ms)
            history.record(db, powers, changes, moment_ms)
            memory.note(powers, changes, moment_ms)
