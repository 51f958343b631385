"""The memory of the controller from one decision to the next (pure).

Currents are whole mA of one phase, moments are milliseconds since 1970.
"""

from collections.abc import Mapping
from typing import NamedTuple

from shocpp.energy.model import FAST, Key, PerPhase, SetPoint, SiteReading

ENOUGH_CHANGES = 2
"""Changed readings after a raise before the next one: a slow meter does not know of it yet."""


class SunState(NamedTuple):
    """The memory of the sun for a connector.

    mode              that was wished at the last decision
    is_on             its car may charge by the sun
    since_ms          since when that is so, 0 for never
    enough_since_ms   since when the sun is enough to begin, None if it is not
    short_since_ms    since when it is too little to go on, None if it is not
    capped_ms         when the highest current by the mode was changed, 0 for never
    other_since_ms    since when another number of phases would suit it better, None if not
    cap_ma            the highest current by the mode, None for any
    is_urgent         it charges fast, because its goal would not be reached otherwise
    most_ma           the highest current of its car in this session, over all phases
    raised_ms         when `cap_ma` was raised, 0 for never
    doubted_ms        when a raise had to be taken back at once, 0 for never
    """

    mode: str = FAST
    is_on: bool = False
    since_ms: int = 0
    enough_since_ms: int | None = None
    short_since_ms: int | None = None
    capped_ms: int = 0
    other_since_ms: int | None = None
    cap_ma: int | None = None
    is_urgent: bool = False
    most_ma: int = 0
    raised_ms: int = 0
    doubted_ms: int = 0


class SwitchState(NamedTuple):
    """The memory of the switching of phases of a connector; it outlives sessions.

    phases        the number of phases by the last switch, None before the first one
    target        the number that a switch under way leads to, None if none is under way
    began_ms      when the pause of the switch under way has begun
    switched_ms   the times of the switches of the last 24 hours
    failed_session  the session in which its car has faulted at a switch, None for none
    is_ready      its charger keeps 0 and its car draws nothing: the command may leave
    watched_session  the session whose car has charged before the last switch, and not yet after it
    gave_up_ms    when a command without an answer was given up, 0 for never
    ignored_ms    since when it draws on more phases than it has accepted, 0 if it does not
    """

    phases: int | None = None
    target: int | None = None
    began_ms: int = 0
    switched_ms: tuple[int, ...] = ()
    failed_session: int | None = None
    is_ready: bool = False
    watched_session: int | None = None
    gave_up_ms: int = 0
    ignored_ms: int = 0


class ConnectorState(NamedTuple):
    """The memory of the controller of a connector, from one decision to the next.

    transaction_id    the session that the memory is of, None between sessions
    limit_ma          the set point
    changed_ms        when it was changed, 0 for never; `lowered_ms` when it was lowered
    chosen_ma         the limit that a person had chosen
    was_paused        the last 0 was a person's choice
    active_since_ms   since when it may charge, None while it waits
    waiting_since_ms  since when it waits for its turn, None while it may charge
    served_ms         how long it was allowed to charge in this session
    drawn_ma          the current that was reported last, over all phases, None for none
    drawn_ms          when that was measured
    held_ma, held_limit_ma  the current, over all phases, that followed a limit, and the limit
    ended_ms          when its last session was over
    drew_since_ms     since when its car draws, None if it does not
    idle_since_ms     since when its car takes nothing although it may, None otherwise
    low_since_ms      since when its car draws less than it may, None otherwise
    need_ma           the current that is enough for its car, None for its maximum
    seen, used        the site's phases on which its car was seen to draw, and those it uses
    kept_since_ms     since when it keeps its limit again after it has ignored one
    unproven_since_ms  since when no current shows that it keeps the limit in force
    ignores           it has ignored a limit that it had accepted
    is_unproven       it has never shown that it keeps limits, because it reports no current
    sun, switch       the memory of the sun, and of switches of its phases
    was_drawing       its car drew when its limit became 0, and has not drawn since
    excess_ma         its car takes so much more than its limit, at most what rounding explains
    """

    transaction_id: int | None = None
    limit_ma: int = 0
    changed_ms: int = 0
    lowered_ms: int = 0
    chosen_ma: int | None = None
    was_paused: bool = False
    active_since_ms: int | None = None
    waiting_since_ms: int | None = None
    served_ms: int = 0
    drawn_ma: int | None = None
    drawn_ms: int = 0
    drew_since_ms: int | None = None
    idle_since_ms: int | None = None
    low_since_ms: int | None = None
    need_ma: int | None = None
    seen: tuple[int, ...] = ()
    used: tuple[int, ...] = ()
    kept_since_ms: int | None = None
    unproven_since_ms: int | None = None
    ignores: bool = False
    is_unproven: bool = False
    held_ma: int | None = None
    held_limit_ma: int = 0
    ended_ms: int = 0
    sun: SunState = SunState()
    switch: SwitchState = SwitchState()
    was_drawing: bool = False
    excess_ma: int = 0


class Load(NamedTuple):
    """The load of the house when a reading came: the reading less what the cars drew.

    That is known with a delay: `most_ma` and `least_ma` are its bounds, `likely_ma` is between.
    `total_ma` is what the connection carried, house and cars. `totals_ma` are the bounds over all
    phases, the higher one first.
    """

    moment_ms: int
    most_ma: PerPhase
    least_ma: PerPhase
    likely_ma: PerPhase
    total_ma: PerPhase
    totals_ma: tuple[int, int]


class Sums(NamedTuple):
    """The meter and all cars at one moment, in mA over all phases."""

    moment_ms: int
    meter_ma: int
    cars_ma: int


class Step(NamedTuple):
    """A sudden change of the current of a car: when it was noticed, and the sums before it."""

    noticed_ms: int
    before: Sums


class MeterState(NamedTuple):
    """The memory of the controller of the site's meter.

    newest       the newest reading, None before the first one
    same_since_ms   since when the meter has reported the same values
    fresh        readings in a row without a gap, at most as many as trust needs
    is_trusted   False from a silence on until enough readings have come
    is_frozen    it was found to be frozen, and has reported nothing else since
    loads        the loads of the house of the last minute, and the newest one
    history      older sums, of moments at which it was known what cars draw
    step         the step of a car whose echo in the readings is awaited, None for none
    evidence     the echoes of the last steps: "follows", "reversed" or "absent"
    """

    newest: SiteReading | None = None
    same_since_ms: int = 0
    fresh: int = 0
    is_trusted: bool = False
    is_frozen: bool = False
    loads: tuple[Load, ...] = ()
    history: tuple[Sums, ...] = ()
    step: Step | None = None
    evidence: tuple[str, ...] = ()


class State(NamedTuple):
    """The state between two decisions.

    decided_ms   the time of the last decision
    changed      readings with other values than the one before, since the last raise
    yielded_ms   the last time that a car made room for one whose turn was overdue
    """

    connectors: Mapping[Key, ConnectorState] = {}
    meter: MeterState = MeterState()
    decided_ms: int = 0
    changed: int = ENOUGH_CHANGES
    yielded_ms: int = 0


class Decision(NamedTuple):
    """One decision.

    house_ma   the load of the house that it assumes, None if unknown
    grid_ma    what comes from the grid over all phases, negative if it goes there; None if unknown
    """

    state: State
    set_points: tuple[SetPoint, ...]
    meter: str
    house_ma: PerPhase | None
    grid_ma: int | None = None
