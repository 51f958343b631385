"""The switching of phases, by what the operator allows and the charger has answered."""

from collections.abc import Mapping

from shocpp.charger_models.phase_switching import ONE, THREE, Ways, ways_of
from shocpp.configuration.power.phase_switch import PhaseSwitch
from shocpp.energy.model import Switching
from shocpp.site.facts.charger import ChargerFacts
from shocpp.store.charge_points.charging import ConnectorState
from shocpp.store.site.chargers import SiteCharger
from shocpp.store.site.switches import PhaseCommand

FAULTED = "Faulted"
"""The status of a connector with a fault (OCPP 1.6 §7.7)."""


def allowed_ways(
    stated: PhaseSwitch | None, charger: SiteCharger, values: Mapping[str, str]
) -> Ways | None:
    """Return how a charger is switched, None if that is not allowed, or nobody knows how.

    The statement of the operator wins over the table; `values` are its configuration keys.
    """
    if stated is None:
        return None
    known = ways_of(charger.vendor, charger.model, values)
    ways = Ways(stated.means or known.means, stated.pause_s or known.pause_s)
    return None if ways.means is None else ways


def switching_of(
    facts: ChargerFacts, command: PhaseCommand | None, state: ConnectorState | None, now_ms: int
) -> Switching | None:
    """Return the switching of a connector, None if there is none."""
    ways = facts.ways
    if ways is None:
        return None
    is_faulted = state is not None and state.status == FAULTED
    if command is None:
        return Switching(1000 * ways.pause_s, is_faulted=is_faulted)
    commanded = command.accepted
    is_of_profile = ways.means is not None and ways.means.is_of_profile
    if commanded == ONE and is_of_profile and not _has_one_phase(facts, command, now_ms):
        # The limit that carried it is gone: without one, a charger uses all its phases.
        commanded = THREE
    return Switching(1000 * ways.pause_s, commanded, command.refused_ms, is_faulted)


def _has_one_phase(facts: ChargerFacts, command: PhaseCommand, now_ms: int) -> bool:
    """Return True if a limit in force has one phase."""
    return any(
        one.phases == ONE
        for one in facts.installed
        if one.connector_id == command.connector_id
        and (one.ends_ms is None or one.ends_ms > now_ms)
    )
