"""Chargers whose phases are to be switched, and that are not."""

from collections.abc import Iterator
from pathlib import Path

from shocpp.checks.findings import NOTE, RISKY, Finding
from shocpp.configuration.charge_points import Allowlist
from shocpp.energy.model import Connector
from shocpp.energy.standing import DRAWS_MA
from shocpp.site.facts.gathering import Gathered
from shocpp.store.database import Database
from shocpp.store.site import switches
from shocpp.store.site.switches import PhaseCommand

SETTLED_MS = 600_000
"""The time after a command in which the pause is over and the car draws again."""


def check_switching(
    gathered: Gathered, allowlist: Allowlist, file: Path, db: Database
) -> Iterator[Finding]:
    """Find chargers that nobody knows how to switch, that refuse it, or that ignore it."""
    commands = {(one.charge_point_id, one.connector_id): one for one in switches.present(db)}
    unknown: dict[str, None] = {}
    refused: dict[str, None] = {}
    ignored: dict[str, None] = {}
    for connector in gathered.facts.connectors:
        name, command = connector.key[0], commands.get(connector.key)
        entry = allowlist.entry(name)
        if entry is None or entry.power.phase_switch is None:
            continue
        if gathered.chargers[name].ways is None:
            unknown[name] = None
        elif command is not None and command.refused_ms is not None:
            refused[name] = None
        elif command is not None and _is_ignored(connector, command):
            ignored[name] = None
    for name in unknown:
        yield Finding(NOTE, "switch_unknown", {"charge_point": name, "file": file})
    for name in refused:
        yield Finding(RISKY, "switch_refused", {"charge_point": name, "file": file})
    for name in ignored:
        yield Finding(RISKY, "switch_ignored", {"charge_point": name, "file": file})


def _is_ignored(connector: Connector, command: PhaseCommand) -> bool:
    """Return True if a car draws on several phases long after its charger has accepted one."""
    observed = connector.observed
    if command.accepted != 1 or observed is None or not observed.is_of_phases:
        return False
    # In the pause, and while the car begins, a report may be one of the former phases.
    is_new = observed.measured_ms >= command.sent_ms + SETTLED_MS
    return is_new and sum(current >= DRAWS_MA for current in observed.currents_ma) > 1
