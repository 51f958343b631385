"""The keys of an entry of conf/charge_points.json about current, for limits.

phases           1 or 3: the phases that the charger is connected to (default 3)
rotation         the site's phases in the order of the charger's own: "L1L2L3" (default),
                 "L2L3L1" …; with one phase the site's phase: "L1" (default), "L2" or "L3"
min_a            the least current that cars here charge with (6..32, default 6)
max_a            the highest current of the charger and its cable (6..80, default 32)
priority         0..100, default 0: if not all can charge, the highest one charges first
follows_limits   true: you vouch that it keeps limits, although it reports no current
mode             "fast" (default), "min", "solar" or "off": how a car charges if nobody has chosen a
                 mode, and its account has none
profile          the form of its limits, as far as you know it better than shocpp:
                 {"purpose": "TxProfile" or "TxDefaultProfile",
                  "kind": "Absolute" or "Relative", "stack_level": 0.., "unit": "A" or "W"}
phase_switch     may its phases be switched, and how: see phase_switch.py (default false)
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any, NamedTuple

from shocpp.configuration.entries import members, quoted
from shocpp.configuration.power.modes import MODES
from shocpp.configuration.power.phase_switch import PhaseSwitch, phase_switch_of
from shocpp.errors import UsageError

POWER_KEYS = (
    "phases",
    "rotation",
    "min_a",
    "max_a",
    "priority",
    "follows_limits",
    "profile",
    "mode",
    "phase_switch",
)

# Those of energy/model.py, whose import would cost a CGI process 2 ms.
ALL_PHASES = (0, 1, 2)
LEAST_A = 6

HIGHEST_MIN_A, HIGHEST_MAX_A, DEFAULT_MAX_A = 32, 80, 32
HIGHEST_PRIORITY = 100
HIGHEST_STACK_LEVEL = 100

_ROTATIONS: dict[int, dict[str, tuple[int, ...]]] = {
    1: {f"L{phase + 1}": (phase,) for phase in ALL_PHASES},
    3: {"".join(f"L{phase + 1}" for phase in order): order for order in permutations(ALL_PHASES)},
}
"""The phases of the site in the order of the charger's own, by the number of its phases."""

_PROFILE_TEXTS = {
    "purpose": ("TxProfile", "TxDefaultProfile"),
    "kind": ("Absolute", "Relative"),
    "unit": ("A", "W"),
}


class ProfileOverride(NamedTuple):
    """The form of a charger's limits that the operator states; None is learned."""

    purpose: str | None = None
    kind: str | None = None
    stack_level: int | None = None
    unit: str | None = None


class Power(NamedTuple):
    """The properties of a Charge Point that its limits depend on.

    phases           the site's phase (0, 1 or 2) of each phase of the charger
    follows_limits   True if the operator vouches that it keeps limits
    phase_switch     None if its phases must not be switched
    mode             the mode of its cars if nobody has chosen one, None for `fast`
    """

    phases: tuple[int, ...] = ALL_PHASES
    min_ma: int = 1000 * LEAST_A
    max_ma: int = 1000 * DEFAULT_MAX_A
    priority: int = 0
    follows_limits: bool = False
    profile: ProfileOverride = ProfileOverride()
    phase_switch: PhaseSwitch | None = None
    mode: str | None = None


def power_of(keys: Mapping[str, Any], location: str) -> Power:
    """Return the properties of an entry; raises UsageError that begins with `location`."""
    min_a = _whole(keys.get("min_a", LEAST_A), LEAST_A, HIGHEST_MIN_A, f"{location}: min_a")
    max_a = _whole(keys.get("max_a", DEFAULT_MAX_A), LEAST_A, HIGHEST_MAX_A, f"{location}: max_a")
    if min_a > max_a:
        raise UsageError(f"{location}: min_a {min_a} is above max_a {max_a}; lower it")
    phases = _phases(keys, location)
    return Power(
        phases,
        1000 * min_a,
        1000 * max_a,
        _whole(keys.get("priority", 0), 0, HIGHEST_PRIORITY, f"{location}: priority"),
        _flag(keys.get("follows_limits", False), f"{location}: follows_limits"),
        _profile(keys.get("profile", {}), f"{location}: profile"),
        phase_switch_of(keys.get("phase_switch", False), len(phases), f"{location}: phase_switch"),
        _mode(keys["mode"], f"{location}: mode") if "mode" in keys else None,
    )


def _phases(keys: Mapping[str, Any], location: str) -> tuple[int, ...]:
    """Return the site's phase of each phase of the charger."""
    count = keys.get("phases", 3)
    # JSON's true is 1 in Python.
    if type(count) is not int or count not in _ROTATIONS:
        raise UsageError(f"{location}: phases must be 1 or 3, not {quoted(count)}")
    rotations = _ROTATIONS[count]
    rotation = keys.get("rotation", next(iter(rotations)))
    if not isinstance(rotation, str) or rotation not in rotations:
        one_phase = ' (for a charger on one phase write "phases": 1, too)' if count == 3 else ""
        raise UsageError(
            f"{location}: rotation must be one of {', '.join(rotations)}, not "
            f"{quoted(rotation)}{one_phase}"
        )
    return rotations[rotation]


def _profile(value: object, location: str) -> ProfileOverride:
    """Return the stated form of its limits."""
    keys = members(value, location, ("purpose", "kind", "stack_level", "unit", "comment"))
    for key, values in _PROFILE_TEXTS.items():
        if key in keys and keys[key] not in values:
            raise UsageError(
                f"{location}, {key} must be {' or '.join(values)}, not {quoted(keys[key])}"
            )
    if "stack_level" in keys:
        _whole(keys["stack_level"], 0, HIGHEST_STACK_LEVEL, f"{location}, stack_level")
    return ProfileOverride(*(keys.get(field) for field in ProfileOverride._fields))


def _mode(value: object, location: str) -> str:
    """Return the mode in which cars charge if nobody has chosen one."""
    if not isinstance(value, str) or value not in MODES:
        raise UsageError(f"{location} must be one of {', '.join(MODES)}, not {quoted(value)}")
    return value


def _whole(value: object, least: int, most: int, location: str) -> int:
    """Return a whole number least..most."""
    if type(value) is not int or not least <= value <= most:
        raise UsageError(f"{location} must be a whole number {least}..{most}, not {quoted(value)}")
    return value


def _flag(value: object, location: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise UsageError(f"{location} must be true or false, not {quoted(value)}")
    return value
