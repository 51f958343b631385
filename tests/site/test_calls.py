"""The Calls of the leader: their order, one at a time for each charger, and no needless repeats."""

import json
from typing import Any

import pytest

from shocpp.configuration.charge_points import NO_ALLOWLIST
from shocpp.configuration.site.conf import parse_site
from shocpp.energy.model import METER_NONE, Reason, SetPoint
from shocpp.energy.state.model import ConnectorState, Decision, State
from shocpp.ocpp.charging_profiles import profile_of
from shocpp.site.calls import SiteCalls
from shocpp.site.facts.gathering import Gathered, gather
from shocpp.site.profiles import PAUSE_KEEP_ALIVE_MS
from shocpp.site.rows import doubt_ignored, limits_in_force, rows_of
from shocpp.store import calls
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import connections
from shocpp.store.charge_points.connections import NewConnection, WorkerRow
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import profiles, set_points
from tests.world.desk import Desk

SITE = parse_site('{"limit_a": 35}', "", None)
ACCEPTED, NO_ANSWER = CallOutcome("answered", '{"status": "Accepted"}', None, None), None
NEVER_SENT = "never sent"


class Leader:
    """The leader of a desk, and the chargers that answer its Calls."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.db = desk, desk.db
        self.calls = SiteCalls({})
        self.points: dict[tuple[str, int], SetPoint] = {}
        self.lowered: dict[tuple[str, int], int] = {}

    def connect(self, name: str, vendor: str = "maker", firmware: str = "1") -> None:
        """Boot a charger, and let a worker hold it."""
        boot = {"chargePointVendor": vendor, "chargePointModel": "m", "firmwareVersion": firmware}
        self.desk.ask("BootNotification", boot, name)
        with self.db.writing(keys=NO_KEYS):
            connections.enter_worker(self.db, WorkerRow("w", "/no/doorbell", 1), 1)
            row = {one.charge_point_id: one.row for one in self._chargers()}[name]
            new = NewConnection(f"token of {name}", "1.2.3.4", authenticated=True)
            connections.hold(self.db, row, new, "w", self.desk.now_ms, None)

    def _chargers(self) -> Any:
        from shocpp.store.site import chargers

        return chargers.chargers(self.db)

    def point(self, name: str, limit_ma: int | None, base_ma: int | None = 6_000) -> None:
        """Decide on a set point of connector 1."""
        self.points[name, 1] = SetPoint((name, 1), limit_ma, base_ma, "follows", Reason("base"))

    def gather(self) -> Gathered:
        return gather(self.db, SITE, NO_ALLOWLIST, (), self.desk.now_ms)

    def tick(self, answer: CallOutcome | str | None = ACCEPTED) -> list[tuple[str, str, Any]]:
        """Queue the Calls of a decision, let the chargers answer, and return what they got."""
        gathered = self.gather()
        states = {
            one.key: ConnectorState(lowered_ms=self.lowered.get(one.key, 0))
            for one in gathered.facts.connectors
        }
        decision = Decision(State(states), tuple(self.points.values()), METER_NONE, None)
        now_ms = self.desk.now_ms
        wanted = self.calls.wanted(self.db, gathered, decision, now_ms)
        with self.db.writing(keys=NO_KEYS):
            queued = self.calls.queue(self.db, gathered, wanted, "/no/doorbell", now_ms)
        self.calls.note_resumed(queued, gathered, limits_in_force(gathered, now_ms))
        sent = calls.waiting_for(self.db, "w", now_ms)
        for call in sent:
            self._end(call, answer)
        self.desk.now_ms += 1_000
        return [(call.charge_point_id, *_plain(call)) for call in sent]

    def _end(self, call: QueuedCall, answer: CallOutcome | str | None) -> None:
        now_ms, token = self.desk.now_ms, f"token of {call.charge_point_id}"
        with self.db.writing(keys=NO_KEYS):
            if answer == NEVER_SENT:
                calls.withdraw(self.db, call.call_id, now_ms)
                return
            assert calls.claim(self.db, call, "w", token, now_ms)
            if answer is None:
                return
            assert isinstance(answer, CallOutcome)
            calls.settle(self.db, call.call_id, token, answer, now_ms)
            profile = profile_of(json.loads(call.payload))
            if profile is not None and answer == ACCEPTED:
                row = {one.charge_point_id: one.row for one in self._chargers()}
                profiles.record_accepted(self.db, row[call.charge_point_id], profile, now_ms)


def _plain(call: QueuedCall) -> tuple[str, Any]:
    """Return the action, and the limit or the keys."""
    payload = json.loads(call.payload)
    profile = profile_of(payload)
    return call.action, payload if profile is None else profile.limit_ma // 1000


@pytest.fixture
def leader(desk: Desk) -> Leader:
    return Leader(desk)


def test_lower_limits_leave_first_then_bases_then_raises(leader: Leader, desk: Desk) -> None:
    for name in ("a", "b", "c"):
        leader.connect(name)
        leader.point(name, None)
        leader.tick()
    for name, id_tag in (("a", "1111"), ("b", "3333")):
        desk.start(charger=name, id_tag=id_tag)
    leader.point("a", 16_000)
    leader.point("b", 0)
    leader.point("c", None, 8_000)
    leader.points["c", 1] = leader.points["c", 1]._replace(base_ma=8_000)
    assert leader.tick() == [
        ("b", "SetChargingProfile", 0),
        ("c", "SetChargingProfile", 8),
        ("a", "SetChargingProfile", 16),
    ]
    assert leader.tick() == []


def test_a_charger_has_one_call_at_a_time_and_the_newest_limit(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    assert leader.tick(NO_ANSWER) == [("a", "SetChargingProfile", 6)]
    leader.point("a", None, 0)
    assert leader.tick() == [], "the first one has no end yet"
    leader.desk.now_ms += 10_000
    with leader.db.writing(keys=NO_KEYS):
        calls.expire(leader.db, leader.desk.now_ms)
    assert leader.tick() == [("a", "SetChargingProfile", 0)]


def test_a_limit_that_begins_to_be_ignored_is_sent_once_more(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    decided(leader, "follows")
    assert leader.tick() == [("a", "SetChargingProfile", 6)]
    leader.desk.now_ms += 60_000
    assert [call[1] for call in leader.tick()] == ["GetConfiguration"]
    decided(leader, "follows")
    assert leader.tick() == []
    decided(leader, "ignores")
    assert leader.tick() == [("a", "SetChargingProfile", 6)]
    leader.desk.now_ms += 60_000
    decided(leader, "ignores")
    assert leader.tick() == []


def decided(leader: Leader, standing: str) -> None:
    """Decide on the standing of connector 1 of "a", and store its set point."""
    point = leader.points["a", 1]._replace(standing=standing)
    decision = Decision(State({point.key: ConnectorState()}), (point,), METER_NONE, None)
    gathered = leader.gather()
    with leader.db.writing(keys=NO_KEYS):
        doubt_ignored(leader.db, gathered, decision)
        set_points.store(leader.db, rows_of(gathered, decision, {}, leader.desk.now_ms))


def test_a_limit_that_waits_is_replaced_by_a_newer_one(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    gathered = leader.gather()
    for base_ma in (6_000, 0):
        leader.point("a", None, base_ma)
        decision = Decision(State(), tuple(leader.points.values()), METER_NONE, None)
        decision = decision._replace(state=State({("a", 1): ConnectorState()}))
        wanted = leader.calls.wanted(leader.db, gathered, decision, leader.desk.now_ms)
        with leader.db.writing(keys=NO_KEYS):
            leader.calls.queue(leader.db, gathered, wanted, "/no", leader.desk.now_ms)
    waiting = calls.waiting_for(leader.db, "w", leader.desk.now_ms)
    assert [_plain(call) for call in waiting] == [("SetChargingProfile", 0)]
    assert (
        leader.desk.query("SELECT asked_by, deadline_ms - queued_ms FROM call")
        == [("site", 10_000)] * 2
    )


def test_an_unanswered_limit_is_sent_again_after_a_minute(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    expired = CallOutcome("expired", None, None, "the charger has not answered in time")
    assert len(leader.tick(expired)) == 1
    assert leader.tick() == []
    leader.desk.now_ms += 57_000
    assert leader.tick() == []
    leader.desk.now_ms += 1_000
    sent = [*leader.tick(), *leader.tick()]
    assert [action for _, action, _ in sent] == ["SetChargingProfile", "GetConfiguration"]


def test_a_limit_that_was_never_sent_is_queued_again_at_once(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    assert len(leader.tick(NEVER_SENT)) == 1
    assert leader.tick() == [("a", "SetChargingProfile", 6)]


def test_a_charger_is_asked_for_its_configuration_once_for_each_firmware(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    leader.tick()
    assert leader.tick() == [], "it has just connected"
    leader.desk.now_ms += 60_000
    ((_, action, payload),) = leader.tick(NEVER_SENT)
    assert (action, "ChargeProfileMaxStackLevel" in payload["key"]) == ("GetConfiguration", True)
    refused = CallOutcome("refused", None, "NotImplemented", "")
    ((_, action, _),) = leader.tick(refused)
    assert action == "GetConfiguration"
    leader.desk.now_ms += 7_200_000
    assert leader.tick() == []
    # The next leader knows it from the database.
    assert leader.calls.asked == {"a": "1"}
    leader.calls = SiteCalls(leader.calls.asked)
    assert leader.tick() == []
    leader.connect("a", firmware="2")
    leader.desk.now_ms += 60_000
    assert [leader.tick()[0][1] for _ in range(2)] == ["GetConfiguration", "SetChargingProfile"]


def test_a_charger_that_restarts_when_it_is_asked_is_asked_nothing(leader: Leader) -> None:
    leader.connect("a", vendor="ABB")
    leader.point("a", None)
    assert [call[1] for call in leader.tick()] == ["SetChargingProfile"]
    leader.desk.now_ms += 600_000
    assert leader.tick() == []


def test_a_charger_without_limits_is_asked_nothing(leader: Leader) -> None:
    leader.connect("a")
    leader.desk.now_ms += 600_000
    assert leader.tick() == []


def test_a_current_is_requested_once_if_none_follows_a_reduction(leader: Leader) -> None:
    leader.connect("a")
    leader.calls = SiteCalls({"a": "1"})
    leader.point("a", None)
    leader.tick()
    leader.desk.start(charger="a")
    leader.point("a", 16_000)
    leader.tick()
    leader.desk.now_ms += 20_000
    requested = {"requestedMessage": "MeterValues", "connectorId": 1}
    assert leader.tick() == [("a", "TriggerMessage", requested)]
    leader.desk.now_ms += 300_000
    assert leader.tick() == []
    leader.lowered["a", 1] = leader.desk.now_ms
    assert leader.tick() == []
    leader.desk.now_ms += 20_000
    assert leader.tick() == [("a", "TriggerMessage", requested)]


def test_raises_are_spread_after_an_outage_and_reductions_are_not(leader: Leader) -> None:
    names = [f"p{number}" for number in range(8)]
    for number, name in enumerate(names):
        leader.connect(name)
        leader.desk.start(charger=name, id_tag=["1111", "3333"][number % 2], wh=number * 1000)
        leader.point(name, 16_000)
    leader.calls = SiteCalls(dict.fromkeys(names, "1"))
    while leader.tick():
        pass
    leader.calls.delay_raises(leader.gather(), leader.desk.now_ms)
    for name in names:
        leader.point(name, 20_000)
    leader.point("p0", 6_000)
    moments: dict[str, int] = {}
    begun_ms = leader.desk.now_ms
    for _ in range(62):
        for name, action, limit_a in leader.tick():
            if action == "SetChargingProfile":
                moments[name] = leader.desk.now_ms - begun_ms
                assert limit_a == (6 if name == "p0" else 20)
    assert moments.pop("p0") == 1_000
    assert len(moments) == 7
    assert len(set(moments.values())) > 2
    assert max(moments.values()) <= 61_000


def test_one_session_alone_is_not_delayed(leader: Leader) -> None:
    leader.connect("a")
    leader.desk.start(charger="a")
    leader.point("a", 8_000)
    leader.tick()
    leader.tick()
    leader.calls.delay_raises(leader.gather(), leader.desk.now_ms)
    leader.point("a", 16_000)
    assert leader.tick() == [("a", "SetChargingProfile", 16)]


def test_a_charger_that_ignores_the_first_limit_after_0_gets_it_twice(leader: Leader) -> None:
    leader.connect("a", vendor="go-e")
    leader.calls = SiteCalls({"a": "1"})
    leader.desk.start(charger="a")
    for limit_ma, written in [(0, [6, 0]), (16_000, [16, 16]), (10_000, [10])]:
        leader.point("a", limit_ma)
        sent = [one for _ in range(4) for one in leader.tick()]
        assert [limit for *_, limit in sent] == written


def test_a_pause_that_is_sent_again_is_no_first_limit_after_0(leader: Leader) -> None:
    """A go-e boots at each reconnect, and a pause is renewed each 8 hours."""
    leader.connect("a", vendor="go-e")
    leader.calls = SiteCalls({"a": "1"})
    leader.desk.start(charger="a")
    leader.point("a", 0)
    for _ in range(4):
        leader.tick()
    for reboots, written in [(True, [0, 6]), (False, [0])]:
        leader.desk.now_ms += 60_000 if reboots else PAUSE_KEEP_ALIVE_MS
        if reboots:
            leader.connect("a", vendor="go-e")
        sent = [one for _ in range(6) for one in leader.tick()]
        limits = [limit for _, action, limit in sent if action == "SetChargingProfile"]
        assert sorted(limits) == written
    leader.point("a", 16_000)
    sent = [one for _ in range(4) for one in leader.tick()]
    assert [limit for *_, limit in sent] == [16, 16]


def test_a_charger_that_is_away_gets_nothing(leader: Leader) -> None:
    leader.connect("a")
    leader.point("a", None)
    with leader.db.writing(keys=NO_KEYS):
        connections.release(leader.db, "token of a")
    assert leader.tick() == []
