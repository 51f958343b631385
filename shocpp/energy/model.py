"""The facts, the state and the decision of the controller of current (pure).

    decide(state, facts, now_ms) -> Decision(state, set points, …)

Currents are whole mA of one phase, moments are milliseconds since 1970. The phases of the site are
0, 1 and 2. A charger's own L1 may be wired to any of them.
"""

from collections.abc import Mapping
from typing import NamedTuple

LEAST_MA = 6_000
"""The least current of a car (IEC 61851): below it is 0."""

VOLT = 230
"""The voltage between a phase and neutral."""

ALL_PHASES = (0, 1, 2)

ENOUGH_CHANGES = 2
"""Changed readings after a raise before the next one: a slow meter does not know of it yet."""

Key = tuple[str, int]
"""A connector: the identity of its Charge Point and its connector id."""

PerPhase = tuple[int, int, int]
"""A value of each phase of the site."""

# -- rules: conf/site.json -------------------------------------------------------------------------


class GroupRules(NamedTuple):
    """A group of chargers behind a fuse of its own; its limit is that of each phase."""

    limit_ma: int


class SiteRules(NamedTuple):
    """The limits of conf/site.json.

    limit_ma      the limit of each phase of the site, None if only groups have one
    margin_ma     kept free below the site's limit, where a meter measures the rest
    stale_ms      the age of a reading from which the meter is silent
    fallback_ma   the current of a charger while the meter is silent, and when the server is gone
    unbalance_ma  the greatest difference between phases that charging may make
    has_meter     True if readings of the site's meter are expected
    house_ma      the load of the house that counts while none was measured, None: half the limit
    split         the shares of the phases in a reading in sum; whole on each if nobody knows them
    """

    limit_ma: int | None
    margin_ma: int = 1_000
    stale_ms: int = 30_000
    fallback_ma: int = LEAST_MA
    unbalance_ma: int = 20_000
    has_meter: bool = False
    house_ma: int | None = None
    groups: Mapping[str, GroupRules] = {}
    split: tuple[float, float, float] = (1.0, 1.0, 1.0)


# -- facts -----------------------------------------------------------------------------------------


class SiteReading(NamedTuple):
    """A reading of the site's meter; import from the grid is positive.

    `is_sum` is True if the currents follow from the sum of all phases and `split`.
    """

    received_ms: int
    currents_ma: PerPhase
    is_sum: bool = False


class Observed(NamedTuple):
    """The currents that a charger has reported of a connector, in the order of its own phases.

    `is_of_phases` is False if they follow from a power or a total, equal on all phases.
    """

    currents_ma: tuple[int, ...]
    measured_ms: int
    is_of_phases: bool = True


class Session(NamedTuple):
    """The open transaction of a connector.

    is_late     its StartTransaction came so long after its start that it may be over already
    is_paused   the charger says that the car takes nothing (SuspendedEV, Finishing)
    """

    transaction_id: int
    received_ms: int
    is_late: bool = False
    is_paused: bool = False


class Installed(NamedTuple):
    """The limits that a charger has accepted for a connector; None is none.

    working_until_ms   when the working limit ends by itself, None if it does not
    accepted_ms        when the charger has accepted the newest of them
    pending_ma         the highest limit that it was sent and has not answered
    pending_until_ms   when that ends by itself, None if it does not
    """

    base_ma: int | None = None
    working_ma: int | None = None
    working_until_ms: int | None = None
    accepted_ms: int = 0
    pending_ma: int | None = None
    pending_until_ms: int | None = None


class Connector(NamedTuple):
    """All that is known of a connector.

    phases           the site's phase of each phase of the charger: (0, 1, 2), (1,) …
    min_ma, max_ma   of charge_points.json; a limit between 0 and min_ma is not used
    priority         a higher one goes first
    groups           the groups it is in
    chosen_ma        the limit that a person has chosen, None for none
    refuses          the charger has refused every kind of limit
    is_silent        it has not answered the newest limit
    is_vouched       the operator vouches that it keeps limits
    keeps_last       it cannot fall back: without the server its last limit stays in force
    takes_base       it takes a limit without a duration
    is_in_watt       its limits are a power: one phase alone may carry all of it
    writes           limits that it was sent in the last 24 hours
    """

    key: Key
    phases: tuple[int, ...] = ALL_PHASES
    min_ma: int = LEAST_MA
    max_ma: int = 32_000
    priority: int = 0
    groups: tuple[str, ...] = ()
    chosen_ma: int | None = None
    is_connected: bool = True
    session: Session | None = None
    installed: Installed = Installed()
    observed: Observed | None = None
    refuses: bool = False
    is_silent: bool = False
    is_vouched: bool = False
    keeps_last: bool = False
    writes: int = 0
    takes_base: bool = True
    is_in_watt: bool = False


class Facts(NamedTuple):
    """The facts of one decision.

    rules        None without a site.json: only limits that people have chosen count
    readings     those since the last decision, the oldest first
    peak_ma      the highest load of the house of each phase in seven days, None if none is known
    """

    rules: SiteRules | None
    connectors: tuple[Connector, ...]
    readings: tuple[SiteReading, ...] = ()
    peak_ma: PerPhase | None = None


# -- state -----------------------------------------------------------------------------------------


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


class Load(NamedTuple):
    """The load of the house when a reading came: the reading less what the cars drew.

    That is known with a delay: `most_ma` and `least_ma` are its bounds, `likely_ma` is between.
    `total_ma` is what the connection carried, house and cars.
    """

    moment_ms: int
    most_ma: PerPhase
    least_ma: PerPhase
    likely_ma: PerPhase
    total_ma: PerPhase


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


# -- the decision ----------------------------------------------------------------------------------


class Reason(NamedTuple):
    """The reason for a set point: a key of `language/site.py`, and the values in it."""

    key: str
    values: Mapping[str, int | str] = {}


FOLLOWS, VERIFYING, REFUSES, IGNORES, SILENT, UNVERIFIABLE, AWAY = STANDINGS = (
    *("follows", "verifying", "refuses", "ignores", "silent", "not verifiable", "away"),
)
"""The ways in which a charger treats its limits.

    verifying        a lower limit is accepted, and no current below it was seen yet
    not verifiable   it reports neither current nor power, and nobody vouches for it
    away             it is not connected
"""


class SetPoint(NamedTuple):
    """The decision for a connector.

    limit_ma      the working limit of its session, None if it is to have none
    base_ma       the limit without a duration, in force without the server; None for none
    reckoned_ma   what it may draw of each of the site's phases until the next decision
    """

    key: Key
    limit_ma: int | None
    base_ma: int | None
    standing: str
    reason: Reason
    reckoned_ma: PerPhase = (0, 0, 0)


METER_NONE, METER_GOOD, METER_NEW, METER_SILENT, METER_FROZEN, METER_REVERSED, METER_ABSENT = (
    *("none", "good", "new", "silent", "frozen", "reversed", "does not notice cars"),
)
METER_IMPLAUSIBLE = "implausible"
"""The verdicts on the site's meter; `new` counts until enough readings have come."""


class Decision(NamedTuple):
    """One decision; `house_ma` is the load of the house that it assumes, None if unknown."""

    state: State
    set_points: tuple[SetPoint, ...]
    meter: str
    house_ma: PerPhase | None
