"""The charging profiles of a simulated charger, by OCPP 1.6 §3.13 (pure).

- A profile replaces another one of its connector with the same purpose and level, or the same id.
- Of several profiles of one purpose, the highest level counts that is valid at the moment.
- A TxProfile overrules each TxDefaultProfile, a TxDefaultProfile of a connector one of connector 0.
- ChargePointMaxProfile counts besides, as a minimum.

Moments are seconds since 1970, limits are A of each phase.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

VOLT = 230
RECURRENCE_S = {"Daily": 86_400, "Weekly": 604_800}
PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")


class Rules(NamedTuple):
    """The profiles that a charger takes; it rejects any other."""

    purposes: tuple[str, ...] = PURPOSES
    kinds: tuple[str, ...] = ("Absolute", "Recurring", "Relative")
    units: tuple[str, ...] = ("A", "W")
    max_level: int = 8
    max_installed: int = 10

    def configuration(self) -> dict[str, str]:
        """Return the keys of the feature profile SmartCharging (§9.4)."""
        words = {"A": "Current", "W": "Power"}
        return {
            "ChargeProfileMaxStackLevel": str(self.max_level),
            "ChargingScheduleAllowedChargingRateUnit": ",".join(map(words.get, self.units)),
            "ChargingScheduleMaxPeriods": "24",
            "MaxChargingProfilesInstalled": str(self.max_installed),
        }


class Session(NamedTuple):
    """An open transaction."""

    transaction_id: int
    began_s: float


class Profile(NamedTuple):
    """A profile with its connector; `fields` are the csChargingProfiles of its request."""

    connector_id: int
    fields: Mapping[str, Any]

    @property
    def purpose(self) -> str:
        """The purpose."""
        return str(self.fields["chargingProfilePurpose"])

    @property
    def level(self) -> int:
        """The stack level."""
        return int(self.fields["stackLevel"])

    def limit_at(self, at_s: float, began_s: float) -> float | None:
        """Return the limit at a moment of a session that began then; None if it is not valid."""
        period = self._period_at(at_s, began_s)
        if period is None:
            return None
        limit_a = float(period["limit"])
        if self.fields["chargingSchedule"]["chargingRateUnit"] == "W":
            limit_a /= VOLT * period.get("numberPhases", 3)
        return limit_a

    def phases_at(self, at_s: float, began_s: float) -> int | None:
        """Return the number of phases at such a moment; None if it is not valid."""
        period = self._period_at(at_s, began_s)
        return None if period is None else int(period.get("numberPhases", 3))

    def _period_at(self, at_s: float, began_s: float) -> Mapping[str, Any] | None:
        if not self._moment("validFrom", -math.inf) <= at_s < self._moment("validTo", math.inf):
            return None
        schedule = self.fields["chargingSchedule"]
        offset_s = at_s - self._begin_s(at_s, began_s)
        if not 0 <= offset_s < schedule.get("duration", math.inf):
            return None
        begun = [
            period
            for period in schedule["chargingSchedulePeriod"]
            if period["startPeriod"] <= offset_s
        ]
        return begun[-1] if begun else None

    def edges(self, from_s: float, until_s: float, began_s: float) -> Iterator[float]:
        """Yield each moment at which its limit may change in this time."""
        yield from (self._moment("validFrom", from_s), self._moment("validTo", from_s))
        schedule = self.fields["chargingSchedule"]
        offsets = [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]]
        offsets += [schedule["duration"]] if "duration" in schedule else []
        step_s = self._recurrence_s or math.inf
        begin_s = self._begin_s(from_s, began_s)
        while begin_s < until_s:
            yield from (begin_s + offset_s for offset_s in offsets)
            begin_s += step_s

    @property
    def _recurrence_s(self) -> int | None:
        if self.fields["chargingProfileKind"] != "Recurring":
            return None
        return RECURRENCE_S[self.fields["recurrencyKind"]]

    def _begin_s(self, at_s: float, began_s: float) -> float:
        """Return the begin of the schedule that counts at a moment."""
        schedule = self.fields["chargingSchedule"]
        if self.fields["chargingProfileKind"] == "Relative" or "startSchedule" not in schedule:
            return began_s
        begin_s = seconds(schedule["startSchedule"])
        if self._recurrence_s and begin_s <= at_s:
            begin_s += (at_s - begin_s) // self._recurrence_s * self._recurrence_s
        return begin_s

    def _moment(self, key: str, default_s: float) -> float:
        return seconds(self.fields[key]) if key in self.fields else default_s


class ProfileStack:
    """All profiles that a charger has accepted; it offers `max_a` where none limits it."""

    def __init__(self, rules: Rules, max_a: float) -> None:
        self.rules = rules
        self.max_a = max_a
        self.profiles: list[Profile] = []

    def set(self, payload: Mapping[str, Any], sessions: Mapping[int, Session]) -> str:
        """Install the profile of a SetChargingProfile; return the status of its confirmation."""
        new = Profile(payload["connectorId"], payload["csChargingProfiles"])
        if not self._takes(new, sessions):
            return "Rejected"
        kept = [old for old in self.profiles if not _replaces(new, old)]
        if len(kept) >= self.rules.max_installed:
            return "Rejected"
        self.profiles = [*kept, new]
        return "Accepted"

    def clear(self, payload: Mapping[str, Any]) -> str:
        """Remove the profiles of a ClearChargingProfile; return the status of its confirmation."""
        kept = [profile for profile in self.profiles if not _fits(profile, payload)]
        has_removed = len(kept) < len(self.profiles)
        self.profiles = kept
        return "Accepted" if has_removed else "Unknown"

    def end(self, connector_id: int) -> None:
        """Remove the TxProfiles of a connector, whose transaction has ended."""
        over = (connector_id, "TxProfile")
        self.profiles = [p for p in self.profiles if (p.connector_id, p.purpose) != over]

    def limit_at(self, connector_id: int, at_s: float, session: Session | None) -> float:
        """Return the limit of a connector at a moment."""
        began_s = session.began_s if session else at_s
        return self._limit_at(connector_id, at_s, began_s, session)

    def phases_at(self, connector_id: int, at_s: float, session: Session | None) -> int:
        """Return the number of phases of the profile that limits a connector at a moment."""
        began_s = session.began_s if session else at_s
        places = [("TxDefaultProfile", connector_id), ("TxDefaultProfile", 0)]
        if session:
            places.insert(0, ("TxProfile", connector_id))
        for place in places:
            valid = [
                (profile.level, phases)
                for profile in self.profiles
                if (profile.purpose, profile.connector_id) == place
                and (phases := profile.phases_at(at_s, began_s)) is not None
            ]
            if valid:
                return max(valid)[1]
        return 3

    def composite(
        self, connector_id: int, from_s: float, duration_s: int, session: Session | None
    ) -> list[tuple[int, float]]:
        """Return the limits of a time as (seconds after its begin, limit)."""
        began_s = session.began_s if session else from_s
        offsets = {0}
        for profile in self.profiles:
            for edge_s in profile.edges(from_s, from_s + duration_s, began_s):
                offsets.add(math.ceil(edge_s - from_s))
        periods: list[tuple[int, float]] = []
        for offset in sorted(offset for offset in offsets if 0 <= offset < duration_s):
            limit_a = self._limit_at(connector_id, from_s + offset, began_s, session)
            if not periods or periods[-1][1] != limit_a:
                periods.append((offset, limit_a))
        return periods

    def _takes(self, new: Profile, sessions: Mapping[int, Session]) -> bool:
        fields, rules = new.fields, self.rules
        schedule = fields["chargingSchedule"]
        if not (
            new.purpose in rules.purposes
            and fields["chargingProfileKind"] in rules.kinds
            and schedule["chargingRateUnit"] in rules.units
            and 0 <= new.level <= rules.max_level
            and schedule["chargingSchedulePeriod"][0]["startPeriod"] == 0
        ):
            return False
        if new.purpose == "ChargePointMaxProfile":
            return new.connector_id == 0
        if new.purpose == "TxDefaultProfile":
            return True
        session = sessions.get(new.connector_id)
        return session is not None and fields.get("transactionId") == session.transaction_id

    def _limit_at(
        self, connector_id: int, at_s: float, began_s: float, session: Session | None
    ) -> float:
        def top(purpose: str, connector: int) -> float | None:
            valid = [
                (profile.level, limit_a)
                for profile in self.profiles
                if (profile.purpose, profile.connector_id) == (purpose, connector)
                and (limit_a := profile.limit_at(at_s, began_s)) is not None
            ]
            return max(valid)[1] if valid else None

        of_session = top("TxProfile", connector_id) if session else None
        candidates = (
            of_session,
            top("TxDefaultProfile", connector_id),
            top("TxDefaultProfile", 0),
        )
        own_a = next((limit_a for limit_a in candidates if limit_a is not None), self.max_a)
        all_a = top("ChargePointMaxProfile", 0)
        return min(own_a, self.max_a if all_a is None else all_a, self.max_a)


def seconds(moment: str) -> float:
    """Return a moment of OCPP as seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def _replaces(new: Profile, old: Profile) -> bool:
    same_place = (new.connector_id, new.purpose, new.level) == (
        *(old.connector_id, old.purpose, old.level),
    )
    return same_place or new.fields["chargingProfileId"] == old.fields["chargingProfileId"]


def _fits(profile: Profile, payload: Mapping[str, Any]) -> bool:
    """Return True if all filters of a ClearChargingProfile fit; an id is the only filter."""
    if "id" in payload:
        return bool(profile.fields["chargingProfileId"] == payload["id"])
    return (
        payload.get("connectorId", profile.connector_id) == profile.connector_id
        and payload.get("chargingProfilePurpose", profile.purpose) == profile.purpose
        and payload.get("stackLevel", profile.level) == profile.level
    )
