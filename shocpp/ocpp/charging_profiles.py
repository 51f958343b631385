"""Charging profiles of one limit: SetChargingProfile and ClearChargingProfile (pure).

A Charge Point has two of ours for a connector, by OCPP 1.6 §3.13:

    base      has no duration, and stays in force when the server is gone
    working   is on top of it, for a session and for a time

A limit in A is that of each phase, one in W the sum of its phases (§7.12, §7.14).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shocpp.ocpp.numbers import whole_number
from shocpp.ocpp.times import format_timestamp, parse_timestamp

DEFAULT_PROFILE, TX_PROFILE = "TxDefaultProfile", "TxProfile"
ABSOLUTE, RECURRING, RELATIVE = "Absolute", "Recurring", "Relative"
AMPERE, WATT = "A", "W"

VOLT = 230
"""The voltage by which chargers convert between A and W."""

ALL_PHASES = 3
"""The phases of a limit that names none (§7.14)."""

STARTED_BEFORE_MS = 60_000
"""The age of a schedule when it is sent, because clocks of chargers differ from ours."""

_FIRST_ID = 20_000
"""The profile ids of others, and of people, are small numbers."""


class Variant(NamedTuple):
    """A way to write a profile, which a charger takes or refuses as a whole.

    purpose      DEFAULT_PROFILE, TX_PROFILE …
    kind         ABSOLUTE, RELATIVE or RECURRING
    unit         AMPERE or WATT
    """

    purpose: str
    kind: str
    stack_level: int
    unit: str


class Profile(NamedTuple):
    """A profile with one limit.

    limit_ma        the limit of each phase
    phases          the number of phases that a limit in W is the sum of
    transaction_id  that of a TxProfile
    duration_s      the time that it is in force from its start, None for ever
    starts_ms       the start of its schedule; None: the charger decides, or STARTED_BEFORE_MS
    valid_to_ms     the end of its validity, None for none
    """

    connector_id: int
    profile_id: int
    variant: Variant
    limit_ma: int
    phases: int = ALL_PHASES
    transaction_id: int | None = None
    duration_s: int | None = None
    starts_ms: int | None = None
    valid_to_ms: int | None = None

    def ends_ms(self, accepted_ms: int) -> int | None:
        """Return when the profile ends by itself, or None if it does not."""
        ends = [] if self.valid_to_ms is None else [self.valid_to_ms]
        # The schedule of a recurring profile begins again the next day or week.
        if self.duration_s is not None and self.variant.kind != RECURRING:
            starts_ms = accepted_ms if self.starts_ms is None else self.starts_ms
            ends.append(starts_ms + self.duration_s * 1000)
        return min(ends, default=None)


def base_id(connector_id: int) -> int:
    """Return the profile id of the base of a connector."""
    return _FIRST_ID + 2 * connector_id


def working_id(connector_id: int) -> int:
    """Return the profile id of the working limit of a connector."""
    return base_id(connector_id) + 1


def set_payload(profile: Profile, now_ms: int) -> dict[str, Any]:
    """Return the payload of the SetChargingProfile that installs a profile (§6.43)."""
    purpose, kind, stack_level, unit = profile.variant
    schedule: dict[str, Any] = {}
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    # A relative schedule starts with the session, so that it has no time of its own (§7.13).
    if kind != RELATIVE:
        starts_ms = now_ms - STARTED_BEFORE_MS if profile.starts_ms is None else profile.starts_ms
        schedule["startSchedule"] = format_timestamp(starts_ms)
    period: dict[str, Any] = {"startPeriod": 0, "limit": _limit(profile)}
    if profile.phases != ALL_PHASES:
        period["numberPhases"] = profile.phases
    schedule |= {"chargingRateUnit": unit, "chargingSchedulePeriod": [period]}
    written: dict[str, Any] = {"chargingProfileId": profile.profile_id}
    if profile.transaction_id is not None:
        written["transactionId"] = profile.transaction_id
    written |= {
        "stackLevel": stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
    }
    return {"connectorId": profile.connector_id, "csChargingProfiles": written}


def _limit(profile: Profile) -> float | int:
    """Return the limit in its unit, with at most one decimal (§7.14), rounded down."""
    if profile.variant.unit == WATT:
        tenths = profile.limit_ma * VOLT * profile.phases // 100
    else:
        tenths = profile.limit_ma // 100
    # Whole numbers without a point: strict parsers of chargers take both.
    return tenths // 10 if tenths % 10 == 0 else tenths / 10


def clear_payload(profile_id: int) -> dict[str, Any]:
    """Return the payload of the ClearChargingProfile that removes a profile (§6.13)."""
    return {"id": profile_id}


def profile_of(payload: Mapping[str, Any]) -> Profile | None:
    """Return the profile in the payload of any SetChargingProfile, or None if it has none.

    A person may have sent it. Of several periods the highest limit counts, so that nobody relies
    on less than what a charger may draw.
    """
    written = payload.get("csChargingProfiles")
    schedule = written.get("chargingSchedule") if isinstance(written, Mapping) else None
    if not isinstance(written, Mapping) or not isinstance(schedule, Mapping):
        return None
    connector_id, profile_id = _count(payload, "connectorId"), _count(written, "chargingProfileId")
    stack_level = _count(written, "stackLevel")
    purpose, kind, unit = (
        written.get("chargingProfilePurpose"),
        written.get("chargingProfileKind"),
        schedule.get("chargingRateUnit"),
    )
    limits = _limits(schedule, is_watt=unit == WATT)
    if connector_id is None or profile_id is None or stack_level is None or not limits:
        return None
    if not (isinstance(purpose, str) and isinstance(kind, str) and unit in (AMPERE, WATT)):
        return None
    limit_ma, phases = max(limits)
    starts_ms = parse_timestamp(schedule.get("startSchedule"))
    return Profile(
        connector_id,
        profile_id,
        Variant(purpose, kind, stack_level, unit),
        limit_ma,
        phases,
        _count(written, "transactionId"),
        _count(schedule, "duration"),
        parse_timestamp(written.get("validFrom")) if starts_ms is None else starts_ms,
        parse_timestamp(written.get("validTo")),
    )


def _limits(schedule: Mapping[str, Any], *, is_watt: bool) -> list[tuple[int, int]]:
    """Return the limit in mA and the number of phases of each period that has them."""
    periods = schedule.get("chargingSchedulePeriod")
    limits = []
    for period in periods if isinstance(periods, list) else []:
        if isinstance(period, Mapping):
            milli = whole_number(period.get("limit"), 1000)
            phases = min(_count(period, "numberPhases") or ALL_PHASES, ALL_PHASES)
            if milli is not None and milli >= 0:
                # Rounded up: a charger may round either way.
                limits.append((-(-milli // (VOLT * phases)) if is_watt else milli, phases))
    return limits


def _count(members: Mapping[str, Any], name: str) -> int | None:
    """Return a member that is a whole number and not negative, or None."""
    value = members.get(name)
    return value if type(value) is int and 0 <= value < 2**62 else None
