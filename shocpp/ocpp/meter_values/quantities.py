"""The rule that selects a meter reading among the samples of a meterValue (pure).

Chargers label one and the same register in many ways. The samples of an entry are ranked, and the
best one is its reading:

    1  context     any before Transaction.Begin, which repeats the start
    2  location    Outlet or none, Cable, EV, Body, any other word, and Inlet as the last resort:
                   a DC charger measures at its Inlet what it takes, and at its Outlet what it sells
    3  phases      a total, else the sum of L1, L2 and L3, else of two phases, else one phase
    4  position    the first of two that are alike

Location and phases are the *source* of a reading: "Outlet", "Inlet L1+L2+L3", "Body L1". A
transaction uses one source, the best one that its readings have. Values without a transaction id
are the source of last resort (" without id"): they may be of another register. Power has the same
rule. Without a power, current times voltage is one (" from current").

Case and blanks of measurand, location, phase, context and unit do not matter.

The rule takes a `Sample`. One of any JSON becomes an `AnySample`; a plain one may be decoded into
a structure with these members at once (`quick.structures`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple, TypeVar

from shocpp.ocpp.facts import Reading
from shocpp.ocpp.meter_values.samples import AnySample, Sample, word_of
from shocpp.ocpp.numbers import Quantity, quantity, whole_number
from shocpp.ocpp.times import parse_timestamp

LOCATIONS = ("Outlet", "Cable", "EV", "Body", "other", "Inlet")
"""The words of OCPP 1.6 §7.22 and "other" for a vendor's word, the best one first."""

PHASES = ("", "L1+L2+L3", "L1+L2", "L1+L3", "L2+L3", "L1", "L2", "L3")
"""The phases that a reading consists of, the best first; "" is a total."""

WITHOUT_ID, FROM_CURRENT = " without id", " from current"

BEST_SOURCE = LOCATIONS[0]
"""The total at the outlet, which is also the default (OCPP 1.6 §7.43)."""

_RANKS: dict[str | None, int] = {
    f"{location} {phases}".strip() + last_resort: rank
    for rank, (last_resort, location, phases) in enumerate(
        product(("", FROM_CURRENT, WITHOUT_ID, FROM_CURRENT + WITHOUT_ID), LOCATIONS, PHASES)
    )
}
"""The ranks of all sources; 0 is the best."""

_REGISTER, _POWER, _CURRENT, _VOLTAGE = "register", "power", "current", "voltage"
_MEASURANDS = {
    "energy.active.import.register": _REGISTER,
    "power.active.import": _POWER,
    "current.import": _CURRENT,
    "voltage": _VOLTAGE,
}
_UNITS_OF_NO_ENERGY = frozenset({"a", "v", "w", "kw", "va", "kva", "var", "kvar"})

_ONE_PHASE = PHASES[-3:]

_Value = TypeVar("_Value")


_Raw = TypeVar("_Raw")


class _Label(NamedTuple):
    """The labels of a sample that rank it.

    `group` is the rank of context and location, 0 for the best of both. `word` is the phase as it
    was sent, in capitals; `phase` is "L1", "L2" or "L3", or "" for a total.
    """

    group: tuple[bool, int]
    word: str
    phase: str


_PLAIN = _Label((False, 0), "", "")


def readings(meter_values: object, zone: tzinfo | None = None) -> tuple[Reading, ...]:
    """Return the register and power readings of a `meterValue` or `transactionData` list.

    One reading an entry, also an empty one. `zone` is the zone of timestamps without an offset.
    Never raises: `meter_values` may be any JSON value.
    """
    if not isinstance(meter_values, list):
        return ()
    return tuple(_reading(entry, zone) for entry in meter_values if isinstance(entry, dict))


def begin_of(meter_values: object, zone: tzinfo | None = None) -> Reading | None:
    """Return the register at the start of a transaction, as its transactionData holds it, or None.

    It is the reading of the first entry with samples of the context Transaction.Begin, which
    `readings` may pass over.
    """
    for entry in meter_values if isinstance(meter_values, list) else ():
        samples = entry.get("sampledValue") if isinstance(entry, dict) else None
        at_begin = [s for s in _objects(samples) if _label_of(AnySample(s)).group[0]]
        if at_begin:
            reading = _reading({**entry, "sampledValue": at_begin}, zone)
            if reading.register_wh is not None:
                return reading
    return None


def has_register(samples: object) -> bool:
    """Return True if one of the samples of an entry may be a register."""
    # No copy of the list: this is asked for every entry of endless ones.
    for sample in samples if isinstance(samples, list) else ():
        if isinstance(sample, dict) and _kind_of(sample) == _REGISTER:
            return True
    return False


def has_boundary(meter_values: object) -> bool:
    """Return True if a sample of a `meterValue` list is of the begin or end of a transaction."""
    for entry in meter_values if isinstance(meter_values, list) else ():
        samples = entry.get("sampledValue") if isinstance(entry, dict) else None
        for sample in samples if isinstance(samples, list) else ():
            context = sample.get("context") if isinstance(sample, dict) else None
            if isinstance(context, str) and is_boundary(word_of(context)):
                return True
    return False


def source_rank(source: str | None) -> int:
    """Return the rank of a source, 0 for the best; None and unknown words come last."""
    return _RANKS.get(source, len(_RANKS))


def _reading(entry: Mapping[str, Any], zone: tzinfo | None) -> Reading:
    """Return the values of the best sources in an entry of any JSON."""
    objects = _objects(entry.get("sampledValue"))
    by_kind = _by_kind([_kind_of(sample) for sample in objects], objects)
    # One by one, as they are needed: a total makes those behind it superfluous.
    samples = {kind: map(AnySample, objects) for kind, objects in by_kind.items()}
    return _best_reading(samples, parse_timestamp(entry.get("timestamp"), zone))


def reading_of(
    samples: Iterable[Sample], kinds: Iterable[str | None], sampled_ms: int | None
) -> Reading:
    """Return the values of the best sources in the samples of an entry; `kinds` are theirs."""
    return _best_reading(_by_kind(kinds, samples), sampled_ms)


def _by_kind(kinds: Iterable[str | None], samples: Iterable[_Raw]) -> dict[str, list[_Raw]]:
    """Return the samples of each kind in their order; those without a kind are left out."""
    by_kind: dict[str, list[_Raw]] = {_REGISTER: [], _POWER: [], _CURRENT: [], _VOLTAGE: []}
    for kind, sample in zip(kinds, samples, strict=True):
        if kind is not None:
            by_kind[kind].append(sample)
    return by_kind


def _best_reading(by_kind: Mapping[str, Iterable[Sample]], sampled_ms: int | None) -> Reading:
    wh, or_else_wh, source = _register(by_kind[_REGISTER])
    watt, power_source = _power(by_kind[_POWER]) or _power_from_current(
        by_kind[_CURRENT], by_kind[_VOLTAGE]
    )
    return Reading(sampled_ms, wh, watt, source, power_source, or_else_wh)


def _objects(samples: object) -> list[dict[str, Any]]:
    """Return the objects in a list; nothing of any other value."""
    return [s for s in samples if isinstance(s, dict)] if isinstance(samples, list) else []


def _kind_of(sample: Mapping[str, Any]) -> str | None:
    """Return the kind of a sample by its measurand, or None; without one it is the register."""
    measurand = sample.get("measurand")
    if measurand is None or isinstance(measurand, str):
        return kind_of_measurand(word_of(measurand))
    return None


@lru_cache(maxsize=256)
def kind_of_measurand(measurand: str | None) -> str | None:
    """Return the kind of samples that a measurand names, None if no reading needs them."""
    name = (measurand or "").strip().casefold()
    return _MEASURANDS.get(name) if name else _REGISTER


def _label_of(sample: Sample) -> _Label:
    return _label(sample.context, sample.location, sample.phase)


@lru_cache(maxsize=256)
def _label(context: str | None, location: str | None, phase: str | None) -> _Label:
    is_begin = (context or "").strip().casefold() == "transaction.begin"
    name = (location or "").strip().casefold() or BEST_SOURCE.casefold()
    known = next((known for known in LOCATIONS if known.casefold() == name), "other")
    word = (phase or "").strip().upper()
    of_one = word[:2] if word[:2] in _ONE_PHASE else ""
    label = _Label((is_begin, LOCATIONS.index(known)), word, of_one)
    return _PLAIN if label == _PLAIN else label


@lru_cache(maxsize=256)
def is_boundary(context: str) -> bool:
    """Return True if a context is the begin or the end of a transaction."""
    return context.strip().casefold() in ("transaction.begin", "transaction.end")


def _best_group(
    samples: Iterable[Sample], value_of: Callable[[Sample], _Value | None]
) -> tuple[str, dict[str, _Value]]:
    """Return the best location, and the values of its samples by phase.

    The phases are "L1", "L2" and "L3": L1-N is L1, and any word for all phases is "".
    """
    others = []
    for sample in samples:
        phase = sample.phase
        # Nothing is better than this one.
        if (not phase or phase.isspace()) and _label_of(sample) is _PLAIN:
            value = None if sample.is_signed else value_of(sample)
            if value is not None:
                return BEST_SOURCE, {"": value}
        others.append(sample)
    groups: dict[tuple[bool, int], dict[str, _Value]] = {}
    for sample in others:
        label = _label_of(sample)
        value = None if label.word == "N" or sample.is_signed else value_of(sample)
        if value is not None:
            groups.setdefault(label.group, {}).setdefault(label.phase, value)
    if not groups:
        return BEST_SOURCE, {}
    best = min(groups)
    return LOCATIONS[best[1]], groups[best]


def _source(location: str, phases: Iterable[str]) -> str:
    return f"{location} {'+'.join(sorted(phases))}".strip()


def _register(samples: Iterable[Sample]) -> tuple[int | None, int | None, str | None]:
    """Return the register in Wh, its other meaning in Wh, and its source; None for what is not."""
    location, group = _best_group(samples, _wh)
    if not group:
        return None, None, None
    total = group.get("")
    if total is not None:
        return total.value, total.or_else, location
    or_else = None
    if any(register.or_else is not None for register in group.values()):
        or_else = sum(
            register.value if register.or_else is None else register.or_else
            for register in group.values()
        )
    return sum(register.value for register in group.values()), or_else, _source(location, group)


def _power(samples: Iterable[Sample]) -> tuple[int, str] | None:
    """Return the power in W, a total or the sum of the phases, and its source."""
    location, group = _best_group(samples, _watt)
    if "" in group:
        return group[""], location
    return (sum(group.values()), _source(location, group)) if group else None


def _power_from_current(
    of_current: Iterable[Sample], of_voltage: Iterable[Sample]
) -> tuple[int | None, str | None]:
    """Return the product of current and voltage in W, and its source."""
    every = list(of_current)
    if not every:
        return None, None
    location, currents = best_currents(every)
    # The voltage between two phases (L1-L2) is not that of a phase.
    to_neutral = (sample for sample in of_voltage if _label_of(sample).word.count("L") < 2)
    _, voltages = _best_group(to_neutral, _thousandths)
    if not currents or not voltages:
        return None, None
    # A phase without a voltage of its own has that of another one.
    other_mv = next(iter(voltages.values()))
    microwatt = sum(currents[phase] * voltages.get(phase, other_mv) for phase in currents)
    power_w = whole_number((microwatt + 500_000) // 1_000_000)
    source = _source(location, currents) + FROM_CURRENT
    return (None, None) if power_w is None else (power_w, source)


def best_currents(every: Sequence[Sample]) -> tuple[str, dict[str, int]]:
    """Return the best location, and the currents of its samples in mA by phase."""
    # Beside currents of phases, one without a phase may be their sum or one of them.
    of_phases = [sample for sample in every if sample.phase]
    return _best_group(of_phases or every, _thousandths)


def _wh(sample: Sample) -> Quantity | None:
    unit = _unit(sample.unit)
    # Alfen names no measurand for its amperes: the default would make a register of them.
    if unit in _UNITS_OF_NO_ENERGY and not sample.measurand:
        return None
    # Autel sends no unit at all. Everything but kWh is Wh, the default (OCPP 1.6 §7.43).
    return quantity(sample.value, 1000 if unit == "kwh" else 1)


def _watt(sample: Sample) -> int | None:
    power = quantity(sample.value, 1000 if _unit(sample.unit) == "kw" else 1)
    # Unlike a register, a power has no course that could decide.
    return None if power is None or power.or_else is not None else power.value


def _thousandths(sample: Sample) -> int | None:
    """Return a current in mA, or a voltage in mV."""
    value = quantity(sample.value, 1000)
    return None if value is None else value.value


@lru_cache(maxsize=64)
def _unit(unit: str | None) -> str:
    return (unit or "").strip().casefold()
