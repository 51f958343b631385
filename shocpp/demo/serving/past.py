"""The past of the demo's chargers: a month of sessions, and how each came to its present state.

The chargers themselves play it to the running server, each with a clock of its own that leaps from
message to message. So records, prices and readings are those that a real month leaves.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from random import Random
from typing import NamedTuple

from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.clock import Clock
from shocpp.demo.serving.site import STRANGER, Place

DAYS = 31
SAMPLES = 3
"""The meter values of a session: each costs the start of the demo a millisecond."""

QUIET = timedelta(hours=4)
"""The time before now without a session of the past: the present states begin in it."""

PLUGGED_FOR = timedelta(minutes=6)
"""The time from the end of a charge until somebody unplugs the cable."""

CHARGES_SINCE = timedelta(minutes=47)
WAITS_SINCE = timedelta(minutes=12)
FAULTY_SINCE = timedelta(hours=3)


class Session(NamedTuple):
    """A session of the past; `is_offline` if the charger has reported it only afterwards."""

    begin: datetime
    id_tag: str
    energy_wh: int
    is_offline: bool = False


def sessions_of(identity: str, place: Place, now: datetime) -> Iterator[Session]:
    """Yield the sessions of a charger until `now`, the same ones for each day and charger."""
    for days in range(DAYS, 0, -1):
        day = now.date() - timedelta(days=days)
        random = Random(f"{identity} {day}")
        begin = datetime.combine(
            day, time(random.randrange(15, 20), random.randrange(60)), tzinfo=now.tzinfo
        )
        session = Session(begin, random.choice(place.cards), random.randrange(3_000, 26_000, 10))
        if days == 2 and identity == "gate":
            # A card that only a charger without a connection accepts.
            session = Session(begin, STRANGER, 4_200, is_offline=True)
        elif random.random() * place.one_in >= 1:
            continue
        charged_for = timedelta(hours=session.energy_wh / place.power_w)
        if begin + charged_for + PLUGGED_FOR < now - QUIET:
            yield session


def play_past(charger: ChargePoint, clock: Clock, identity: str, place: Place) -> None:
    """Let a charger live its month, and leave it in its present state, with a clock that runs."""
    clock.follow()
    now = clock.now()
    for session in sessions_of(identity, place, now):
        clock.set(session.begin)
        if session.is_offline:
            charger.go_offline()
        charger.plug_in()
        charger.present(session.id_tag)
        charger.charge(session.energy_wh, SAMPLES, place.power_w)
        clock.advance(PLUGGED_FOR)
        charger.unplug()
        charger.go_online()
    if identity == "carport":
        clock.set(now - CHARGES_SINCE)
        charger.plug_in()
        charger.present(place.cards[0])
        energy_wh = int(place.power_w * CHARGES_SINCE / timedelta(hours=1))
        charger.charge(energy_wh, 2 * SAMPLES, place.power_w)
    elif identity == "yard":
        clock.set(now - WAITS_SINCE)
        charger.plug_in()
    elif identity == "gate":
        clock.set(now - FAULTY_SINCE)
        charger.break_down()
    clock.follow()
