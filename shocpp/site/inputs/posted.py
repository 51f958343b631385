"""Readings of the site's meter that a program posts (POST /api/site).

    {"grid_w": -1500}           the power of all phases together
    {"w": [690, 920, -506]}      the power of each phase
    {"a": [3.1, 4.0, 2.2]}      the current of each phase

Import from the grid is positive.
"""

from collections.abc import Sequence

from shocpp.configuration.entries import members, quoted
from shocpp.energy.model import (
    ALL_PHASES,
    VOLT,
    PerPhase,
    SiteReading,
)
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.leader import ring_leader
from shocpp.site.rules import site_conf
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import readings

MOST_A = 10_000
"""The highest current that a reading may have, in A; a higher one has the wrong unit."""

_FORMS = '{"grid_w": -1500}, {"w": [690, 920, -506]} or {"a": [3.1, 4.0, 2.2]}'


class NoPostedMeter(UsageError):
    """A reading that nobody asked for: site.json does not expect posted readings (HTTP 409)."""


def posted_currents(document: object, split: Sequence[float] | None = None) -> PerPhase:
    """Return the current of each phase in mA, by a posted document.

    A sum counts whole on each phase, unless `split` has the share of each phase. Raises UsageError
    for a document that has none of the forms above.
    """
    keys = members(document, "the reading", ("grid_w", "w", "a"))
    if len(keys) != 1:
        raise UsageError(f"the reading must have one member, as in {_FORMS}")
    (name, value), *_ = keys.items()
    if name == "grid_w":
        watts = _number(value, name)
        return per_phase([watts / VOLT * share for share in split or (1.0, 1.0, 1.0)], name)
    if not isinstance(value, list) or len(value) != len(ALL_PHASES):
        raise UsageError(f"{name} must be a list of three numbers, not {quoted(value)}")
    numbers = [_number(number, name) for number in value]
    return per_phase([number if name == "a" else number / VOLT for number in numbers], name)


def record_posted(db: Database, settings: Settings, document: object, now_ms: int) -> None:
    """Store a posted reading, and wake the leader.

    Raises UsageError for a wrong document, NoPostedMeter if site.json expects no posted readings,
    StoreUnavailable if the database cannot be written.
    """
    conf = site_conf(db, settings)
    if conf is None or conf.meter is None or not conf.meter.is_posted:
        posted_currents(document)
        raise NoPostedMeter(
            f"{settings.site_file} expects no posted readings; write "
            '"meter": {"posted": true} into it'
        )
    currents_ma = posted_currents(document, conf.meter.split)
    is_sum = isinstance(document, dict) and "grid_w" in document
    # Not durable: the next reading comes within seconds.
    with db.writing(keys=NO_KEYS, durable=False):
        readings.add(db, readings.POSTED, SiteReading(now_ms, currents_ma, is_sum))
    ring_leader(settings.database)


def per_phase(currents_a: Sequence[float], name: str) -> PerPhase:
    """Return currents of the three phases in mA.

    Raises UsageError, which begins with `name`, for one that no connection to the grid has.
    """
    for current_a in currents_a:
        if abs(current_a) > MOST_A:
            raise _too_much(name)
    first, second, third = (round(current_a * 1000) for current_a in currents_a)
    return first, second, third


def _number(value: object, name: str) -> float:
    """Return a number of the document."""
    # JSON's true is an int in Python, and its reader accepts NaN.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UsageError(f"{name} must have numbers, not {quoted(value)}")
    # A whole number may be too large for a float.
    if abs(value) > MOST_A * VOLT * len(ALL_PHASES):
        raise _too_much(name)
    return float(value)


def _too_much(name: str) -> UsageError:
    return UsageError(f"{name} has more than {MOST_A} A; check the unit")
