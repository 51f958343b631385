"""Readings of the site's meter that a program posts (POST /api/site), and the dim signal.

    {"grid_w": -1500}           the power of all phases together
    {"w": [690, 920, -506]}      the power of each phase
    {"a": [3.1, 4.0, 2.2]}      the current of each phase
    {"dimmed": true}            the grid operator dims the chargers

Import from the grid is positive.
"""

from collections.abc import Sequence

from shocpp.configuration.entries import members, quoted
from shocpp.configuration.site.dim_source import POSTED, signal_value
from shocpp.energy.model import (
    ALL_PHASES,
    VOLT,
    PerPhase,
    SiteReading,
)
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.inputs.dim_signal import note_dimmed
from shocpp.site.leader import ring_leader
from shocpp.site.rules import site_conf
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import readings

MOST_A = 10_000
"""The highest current that a reading may have, in A; a higher one has the wrong unit."""

_FORMS = '{"grid_w": -1500}, {"w": [690, 920, -506]}, {"a": [3.1, 4.0, 2.2]} or {"dimmed": true}'
_DIMMED = "dimmed"


class NoPostedInput(UsageError):
    """A document that nobody asked for: site.json expects no posted readings (HTTP 409)."""


def posted_currents(document: object, split: Sequence[float] | None = None) -> PerPhase:
    """Return the current of each phase in mA, by a posted document.

    A sum counts whole on each phase, unless `split` has the share of each phase. Raises UsageError
    for a document that has none of the forms above.
    """
    name, value = _member(document)
    if name == _DIMMED:
        raise UsageError("dimmed is no reading of a meter")
    if name == "grid_w":
        watts = _number(value, name)
        return per_phase([watts / VOLT * share for share in split or (1.0, 1.0, 1.0)], name)
    if not isinstance(value, list) or len(value) != len(ALL_PHASES):
        raise UsageError(f"{name} must be a list of three numbers, not {quoted(value)}")
    numbers = [_number(number, name) for number in value]
    return per_phase([number if name == "a" else number / VOLT for number in numbers], name)


def record_posted(db: Database, settings: Settings, document: object, now_ms: int) -> None:
    """Store a posted reading, or a posted signal, and wake the leader.

    Raises UsageError for a wrong document, NoPostedInput if site.json expects none of its kind,
    StoreUnavailable if the database cannot be written.
    """
    name, value = _member(document)
    if name == _DIMMED:
        _record_dimmed(db, settings, value, now_ms)
        return
    conf = site_conf(db, settings)
    if conf is None or conf.meter is None or not conf.meter.is_posted:
        posted_currents(document)
        raise NoPostedInput(
            f"{settings.site_file} expects no posted readings; write "
            '"meter": {"posted": true} into it'
        )
    currents_ma = posted_currents(document, conf.meter.split)
    is_sum = name == "grid_w"
    # Not durable: the next reading comes within seconds.
    with db.writing(keys=NO_KEYS, durable=False):
        readings.add(db, readings.POSTED, SiteReading(now_ms, currents_ma, is_sum))
    ring_leader(settings.database)


def _record_dimmed(db: Database, settings: Settings, value: object, now_ms: int) -> None:
    """Store the signal of a posted document."""
    try:
        is_dimmed = signal_value(value)
    except UsageError as error:
        raise UsageError(f"dimmed: {error}") from None
    conf = site_conf(db, settings)
    if conf is None or conf.dim is None or conf.dim.source != POSTED:
        raise NoPostedInput(
            f"{settings.site_file} expects no posted signal; write "
            '"dim": {"posted": true} into it, and dimmed_w'
        )
    note_dimmed(db, settings, is_dimmed=is_dimmed, source=POSTED, now_ms=now_ms)


def _member(document: object) -> tuple[str, object]:
    """Return the name and the value of the one member of a document."""
    keys = members(document, "the reading", ("grid_w", "w", "a", _DIMMED))
    if len(keys) != 1:
        raise UsageError(f"the reading must have one member, as in {_FORMS}")
    return next(iter(keys.items()))


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
