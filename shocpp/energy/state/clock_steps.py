"""The state of the controller after the clock was set back (pure)."""

from shocpp.energy.state.model import ConnectorState, State


def not_after(state: State, now_ms: int) -> State:
    """Return a state without moments that are still to come.

    Otherwise nothing would be raised, and no proof count, until the clock is as late again.
    """
    if state.decided_ms <= now_ms:
        return state
    connectors = {key: _earlier(memory, now_ms) for key, memory in state.connectors.items()}
    meter = state.meter
    return state._replace(
        connectors=connectors,
        # It is not trusted until new readings have come.
        meter=meter._replace(
            newest=None, same_since_ms=0, loads=(), history=(), step=None, is_trusted=False
        ),
        decided_ms=now_ms,
        yielded_ms=min(state.yielded_ms, now_ms),
    )


def _earlier(memory: ConnectorState, now_ms: int) -> ConnectorState:
    """Return a memory whose moments are not after `now_ms`."""

    def earlier(since_ms: int | None) -> int | None:
        return None if since_ms is None else min(since_ms, now_ms)

    switch, sun = memory.switch, memory.sun
    return memory._replace(
        changed_ms=min(memory.changed_ms, now_ms),
        lowered_ms=min(memory.lowered_ms, now_ms),
        drawn_ms=min(memory.drawn_ms, now_ms),
        ended_ms=min(memory.ended_ms, now_ms),
        active_since_ms=earlier(memory.active_since_ms),
        waiting_since_ms=earlier(memory.waiting_since_ms),
        drew_since_ms=earlier(memory.drew_since_ms),
        idle_since_ms=earlier(memory.idle_since_ms),
        low_since_ms=earlier(memory.low_since_ms),
        kept_since_ms=earlier(memory.kept_since_ms),
        unproven_since_ms=earlier(memory.unproven_since_ms),
        switch=switch._replace(
            began_ms=min(switch.began_ms, now_ms),
            switched_ms=tuple(min(one, now_ms) for one in switch.switched_ms),
            gave_up_ms=min(switch.gave_up_ms, now_ms),
            ignored_ms=min(switch.ignored_ms, now_ms),
        ),
        sun=sun._replace(
            since_ms=min(sun.since_ms, now_ms),
            enough_since_ms=earlier(sun.enough_since_ms),
            short_since_ms=earlier(sun.short_since_ms),
            capped_ms=min(sun.capped_ms, now_ms),
            raised_ms=min(sun.raised_ms, now_ms),
            doubted_ms=min(sun.doubted_ms, now_ms),
            other_since_ms=earlier(sun.other_since_ms),
        ),
    )
