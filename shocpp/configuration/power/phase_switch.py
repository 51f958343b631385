"""The key `phase_switch` of conf/charge_points.json: may its phases be switched, and how?

false      never (default)
true       by the means that are known of its vendor
an object  {"means": "number_phases"}
           {"means": {"key": "…", "one": "1", "three": "3"}}
           {"means": {"vendor_id": "…", "message_id": "…", "one": "…", "three": "…"}}
           {"pause_s": 60..900}: how long its car has 0 A around a switch
"""

from typing import Any, NamedTuple

from shocpp.charger_models.phase_switching import NUMBER_PHASES, Means
from shocpp.configuration.entries import members, quoted
from shocpp.errors import UsageError

OF_PROFILE = "number_phases"
LEAST_PAUSE_S, LONGEST_PAUSE_S = 60, 900
LONGEST_KEY, LONGEST_VALUE = 50, 500
"""The lengths of OCPP 1.6 §7.37; a DataTransfer has 255, 50 and no limit (§6.17)."""


class PhaseSwitch(NamedTuple):
    """The switching that an operator allows; None is that of the charger's vendor."""

    means: Means | None = None
    pause_s: int | None = None


def phase_switch_of(value: object, phases: int, location: str) -> PhaseSwitch | None:
    """Return the switching of an entry, None if there is none.

    Raises UsageError that begins with `location`.
    """
    if value is False:
        return None
    if value is not True and not isinstance(value, dict):
        raise UsageError(f"{location} must be true, false or an object, not {quoted(value)}")
    if phases == 1:
        raise UsageError(f"{location}: a charger with phases 1 has none to switch; leave it out")
    if value is True:
        return PhaseSwitch()
    keys = members(value, location, ("means", "pause_s", "comment"))
    pause_s = keys.get("pause_s")
    # JSON's true is 1 in Python.
    if pause_s is not None and (
        type(pause_s) is not int or not LEAST_PAUSE_S <= pause_s <= LONGEST_PAUSE_S
    ):
        raise UsageError(
            f"{location}, pause_s must be a whole number {LEAST_PAUSE_S}..{LONGEST_PAUSE_S}, not "
            f"{quoted(pause_s)}"
        )
    means = _means(keys["means"], f"{location}, means") if "means" in keys else None
    return PhaseSwitch(means, pause_s)


def _means(value: object, location: str) -> Means:
    if value == OF_PROFILE:
        return NUMBER_PHASES
    if not isinstance(value, dict) or not {"key", "vendor_id"} & {*value}:
        raise UsageError(
            f'{location} must be "{OF_PROFILE}", an object with key, one and three, or one with '
            f"vendor_id, message_id, one and three, not {quoted(value)}"
        )
    if "key" in value:
        keys = members(value, location, ("key", "one", "three"))
        means = Means(key=_text(keys, "key", location, LONGEST_KEY))
    else:
        keys = members(value, location, ("vendor_id", "message_id", "one", "three"))
        message_id = _text(keys, "message_id", location, 50) if "message_id" in keys else None
        means = Means(vendor_id=_text(keys, "vendor_id", location, 255), message_id=message_id)
    one, three = (_text(keys, name, location, LONGEST_VALUE) for name in ("one", "three"))
    if one == three:
        raise UsageError(f"{location}: one and three must differ, not both be {quoted(one)}")
    return means._replace(one=one, three=three)


def _text(keys: dict[str, Any], name: str, location: str, most: int) -> str:
    value = keys.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise UsageError(
            f"{location}: {name} must be a text of 1..{most} characters, not {quoted(value)}"
        )
    return value
