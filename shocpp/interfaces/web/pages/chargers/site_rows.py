"""The rows of the page /site about the site and its groups: currents of each phase as texts."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shocpp.configuration.site.conf import SiteConf
from shocpp.energy.model import ALL_PHASES
from shocpp.language.site import amperes
from shocpp.ocpp.identity import identity_key
from shocpp.site.present import ConnectorPresent, SitePresent

UNKNOWN = "–"
"""The text of a current that is not known."""


class PhaseRow(NamedTuple):
    """A phase of the site: what the meter reads, the house, and what chargers may draw."""

    name: str
    grid: str
    house: str
    chargers: str


class GroupRow(NamedTuple):
    """A group of chargers: its limit, and what its chargers may draw on each phase."""

    name: str
    limit: str
    chargers: Sequence[str]


def phase_rows(present: SitePresent, language: str) -> list[PhaseRow]:
    """Return the currents of each phase of the site."""
    return [
        PhaseRow(
            _name(phase),
            _of_phase(present.reading_ma, phase, language),
            _of_phase(present.house_ma, phase, language),
            _reckoned(present.connectors, phase, language),
        )
        for phase in ALL_PHASES
    ]


def group_rows(conf: SiteConf | None, present: SitePresent, language: str) -> list[GroupRow]:
    """Return the groups of site.json."""
    if conf is None:
        return []
    rows = []
    for name, group in conf.rules.groups.items():
        inside = [
            one
            for one in present.connectors
            if name in conf.members.get(identity_key(one.charge_point), ())
        ]
        reckoned = [_reckoned(inside, phase, language) for phase in ALL_PHASES]
        rows.append(GroupRow(name, amperes(group.limit_ma, language), reckoned))
    return rows


def _reckoned(connectors: Iterable[ConnectorPresent], phase: int, language: str) -> str:
    """Return what connectors may draw on a phase until the next decision."""
    name = _name(phase)
    return amperes(
        sum(one.reckoned_ma for one in connectors if name in one.phases.split()), language
    )


def _of_phase(currents_ma: Sequence[int] | None, phase: int, language: str) -> str:
    return UNKNOWN if currents_ma is None else amperes(currents_ma[phase], language)


def _name(phase: int) -> str:
    return f"L{phase + 1}"
