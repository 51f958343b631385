"""The part of a session's energy that has not come from the grid (pure).

Each minute of the site has its import from the grid and the energy of all cars. The grid's part of
the cars' energy is min(their energy, import), shared by their energy; the rest is solar. Energy of
a battery counts as solar, too. All of this is grid:

    a minute without a row, or without a fresh reading of the site's meter
    the time between two readings of the session that lie further apart than GAP_MS

Solar and grid always add up to the record's energy, in whole Wh.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from shocpp.ledger.prices.splitting import Point, points_of
from shocpp.ledger.record import ENERGY_UNKNOWN, Record
from shocpp.ocpp.facts import Reading

MINUTE_MS = 60_000

# A quarter of an hour is a usual interval of meter values, and chargers are late by some seconds.
GAP_MS = 930_000
"""The largest distance of two readings of a session at which the energy between them is known."""

_UNFINISHED = 2
"""The last minutes of a session that may have no row yet when its record is booked."""

_MICRO = 1_000_000


class SiteMinute(NamedTuple):
    """The energy of a minute at the site, in mWh.

    `minute` counts from 1970. Import and export are None if no fresh reading of the meter covers
    the whole minute. `cars_mwh` is the energy of all cars.
    """

    minute: int
    imported_mwh: int | None
    exported_mwh: int | None
    cars_mwh: int


Minutes = Callable[[int, int], Sequence[SiteMinute]]
"""Returns the minutes from one to another, both included."""


def no_minutes(_first: int, _last: int) -> Sequence[SiteMinute]:
    """Return no minutes, as a site without a meter."""
    return ()


def solar_wh(record: Record, readings: Iterable[Reading], minutes: Minutes) -> int | None:
    """Return the solar energy of a record in Wh, or None if nobody knows it.

    Nobody knows it without a start time, or without a minute of the site in the session. A longer
    session needs readings of its own, too.
    """
    began_ms = record.started_ms
    if began_ms is None or began_ms > record.stopped_ms or ENERGY_UNKNOWN in record.flags:
        return None
    points = points_of(record, began_ms, readings)
    has_readings = any(point.is_reading for point in points)
    # The mean power of a long session is not that of any of its minutes.
    if not has_readings and record.stopped_ms - began_ms > GAP_MS:
        return None
    known = _known(points, minutes)
    # Not 0: a site without a meter, or a server that was down, says nothing of the sun.
    if not known:
        return None
    # Rounded once: sums of rounded minutes would drift by Wh in a long session.
    micro_wh = sum(solar for _, solar in _pieces(points, known, ()))
    return min((2 * micro_wh + _MICRO) // (2 * _MICRO), record.consumed_wh)


def shares_of(
    record: Record,
    moments_ms: Sequence[int],
    wh: Sequence[int],
    readings: Iterable[Reading],
    minutes: Minutes,
) -> list[int]:
    """Return a record's solar energy before, between and after these moments, in whole Wh.

    `wh` are the energies between the moments, which add up to that of the record. No share is
    above its energy, and the shares add up to `solar_wh`. Where the minutes are gone, or say
    nothing, the solar energy is shared by energy.
    """
    began_ms, weights = record.started_ms, [0] * len(wh)
    if began_ms is not None and began_ms <= record.stopped_ms:
        points = points_of(record, began_ms, readings)
        at = 0
        for begin_ms, solar in _pieces(points, _known(points, minutes), moments_ms):
            # Pieces and moments are both in order.
            while at < len(moments_ms) and begin_ms >= moments_ms[at]:
                at += 1
            weights[at] += solar
    return divided(record.solar_wh or 0, wh, weights)


def divided(total_wh: int, wh: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Return a total as shares by these weights, none of which is above its energy.

    The total is not above the sum of the energies. Without any weight, the energies are weights.
    """
    weights = weights if any(weights) else wh
    whole, rest_wh = sum(weights), sum(wh)
    shares, counted_wh, weight = [], 0, 0
    for most_wh, its_weight in zip(wh, weights, strict=True):
        weight, rest_wh = weight + its_weight, rest_wh - most_wh
        rounded_wh = (2 * total_wh * weight + whole) // (2 * whole) if whole else 0
        # The energy that the later shares cannot take belongs to this one.
        least_wh = max(counted_wh, total_wh - rest_wh)
        until_wh = min(max(rounded_wh, least_wh), counted_wh + most_wh, total_wh)
        shares.append(until_wh - counted_wh)
        counted_wh = until_wh
    return shares


def _known(points: Sequence[Point], minutes: Minutes) -> Mapping[int, SiteMinute]:
    """Return the minutes of the site in a session, by number.

    The last ones may not be over when the record is booked: they count as the one before.
    """
    first, last = points[0].ms // MINUTE_MS, points[-1].ms // MINUTE_MS
    known = {one.minute: one for one in minutes(first - _UNFINISHED, last)}
    # The leader stores a minute up to a tick after its end. As grid, these minutes would cost each
    # short session a good part of its sun.
    for minute in range(last - _UNFINISHED + 1, last + 1):
        if minute not in known and minute - 1 in known:
            known[minute] = known[minute - 1]
    return {minute: one for minute, one in known.items() if minute >= first}


def _pieces(
    points: Sequence[Point], known: Mapping[int, SiteMinute], moments_ms: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the begin and the solar energy in micro Wh of each piece of a session.

    A piece ends where a minute ends, at each reading, and at each of the moments.
    """
    pieces = list(_own_pieces(points, moments_ms))
    # A reading within a minute makes two pieces of it, which share its import.
    own: dict[int, int] = {}
    for begin_ms, micro_wh in pieces:
        minute = begin_ms // MINUTE_MS
        own[minute] = own.get(minute, 0) + micro_wh
    for begin_ms, micro_wh in pieces:
        minute = begin_ms // MINUTE_MS
        yield begin_ms, _solar(micro_wh, own[minute], known.get(minute))


def _own_pieces(points: Sequence[Point], moments_ms: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the begin and the energy of each piece in which energy flowed between near readings."""
    for low, high in pairwise(points):
        span_ms, grown_wh = high.ms - low.ms, high.wh - low.wh
        if grown_wh <= 0 or not 0 < span_ms <= GAP_MS:
            continue
        first_ms = low.ms - low.ms % MINUTE_MS + MINUTE_MS
        cuts = {*range(first_ms, high.ms, MINUTE_MS)}
        cuts |= {moment_ms for moment_ms in moments_ms if low.ms < moment_ms < high.ms}
        before = 0
        for begin_ms, end_ms in pairwise((low.ms, *sorted(cuts), high.ms)):
            # Differences of one sequence: the pieces add up to the energy between the readings.
            counted = grown_wh * _MICRO * (end_ms - low.ms) // span_ms
            yield begin_ms, counted - before
            before = counted


def _solar(micro_wh: int, own_micro_wh: int, minute: SiteMinute | None) -> int:
    """Return the solar part of a piece; `own_micro_wh` is the session's energy of its minute."""
    if minute is None or minute.imported_mwh is None or not micro_wh:
        return 0
    # The chargers' powers are seconds old: a session may have taken more than the sum says.
    cars = max(minute.cars_mwh * 1000, own_micro_wh)
    # The import beyond the energy of the cars is for the house.
    of_grid = min(cars, minute.imported_mwh * 1000)
    return micro_wh * (cars - of_grid) // cars
