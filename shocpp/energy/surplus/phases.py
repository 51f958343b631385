"""The switching of a connector between three phases and one (pure).

    1  the limit is 0, until the charger has accepted that and the car draws nothing
    2  the command leaves, still at 0
    3  the rest of the pause, then the car goes on

"There is a risk of physical damage" (OCPP 1.6 §3.13.7, note): so a switch is rare, never under
load, and never with a car that has faulted at one. After it the phases of the car are learned
again: all three count until one alone was seen.
"""

from typing import NamedTuple

from shocpp.energy.model import Connector
from shocpp.energy.standing import DRAWS_MA, LAG_MS, in_force, phases_by_power, phases_of
from shocpp.energy.state.model import ConnectorState, SwitchState

BETWEEN_MS = 600_000
"""The shortest time between two switches."""

DAY_MS = 86_400_000
MOST_A_DAY = 8
"""Switches in 24 hours: a contactor lasts for a limited number of them."""

REFUSED_MS = 1_800_000
"""The time after a refusal in which no command is sent again."""

UNANSWERED_MS = 180_000
"""The time after the pause in which a switch without an answer is given up."""

WAKES_MS = 300_000
"""The time in which a car that has charged before must go on after a switch."""

REFUSED, IGNORED, FAILED, FAULTED, OFTEN, DAILY = (
    *("refused", "ignored", "failed", "faulted", "often", "daily"),
)


class Hindrance(NamedTuple):
    """The reason why a connector is not switched, and when that is over, None if unknown.

    refused   the charger has refused the command, or has not answered it
    ignored   it has accepted the command, and its car drew on more phases all the same
    failed    the car of this session has faulted at a switch, or has not gone on after it
    faulted   the connector reports a fault
    often     the last switch was less than ten minutes ago
    daily     it was switched eight times in 24 hours
    """

    key: str
    until_ms: int | None = None


# -- one decision ----------------------------------------------------------------------------------


def stepped(
    connector: Connector, memory: ConnectorState, wanted: int | None, now_ms: int
) -> SwitchState:
    """Return the next state of the switch; `wanted` is 1 or 3 phases, None for no wish."""
    state, switching = memory.switch, connector.switching
    if switching is None:
        return state._replace(target=None, is_ready=False, watched_session=None)
    switched = tuple(one for one in state.switched_ms if now_ms - one < DAY_MS)
    state = state._replace(switched_ms=switched)
    # Also long after the pause: an answer may be late, and a leader may have lost its state.
    if switching.commanded is not None and switching.commanded != _count(connector, state):
        state = state._replace(
            phases=switching.commanded, switched_ms=(*switched, now_ms), ignored_ms=0
        )
    elif not state.ignored_ms and _is_ignored(connector, memory, state):
        state = state._replace(ignored_ms=now_ms)
    state = _watched(connector, memory, state, now_ms)
    memory = memory._replace(switch=state)
    if state.target is None:
        return _begun(connector, memory, wanted, now_ms)
    return _continued(connector, memory, state.target, wanted, now_ms)


def with_switch(memory: ConnectorState, state: SwitchState) -> ConnectorState:
    """Return a memory with the state of its switch; after a switch it knows no phases."""
    former = memory.switch.switched_ms[-1:]
    is_new = bool(state.switched_ms) and state.switched_ms[-1:] > former
    memory = memory._replace(switch=state)
    if not is_new:
        return memory
    # Its currents on the phases before say nothing about these.
    return memory._replace(
        seen=(), used=(), drew_since_ms=None, low_since_ms=None, need_ma=None, held_ma=None
    )


def pauses(state: SwitchState) -> bool:
    """Return True if a switch is under way, during which the limit is 0."""
    return state.target is not None


def pause_until(connector: Connector, state: SwitchState) -> int | None:
    """Return when the pause of a switch ends, as far as is known; None if none is under way."""
    if state.target is None or connector.switching is None:
        return None
    pause_ms = connector.switching.pause_ms
    ends_ms = state.began_ms + pause_ms
    if _has_switched(state):
        # A late answer: the contactor and the car get the rest of the pause all the same.
        ends_ms = max(ends_ms, state.switched_ms[-1] + pause_ms // 2)
    return ends_ms


def hindrance(connector: Connector, memory: ConnectorState, now_ms: int) -> Hindrance | None:
    """Return why a connector is not to be switched now, or None if it may be."""
    state, switching, session = memory.switch, connector.switching, connector.session
    if switching is None:
        return None
    if session is not None and session.transaction_id == state.failed_session:
        return Hindrance(FAILED)
    if switching.is_faulted:
        return Hindrance(FAULTED)
    refused_ms = max(switching.refused_ms or 0, state.gave_up_ms)
    recent = [one for one in state.switched_ms if now_ms - one < DAY_MS]
    delays = [
        (IGNORED, state.ignored_ms + DAY_MS if state.ignored_ms else 0),
        (REFUSED, refused_ms + REFUSED_MS if refused_ms else 0),
        (DAILY, recent[-MOST_A_DAY] + DAY_MS if len(recent) >= MOST_A_DAY else 0),
        (OFTEN, recent[-1] + BETWEEN_MS if recent else 0),
    ]
    # The one that lasts longest: a person who waits wants to know that time.
    key, until_ms = max(delays, key=lambda delay: delay[1])
    return Hindrance(key, until_ms) if until_ms > now_ms else None


# -- results for others ----------------------------------------------------------------------------


def command(connector: Connector, memory: ConnectorState) -> int | None:
    """Return the number of phases that a charger is to use now, None if it cannot switch."""
    state = memory.switch
    if connector.switching is None:
        return None
    return state.target if state.is_ready and state.target else _count(connector, state)


def expected_phases(connector: Connector, memory: ConnectorState) -> tuple[int, ...]:
    """Return the site's phases that a car is expected to use: those that the sun has to feed."""
    state = memory.switch
    if connector.switching is None or memory.used or state.ignored_ms:
        return phases_of(connector, memory)
    return connector.phases[:1] if _count(connector, state) == 1 else connector.phases


def most_on_phases(connector: Connector, memory: ConnectorState, unbalance_ma: int) -> int:
    """Return the highest limit of a connector: on one phase alone the permitted unbalance.

    Until its car was seen there, it is the least current: the charger may have ignored the switch.
    """
    numbers = (_count(connector, memory.switch), memory.switch.target)
    if connector.switching is None or 1 not in numbers:
        return connector.max_ma
    observed = connector.observed
    reports = observed is not None and observed.is_of_phases
    most = connector.min_ma if reports and not memory.seen else unbalance_ma
    return min(connector.max_ma, most)


# -- the steps of a switch -------------------------------------------------------------------------


def _begun(
    connector: Connector, memory: ConnectorState, wanted: int | None, now_ms: int
) -> SwitchState:
    """Return the state with a switch that begins now, if it is wanted and may begin."""
    state, session = memory.switch, connector.session
    if wanted is None or wanted == _count(connector, state):
        return state
    if session is None or session.is_late or not connector.is_connected:
        return state
    if hindrance(connector, memory, now_ms) is not None:
        return state
    # A car that does not charge now may be full: later silence would prove nothing.
    draws = memory.drew_since_ms is not None
    return state._replace(
        target=wanted,
        began_ms=now_ms,
        is_ready=False,
        watched_session=session.transaction_id if draws else None,
    )


def _continued(
    connector: Connector, memory: ConnectorState, target: int, wanted: int | None, now_ms: int
) -> SwitchState:
    """Return the state of a switch that is under way."""
    state, switching, present = memory.switch, connector.switching, _count(connector, memory.switch)
    assert switching is not None, "only a connector that may be switched has a switch under way"
    if target == present:
        ends_ms = pause_until(connector, state)
        is_over = ends_ms is not None and now_ms >= ends_ms
        return state._replace(target=None if is_over else target, is_ready=False)
    is_refused = switching.refused_ms is not None and switching.refused_ms >= state.began_ms
    has_failed = connector.session is not None and (
        connector.session.transaction_id == state.failed_session
    )
    # The pause goes on: a car that gets 0 and a current within seconds may fault as well.
    if is_refused or has_failed or (wanted == present and not state.is_ready):
        return state._replace(target=present, is_ready=False)
    if now_ms >= state.began_ms + switching.pause_ms + UNANSWERED_MS:
        # It may have switched without an answer, so that this counts as a switch.
        switched = (*state.switched_ms, now_ms) if state.is_ready else state.switched_ms
        return state._replace(target=None, is_ready=False, switched_ms=switched, gave_up_ms=now_ms)
    # Each time: another car may have come, which draws by the base.
    is_ready = _is_unloaded(connector, state, switching.pause_ms, now_ms)
    return state._replace(is_ready=is_ready)


def _is_unloaded(connector: Connector, state: SwitchState, pause_ms: int, now_ms: int) -> bool:
    """Return True if a charger keeps 0, and its car draws nothing."""
    observed, accepted_ms = connector.observed, connector.installed.accepted_ms
    if connector.session is None:
        return True
    if in_force(connector, now_ms) != 0 or connector.installed.pending_ma:
        return False
    # A car that draws at 0 A is never switched: its contactor would break a current.
    if observed is not None and observed.measured_ms >= accepted_ms + LAG_MS:
        return sum(observed.currents_ma) < DRAWS_MA
    # Cars follow within seconds; nobody knows more of one whose charger reports nothing.
    return now_ms >= max(state.began_ms, accepted_ms) + pause_ms // 2


def _watched(
    connector: Connector, memory: ConnectorState, state: SwitchState, now_ms: int
) -> SwitchState:
    """Return the state after a look at the car that charged before the last switch."""
    session, switching, watched = connector.session, connector.switching, state.watched_session
    if watched is None or switching is None:
        return state
    if session is None or session.transaction_id != watched:
        return state._replace(watched_session=None)
    if switching.is_faulted:
        return state._replace(watched_session=None, failed_session=watched)
    active_ms = memory.active_since_ms
    if state.target is not None or active_ms is None:
        return state
    # An older current is one from before the pause.
    if memory.drew_since_ms is not None and memory.drawn_ms > active_ms:
        return state._replace(watched_session=None)
    if now_ms - active_ms >= WAKES_MS:
        return state._replace(watched_session=None, failed_session=watched)
    return state


def _is_ignored(connector: Connector, memory: ConnectorState, state: SwitchState) -> bool:
    """Return True if a car draws on several phases after the switch to one."""
    number = max(len(memory.seen), phases_by_power(memory) or 0)
    return _count(connector, state) == 1 and number > 1


def _has_switched(state: SwitchState) -> bool:
    """Return True if the switch under way has been made."""
    return bool(state.switched_ms) and state.switched_ms[-1] >= state.began_ms


def _count(connector: Connector, state: SwitchState) -> int:
    """Return the number of phases by the last switch."""
    return state.phases or len(connector.phases)
