"""The failsafe: limits that stay in the chargers when the server is gone (pure).

A base has no duration. The bases of all chargers together fit each limit less the highest load of
the house. They are given by rank, and a charger without room gets a base of 0. A charger that keeps
no limit counts with its maximum, because it may begin at any time.
"""

from collections.abc import Collection, Iterable, Sequence

from shocpp.energy.allocation import STEP_MA
from shocpp.energy.model import ALL_PHASES, OFF, VOLT, Connector, Facts, Key, PerPhase, SiteRules


def base_limits(facts: Facts, rules: SiteRules, unreliable: Collection[Key]) -> dict[Key, int]:
    """Return the base of each connector behind a limit; `unreliable` ones keep no limits."""
    dimmed_ma = dimmed_total(rules) if facts.is_dimmed else None
    rest = Rest(rules, house_at_worst(facts, rules), dimmed_ma)
    ranked = by_rank(limited(facts.connectors, rules))
    # Without a base nothing holds the next car when the server is gone.
    without = {one.key for one in ranked if not one.takes_base}
    unreliable = {*unreliable, *without}
    for connector in ranked:
        if connector.key in unreliable:
            rest.take(connector, connector.max_ma)
    bases = {}
    for connector in ranked:
        base_ma = fallback_of(connector, rules)
        if connector.key not in unreliable:
            base_ma = base_ma if rest.fits(connector, base_ma) else 0
            rest.take(connector, base_ma)
        bases[connector.key] = base_ma
    return bases


def fallback_of(connector: Connector, rules: SiteRules) -> int:
    """Return the current of a connector in the fallback: in whole amperes, or 0 if it has none."""
    return usable(connector, min(rules.fallback_ma, most_of(connector)))


def usable(connector: Connector, limit_ma: int) -> int:
    """Return a limit in whole amperes, 0 if it is below the least one of its connector."""
    whole_ma = limit_ma // STEP_MA * STEP_MA
    return whole_ma if whole_ma >= connector.min_ma else 0


def most_of(connector: Connector) -> int:
    """Return the highest limit of a connector: its maximum, or the limit that a person chose."""
    if is_off(connector):
        return 0
    if connector.chosen_ma is None:
        return connector.max_ma
    return min(connector.max_ma, connector.chosen_ma)


def is_off(connector: Connector) -> bool:
    """Return True if nobody is to charge at a connector, also without the server."""
    return connector.wish.mode == OFF and connector.wish.goal is None


def limited(connectors: Iterable[Connector], rules: SiteRules) -> list[Connector]:
    """Return the connectors behind a limit of the site or of a group, or that can be dimmed."""
    return [one for one in connectors if is_limited(one, rules)]


def is_limited(connector: Connector, rules: SiteRules) -> bool:
    """Return True if a connector is behind a limit, or can be dimmed."""
    is_behind_one = rules.limit_ma is not None or bool(groups_of(connector, rules))
    return is_behind_one or rules.dimmed_w is not None


def dimmed_total(rules: SiteRules) -> int | None:
    """Return the current over all phases that dimmed chargers may draw from the grid."""
    return None if rules.dimmed_w is None else rules.dimmed_w * 1_000 // VOLT


def groups_of(connector: Connector, rules: SiteRules) -> tuple[str, ...]:
    """Return the groups of a connector that have a limit."""
    return tuple(group for group in connector.groups if group in rules.groups)


def by_rank(connectors: Iterable[Connector]) -> Sequence[Connector]:
    """Return connectors in the order in which they get a base."""
    return sorted(connectors, key=lambda connector: (-connector.priority, connector.key))


def house_at_worst(facts: Facts, rules: SiteRules) -> PerPhase:
    """Return the load of the house that counts while it cannot be measured."""
    stated_ma = rules.house_ma
    if rules.has_meter and facts.peak_ma is not None:
        first, second, third = facts.peak_ma
        return (max(first, 0), max(second, 0), max(third, 0))
    if stated_ma is None:
        # Without any knowledge of a measured house, half the limit is its own.
        stated_ma = (rules.limit_ma or 0) // 2 if rules.has_meter else 0
    return (stated_ma, stated_ma, stated_ma)


class Rest:
    """The current that is left of each limit of a site whose house draws `house_ma`.

    `total_ma` is the limit of all chargers over all phases, None without one.
    """

    def __init__(self, rules: SiteRules, house_ma: PerPhase, total_ma: int | None = None) -> None:
        self.total_ma = total_ma
        self.groups_ma = {name: [group.limit_ma] * 3 for name, group in rules.groups.items()}
        self.site_ma: list[int] | None = None
        if rules.limit_ma is not None:
            self.site_ma = [rules.limit_ma - house_ma[phase] for phase in ALL_PHASES]

    def fits(self, connector: Connector, limit_ma: int) -> bool:
        """Return True if this much is left on all phases of a connector."""
        count = len(connector.phases)
        if self.total_ma is not None and self.total_ma < count * limit_ma:
            return False
        return all(
            bound[phase] >= limit_ma
            for bound in self._bounds(connector)
            for phase in connector.phases
        )

    def take(
        self,
        connector: Connector,
        limit_ma: int,
        phases: Sequence[int] | None = None,
        phase_count: int | None = None,
    ) -> None:
        """Take this much from the limits of a connector, on all its phases or on these.

        `phase_count` is the number of phases on which a car draws: the limit over all phases loses
        the current of each. None stands for all of `phases`.
        """
        phases = connector.phases if phases is None else phases
        if self.total_ma is not None:
            self.total_ma -= (phase_count or len(phases)) * limit_ma
        for bound in self._bounds(connector):
            for phase in phases:
                bound[phase] -= limit_ma

    def left_for(self, connector: Connector, phase_count: int | None = None) -> int:
        """Return the current that is left on all phases of a connector.

        `phase_count` is that of `take`.
        """
        lefts = [bound[phase] for bound in self._bounds(connector) for phase in connector.phases]
        if self.total_ma is not None:
            lefts.append(self.total_ma // (phase_count or len(connector.phases)))
        return min(lefts, default=connector.max_ma)

    def _bounds(self, connector: Connector) -> list[list[int]]:
        groups = [self.groups_ma[name] for name in connector.groups if name in self.groups_ma]
        return groups if self.site_ma is None else [self.site_ma, *groups]
