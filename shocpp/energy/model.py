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

FAST, MIN, SOLAR, OFF = MODES = ("fast", "min", "solar", "off")
"""The modes of a connector: all that the site allows, the least current and the sun, the sun alone,
nothing."""

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
    dimmed_w      what all chargers may draw from the grid, in W over all phases, while the grid
                  operator dims them; None if nobody can
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
    dimmed_w: int | None = None


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

    `is_of_phases` is False if they follow from a power or a total, equal on all phases. `least_ma`
    is what it draws at least over all phases, None for the sum of the currents.
    """

    currents_ma: tuple[int, ...]
    measured_ms: int
    is_of_phases: bool = True
    least_ma: int | None = None


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


class Goal(NamedTuple):
    """The energy that the car of a connector is to get; then it is paused.

    left_wh   what it lacks still, 0 once it is reached
    by_ms     the time by which it is to have it, None for no time
    """

    left_wh: int
    by_ms: int | None = None


class Wish(NamedTuple):
    """The mode that is chosen for a connector, or its default."""

    mode: str = FAST
    goal: Goal | None = None


class Switching(NamedTuple):
    """The switching of phases of a connector whose operator allows it.

    pause_ms     how long its car has 0 A around a switch
    commanded    the number of phases by the newest command that its charger has accepted, or None
    refused_ms   when its charger has refused the newest command, None if it has not
    is_faulted   the connector reports a fault now
    """

    pause_ms: int = 120_000
    commanded: int | None = None
    refused_ms: int | None = None
    is_faulted: bool = False


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
    wish             its mode
    switching        None if its phases cannot be switched
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
    wish: Wish = Wish()
    switching: Switching | None = None


class Facts(NamedTuple):
    """The facts of one decision.

    rules        None without a site.json: only limits that people have chosen count
    readings     those since the last decision, the oldest first
    peak_ma      the highest load of the house of each phase in seven days, None if none is known
    is_dimmed    the grid operator dims the chargers now
    """

    rules: SiteRules | None
    connectors: tuple[Connector, ...]
    readings: tuple[SiteReading, ...] = ()
    peak_ma: PerPhase | None = None
    is_dimmed: bool = False


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
    phases        the number of phases that its charger is to use, None if it cannot switch
    next_ms       when the set point will change, as far as is known now
    """

    key: Key
    limit_ma: int | None
    base_ma: int | None
    standing: str
    reason: Reason
    reckoned_ma: PerPhase = (0, 0, 0)
    phases: int | None = None
    next_ms: int | None = None


METER_NONE, METER_GOOD, METER_NEW, METER_SILENT, METER_FROZEN, METER_REVERSED, METER_ABSENT = (
    *("none", "good", "new", "silent", "frozen", "reversed", "does not notice cars"),
)
METER_IMPLAUSIBLE = "implausible"
"""The verdicts on the site's meter; `new` counts until enough readings have come."""
