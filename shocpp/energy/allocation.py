"""Fair shares of current: per phase, in whole amperes, with a floor for each connector (pure).

    floor    in the order of the demands, each gets its least current where it fits on all its
             phases, or nothing: never a current between 0 and its least one
    share    the rest is shared max-min fairly: those with the least are raised together, a higher
             priority first; what does not divide into whole amperes stays unused
    balance  charging may not make the difference between two phases greater than the limit

A limit is that of the site or of a group, for each phase, or that of all chargers over all phases.
Measured: docs/power.md.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from shocpp.energy.model import ALL_PHASES, Key, PerPhase

STEP_MA = 1_000
"""The step of shares: each change is a write to the flash of a charger."""

MOST_ROUNDS = 8
"""Rounds that search the fairest shares within the limit of unbalance."""

SITE, OWN, UNBALANCE, DIMMED, NO_ROOM = "site", "own", "unbalance", "dimmed", "no room"
"""The bounds of a share; that of a group is GROUP and its name."""

GROUP = "group "


class Demand(NamedTuple):
    """The demand of a connector: from `least_ma` to `most_ma` on each of these phases.

    `least_ma` is a multiple of STEP_MA. `seen` are the phases on which its car was seen to draw;
    they count for the balance at once, and for limits when they are known for sure. `phase_count`
    is the number of phases that count for the limit over all phases, None for all of these.
    """

    key: Key
    phases: tuple[int, ...]
    least_ma: int
    most_ma: int
    priority: int = 0
    groups: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()
    phase_count: int | None = None


class Budget(NamedTuple):
    """The current that may be shared.

    site_ma       of each phase of the site, None without a limit of the site
    groups_ma     of each phase of each group
    others_ma     what draws besides, for the difference between phases
    unbalance_ma  the greatest difference that charging may make
    total_ma      of all chargers over all phases, None without such a limit
    """

    site_ma: PerPhase | None
    groups_ma: Mapping[str, PerPhase] = {}
    others_ma: PerPhase = (0, 0, 0)
    unbalance_ma: int | None = None
    total_ma: int | None = None


class Share(NamedTuple):
    """The share of a connector; `bound` is what keeps it from more."""

    limit_ma: int
    bound: str


class _Bound:
    """The rest of one phase of the site or of a group."""

    __slots__ = ("name", "rest_ma")

    def __init__(self, name: str, rest_ma: int) -> None:
        self.name, self.rest_ma = name, rest_ma


def allocate(demands: Sequence[Demand], budget: Budget) -> dict[Key, Share]:
    """Return the share of each demand; the order of the demands is that of their floors."""
    shares = _filled(demands, budget, None)
    if budget.unbalance_ma is None:
        return shares
    others = budget.others_ma
    # Charging on all phases adds nothing to the difference that the house makes.
    allowed = tuple(max(budget.unbalance_ma, load - min(others)) for load in others)
    balance_ma: Sequence[int] | None = None
    for _ in range(MOST_ROUNDS):
        totals = _totals(demands, shares, others)
        lowest = min(totals)
        if all(totals[p] - lowest <= allowed[p] or totals[p] == others[p] for p in ALL_PHASES):
            return shares
        most_ma = [lowest + allowed[p] - others[p] for p in ALL_PHASES]
        balance_ma = most_ma if balance_ma is None else [*map(min, balance_ma, most_ma)]
        shares = _filled(demands, budget, balance_ma)
    # This is safe for any shares of the others: no phase has less than without charging.
    balance_ma = [min(others) + allowed[p] - others[p] for p in ALL_PHASES]
    return _filled(demands, budget, balance_ma)


def _uneven_phases(demand: Demand) -> tuple[int, ...]:
    """Return the phases on which a demand makes a difference, none if it has all of them."""
    phases = demand.seen or demand.phases
    return phases if len(phases) < len(ALL_PHASES) else ()


def _totals(
    demands: Sequence[Demand], shares: Mapping[Key, Share], others_ma: PerPhase
) -> list[int]:
    """Return what draws on each phase, without what draws on all phases alike."""
    totals = [*others_ma]
    for demand in demands:
        for phase in _uneven_phases(demand):
            totals[phase] += shares[demand.key].limit_ma
    return totals


def _filled(
    demands: Sequence[Demand], budget: Budget, balance_ma: Sequence[int] | None
) -> dict[Key, Share]:
    """Return the shares within the limits; `balance_ma` is that of each phase for the balance."""
    site = _bounds(SITE, budget.site_ma)
    balance = _bounds(UNBALANCE, balance_ma)
    total = None if budget.total_ma is None else _Bound(DIMMED, budget.total_ma)
    groups = {
        name: _bounds(f"{GROUP}{name}", of_phases) for name, of_phases in budget.groups_ma.items()
    }
    shares: dict[Key, Share] = {}
    admitted: list[tuple[Demand, list[_Bound]]] = []
    for demand in demands:
        bounds = [
            *(site[phase] for phase in demand.phases if site),
            *(groups[group][phase] for group in demand.groups for phase in demand.phases),
            *(balance[phase] for phase in _uneven_phases(demand) if balance),
            # Once for each phase: it is of all of them together.
            *(total for _ in range(demand.phase_count or len(demand.phases)) if total),
        ]
        least_ma = demand.least_ma
        counts = Counter(bounds)
        tight = next((one.name for one in counts if one.rest_ma < counts[one] * least_ma), None)
        if least_ma > demand.most_ma:
            shares[demand.key] = Share(0, OWN)
        elif tight is not None:
            shares[demand.key] = Share(0, tight if tight in (UNBALANCE, DIMMED) else NO_ROOM)
        else:
            for bound in bounds:
                bound.rest_ma -= least_ma
            admitted.append((demand, bounds))
            shares[demand.key] = Share(least_ma, OWN)
    by_priority = sorted(admitted, key=lambda entry: -entry[0].priority)
    for _, of_priority in groupby(by_priority, key=lambda entry: entry[0].priority):
        _raise_together([*of_priority], shares)
    return shares


def _bounds(name: str, rests_ma: Sequence[int] | None) -> list[_Bound]:
    """Return the bound of each phase, none without a limit."""
    return [] if rests_ma is None else [_Bound(name, rest_ma) for rest_ma in rests_ma]


def _raise_together(
    admitted: Sequence[tuple[Demand, list[_Bound]]], shares: dict[Key, Share]
) -> None:
    """Raise those with the least together, until each is bound by a limit or by its own one."""
    level = {demand.key: demand.least_ma for demand, _ in admitted}
    most = {demand.key: demand.most_ma // STEP_MA * STEP_MA for demand, _ in admitted}
    growing = [entry for entry in admitted if most[entry[0].key] > level[entry[0].key]]
    while growing:
        levels = sorted({level[demand.key] for demand, _ in growing})
        raised = [entry for entry in growing if level[entry[0].key] == levels[0]]
        counts = Counter(bound for _, bounds in raised for bound in bounds)
        step = min(most[demand.key] for demand, _ in raised) - levels[0]
        if len(levels) > 1:
            step = min(step, levels[1] - levels[0])
        # A rest that is not enough for all behind a limit stays unused.
        step = min([step, *(bound.rest_ma // count for bound, count in counts.items())])
        step -= step % STEP_MA
        ended = set()
        for demand, bounds in raised:
            key = demand.key
            level[key] += step
            for bound in bounds:
                bound.rest_ma -= step
            if level[key] == most[key]:
                shares[key] = Share(level[key], OWN)
                ended.add(key)
        if step == 0:
            full = {bound for bound, count in counts.items() if bound.rest_ma < count * STEP_MA}
            for demand, bounds in raised:
                tight = next((bound for bound in bounds if bound in full), None)
                if tight is not None:
                    shares[demand.key] = Share(level[demand.key], tight.name)
                    ended.add(demand.key)
        growing = [entry for entry in growing if entry[0].key not in ended]
