"""A simulated charger that keeps charging profiles, on a real WebSocket, with cars that draw.

It lives on one thread, which connects, lets its cars draw and sends meter values. Another thread
answers Calls while there is a connection. Profiles, transactions and the meters outlive
connections. Its clock can leap ahead (`pass_time`), as a charger's does that nobody asks meanwhile.
"""

import contextlib
import threading
import time
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple, Self

from tests.world.machine import wait_for
from tests.world.power.charger_line import Answer, ChargerLine
from tests.world.power.drawing_car import Car, Draw
from tests.world.power.profile_stack import VOLT, ProfileStack, Rules, Session
from tests.world.server import Server

STEP_S = 0.1


class Manner(Enum):
    """A way to treat SetChargingProfile."""

    KEEPS = "keeps limits"
    REJECTS = "answers Rejected"
    KNOWS_NOTHING = "answers NotImplemented"
    IS_SILENT = "does not answer"
    IGNORES = "answers Accepted, and keeps nothing"
    FORGETS = "keeps limits until it loses its connection"


OF_PROFILES = ("SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule")

ANSWERS: dict[Manner, Answer] = {
    Manner.REJECTS: {"status": "Rejected"},
    Manner.KNOWS_NOTHING: "NotImplemented",
    Manner.IS_SILENT: None,
    Manner.IGNORES: {"status": "Accepted"},
}
"""The answers of chargers that keep nothing."""


class Measurands(Enum):
    """The samples of its meter values beside the register."""

    CURRENTS = "the current of each phase"
    POWER = "the power of all phases"
    NOTHING = "nothing"


class Contactor(Enum):
    """The ways in which a charger switches between three phases and one."""

    FIXED = "takes any number, and stays on three"
    BY_PROFILE = "numberPhases of the profile in force"
    BY_KEY = "the configuration key PhaseMode"
    REFUSES = "answers Rejected"


PHASE_MODE = "PhaseMode"


class Move(NamedTuple):
    """A change of the phases in use, and the current of the car in that moment."""

    at_s: float
    phases: int
    drawn_a: float


class Outlet:
    """A connector: its car, its meter, its open transaction, and its phases in use."""

    def __init__(self, car: Car | None, meter_wh: int) -> None:
        self.status = "Available"
        self.session: Session | None = None
        self.meter_wh = float(meter_wh)
        self.draw = Draw(car or Car())
        self.lines = 3
        self.moves: list[Move] = []
        self.is_faulted = False

    @property
    def car(self) -> Car:
        """The car."""
        return self.draw.car

    @property
    def phases(self) -> int:
        """The phases on which the car draws."""
        return min(self.car.phases, self.lines)

    def switch(self, lines: int, at_s: float) -> None:
        """Use another number of phases."""
        if lines == self.lines:
            return
        self.lines = lines
        self.moves.append(Move(at_s, lines, self.draw.drawn_a))
        self.is_faulted = self.car.faults and self.session is not None

    def live(self, limit_a: float, at_s: float, seconds: float) -> None:
        """Let the car draw for this time, at a moment with this limit."""
        if self.session is None or self.is_faulted:
            self.draw.stop()
            self.status = "Faulted" if self.is_faulted else self.status
            return
        drawn_a = self.draw.follow(limit_a, at_s)
        self.meter_wh += drawn_a * VOLT * self.phases * seconds / 3600
        wants_more = self.car.wanted_a(self.car.max_a) > 0
        self.status = "Charging" if drawn_a else "SuspendedEVSE" if wants_more else "SuspendedEV"


class ProfileCharger:
    """A Charge Point of so many cars as connectors, from `with` until its end.

    `calls` are the Calls that it has received, and `profiles_sent` the SetChargingProfiles.
    `sample_s` is the time between two meter values of a transaction.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        *cars: Car,
        manner: Manner = Manner.KEEPS,
        rules: Rules | None = None,
        max_a: float = 32,
        measurands: Measurands = Measurands.CURRENTS,
        sample_s: float = 1,
        contactor: Contactor = Contactor.FIXED,
    ) -> None:
        self.name, self.manner, self.measurands = name, manner, measurands
        self.contactor = contactor
        self.stack = ProfileStack(rules or Rules(), max_a)
        self.outlets = {
            number: Outlet(car, number * 1_000_000)
            for number, car in enumerate(cars or (Car(),), 1)
        }
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._server, self._sample_s = server, sample_s
        self._lock = threading.RLock()
        self._ahead_s = 0.0
        self._lived_s = time.time()
        self._sampled_s = 0.0
        self._line: ChargerLine | None = None
        self._is_off = False
        self._may_connect = threading.Event()
        self._may_connect.set()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    # --- actions of people ---

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for(lambda: self._line is not None)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_off = True
        self._may_connect.set()
        self._hang_up()
        self._thread.join(5)

    def go_offline(self) -> None:
        """Lose the network until `go_online`."""
        self._may_connect.clear()
        self._hang_up()

    def go_online(self) -> None:
        """Let the network come back, and wait for the server."""
        self._may_connect.set()
        wait_for(lambda: self._line is not None)

    def start(self, id_tag: str = "3333", connector_id: int = 1, began_ago_s: float = 0) -> int:
        """Start a transaction, which began a while ago if it is reported late; return its id."""
        outlet, began_s = self.outlets[connector_id], self.now_s() - began_ago_s
        started = self.report(
            "StartTransaction",
            connectorId=connector_id,
            idTag=id_tag,
            meterStart=int(outlet.meter_wh),
            timestamp=text(began_s),
        )
        transaction_id = int(started["transactionId"])
        if not began_ago_s:
            with self._lock:
                outlet.session = Session(transaction_id, began_s)
        return transaction_id

    def stop(self, connector_id: int = 1) -> None:
        """Stop the transaction."""
        outlet = self.outlets[connector_id]
        with self._lock:
            session, outlet.session, outlet.status = outlet.session, None, "Available"
            outlet.is_faulted = False
            outlet.draw.stop()
            self.stack.end(connector_id)
        assert session is not None
        self.report(
            "StopTransaction",
            transactionId=session.transaction_id,
            meterStop=int(outlet.meter_wh),
            timestamp=text(self.now_s()),
        )

    def report(self, action: str, **payload: Any) -> Any:
        """Send a Call until it is answered, and return its confirmation."""

        def answered() -> Any:
            with contextlib.suppress(ConnectionError):
                line = self._line
                return [line.ask(action, payload)] if line else None
            return None

        return wait_for(answered)[0]

    # --- what can be seen of it ---

    @property
    def drawn_a(self) -> float:
        """The present current of each phase of the car at connector 1."""
        return self.outlets[1].draw.drawn_a

    @property
    def limit_a(self) -> float:
        """The present limit of connector 1."""
        with self._lock:
            return self.stack.limit_at(1, self.now_s(), self.outlets[1].session)

    @property
    def profiles_sent(self) -> list[dict[str, Any]]:
        """The csChargingProfiles of all SetChargingProfiles, the oldest first."""
        return [p["csChargingProfiles"] for a, p in self.calls if a == "SetChargingProfile"]

    def composite(self, duration_s: int, connector_id: int = 1) -> list[tuple[int, float]]:
        """Return the limits from now on, as (seconds from now, A)."""
        with self._lock:
            session = self.outlets[connector_id].session
            return self.stack.composite(connector_id, self.now_s(), duration_s, session)

    def now_s(self) -> float:
        """Return the moment of its own clock."""
        return time.time() + self._ahead_s

    def pass_time(self, seconds: float) -> None:
        """Let time pass on its clock, in which the cars draw."""
        with self._lock:
            self._ahead_s += seconds
            self._draw()

    # --- its thread ---

    def _live(self) -> None:
        while not self._is_off:
            if self._may_connect.is_set():
                with contextlib.suppress(ConnectionError):
                    self._serve()
                self._line = None
            with self._lock:
                self._draw()
            if self.manner is Manner.FORGETS:
                with self._lock:
                    self.stack.profiles = []
            time.sleep(STEP_S)

    def _serve(self) -> None:
        """Connect, boot, and live until the connection ends."""
        with ChargerLine(self._server.url(self.name), self._answer) as line:
            line.ask(
                "BootNotification",
                {
                    "chargePointVendor": "Simulated",
                    "chargePointModel": "Profile charger",
                    "chargePointSerialNumber": self.name,
                    "firmwareVersion": "1.0",
                },
            )
            told = {}
            while not self._is_off and self._may_connect.is_set():
                with self._lock:
                    self._draw()
                    present = {number: outlet.status for number, outlet in self.outlets.items()}
                for number, status in present.items():
                    if told.get(number) != status:
                        told[number] = status
                        line.ask("StatusNotification", self._status(number))
                self._line = line
                if time.time() - self._sampled_s >= self._sample_s:
                    self._sampled_s = time.time()
                    for number in self.outlets:
                        self._sample(line, number)
                time.sleep(STEP_S)

    def _draw(self) -> None:
        """Let the cars draw until now, in steps of a second at most."""
        now_s = self.now_s()
        while self._lived_s < now_s:
            step_s = min(1.0, now_s - self._lived_s)
            self._lived_s += step_s
            for number, outlet in self.outlets.items():
                limit_a = self.stack.limit_at(number, self._lived_s, outlet.session)
                if self.contactor is Contactor.BY_PROFILE:
                    lines = self.stack.phases_at(number, self._lived_s, outlet.session)
                    outlet.switch(lines, self._lived_s)
                outlet.live(limit_a, self._lived_s, step_s)

    def _sample(self, line: ChargerLine, connector_id: int) -> None:
        with self._lock:
            outlet = self.outlets[connector_id]
            session, phases = outlet.session, outlet.phases
            current_a = outlet.car.reported_a(outlet.draw.drawn_a)
            register_wh = int(outlet.meter_wh)
        if session is None:
            return
        sampled = [
            {
                "value": str(register_wh),
                "measurand": "Energy.Active.Import.Register",
                "unit": "Wh",
            }
        ]
        if self.measurands is Measurands.CURRENTS:
            sampled += [
                {
                    "value": f"{current_a if number <= phases else 0:.1f}",
                    "measurand": "Current.Import",
                    "phase": f"L{number}",
                    "unit": "A",
                }
                for number in (1, 2, 3)
            ]
        elif self.measurands is Measurands.POWER:
            power = f"{current_a * VOLT * phases:.0f}"
            sampled.append({"value": power, "measurand": "Power.Active.Import", "unit": "W"})
        meter_value = {"timestamp": text(self.now_s()), "sampledValue": sampled}
        line.ask(
            "MeterValues",
            {
                "connectorId": connector_id,
                "transactionId": session.transaction_id,
                "meterValue": [meter_value],
            },
        )

    def _status(self, connector_id: int) -> dict[str, Any]:
        status = self.outlets[connector_id].status
        return {"connectorId": connector_id, "errorCode": "NoError", "status": status}

    # --- answers ---

    def _answer(self, action: str, payload: dict[str, Any]) -> Answer:
        self.calls.append((action, payload))
        with self._lock:
            return self._answer_of(action, payload)

    def _answer_of(self, action: str, payload: dict[str, Any]) -> Answer:
        if action in OF_PROFILES and self.manner in ANSWERS:
            return ANSWERS[self.manner]
        match action:
            case "SetChargingProfile" if self._refuses_phases(payload):
                return {"status": "Rejected"}
            case "SetChargingProfile":
                sessions = {n: o.session for n, o in self.outlets.items() if o.session}
                return {"status": self.stack.set(payload, sessions)}
            case "ClearChargingProfile":
                return {"status": self.stack.clear(payload)}
            case "GetCompositeSchedule":
                return self._composite_schedule(payload)
            case "GetConfiguration":
                return self._configuration(payload)
            case "ChangeConfiguration":
                return {"status": self._change(payload)}
            case "TriggerMessage":
                self._sampled_s = 0.0
        return {"status": "Accepted"}

    def _refuses_phases(self, payload: dict[str, Any]) -> bool:
        (period,) = payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
        return self.contactor is Contactor.REFUSES and period.get("numberPhases", 3) != 3

    def _change(self, payload: dict[str, Any]) -> str:
        """Change the key of its phases; return the status of the confirmation."""
        if payload["key"] != PHASE_MODE:
            return "Accepted"
        if self.contactor is not Contactor.BY_KEY:
            return "Rejected" if self.contactor is Contactor.REFUSES else "Accepted"
        for outlet in self.outlets.values():
            outlet.switch(int(payload["value"]), self.now_s())
        return "Accepted"

    def _configuration(self, payload: dict[str, Any]) -> dict[str, Any]:
        known = self.stack.rules.configuration() | {"NumberOfConnectors": str(len(self.outlets))}
        if self.contactor is Contactor.BY_PROFILE:
            known["ConnectorSwitch3to1PhaseSupported"] = "true"
        asked = payload.get("key") or list(known)
        return {
            "configurationKey": [
                {"key": key, "readonly": True, "value": known[key]} for key in asked if key in known
            ],
            "unknownKey": [key for key in asked if key not in known],
        }

    def _composite_schedule(self, payload: dict[str, Any]) -> dict[str, Any]:
        number, duration_s = payload["connectorId"], payload["duration"]
        if number not in self.outlets:
            return {"status": "Rejected"}
        unit = payload.get("chargingRateUnit", "A")
        factor = 1 if unit == "A" else VOLT * 3
        return {
            "status": "Accepted",
            "connectorId": number,
            "scheduleStart": text(self.now_s()),
            "chargingSchedule": {
                "duration": duration_s,
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [
                    {"startPeriod": offset, "limit": round(limit_a * factor, 1)}
                    for offset, limit_a in self.composite(duration_s, number)
                ],
            },
        }

    def _hang_up(self) -> None:
        if line := self._line:
            line.hang_up()


def text(moment_s: float) -> str:
    """Return a moment as OCPP writes it."""
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds")
