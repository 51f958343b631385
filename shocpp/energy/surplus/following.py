"""The current of cars that follow the sun, with its delays (pure).

    start    once the sun was enough for the least current for START_MS
    stop     once it was too little for STOP_MS; until then the least current
    current  whole amperes; down once BAND_MA are missing, up past a band and UP_MS after a change
    phases   another number, once it would have suited better for SWITCH_MS

A car stays on for ON_MS and off for OFF_MS at least. Measured: docs/power.md, bench/energy.py.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shocpp.energy.allocation import STEP_MA
from shocpp.energy.failsafe import most_of
from shocpp.energy.model import AWAY, FAST, MIN, OFF, SOLAR, Connector, Key
from shocpp.energy.pacing import OFF_MS
from shocpp.energy.ranking import ranked
from shocpp.energy.situation import Situation
from shocpp.energy.standing import DRAWS_MA, draw, is_idle, phases_by_power
from shocpp.energy.state.model import ConnectorState, SunState
from shocpp.energy.surplus.modes import is_urgent, mode_in_force
from shocpp.energy.surplus.phases import expected_phases, most_on_phases
from shocpp.energy.surplus.sun import Follower, left_for, shares_of_sun

START_MS, STOP_MS = 60_000, 180_000
"""The time for which the sun has to be enough to begin, and too little to end."""

ON_MS = 300_000
"""The least time for which the sun lets a car charge."""

UP_MS = 30_000
"""The time after a change of the current before it is raised."""

TAKEN_BACK_MS, DOUBT_MS = 15_000, 300_000
"""After a raise that has to be taken back within the first time, the next one waits for the second.

A meter that reports too much, or too late, would otherwise raise the car every half a minute.
"""

BAND_MA = 500
"""The lack of current that lowers it, and the surplus above the next ampere that raises it.

Otherwise the noise of the house would change it at each edge of an ampere.
"""

SWITCH_MS, MORE_PHASES_MA = 600_000, 2_000
"""The time after which a number of phases that suits better is chosen, and the sun's surplus above
the least current that more phases need: otherwise a cloud would soon end it."""

NEW_SESSION_MS = 60_000
"""The age up to which a session is new: its car draws by the base, and not by a decision."""


class Followed(NamedTuple):
    """The memory of the sun for each connector, and the number of phases that would suit it."""

    suns: Mapping[Key, SunState]
    phases: Mapping[Key, int]


class _Sun(NamedTuple):
    """The surplus for followers over all phases: for what is raised, and for what is kept."""

    raise_ma: int
    keep_ma: int


def followed(situation: Situation, connectors: Sequence[Connector]) -> Followed:
    """Return what the modes of these connectors with a session demand now."""
    now_ms, states = situation.now_ms, situation.states
    modes = {one.key: mode_in_force(one, states[one.key], now_ms) for one in connectors}
    order = ranked(
        (
            one
            for one in connectors
            if modes[one.key] in (MIN, SOLAR) and situation.standings[one.key] != AWAY
        ),
        states,
        now_ms,
    )
    followers = [_follower(situation, one, modes[one.key]) for one in order]
    by_key = {follower.key: follower for follower in followers}
    sun = _surplus(situation, by_key)
    raises = shares_of_sun(followers, sun.raise_ma)
    # A car that still waits lowers nobody: it may wait for minutes.
    keeping = [one for one in followers if one.is_certain or states[one.key].sun.is_on]
    keeps = shares_of_sun([one._replace(lacks_ma=BAND_MA) for one in keeping], sun.keep_ma)
    suns, phases = {}, {}
    for connector in connectors:
        key, memory = connector.key, states[connector.key]
        step = _Step(situation, connector, modes[key])
        if key in by_key:
            suns[key] = step.by_the_sun(raises[key], keeps.get(key, raises[key]))
            left_ma = left_for(by_key[key], followers, raises, sun.raise_ma)
            suns[key], wanted = _with_other_phases(connector, memory, suns[key], left_ma, now_ms)
        elif modes[key] in (MIN, SOLAR):
            # It is not connected, and keeps its last limit.
            suns[key], wanted = memory.sun, None
        else:
            suns[key] = step.without_sun()
            wanted = len(connector.phases) if modes[key] == FAST else None
        wanted = _dimmed_phases(situation, connector) or wanted
        if wanted is not None and connector.switching is not None:
            phases[key] = wanted
    charging = [by_key[one.key] for one in order if not is_idle(one, states[one.key], now_ms)]
    return Followed(suns | _displaced(suns, states, charging, sun.raise_ma, now_ms), phases)


def _displaced(
    suns: Mapping[Key, SunState],
    states: Mapping[Key, ConnectorState],
    followers: Sequence[Follower],
    sun_ma: int,
    now_ms: int,
) -> dict[Key, SunState]:
    """Return the memory of cars that stop at once, because one before them starts by its turn.

    Otherwise both would charge until the delay of a stop is over, and one from the grid. A full car
    that may begin again is none of `followers`.
    """
    on = [one for one in followers if one.is_certain or suns[one.key].is_on]
    if all(one.is_certain or states[one.key].sun.is_on for one in on):
        return {}
    shares = shares_of_sun(on, sun_ma)
    return {
        one.key: _stopped(suns[one.key], now_ms)
        for one in on
        if not shares[one.key]
        and states[one.key].sun.is_on
        and now_ms >= suns[one.key].since_ms + ON_MS
    }


def _stopped(sun: SunState, now_ms: int) -> SunState:
    """Return the memory of a car for which there is too little sun."""
    return sun._replace(
        is_on=False, since_ms=now_ms, enough_since_ms=None, short_since_ms=None, cap_ma=0
    )


def _follower(situation: Situation, connector: Connector, mode: str) -> Follower:
    memory = situation.states[connector.key]
    return Follower(
        connector.key,
        _phases_to_feed(connector, memory),
        connector.min_ma,
        most_by_phases(situation, connector),
        connector.priority,
        is_certain=mode == MIN,
    )


def _phases_to_feed(connector: Connector, memory: ConnectorState) -> int:
    """Return the number of phases that the sun has to feed; a power may show that these are few."""
    count = len(expected_phases(connector, memory))
    return min(phases_by_power(memory) or count, count)


def _surplus(situation: Situation, followers: Mapping[Key, Follower]) -> _Sun:
    """Return the surplus; a meter that is silent or not to be trusted sees no sun."""
    if not situation.is_metered:
        return _Sun(0, 0)
    least_ma = most_ma = 0
    for connector in situation.facts.connectors:
        if connector.key not in followers:
            drawn = draw(connector, situation.states[connector.key], situation.now_ms)
            least_ma, most_ma = least_ma + drawn.totals_ma[0], most_ma + drawn.totals_ma[1]
    totals = situation.house.totals
    return _Sun(-totals.most_ma - least_ma, -totals.least_ma - most_ma)


class _Step:
    """One decision about the mode of one connector."""

    def __init__(self, situation: Situation, connector: Connector, mode: str) -> None:
        memory, now_ms = situation.states[connector.key], situation.now_ms
        self._connector, self._memory, self._mode = connector, memory, mode
        self._now_ms, former = now_ms, memory.sun
        self._sun = former._replace(
            mode=connector.wish.mode,
            is_urgent=is_urgent(connector, memory, now_ms),
            most_ma=max(former.most_ma, memory.drawn_ma or 0),
        )
        self._is_new_mode = former.mode != connector.wish.mode or former.is_urgent
        self._least_ma = connector.min_ma
        self._most_ma = most_by_phases(situation, connector)
        self._is_idle = is_idle(connector, memory, now_ms)

    def without_sun(self) -> SunState:
        """Return the memory of a connector that does not follow the sun."""
        is_off = self._mode == OFF
        return SunState(
            mode=self._sun.mode,
            is_on=not is_off,
            is_urgent=self._sun.is_urgent,
            most_ma=self._sun.most_ma,
            cap_ma=0 if is_off else None,
        )

    def by_the_sun(self, raise_ma: int, keep_ma: int) -> SunState:
        """Return the memory of a connector to which the sun gives this much."""
        if self._is_new_mode:
            self._begin(is_enough=raise_ma >= self._least_ma)
        if self._mode == MIN:
            return self._with_cap(self._sun._replace(is_on=True), raise_ma, keep_ma)
        if self._sun.is_on:
            return self._going_on(raise_ma, keep_ma)
        return self._waiting(raise_ma, keep_ma)

    def _begin(self, *, is_enough: bool) -> None:
        """Begin to follow the sun: a car that charges goes on if it can."""
        session, memory = self._connector.session, self._memory
        draws = (memory.drawn_ma or 0) >= DRAWS_MA or memory.limit_ma > 0
        is_new = session is None or self._now_ms - session.received_ms < NEW_SESSION_MS
        self._sun = SunState(
            mode=self._sun.mode,
            # A new car draws by its base: that is no reason to go on without sun.
            is_on=draws and (is_enough or not is_new),
            most_ma=self._sun.most_ma,
            cap_ma=self._least_ma if draws else 0,
        )

    def _going_on(self, raise_ma: int, keep_ma: int) -> SunState:
        """Return the memory of a car that charges by the sun."""
        sun, now_ms = self._sun, self._now_ms
        if keep_ma >= self._least_ma:
            return self._with_cap(sun._replace(short_since_ms=None), raise_ma, keep_ma)
        if not self._memory.limit_ma:
            # Another cause keeps it at 0 A: after that, it would begin without sun.
            return _stopped(sun, now_ms)._replace(since_ms=0)
        short_since_ms = sun.short_since_ms or now_ms
        if now_ms >= max(short_since_ms + STOP_MS, sun.since_ms + ON_MS):
            return _stopped(sun, now_ms)
        return self._capped(sun._replace(short_since_ms=short_since_ms), self._least_ma)

    def _waiting(self, raise_ma: int, keep_ma: int) -> SunState:
        """Return the memory of a car that waits for the sun."""
        sun, now_ms = self._sun, self._now_ms
        if raise_ma < self._least_ma:
            return sun._replace(enough_since_ms=None, cap_ma=0)
        enough_since_ms = sun.enough_since_ms or now_ms
        off_until_ms = sun.since_ms + OFF_MS if sun.since_ms else 0
        if now_ms < max(enough_since_ms + START_MS, off_until_ms):
            return sun._replace(enough_since_ms=enough_since_ms, cap_ma=0)
        sun = sun._replace(is_on=True, since_ms=now_ms, enough_since_ms=None, cap_ma=None)
        return self._with_cap(sun, raise_ma, keep_ma)

    def _with_cap(self, sun: SunState, raise_ma: int, keep_ma: int) -> SunState:
        """Return the memory with the highest current: lowered at once, raised later."""
        least_ma, now_ms = self._least_ma, self._now_ms
        possible_ma = max(min(raise_ma, self._most_ma) // STEP_MA * STEP_MA, least_ma)
        if self._is_idle:
            # A full car would be sent limits all day.
            return self._capped(sun, least_ma)
        if not sun.cap_ma:
            return self._capped(sun, possible_ma)
        if keep_ma < sun.cap_ma - BAND_MA:
            return self._capped(sun, max(keep_ma // STEP_MA * STEP_MA, least_ma))
        is_due = now_ms - sun.capped_ms >= UP_MS and now_ms >= sun.doubted_ms + DOUBT_MS
        is_past_band = raise_ma >= min(sun.cap_ma + STEP_MA + BAND_MA, self._most_ma)
        is_raised = possible_ma > sun.cap_ma and is_past_band and is_due
        return self._capped(sun, possible_ma) if is_raised else sun

    def _capped(self, sun: SunState, cap_ma: int) -> SunState:
        """Return the memory with this highest current."""
        former_ma, now_ms = sun.cap_ma or 0, self._now_ms
        if cap_ma == former_ma:
            return sun
        if cap_ma > former_ma:
            sun = sun._replace(raised_ms=now_ms)
        elif now_ms - sun.raised_ms <= TAKEN_BACK_MS:
            sun = sun._replace(doubted_ms=now_ms)
        return sun._replace(cap_ma=cap_ma, capped_ms=now_ms)


def _with_other_phases(
    connector: Connector, memory: ConnectorState, sun: SunState, left_ma: int, now_ms: int
) -> tuple[SunState, int | None]:
    """Return the memory with the time since when other phases would suit, and their number."""
    count, least_ma = len(connector.phases), connector.min_ma
    present = memory.switch.phases or count
    more_ma = least_ma if present == count else least_ma + MORE_PHASES_MA
    suits = count if left_ma >= count * more_ma else 1 if left_ma >= least_ma else present
    # A car with one phase gains nothing.
    is_one_phased = present == count and len(memory.used) == 1
    if connector.switching is None or suits == present or is_one_phased:
        return sun._replace(other_since_ms=None), None
    other_since_ms = sun.other_since_ms or now_ms
    is_due = now_ms - other_since_ms >= SWITCH_MS
    return sun._replace(other_since_ms=other_since_ms), suits if is_due else None


def _dimmed_phases(situation: Situation, connector: Connector) -> int | None:
    """Return 1 if one phase is all that fits into the power of a dimmed site, None otherwise."""
    left_ma = situation.dimmed_ma(situation.house.totals.most_ma)
    is_too_little = left_ma is not None and left_ma < len(connector.phases) * connector.min_ma
    return 1 if is_too_little else None


def most_by_phases(situation: Situation, connector: Connector) -> int:
    """Return the highest limit of a connector; one that was switched to one phase is uneven."""
    memory, unbalance_ma = situation.states[connector.key], situation.rules.unbalance_ma
    return min(most_of(connector), most_on_phases(connector, memory, unbalance_ma))
