"""The reason of each set point, for people: a key and the values in its sentence (pure)."""

from collections.abc import Mapping
from math import ceil

from shocpp.energy.allocation import NO_ROOM, OWN, SITE, UNBALANCE, Share
from shocpp.energy.failsafe import most_of
from shocpp.energy.model import (
    AWAY,
    IGNORES,
    METER_FROZEN,
    METER_NEW,
    METER_REVERSED,
    METER_SILENT,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
    Connector,
    Key,
    Reason,
)
from shocpp.energy.ranking import TURN_MS, turn_ends_ms
from shocpp.energy.sharing import Causes
from shocpp.energy.situation import Situation

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
}
"""The reasons that say that the meter's readings do not count: `limit_a`."""

KEYS = (
    *OF_STANDING.values(),
    *OF_FALLBACK.values(),
    "away",  # limit_a
    "awaits_others",  # to_a
    "base",  # limit_a
    "chosen",  # limit_a
    "gives_back",  # limit_a
    "house_leaves",  # limit_a
    "late_start",
    "limit_of",  # where, limit_a
    "no_room",
    "own_maximum",  # limit_a
    "rises_in",  # to_a, seconds
    "shares",  # cars, total_a, where
    "unbalance",  # limit_a, unbalance_a
    "waits_turn",  # cars, minutes
)
"""All keys, each with the values of its sentence; `where` is a group, or empty for the site."""


def reason_of(
    situation: Situation,
    connector: Connector,
    limit_ma: int | None,
    base_ma: int,
    causes: Mapping[Key, Causes],
) -> Reason:
    """Return the reason of the set point of a connector; `base_ma` is its base."""
    session, name = connector.session, situation.standings[connector.key]
    if name in OF_STANDING:
        return Reason(OF_STANDING[name], {"max_a": _whole(connector.max_ma)})
    if name == AWAY:
        return Reason("away", {"limit_a": _whole(situation.reserved(connector))})
    if session is None:
        return Reason("base", {"limit_a": _whole(base_ma)})
    if session.is_late or limit_ma is None:
        return Reason("late_start")
    if connector.chosen_ma == 0:
        return Reason("chosen", {"limit_a": 0})
    if situation.is_fallback:
        return Reason(OF_FALLBACK[situation.verdict], {"limit_a": _whole(limit_ma)})
    kept, possible, wait_ms = causes[connector.key]
    if possible.limit_ma > limit_ma:
        to_a = _whole(possible.limit_ma)
        if wait_ms is None:
            return Reason("awaits_others", {"to_a": to_a})
        return Reason("rises_in", {"to_a": to_a, "seconds": ceil(wait_ms / 1_000)})
    return _of_share(
        situation, connector, limit_ma, kept if kept.limit_ma == limit_ma else possible
    )


def _of_share(situation: Situation, connector: Connector, limit_ma: int, share: Share) -> Reason:
    """Return the reason of a limit that is as high as it may be."""
    limit_a = _whole(limit_ma)
    if share.bound == UNBALANCE:
        unbalance_a = _whole(situation.rules.unbalance_ma)
        return Reason("unbalance", {"limit_a": limit_a, "unbalance_a": unbalance_a})
    if share.bound == NO_ROOM:
        return _without_room(situation, connector)
    if share.bound == OWN:
        memory, most_ma = situation.states[connector.key], most_of(connector)
        if memory.need_ma is not None and limit_ma < most_ma // 1_000 * 1_000:
            return Reason("gives_back", {"limit_a": limit_a})
        key = "own_maximum" if most_ma == connector.max_ma else "chosen"
        return Reason(key, {"limit_a": limit_a})
    where = "" if share.bound == SITE else share.bound
    cars = [
        one
        for one in situation.facts.connectors
        if situation.shares_current(one)
        and (where in one.groups or not where)
        and situation.states[one.key].limit_ma
        and {*one.phases} & {*connector.phases}
    ]
    if len(cars) > 1:
        total_ma = sum(situation.states[one.key].limit_ma for one in cars)
        total_a = _whole(total_ma)
        return Reason("shares", {"cars": len(cars), "total_a": total_a, "where": where})
    if not where and situation.rules.has_meter:
        return Reason("house_leaves", {"limit_a": limit_a})
    return Reason("limit_of", {"where": where, "limit_a": limit_a})


def _without_room(situation: Situation, connector: Connector) -> Reason:
    """Return the reason of a session that gets nothing."""
    active = [
        state
        for one in situation.facts.connectors
        if situation.shares_current(one) and (state := situation.states[one.key]).limit_ma
    ]
    ends = [end for state in active if (end := turn_ends_ms(state)) is not None]
    if not ends:
        return Reason("no_room")
    waits_since_ms = situation.states[connector.key].waiting_since_ms or situation.now_ms
    turn_ms = max(min(ends), waits_since_ms + TURN_MS) - situation.now_ms
    minutes = max(ceil(turn_ms / 60_000), 1)
    return Reason("waits_turn", {"cars": len(active), "minutes": minutes})


def _whole(current_ma: int) -> int:
    return current_ma // 1_000
