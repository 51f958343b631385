"""The limits of the simulated charger: charging profiles as OCPP 1.6 §3.13 has them (pure).

It takes what a go-eCharger takes: schedules in A with one period or more, Absolute ones, on
connector 1 or on all. Limits are A of each phase, and say on how many a car charges.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shocpp.demo.meter import ONE_PHASE_W, VOLTS
from shocpp.demo.words import Payload

STATION, DEFAULT, SESSION = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"
"""The purposes: of the whole charger, of any transaction, of one transaction."""

MAX_LEVEL = 8
LEAST_A = 6.0
"""The least current of a car (IEC 61851): below it, it charges nothing."""

MAX_A = 32.0

CONFIGURATION = {
    "ChargeProfileMaxStackLevel": str(MAX_LEVEL),
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "ChargingScheduleMaxPeriods": "24",
    "ConnectorSwitch3to1PhaseSupported": "true",
    "MaxChargingProfilesInstalled": str(3 * (MAX_LEVEL + 1)),
}
"""The configuration keys of OCPP 1.6 §9.4; all are read-only."""


class Limit(NamedTuple):
    """A profile: it is in force from `starts`, until `ends` if that is not None.

    `periods` are (offset from the start, limit), the earliest first. `phases` is the number of
    phases on which a car may charge.
    """

    profile_id: int
    connector_id: int
    purpose: str
    level: int
    starts: datetime
    ends: datetime | None
    periods: tuple[tuple[timedelta, float], ...]
    phases: int = 3

    def at(self, moment: datetime) -> float | None:
        """Return the limit at a moment, None if it is not in force."""
        if self.ends is not None and moment >= self.ends:
            return None
        begun = [a for offset, a in self.periods if self.starts + offset <= moment]
        return begun[-1] if begun else None

    def changes(self) -> Iterator[datetime]:
        """Yield the moments at which the limit changes."""
        yield from (self.starts + offset for offset, _ in self.periods)
        if self.ends is not None:
            yield self.ends


class Limits:
    """The profiles in the charger's memory; they survive lost connections and reboots."""

    def __init__(self) -> None:
        self._limits: list[Limit] = []

    def set(self, payload: Payload, transaction_id: int | None, now: datetime) -> Payload:
        """Install a profile, and return the confirmation of SetChargingProfile.

        A profile of the same purpose and level is replaced, and so is one of the same id. A
        TxProfile is rejected without its transaction.
        """
        profile = payload["csChargingProfiles"]
        limit = _limit_of(profile, payload["connectorId"], now)
        if limit is None or (
            limit.purpose == SESSION
            and (transaction_id is None or profile.get("transactionId") != transaction_id)
        ):
            return {"status": "Rejected"}
        place = limit.connector_id, limit.purpose, limit.level
        self._limits = [
            old
            for old in self._limits
            if (old.connector_id, old.purpose, old.level) != place
            and old.profile_id != limit.profile_id
        ] + [limit]
        return {"status": "Accepted"}

    def clear(self, payload: Payload) -> Payload:
        """Remove the profiles that fit, and return the confirmation of ClearChargingProfile."""
        kept = [limit for limit in self._limits if not _fits(limit, payload)]
        status = "Accepted" if len(kept) < len(self._limits) else "Unknown"
        self._limits = kept
        return {"status": status}

    def end_transaction(self) -> None:
        """Remove the profiles of the transaction that has ended."""
        self._limits = [limit for limit in self._limits if limit.purpose != SESSION]

    def composite(self, payload: Payload, now: datetime) -> Payload:
        """Return the confirmation of GetCompositeSchedule, in A."""
        duration_s = payload["duration"]
        offsets = {0}
        for change in (change for limit in self._limits for change in limit.changes()):
            # A period begins at a whole second.
            offsets.add(-int((now - change) // timedelta(seconds=1)))
        periods: list[Payload] = []
        for offset in sorted(offset for offset in offsets if 0 <= offset < duration_s):
            limit_a = self.at(now + timedelta(seconds=offset))
            if not periods or periods[-1]["limit"] != limit_a:
                periods.append({"startPeriod": offset, "limit": limit_a})
        return {
            "status": "Accepted",
            "connectorId": payload["connectorId"],
            "scheduleStart": now.astimezone(UTC).isoformat(timespec="seconds"),
            "chargingSchedule": {
                "duration": duration_s,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": periods,
            },
        }

    def at(self, moment: datetime) -> float:
        """Return the limit at a moment: the transaction's own, else the default of all."""
        own_a = self._of_highest(SESSION, moment)
        if own_a is None:
            own_a = self._of_highest(DEFAULT, moment)
        all_a = self._of_highest(STATION, moment)
        return min(limit_a for limit_a in (own_a, all_a, MAX_A) if limit_a is not None)

    def allowed_w(self, power_w: int, moment: datetime) -> int:
        """Return the power of a car that wants `power_w`."""
        limit_a = self.at(moment)
        if limit_a < LEAST_A:
            return 0
        if power_w <= ONE_PHASE_W or self._phases_at(moment) == 1:
            return min(power_w, ONE_PHASE_W, int(limit_a * VOLTS))
        return min(power_w, int(limit_a * VOLTS * 3))

    def _phases_at(self, moment: datetime) -> int:
        """Return the number of phases by the limit in force."""
        for purpose in (SESSION, DEFAULT):
            in_force = [
                (limit.connector_id, limit.level, limit.phases)
                for limit in self._limits
                if limit.purpose == purpose and limit.at(moment) is not None
            ]
            if in_force:
                return max(in_force)[2]
        return 3

    def _of_highest(self, purpose: str, moment: datetime) -> float | None:
        """Return the limit of the highest level that is in force; connector 1 goes before all."""
        in_force = [
            (limit.connector_id, limit.level, limit_a)
            for limit in self._limits
            if limit.purpose == purpose and (limit_a := limit.at(moment)) is not None
        ]
        return max(in_force)[2] if in_force else None


def _limit_of(profile: Payload, connector_id: int, now: datetime) -> Limit | None:
    """Return a profile as a limit, or None if the charger does not take such a one."""
    schedule, purpose = profile["chargingSchedule"], profile["chargingProfilePurpose"]
    connectors = {STATION: (0,), DEFAULT: (0, 1), SESSION: (1,)}.get(purpose, ())
    if (
        profile["chargingProfileKind"] != "Absolute"
        or schedule["chargingRateUnit"] != "A"
        or connector_id not in connectors
        or not 0 <= profile["stackLevel"] <= MAX_LEVEL
    ):
        return None
    starts = datetime.fromisoformat(schedule.get("startSchedule", now.isoformat()))
    duration_s = schedule.get("duration")
    return Limit(
        profile["chargingProfileId"],
        connector_id,
        purpose,
        profile["stackLevel"],
        starts,
        None if duration_s is None else starts + timedelta(seconds=duration_s),
        tuple(
            (timedelta(seconds=period["startPeriod"]), float(period["limit"]))
            for period in schedule["chargingSchedulePeriod"]
        ),
        schedule["chargingSchedulePeriod"][0].get("numberPhases", 3),
    )


def _fits(limit: Limit, payload: Payload) -> bool:
    """Return True if the limit is one of those that a ClearChargingProfile names."""
    fields = {
        "id": limit.profile_id,
        "connectorId": limit.connector_id,
        "chargingProfilePurpose": limit.purpose,
        "stackLevel": limit.level,
    }
    return all(payload.get(name, present) == present for name, present in fields.items())
