"""Another simulated charger that keeps charging profiles, written from OCPP 1.6 §3.13 alone.

It shares no code with `profile_charger`, so that no test believes a mistake of one of them: its
frames are those of PyPI `ocpp`, and it works out its schedule second by second. It has one
connector with a car of up to 16 A, on the phases that its profiles allow.
"""

import asyncio
import contextlib
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets import Subprotocol
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

CONNECTOR = 1
STATION_A = 32.0
CAR_A = 16.0
LEAST_A = 6.0
LINE_V = 230
PATIENCE_S = 20


class Memory:
    """The charging profiles in the memory of a charger with one connector.

    `transaction` is (id, start) of the open transaction. Profiles have the field names of PyPI
    `ocpp`, such as stack_level.
    """

    def __init__(self) -> None:
        self.transaction: tuple[int, datetime] | None = None
        self.station: dict[int, dict[str, Any]] = {}
        self.default: dict[int, dict[str, Any]] = {}
        self.own: dict[int, dict[str, Any]] = {}

    def install(self, connector_id: int, profile: dict[str, Any]) -> bool:
        """Install a profile, and return True if it is accepted."""
        purpose = profile["charging_profile_purpose"]
        if purpose == "ChargePointMaxProfile":
            slots, allowed = self.station, connector_id == 0
        elif purpose == "TxDefaultProfile":
            slots, allowed = self.default, connector_id in (0, CONNECTOR)
        else:
            running = self.transaction[0] if self.transaction else None
            slots = self.own
            allowed = (
                connector_id == CONNECTOR
                and running is not None
                and profile.get("transaction_id") == running
            )
        if allowed:
            self._forget(lambda _slots, kept: _id(kept) == _id(profile))
            slots[profile["stack_level"]] = profile
        return allowed

    def remove(
        self,
        profile_id: int | None = None,
        connector_id: int | None = None,
        purpose: str | None = None,
        level: int | None = None,
    ) -> bool:
        """Remove the profiles that fit, and return True if there was one."""

        def fits(slots: dict[int, dict[str, Any]], kept: dict[str, Any]) -> bool:
            if profile_id is not None:
                return _id(kept) == profile_id
            if connector_id is not None and (connector_id == 0) != (slots is self.station):
                return False
            if purpose is not None and kept["charging_profile_purpose"] != purpose:
                return False
            return level is None or kept["stack_level"] == level

        return self._forget(fits)

    def begin(self, transaction_id: int, moment: datetime) -> None:
        """Open a transaction."""
        self.transaction = (transaction_id, moment)

    def end(self) -> None:
        """End the transaction, and with it the profiles of its own."""
        self.transaction = None
        self.own.clear()

    def allowed_a(self, moment: datetime, origin: datetime | None = None) -> float:
        """Return the current of each phase at a moment.

        Relative schedules count from the transaction, and without one from `origin`.
        """
        start = self.transaction[1] if self.transaction else (origin or moment)
        current_a = None
        if self.transaction:
            current_a = _of_highest(self.own, moment, start)
        if current_a is None:
            current_a = _of_highest(self.default, moment, start)
        station_a = _of_highest(self.station, moment, start)
        return min(a for a in (current_a, station_a, STATION_A) if a is not None)

    def lines(self, moment: datetime) -> int:
        """Return the number of phases that the profile in force allows."""
        start = self.transaction[1] if self.transaction else moment
        for slots in (self.own if self.transaction else {}, self.default):
            for level in sorted(slots, reverse=True):
                if _of_profile(slots[level], moment, start) is not None:
                    periods = slots[level]["charging_schedule"]["charging_schedule_period"]
                    return int(periods[0].get("number_phases", 3))
        return 3

    def schedule(self, moment: datetime, seconds: int) -> list[tuple[int, float]]:
        """Return (second, A) wherever the current changes in this time."""
        changes: list[tuple[int, float]] = []
        for second in range(seconds):
            allowed_a = self.allowed_a(moment + timedelta(seconds=second), moment)
            if not changes or changes[-1][1] != allowed_a:
                changes.append((second, allowed_a))
        return changes

    def _forget(self, fits: Any) -> bool:
        has_forgotten = False
        for slots in (self.station, self.default, self.own):
            for level in [level for level, kept in slots.items() if fits(slots, kept)]:
                del slots[level]
                has_forgotten = True
        return has_forgotten


def _id(profile: dict[str, Any]) -> Any:
    return profile["charging_profile_id"]


def _of_highest(
    slots: dict[int, dict[str, Any]], moment: datetime, start: datetime
) -> float | None:
    """Return the current of the highest profile that is in force."""
    for level in sorted(slots, reverse=True):
        current_a = _of_profile(slots[level], moment, start)
        if current_a is not None:
            return current_a
    return None


def _of_profile(profile: dict[str, Any], moment: datetime, start: datetime) -> float | None:
    """Return the current of a profile at a moment, or None outside of its time."""
    if "valid_from" in profile and moment < datetime.fromisoformat(profile["valid_from"]):
        return None
    if "valid_to" in profile and moment >= datetime.fromisoformat(profile["valid_to"]):
        return None
    schedule = profile["charging_schedule"]
    kind = profile["charging_profile_kind"]
    if kind != "Relative" and "start_schedule" in schedule:
        start = datetime.fromisoformat(schedule["start_schedule"])
    elapsed = (moment - start).total_seconds()
    if elapsed < 0:
        return None
    if kind == "Recurring":
        elapsed %= 86_400 if profile["recurrency_kind"] == "Daily" else 7 * 86_400
    if "duration" in schedule and elapsed >= schedule["duration"]:
        return None
    begun = [p for p in schedule["charging_schedule_period"] if p["start_period"] <= elapsed]
    if not begun:
        return None
    limit = float(begun[-1]["limit"])
    if schedule["charging_rate_unit"] == "W":
        return limit / begun[-1].get("number_phases", 3) / LINE_V
    return limit


class Point(ChargePoint):
    """The charge point of the library; its answers come from the memory."""

    def __init__(self, name: str, connection: Any, charger: "SecondCharger") -> None:
        super().__init__(name, connection, response_timeout=10)
        self.charger = charger

    @on(Action.set_charging_profile)
    def on_set(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        """Install a profile."""
        self.charger.received.append(cs_charging_profiles)
        accepted = self.charger.memory.install(connector_id, cs_charging_profiles)
        return call_result.SetChargingProfile("Accepted" if accepted else "Rejected")

    @on(Action.clear_charging_profile)
    def on_clear(
        self,
        id: int | None = None,  # noqa: A002
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
    ) -> Any:
        """Remove profiles."""
        memory = self.charger.memory
        removed = memory.remove(id, connector_id, charging_profile_purpose, stack_level)
        return call_result.ClearChargingProfile("Accepted" if removed else "Unknown")

    @on(Action.get_composite_schedule)
    def on_composite(self, connector_id: int, duration: int, **_: Any) -> Any:
        """Return the schedule in A."""
        now = self.charger.now()
        periods = [
            {"start_period": second, "limit": round(allowed_a, 1)}
            for second, allowed_a in self.charger.memory.schedule(now, duration)
        ]
        schedule = {
            "duration": duration,
            "charging_rate_unit": "A",
            "charging_schedule_period": periods,
        }
        return call_result.GetCompositeSchedule(
            "Accepted", connector_id, now.isoformat(timespec="seconds"), schedule
        )

    @on(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None) -> Any:
        """Say what it understands of smart charging."""
        known = {
            "ChargeProfileMaxStackLevel": "3",
            "ChargingScheduleAllowedChargingRateUnit": "Current",
            "ChargingScheduleMaxPeriods": "6",
            "MaxChargingProfilesInstalled": "5",
            "ConnectorSwitch3to1PhaseSupported": "true",
        }
        wanted = key or list(known)
        pairs = [
            {"key": name, "readonly": True, "value": known[name]}
            for name in wanted
            if name in known
        ]
        missing = [name for name in wanted if name not in known]
        return call_result.GetConfiguration(pairs, missing)

    @on(Action.trigger_message)
    def on_trigger(self, requested_message: str, **_: Any) -> Any:
        """Send the requested meter values."""
        if requested_message == "MeterValues":
            self.charger.sample_due.set()
        return call_result.TriggerMessage("Accepted")


class SecondCharger:
    """A charger with one connector, from `with` until its end; its loop has a thread of its own."""

    def __init__(self, url: str, name: str, sample_s: float = 1) -> None:
        self.memory = Memory()
        self.received: list[dict[str, Any]] = []
        self.drawn_a, self.lines = 0.0, 3
        self.name = name
        self.sample_due = asyncio.Event()
        self._url, self._sample_s = url, sample_s
        self._ahead = timedelta()
        self._register_wh = 5_000_000.0
        self._moment = datetime.now(UTC)
        self._point: Point | None = None
        self._thread = threading.Thread(target=asyncio.run, args=[self._run()], name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        self._connected()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._life.cancel)
        self._thread.join(5)

    def now(self) -> datetime:
        """Return the time of its own clock."""
        return datetime.now(UTC) + self._ahead

    def start(self, id_tag: str = "3333") -> int:
        """Start a transaction, and return its id."""
        now = self.now()
        started = self._tell(
            call.StartTransaction(CONNECTOR, id_tag, int(self._register_wh), _text(now))
        )
        self.memory.begin(started.transaction_id, now)
        return int(started.transaction_id)

    def stop(self) -> None:
        """Stop the transaction."""
        assert self.memory.transaction
        transaction_id, self.drawn_a = self.memory.transaction[0], 0.0
        self.memory.end()
        stop = call.StopTransaction(int(self._register_wh), _text(self.now()), transaction_id)
        self._tell(stop)

    def composite(self, duration_s: int) -> list[tuple[int, float]]:
        """Return the schedule from now on as (second, A)."""
        return self.memory.schedule(self.now(), duration_s)

    @property
    def limit_a(self) -> float:
        """The present limit."""
        return self.memory.allowed_a(self.now())

    def pass_time(self, seconds: float) -> None:
        """Let time pass on its clock, in which the car charges as its profiles have it."""

        async def leap() -> None:
            for _ in range(int(seconds)):
                self._ahead += timedelta(seconds=1)
                self._charge()

        asyncio.run_coroutine_threadsafe(leap(), self._loop).result(20)

    def _connected(self) -> Point:
        deadline = time.monotonic() + PATIENCE_S
        while (point := self._point) is None:
            assert time.monotonic() < deadline, f"{self.name} cannot connect"
            time.sleep(0.01)
        return point

    def _tell(self, request: Any) -> Any:
        """Send a Call on this connection or the next one, until it is answered."""
        while True:
            with contextlib.suppress(WebSocketException, TimeoutError):
                answer = self._connected().call(request, suppress=False)
                return asyncio.run_coroutine_threadsafe(answer, self._loop).result(15)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._life = asyncio.create_task(self._live())
        with contextlib.suppress(asyncio.CancelledError):
            await self._life

    async def _live(self) -> None:
        while True:
            try:
                async with connect(self._url, subprotocols=[Subprotocol("ocpp1.6")]) as wire:
                    await self._serve(Point(self.name, wire, self))
            except (OSError, WebSocketException, TimeoutError):
                self._point = None
                # Time goes on without a connection.
                self._charge()
                await asyncio.sleep(0.2)

    async def _serve(self, point: Point) -> None:
        reading = asyncio.create_task(point.start())
        try:
            await point.call(call.BootNotification("Second", "Simulated", self.name))
            await self._notify(point, "Preparing")
            self._point = point
            status, sampled = "Preparing", 0.0
            while not reading.done():
                self._charge()
                present = "Preparing"
                if self.memory.transaction:
                    present = "Charging" if self.drawn_a else "SuspendedEVSE"
                if present != status:
                    status = present
                    await self._notify(point, status)
                if self.sample_due.is_set() or time.monotonic() - sampled >= self._sample_s:
                    self.sample_due.clear()
                    sampled = time.monotonic()
                    await self._sample(point)
                await asyncio.sleep(0.1)
            await reading
        finally:
            self._point = None
            reading.cancel()

    async def _notify(self, point: Point, status: str) -> None:
        await point.call(call.StatusNotification(CONNECTOR, "NoError", status), suppress=False)

    async def _sample(self, point: Point) -> None:
        if self.memory.transaction is None:
            return
        samples = [
            {"value": f"{self._register_wh:.0f}", "unit": "Wh"},
            *(
                {
                    "value": f"{self.drawn_a if number <= self.lines else 0:.2f}",
                    "measurand": "Current.Import",
                    "phase": phase,
                    "unit": "A",
                }
                for number, phase in enumerate(("L1", "L2", "L3"), 1)
            ),
        ]
        meter_value = [{"timestamp": _text(self.now()), "sampled_value": samples}]
        values = call.MeterValues(CONNECTOR, meter_value, self.memory.transaction[0])
        await point.call(values, suppress=False)

    def _charge(self) -> None:
        """Let the car draw what is allowed now."""
        now = self.now()
        elapsed_s, self._moment = (now - self._moment).total_seconds(), now
        allowed_a = self.memory.allowed_a(now) if self.memory.transaction else 0.0
        self.drawn_a = min(allowed_a, CAR_A) if allowed_a >= LEAST_A else 0.0
        self.lines = self.memory.lines(now)
        self._register_wh += self.lines * LINE_V * self.drawn_a * elapsed_s / 3600


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
