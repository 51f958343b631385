"""The reason of each set point, for people: a key and the values in its sentence (pure)."""

from collections import Counter
from math import ceil

from shocpp.energy.allocation import DIMMED, GROUP, NO_ROOM, OWN, SITE, STEP_MA, UNBALANCE, Share
from shocpp.energy.failsafe import is_off, most_of
from shocpp.energy.model import (
    AWAY,
    IGNORES,
    METER_FROZEN,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_REVERSED,
    METER_SILENT,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
    Connector,
    Reason,
)
from shocpp.energy.ranking import TURN_MS, turn_ends_ms
from shocpp.energy.sharing import Sharing
from shocpp.energy.situation import Situation
from shocpp.energy.standing import is_asleep, phases_of
from shocpp.energy.surplus.reasons import NO_SUN, next_change_ms, reason_of_mode

OF_STANDING = {
    REFUSES: "refuses",
    IGNORES: "ignores",
    SILENT: "silent",
    UNVERIFIABLE: "not_verifiable",
}
"""The reasons that say that a charger counts with its maximum: `max_a`."""

OF_FALLBACK = {
    METER_NEW: "fallback_new",
    METER_SILENT: "fallback_silent",
    METER_FROZEN: "fallback_frozen",
    METER_REVERSED: "fallback_reversed",
    METER_IMPLAUSIBLE: "fallback_implausible",
}
"""The reasons that say that the meter's readings do not count: `limit_a`."""

ROUNDED_MS = 30_000
"""The step of the time until a raise: people do not count seconds."""

WOKEN_MS = 60_000
"""The time in which a car that is woken begins to draw."""

KEYS = (
    *OF_STANDING.values(),
    *OF_FALLBACK.values(),
    "asleep",
    "away",  # limit_a
    "awaits_meter",  # to_a
    "awaits_others",  # to_a
    "base",  # limit_a
    "chosen",  # limit_a
    "dimmed",  # limit_w
    "goal_fast",
    "goal_reached",
    "least_and_sun",
    "mode_off",
    "no_sun",
    "sun",
    "sun_short",
    "sun_starts",
    "sun_unknown",
    "switch_daily",
    "switch_failed",
    "switch_ignored",
    "switch_refused",
    "switching",  # phases
    "gives_back",  # limit_a
    "house_leaves",  # limit_a
    "late_start",
    "limit_of",  # where, limit_a
    "no_room",
    "own_maximum",  # limit_a
    "rises_in",  # to_a, seconds
    "shares",  # cars, total_a, where
    "unbalance",  # limit_a, unbalance_a
    "waits_priority",  # cars
    "waits_turn",  # cars, minutes
)
"""All keys, each with the values of its sentence; `where` is a group, or empty for the site."""


class Reasons:
    """The reasons of the set points of one decision."""

    def __init__(self, situation: Situation, sharing: Sharing) -> None:
        self._situation, self._sharing = situation, sharing
        # The cars that charge, by limit and phase.
        self._cars: Counter[tuple[str, int]] = Counter()
        # The same with the ends of their turns.
        self._turns: list[tuple[Connector, int]] = []
        for connector in situation.facts.connectors:
            memory = situation.states[connector.key]
            if not memory.limit_ma or not situation.shares_current(connector):
                continue
            ends_ms = turn_ends_ms(memory)
            if ends_ms is not None:
                self._turns.append((connector, ends_ms))
            for where in ("", *connector.groups):
                self._cars.update((where, phase) for phase in phases_of(connector, memory))

    def of(self, connector: Connector, limit_ma: int | None, base_ma: int | None) -> Reason:
        """Return the reason of the set point of a connector."""
        session, name = connector.session, self._situation.standings[connector.key]
        if name in OF_STANDING:
            return Reason(OF_STANDING[name], {"max_a": _amperes(connector.max_ma)})
        if name == AWAY:
            return Reason("away", {"limit_a": _amperes(self._situation.reserved(connector))})
        if session is None:
            if is_off(connector):
                return Reason("mode_off")
            return Reason("base", {"limit_a": _amperes(base_ma or 0)})
        if session.is_late or limit_ma is None:
            return Reason("late_start")
        return self._of_session(connector, limit_ma)

    def _of_session(self, connector: Connector, limit_ma: int) -> Reason:
        """Return the reason of the limit of a session whose charger is reliable."""
        if connector.chosen_ma == 0:
            return Reason("chosen", {"limit_a": 0})
        memory, now_ms = self._situation.states[connector.key], self._situation.now_ms
        # It is woken once, and a minute is enough to see if that helps.
        if limit_ma and is_asleep(memory, now_ms - WOKEN_MS):
            return Reason("asleep")
        of_mode = reason_of_mode(connector, memory, limit_ma, now_ms)
        if of_mode == NO_SUN and self._is_blind:
            return Reason("sun_unknown")
        if of_mode is not None:
            return of_mode
        causes = self._sharing.causes.get(connector.key)
        if causes is not None and not limit_ma and causes.possible.bound == DIMMED:
            return Reason("dimmed", {"limit_w": self._situation.rules.dimmed_w or 0})
        if self._situation.is_fallback:
            return Reason(OF_FALLBACK[self._situation.verdict], {"limit_a": _amperes(limit_ma)})
        return self._of_following(connector, limit_ma)

    @property
    def _is_blind(self) -> bool:
        """Return True if the meter does not show the sun; a new one will soon."""
        return self._situation.is_fallback and self._situation.verdict != METER_NEW

    def next_ms(self, connector: Connector, limit_ma: int | None) -> int | None:
        """Return when the set point will change, None if that is not known."""
        if limit_ma is None or not self._situation.shares_current(connector):
            return None
        memory = self._situation.states[connector.key]
        return next_change_ms(connector, memory, self._situation.now_ms)

    def _of_following(self, connector: Connector, limit_ma: int) -> Reason:
        """Return the reason of a limit that its charger follows."""
        ceiling, possible, wait_ms = self._sharing.causes[connector.key]
        if possible.limit_ma > limit_ma:
            to_a = _amperes(possible.limit_ma)
            if wait_ms and limit_ma and self._sharing.awaits_meter:
                return Reason("awaits_meter", {"to_a": to_a})
            if wait_ms is None:
                return Reason("awaits_others", {"to_a": to_a})
            seconds = max(ceil(wait_ms / ROUNDED_MS) * ROUNDED_MS // 1_000, 1)
            return Reason("rises_in", {"to_a": to_a, "seconds": seconds})
        # The possible share names the limit that binds; the ceiling is the limit that it has.
        share = possible
        if limit_ma and share.bound == NO_ROOM:
            has_site_limit = self._sharing.available.site_ma is not None
            share = Share(limit_ma, SITE) if has_site_limit else ceiling
        return self._of_share(connector, limit_ma, share)

    def _of_share(self, connector: Connector, limit_ma: int, share: Share) -> Reason:
        """Return the reason of a limit that is as high as it may be."""
        limit_a, rules = _amperes(limit_ma), self._situation.rules
        if share.bound == UNBALANCE:
            unbalance_a = _amperes(rules.unbalance_ma)
            return Reason("unbalance", {"limit_a": limit_a, "unbalance_a": unbalance_a})
        if share.bound == DIMMED:
            return Reason("dimmed", {"limit_w": rules.dimmed_w or 0})
        if share.bound == NO_ROOM:
            return self._without_room(connector)
        if share.bound == OWN:
            memory, most_ma = self._situation.states[connector.key], most_of(connector)
            if memory.need_ma is not None and limit_ma < most_ma // STEP_MA * STEP_MA:
                return Reason("gives_back", {"limit_a": limit_a})
            key = "own_maximum" if most_ma == connector.max_ma else "chosen"
            if memory.sun.is_urgent:
                key = "goal_fast"
            return Reason(key, {"limit_a": limit_a})
        where = "" if share.bound == SITE else share.bound.removeprefix(GROUP)
        available = self._sharing.available
        of_phases = available.groups_ma[where] if where else available.site_ma
        assert of_phases is not None, "only a limit that is there binds a share"
        phases = phases_of(connector, self._situation.states[connector.key])
        cars, total_ma = max((self._cars[where, phase], -of_phases[phase]) for phase in phases)
        if cars > 1:
            return Reason("shares", {"cars": cars, "total_a": _amperes(-total_ma), "where": where})
        if not where and rules.has_meter:
            return Reason("house_leaves", {"limit_a": limit_a})
        return Reason("limit_of", {"where": where, "limit_a": limit_a})

    def _without_room(self, connector: Connector) -> Reason:
        """Return the reason of a session that gets nothing."""
        before = [turn for turn in self._turns if self._is_beside(connector, turn[0])]
        if not before:
            return Reason("no_room")
        cars = max(self._cars["", phase] for phase in connector.phases)
        ends_ms = [ends_ms for one, ends_ms in before if one.priority <= connector.priority]
        if not ends_ms:
            return Reason("waits_priority", {"cars": cars})
        now_ms = self._situation.now_ms
        waits_since_ms = self._situation.states[connector.key].waiting_since_ms or now_ms
        turn_ms = max(min(ends_ms), waits_since_ms + TURN_MS) - now_ms
        return Reason("waits_turn", {"cars": cars, "minutes": max(ceil(turn_ms / 60_000), 1)})

    def _is_beside(self, connector: Connector, other: Connector) -> bool:
        """Return True if two connectors share a phase of a limit."""
        rules, states = self._situation.rules, self._situation.states
        is_behind_same = rules.limit_ma is not None or {*connector.groups} & {*other.groups}
        phases = phases_of(other, states[other.key])
        return bool(is_behind_same) and not {*connector.phases}.isdisjoint(phases)


def _amperes(current_ma: int) -> int:
    return current_ma // 1_000
