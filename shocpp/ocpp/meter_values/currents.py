"""The currents of each phase in meter values, which only the limits of current need (pure).

They are read apart from the readings, and only while somebody limits current: most chargers send
them beside a power, and then no reading needs them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from shocpp.ocpp.meter_values.quantities import best_currents, kind_of_measurand
from shocpp.ocpp.meter_values.samples import AnySample

Currents = tuple[int | None, int | None, int | None]
"""The currents of a charger's own L1, L2 and L3 in mA; None: not reported."""

MOST_MA = 10_000_000
"""The highest current that is one: no charger has as much."""

_IMPORT, _OFFERED = "current", "current.offered"


class EntryCurrents(NamedTuple):
    """The currents of one entry; None: not reported.

    A current without a phase stands in the place of L1. On three phases it may be any of them.
    """

    currents_ma: Currents | None
    offered_ma: int | None


def currents_in(meter_values: object) -> list[EntryCurrents]:
    """Return the currents of each entry of a `meterValue` list.

    Never raises: `meter_values` may be any JSON value.
    """
    entries = meter_values if isinstance(meter_values, list) else []
    return [_currents_of(entry) for entry in entries if isinstance(entry, dict)]


def _currents_of(entry: Mapping[str, Any]) -> EntryCurrents:
    values = entry.get("sampledValue")
    samples = [
        AnySample(members)
        for members in (values if isinstance(values, list) else [])
        if isinstance(members, dict) and isinstance(members.get("measurand"), str)
    ]
    imported = _by_phase(samples, lambda name: kind_of_measurand(name) == _IMPORT)
    offered = _by_phase(samples, lambda name: (name or "").strip().casefold() == _OFFERED)
    if not imported:
        return EntryCurrents(None, max(offered.values(), default=None))
    first = imported.get("L1", imported.get(""))
    currents = (first, imported.get("L2"), imported.get("L3"))
    return EntryCurrents(currents, max(offered.values(), default=None))


def _by_phase(
    samples: Iterable[AnySample], is_wanted: Callable[[str | None], bool]
) -> dict[str, int]:
    """Return the plausible currents of the best samples by phase; "" is one without a phase."""
    wanted = [sample for sample in samples if is_wanted(sample.measurand)]
    _, currents = best_currents(wanted) if wanted else ("", {})
    return {
        phase: max(current, 0) for phase, current in currents.items() if abs(current) <= MOST_MA
    }
