"""Limits on file, as the service stores them, for tests that read them."""

import contextlib
import json
from collections.abc import Iterable, Iterator

from shocpp.clock import now_ms
from shocpp.energy.model import METER_GOOD, PerPhase, SiteReading
from shocpp.site.leader import Leadership
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import dimmings, limits, modes, readings, set_points
from shocpp.store.site.limits import LimitChoice
from shocpp.store.site.set_points import SiteState, StoredSetPoint
from tests.world.home import Home

BASE_MA, DAY_MS = 6_000, 86_400_000
HOUSE: PerPhase = (8_400, 4_200, 0)
READING: PerPhase = (18_400, 14_200, 10_000)


def set_point(
    charge_point_id: str, connector_id: int, limit_ma: int | None, key: str, **values: int | str
) -> StoredSetPoint:
    """Return a set point with this reason, which its charger keeps."""
    return StoredSetPoint(
        charge_point_id,
        connector_id,
        limit_ma,
        base_ma=BASE_MA,
        phases="L1 L2 L3",
        reason=json.dumps({"key": key, **values}),
        standing="follows",
        since_ms=now_ms(),
        confirmed_ma=BASE_MA if limit_ma is None else limit_ma,
        confirmed_ms=now_ms(),
        observed_ma=None if limit_ma is None else limit_ma - 200,
        observed_ms=now_ms(),
        reckoned_ma=limit_ma or 0,
        writes=17,
    )


def store_set_points(home: Home, points: Iterable[StoredSetPoint]) -> None:
    """Store these set points in place of all others."""
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        set_points.store(db, points)


def store_site(
    home: Home, meter: str = METER_GOOD, *, is_fallback: bool = False, state: str = "{}"
) -> None:
    """Store a reading of the meter, and a decision just now."""
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        readings.add(db, readings.POSTED, SiteReading(now_ms(), READING))
        set_points.save_state(db, SiteState(state, now_ms(), meter, is_fallback, HOUSE))


def decide_for_ever(home: Home) -> None:
    """Store a decision that is newer than all that people will choose in a test."""
    decided_ms = now_ms() + DAY_MS
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        set_points.save_state(db, SiteState("{}", decided_ms, METER_GOOD, False, None))


def forget(home: Home) -> None:
    """Delete all limits, readings and decisions, and site.json."""
    home.settings.site_file.unlink(missing_ok=True)
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        for table in (
            *("set_point", "limit_choice", "mode_choice", "site_state", "site_reading"),
            *("dim_signal", "dimming"),
        ):
            db.execute(f"DELETE FROM {table}")


def choose(
    home: Home, charge_point_id: str, connector_id: int, limit_ma: int, until_ms: int | None = None
) -> None:
    """Store the limit that a person has chosen."""
    choice = LimitChoice(charge_point_id, connector_id, limit_ma, until_ms, "Anna", now_ms())
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        limits.choose(db, choice)


def chosen(home: Home) -> list[tuple[str, int, int, int | None, str]]:
    """Return the limits that people have chosen."""
    with open_database(home.database) as db:
        return [choice[:5] for choice in limits.present(db, now_ms())]


def store_dimmings(home: Home, minutes: Iterable[int], source: str = "mqtt") -> None:
    """Store a dimming of so many minutes each, the last one just now."""
    lengths = [*minutes]
    begun_ms = now_ms() - sum(lengths) * 60_000
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        for length in lengths:
            dimmings.begin(db, begun_ms, 4_200, source)
            begun_ms += length * 60_000
            dimmings.end(db, begun_ms)


@contextlib.contextmanager
def leading(home: Home) -> Iterator[None]:
    """Lead in place of the server, which decides nothing meanwhile and leaves the rows alone."""
    leadership = Leadership(home.database)
    leadership.wait()
    try:
        yield
    finally:
        leadership.release()


def chosen_modes(home: Home) -> list[tuple[str, int, str, int | None, int | None, int | None]]:
    """Return the modes that people have chosen: charger, connector, mode, end, goal, ready by."""
    with open_database(home.database) as db:
        return [choice[:6] for choice in modes.stored(db)]
