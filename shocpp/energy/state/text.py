"""The state of the controller as JSON text: the next leading worker goes on from there (pure)."""

import json
from itertools import starmap
from typing import Any

from shocpp.energy.model import PerPhase, SiteReading
from shocpp.energy.state.model import (
    ConnectorState,
    Load,
    MeterState,
    State,
    Step,
    Sums,
    SunState,
    SwitchState,
)

VERSION = 3
"""The version of the text; another one is not read, and the controller begins with none."""


def state_text(state: State) -> str:
    """Return a state as JSON text."""
    connectors = [
        [*key, *connector._replace(seen=(), used=()), connector.seen, connector.used]
        for key, connector in state.connectors.items()
    ]
    document = {"version": VERSION, "connectors": connectors, "rest": state[1:]}
    return json.dumps(document, separators=(",", ":"))


def state_of(text: str | None) -> State:
    """Return the state of a text; a new one if there is none, or one of another version."""
    document = json.loads(text) if text else {}
    if document.get("version") != VERSION:
        return State()
    meter, *rest = document["rest"]
    connectors = {}
    for charge_point_id, connector_id, *values in document["connectors"]:
        *plain, seen, used = values
        connector = ConnectorState(*plain)
        sun, switch = SunState(*connector.sun), SwitchState(*connector.switch)
        connectors[(charge_point_id, connector_id)] = connector._replace(
            seen=tuple(seen),
            used=tuple(used),
            sun=sun,
            switch=switch._replace(switched_ms=tuple(switch.switched_ms)),
        )
    return State(connectors, _meter(meter), *rest)


def _meter(values: list[Any]) -> MeterState:
    meter = MeterState(*values)
    newest, step = meter.newest, meter.step
    return meter._replace(
        newest=None if newest is None else SiteReading(newest[0], _per_phase(newest[1]), newest[2]),
        loads=tuple(
            Load(load[0], *_per_phases(load[1:5]), (load[5][0], load[5][1])) for load in meter.loads
        ),
        history=tuple(starmap(Sums, meter.history)),
        step=None if step is None else Step(step[0], Sums(*step[1])),
        evidence=tuple(meter.evidence),
    )


def _per_phases(values: Any) -> tuple[PerPhase, PerPhase, PerPhase, PerPhase]:
    most, least, likely, total = map(_per_phase, values)
    return most, least, likely, total


def _per_phase(values: Any) -> PerPhase:
    first, second, third = values
    return (first, second, third)
