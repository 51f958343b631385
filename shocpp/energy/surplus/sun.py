"""The sun's current for cars, and the share of each (pure).

The surplus is what the house feeds in without its cars, over all phases: meters net the phases. The
cars that do not follow the sun take theirs first. The others get their least current in order, and
share the rest max-min fairly, those of a higher priority first.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from shocpp.energy.model import Key


class Follower(NamedTuple):
    """A car that follows the sun, with its least and its highest current on so many phases.

    `is_certain` is True if it gets its least current in any case; `lacks_ma` of it may be missing.
    """

    key: Key
    phases: int
    least_ma: int
    most_ma: int
    priority: int = 0
    is_certain: bool = False
    lacks_ma: int = 0


def shares_of_sun(followers: Sequence[Follower], surplus_ma: int) -> dict[Key, int]:
    """Return the current of one phase that the sun gives to each car, in the order of their floors.

    It is 0 if the sun is not enough for the least current, and not rounded to whole amperes.
    """
    shares: dict[Key, int] = {}
    rest_ma = surplus_ma - sum(one.phases * one.least_ma for one in followers if one.is_certain)
    for one in followers:
        floor_ma = 0 if one.is_certain else one.phases * one.least_ma
        fits = floor_ma - one.phases * one.lacks_ma <= rest_ma and one.least_ma <= one.most_ma
        has_floor = one.is_certain or fits
        shares[one.key] = one.least_ma if has_floor else 0
        rest_ma -= floor_ma if has_floor else 0
    growing = [one for one in followers if shares[one.key]]
    by_priority = sorted(growing, key=lambda one: -one.priority)
    for _, of_priority in groupby(by_priority, key=lambda one: one.priority):
        rest_ma -= _raised(shares, [*of_priority], rest_ma)
    return shares


def _raised(shares: dict[Key, int], growing: Iterable[Follower], rest_ma: int) -> int:
    """Raise those with the least together until nothing is left; return what they have taken."""
    left_ma = rest_ma
    growing = [one for one in growing if one.most_ma > shares[one.key]]
    while growing and left_ma > 0:
        levels = sorted({shares[one.key] for one in growing})
        lowest = [one for one in growing if shares[one.key] == levels[0]]
        width = sum(one.phases for one in lowest)
        step_ma = min(left_ma // width, *(one.most_ma - levels[0] for one in lowest))
        if len(levels) > 1:
            step_ma = min(step_ma, levels[1] - levels[0])
        if step_ma == 0:
            break
        for one in lowest:
            shares[one.key] += step_ma
        left_ma -= step_ma * width
        growing = [one for one in growing if one.most_ma > shares[one.key]]
    return rest_ma - left_ma


def left_for(
    follower: Follower, followers: Sequence[Follower], shares: Mapping[Key, int], surplus_ma: int
) -> int:
    """Return what the sun leaves for one car over all phases, beside the shares of the others."""
    others = (one for one in followers if one.key != follower.key)
    return surplus_ma - sum(one.phases * shares[one.key] for one in others)
