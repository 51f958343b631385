"""A leader that switches the phases of one charger, on the database and the clock of a desk.

Everything from the facts to the effects of the confirmations is the product's; what the sun wants,
the charger and its car are simulated.
"""

import json
from collections.abc import Callable
from itertools import groupby
from typing import Any

from shocpp.calls import effects
from shocpp.configuration.charge_points import Allowlist, parse_allowlist
from shocpp.configuration.site.conf import parse_site
from shocpp.energy.memory import remembered
from shocpp.energy.model import METER_NONE, Connector, Reason, SetPoint
from shocpp.energy.pacing import changed
from shocpp.energy.state.model import ConnectorState, Decision, State
from shocpp.energy.surplus.phases import (
    command,
    hindrance,
    pauses,
    stepped,
    with_switch,
)
from shocpp.site.calls import SiteCalls
from shocpp.site.facts.gathering import Gathered, gather
from shocpp.site.rows import rows_of
from shocpp.store import calls
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import connections, identities
from shocpp.store.charge_points.connections import NewConnection, WorkerRow
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import set_points
from tests.world.desk import Desk

TICK_MS = 5_000
MINUTE_MS = 60_000
KEY = ("garage", 1)
SITE = parse_site('{"limit_a": 35, "house_a": 0}', "", None)

COMMANDS = ("ChangeConfiguration", "DataTransfer")

Answering = Callable[[str, dict[str, Any]], str | None]
"""The status with which a charger answers, None for silence."""


class SwitchingBox:
    """The charger, its car, and the leader; `wanted` is the wish of the sun."""

    def __init__(self, desk: Desk, vendor: str = "go-e", **phase_switch: Any) -> None:
        self.desk, self.db = desk, desk.db
        entry = {"garage": {"auth": "none", "phase_switch": phase_switch or True}}
        self.allowlist: Allowlist = parse_allowlist(json.dumps(entry), "x")
        self.leader = SiteCalls({"garage": "1"})
        self.memory = ConnectorState()
        self.wanted: int | None = None
        self.limit_ma = 10_000
        self.contactor = 3
        self.obeys = True
        self.draws = True
        self.answers: Answering = lambda *_: "Accepted"
        self.sent: list[tuple[int, str, dict[str, Any]]] = []
        self.installed: dict[int, tuple[float, int]] = {}
        self.transaction_id: int | None = None
        boot = {"chargePointVendor": vendor, "chargePointModel": "m", "firmwareVersion": "1"}
        desk.ask("BootNotification", boot)
        row = identities.row_of(self.db, "garage")
        assert row is not None
        with self.db.writing(keys=NO_KEYS):
            connections.enter_worker(self.db, WorkerRow("w", "/no/doorbell", 1), 1)
            new = NewConnection("token", "1.2.3.4", authenticated=True)
            connections.hold(self.db, row, new, "w", desk.now_ms, None)

    def start(self) -> None:
        """Plug a car in."""
        self.transaction_id = self.desk.start()

    def next_leader(self) -> None:
        """Let another worker lead, which knows what the database knows."""
        self.leader = SiteCalls({"garage": "1"})

    def connector(self) -> Connector:
        """Return the facts of the connector."""
        (connector,) = self._gather().facts.connectors
        return connector

    def hindered_by(self) -> str | None:
        """Return the key of what keeps it from being switched."""
        found = hindrance(self.connector(), self.memory, self.desk.now_ms)
        return None if found is None else found.key

    def run(self, duration_ms: int) -> None:
        """Let time pass, with a tick each 5 s."""
        for _ in range(duration_ms // TICK_MS):
            self.tick()

    def tick(self) -> None:
        """Report a current, decide, and let the charger answer."""
        began_ms = self.desk.now_ms
        self._report()
        gathered, now_ms = self._gather(), self.desk.now_ms
        (connector,) = gathered.facts.connectors
        memory = remembered(connector, self.memory, now_ms)
        memory = with_switch(memory, stepped(connector, memory, self.wanted, now_ms))
        limit_ma = 0 if pauses(memory.switch) else self.limit_ma
        self.memory = changed(connector, memory, limit_ma, now_ms)
        has_session = connector.session is not None
        point = SetPoint(
            KEY,
            limit_ma if has_session else None,
            6_000,
            "follows",
            Reason("base"),
            phases=command(connector, self.memory),
        )
        decision = Decision(State({KEY: self.memory}), (point,), METER_NONE, None)
        wanted = self.leader.wanted(self.db, gathered, decision, now_ms)
        with self.db.writing(keys=NO_KEYS):
            queued = self.leader.queue(self.db, gathered, wanted, "/no/doorbell", now_ms)
            # With a set point, the currents of its charger are stored.
            set_points.store(self.db, rows_of(gathered, decision, queued.limits, now_ms))
        self.desk.books.poll(now_ms, rung=True, watching=False)
        for call in calls.waiting_for(self.db, "w", now_ms):
            self._answer(call)
        with self.db.writing(keys=NO_KEYS):
            calls.expire(self.db, self.desk.now_ms)
        self.desk.now_ms = began_ms + TICK_MS

    @property
    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """The commands beside profiles, the oldest first."""
        return [(action, payload) for _, action, payload in self.sent if action in COMMANDS]

    @property
    def periods(self) -> list[tuple[float, int]]:
        """Limit and number of phases of the working profiles without repeats, the oldest first."""
        written = [p["csChargingProfiles"] for _, a, p in self.sent if a == "SetChargingProfile"]
        periods = [_period(one) for one in written if one["stackLevel"] > 0]
        return [one for one, _ in groupby(periods)]

    def _gather(self) -> Gathered:
        return gather(self.db, SITE, self.allowlist, (), self.desk.now_ms)

    def _report(self) -> None:
        if self.transaction_id is None:
            return
        limit_a, _ = self.installed.get(1, self.installed.get(0, (6.0, 3)))
        samples = [
            {
                "value": f"{limit_a if self.draws and number <= self.contactor else 0}",
                "measurand": "Current.Import",
                "phase": f"L{number}",
                "unit": "A",
            }
            for number in (1, 2, 3)
        ]
        value = [{"timestamp": self.desk.time(), "sampledValue": samples}]
        payload = {"connectorId": 1, "transactionId": self.transaction_id, "meterValue": value}
        self.desk.ask("MeterValues", payload)

    def _answer(self, call: QueuedCall) -> None:
        payload, now_ms = json.loads(call.payload), self.desk.now_ms
        self.sent.append((now_ms, call.action, payload))
        status = self.answers(call.action, payload)
        with self.db.writing(keys=NO_KEYS):
            assert effects.claim(self.db, call, "w", "token", now_ms)
            if status is None:
                return
            outcome = CallOutcome("answered", json.dumps({"status": status}), None, None)
            effects.settle(self.db, call.call_id, "token", outcome, now_ms)
        if status == "Accepted":
            self._follow(call.action, payload)

    def _follow(self, action: str, payload: dict[str, Any]) -> None:
        if action in COMMANDS:
            value = payload.get("value", payload.get("data"))
            self._switch(1 if value == "1" else 3)
        if action != "SetChargingProfile":
            return
        profile = payload["csChargingProfiles"]
        self.installed[profile["stackLevel"]] = _period(profile)
        highest = self.installed[max(self.installed)]
        if not self.commands:
            self._switch(highest[1])

    def _switch(self, phases: int) -> None:
        if self.obeys:
            self.contactor = phases


def _period(profile: dict[str, Any]) -> tuple[float, int]:
    """Return the limit and the number of phases of a profile."""
    (period,) = profile["chargingSchedule"]["chargingSchedulePeriod"]
    return period["limit"], period.get("numberPhases", 3)
