"""The simulated charger against an independent Central System.

That Central System uses PyPI `ocpp` and `websockets`, with schema validation on. It answers a frame
that the OCPP 1.6 schemas do not allow with a CallError, and no test here expects one.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as Peer
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from shocpp.demo.charge_point import ChargePoint

TRANSACTION = {"StartTransaction", "MeterValues", "StopTransaction"}


class CentralSystem:
    """A Central System that confirms every Call, and lists the Calls it received and confirmed.

    `dies_at` is the action at which it dies once, `refuses_once` the action that gets a CallError
    once. `boot_answers` are the statuses of the next BootNotifications.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.boot_answers: list[str] = []
        self.blocked: set[str] = set()
        self.dies_at = ""
        self.refuses_once = ""
        self.received: list[tuple[str, str]] = []
        self.confirmed: list[tuple[str, dict[str, Any]]] = []
        self.call_errors: list[str] = []
        self.paths: list[str] = []
        self.started = 0
        self.connections: set[ServerConnection] = set()
        self.conversation: Conversation | None = None

    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.server: Server = self.run(self.listen())

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine on the loop's thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(5)

    def call(self, payload: Any) -> Any:
        """Send a Call to the charger, and return its confirmation."""
        assert self.conversation
        return self.run(self.conversation.call(payload, suppress=False))

    async def listen(self) -> Server:
        return await serve(self.converse, "127.0.0.1", self.port, subprotocols=["ocpp1.6"])

    async def converse(self, connection: ServerConnection) -> None:
        assert connection.subprotocol == "ocpp1.6"
        assert connection.request
        self.paths.append(connection.request.path)
        self.connections.add(connection)
        self.conversation = Conversation(self, connection)
        await self.conversation.start()

    def die(self) -> None:
        """End as by SIGKILL: without an answer, without a Close, and no longer listening."""
        self.server.close(close_connections=False)
        for connection in self.connections:
            connection.transport.abort()
        self.connections.clear()

    async def end(self) -> None:
        self.die()
        await self.server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def kill(self) -> None:
        self.run(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    def actions(self, *, among: set[str] | None = None) -> list[str]:
        """Return the confirmed Calls in order; a StatusNotification is listed by its status."""
        names = [f"{p['status']}" if "status" in p else a for a, p in self.confirmed]
        return [name for name in names if among is None or name in among]

    def payloads(self, action: str) -> list[dict[str, Any]]:
        """Return the payloads of the confirmed Calls with this action."""
        return [payload for name, payload in self.confirmed if name == action]


class Conversation(Peer):
    """One connection of the Central System."""

    def __init__(self, central_system: CentralSystem, connection: ServerConnection) -> None:
        super().__init__("go-e", connection, response_timeout=3)
        self.central_system = central_system

    async def start(self) -> None:
        with suppress(ConnectionClosed):
            await super().start()

    async def _handle_call(self, msg: Any) -> Any:
        central_system = self.central_system
        central_system.received.append((msg.action, msg.unique_id))
        if msg.action == central_system.dies_at:
            central_system.dies_at = ""
            central_system.die()
            return None
        if msg.action == central_system.refuses_once:
            central_system.refuses_once = ""
            return await self._connection.send(f'[4,"{msg.unique_id}","InternalError","",{{}}]')
        self.confirming = (msg.action, dict(msg.payload))
        return await super()._handle_call(msg)

    async def _send(self, message: str) -> None:
        if message.startswith("[4"):
            self.central_system.call_errors.append(message)
        # Listed before it is sent: a test that sees its effect finds it in the list.
        if message.startswith("[3"):
            self.central_system.confirmed.append(self.confirming)
        await super()._send(message)

    @on(Action.boot_notification)
    def on_boot(self, **_: Any) -> Any:
        answers = self.central_system.boot_answers
        status = answers.pop(0) if answers else "Accepted"
        return call_result.BootNotification("2030-01-31T18:00:00Z", 1, status)

    @on(Action.heartbeat)
    def on_heartbeat(self) -> Any:
        return call_result.Heartbeat("2030-01-31T18:00:00Z")

    @on(Action.status_notification)
    def on_status(self, **_: Any) -> Any:
        return call_result.StatusNotification()

    @on(Action.meter_values)
    def on_meter_values(self, **_: Any) -> Any:
        return call_result.MeterValues()

    @on(Action.authorize)
    def on_authorize(self, id_tag: str) -> Any:
        return call_result.Authorize(self.id_tag_info(id_tag))

    @on(Action.start_transaction)
    def on_start(self, id_tag: str, **_: Any) -> Any:
        self.central_system.started += 1
        transaction_id = 29_042_000 + self.central_system.started
        return call_result.StartTransaction(transaction_id, self.id_tag_info(id_tag))

    @on(Action.stop_transaction)
    def on_stop(self, **_: Any) -> Any:
        return call_result.StopTransaction()

    def id_tag_info(self, id_tag: str) -> dict[str, str]:
        return {"status": "Blocked" if id_tag in self.central_system.blocked else "Accepted"}


class Evening:
    """A clock that only `elapse` moves."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 31, 18, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def elapse(self, duration: timedelta) -> None:
        self.time += duration


@pytest.fixture
def central_system() -> Iterator[CentralSystem]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    central_system = CentralSystem(port)
    central_system.start()
    yield central_system
    central_system.kill()
    assert central_system.call_errors == []


@pytest.fixture
def events() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def charger(
    central_system: CentralSystem, events: list[tuple[str, str, str]]
) -> Iterator[ChargePoint]:
    evening = Evening()

    def on_event(direction: str, frame: str, words: str) -> None:
        events.append((direction, frame, words))

    with ChargePoint(
        "go-e",
        central_system.port,
        now=evening.now,
        elapse=evening.elapse,
        serial="219010",
        on_event=on_event,
    ) as charger:
        assert charger.wait_until_idle(5)
        yield charger
        begun = time.monotonic()
        charger.stop()
        assert time.monotonic() - begun < 1
    assert not [t for t in threading.enumerate() if "charger" in t.name or "simple_" in t.name]


def eventually(condition: Callable[[], Any], seconds: float = 5) -> bool:
    """Return True as soon as the condition holds, and False after this time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def test_the_messages_of_a_session_have_the_order_of_the_seed(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    charger.plug_in()
    assert charger.present("3333")
    assert charger.charge(33_000, samples=3, power_w=11_000) == 33_000
    charger.unplug()
    assert charger.wait_until_idle(5)
    assert central_system.paths == ["/go-e"]
    assert central_system.actions() == [
        *("BootNotification", "Available", "SuspendedEVSE", "Authorize", "StartTransaction"),
        *("SuspendedEV", "Charging", "MeterValues", "MeterValues", "MeterValues", "SuspendedEV"),
        *("Available", "StopTransaction"),
    ]
    assert central_system.payloads("BootNotification")[0]["chargePointSerialNumber"] == "219010"
    assert central_system.payloads("StartTransaction") == [
        {
            "connectorId": 1,
            "idTag": "3333",
            "meterStart": 9_042_000,
            "timestamp": "2030-01-31T18:00:00.000Z",
        }
    ]
    assert central_system.payloads("StopTransaction") == [
        {
            "idTag": "3333",
            "meterStop": 9_075_000,
            "reason": "EVDisconnected",
            "timestamp": "2030-01-31T21:00:00.000Z",
            "transactionId": 29_042_001,
        }
    ]


def test_meter_values_carry_the_register_the_power_and_every_phase(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    charger.plug_in()
    charger.present("3333")
    charger.charge(1_500, samples=1, power_w=11_000)
    charger.wait_until_idle(5)
    (values,) = central_system.payloads("MeterValues")
    assert values["transactionId"] == 29_042_001
    samples = {
        (sampled["measurand"], sampled.get("phase")): (sampled["value"], sampled["unit"])
        for sampled in values["meterValue"][0]["sampledValue"]
    }
    assert samples[("Energy.Active.Import.Register", None)] == ("9043500", "Wh")
    assert samples[("Power.Active.Import", None)] == ("11000", "W")
    assert [samples[("Current.Import", phase)] for phase in ("L1", "L2", "L3")] == [
        ("15.9", "A")
    ] * 3
    assert samples[("Voltage", "L2")] == ("230", "V")


def test_every_frame_has_a_description_in_plain_words(
    charger: ChargePoint, central_system: CentralSystem, events: list[tuple[str, str, str]]
) -> None:
    charger.plug_in()
    central_system.call(call.RemoteStartTransaction("3333"))
    charger.charge(1_500, samples=1, power_w=11_000)
    charger.wait_until_idle(5)
    descriptions = [(direction, words) for direction, _, words in events]
    for expected in (
        ("charger → Central System", "I am a go-e go-eCharger, serial 219010"),
        ("charger → Central System", "car plugged in, waiting for a card"),
        ("Central System → charger", "start charging for card 3333"),
        ("charger → Central System", "Accepted"),
        ("charger → Central System", "card 3333 starts at meter 9 042 000 Wh"),
        ("Central System → charger", "Accepted: transaction 29042001"),
        ("charger → Central System", "charging: 11.0 kW, meter 9 043 500 Wh"),
    ):
        assert expected in descriptions
    frames = [frame for _, frame, _ in events if frame.startswith("[2,")]
    assert frames[0].startswith('[2,"1","BootNotification",{"chargePointVendor":"go-e",')


@pytest.mark.parametrize("fatal", ["StartTransaction", "MeterValues", "StopTransaction"])
def test_calls_unanswered_by_a_killed_central_system_are_sent_again_in_order_and_once(
    charger: ChargePoint, central_system: CentralSystem, fatal: str
) -> None:
    central_system.dies_at = fatal
    charger.plug_in()
    charger.present("3333")
    charger.charge(2_000, samples=2, power_w=11_000)
    charger.unplug()
    assert eventually(lambda: not central_system.connections)
    assert not charger.wait_until_idle(0.1)
    central_system.kill()
    central_system.start()
    assert charger.wait_until_idle(5)
    assert central_system.actions(among=TRANSACTION) == [
        *("StartTransaction", "MeterValues", "MeterValues", "StopTransaction")
    ]
    assert [action for action, _ in central_system.received].count(fatal) == (
        3 if fatal == "MeterValues" else 2
    )
    unique_ids = [unique_id for _, unique_id in central_system.received]
    assert len(unique_ids) == len(set(unique_ids))
    stop = central_system.payloads("StopTransaction")[0]
    assert (stop["transactionId"], stop["meterStop"]) == (29_042_001, 9_044_000)
    later = central_system.actions()[central_system.actions().index("BootNotification", 1) :]
    assert later[:2] == ["BootNotification", "Available"]


def test_an_offline_charge_is_reported_afterwards_with_its_own_times(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    charger.go_offline()
    charger.plug_in()
    assert charger.present("3333")
    charger.charge(11_000, samples=1, power_w=11_000)
    charger.unplug()
    charger.power_cycle()
    charger.go_online()
    assert charger.wait_until_idle(5)
    assert central_system.actions()[2:] == [
        *("BootNotification", "Available", "StartTransaction", "MeterValues", "StopTransaction")
    ]
    assert central_system.payloads("StartTransaction")[0]["timestamp"].endswith("T18:00:00.000Z")
    assert central_system.payloads("StopTransaction")[0]["timestamp"].endswith("T19:00:00.000Z")


def test_a_power_cycle_boots_again_counts_from_one_and_keeps_the_transaction(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    charger.plug_in()
    charger.present("3333")
    charger.wait_until_idle(5)
    charger.power_cycle()
    assert charger.wait_until_idle(5)
    assert central_system.received[-2:] == [("BootNotification", "1"), ("StatusNotification", "2")]
    assert charger.transaction_id == 29_042_001


def test_a_transaction_message_refused_with_a_call_error_is_sent_again(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    central_system.refuses_once = "StartTransaction"
    charger.plug_in()
    charger.present("3333")
    charger.unplug()
    assert charger.wait_until_idle(5)
    assert central_system.actions(among=TRANSACTION) == ["StartTransaction", "StopTransaction"]


def test_a_charger_that_is_not_accepted_boots_again_before_any_other_message(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    central_system.boot_answers = ["Pending"]
    charger.power_cycle()
    assert charger.wait_until_idle(5)
    assert [a for a, _ in central_system.received[2:]] == [
        *("BootNotification", "BootNotification", "StatusNotification")
    ]


def test_a_quiet_charger_sends_heartbeats(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    assert eventually(lambda: central_system.payloads("Heartbeat") == [{}])


def test_a_blocked_card_starts_nothing(charger: ChargePoint, central_system: CentralSystem) -> None:
    central_system.blocked = {"9999"}
    charger.plug_in()
    assert not charger.present("9999")
    assert charger.charge(1_000, samples=1, power_w=11_000) == 0
    assert charger.wait_until_idle(5)
    assert central_system.actions(among=TRANSACTION) == []


def test_a_remote_start_begins_a_transaction_and_a_remote_stop_ends_it(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    start = call.RemoteStartTransaction("3333")
    # No cable is plugged in.
    assert central_system.call(start).status == "Rejected"
    charger.plug_in()
    assert central_system.call(start).status == "Accepted"
    # A transaction is open.
    assert central_system.call(start).status == "Rejected"
    charger.wait_until_idle(5)
    assert central_system.call(call.RemoteStopTransaction(1)).status == "Rejected"
    assert central_system.call(call.RemoteStopTransaction(29_042_001)).status == "Accepted"
    assert charger.wait_until_idle(5)
    (stop,) = central_system.payloads("StopTransaction")
    assert (stop["idTag"], stop["reason"]) == ("3333", "Remote")


def test_a_start_that_is_not_accepted_is_ended_as_deauthorized(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    central_system.blocked = {"9999"}
    charger.plug_in()
    central_system.call(call.RemoteStartTransaction("9999"))
    assert eventually(lambda: charger.status == "Finishing")
    assert charger.wait_until_idle(5)
    (stop,) = central_system.payloads("StopTransaction")
    assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 29_042_001)
    charger.unplug()
    assert charger.wait_until_idle(5)
    assert len(central_system.payloads("StopTransaction")) == 1


@pytest.mark.parametrize(
    "requested", ["BootNotification", "StatusNotification", "MeterValues", "Heartbeat"]
)
def test_a_triggered_message_follows_its_confirmation(
    charger: ChargePoint, central_system: CentralSystem, requested: str
) -> None:
    central_system.confirmed.clear()
    assert central_system.call(call.TriggerMessage(requested)).status == "Accepted"
    assert eventually(lambda: central_system.payloads(requested))


def test_a_reset_ends_the_transaction_and_boots_again(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    charger.plug_in()
    charger.present("3333")
    charger.wait_until_idle(5)
    assert central_system.call(call.Reset("Hard")).status == "Accepted"
    assert charger.wait_until_idle(5)
    assert central_system.payloads("StopTransaction")[0]["reason"] == "HardReset"
    assert len(central_system.payloads("BootNotification")) == 2


def test_configuration_cache_and_unlock_calls_are_answered(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    keys = central_system.call(call.GetConfiguration(["NumberOfConnectors", "Colour"]))
    assert keys.configuration_key == [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}]
    assert keys.unknown_key == ["Colour"]
    for key, status in (
        *(("HeartbeatInterval", "Accepted"), ("NumberOfConnectors", "Rejected")),
        *(("Colour", "NotSupported"),),
    ):
        assert central_system.call(call.ChangeConfiguration(key, "7")).status == status
    assert central_system.call(call.ClearCache()).status == "Accepted"
    assert central_system.call(call.UnlockConnector(1)).status == "Unlocked"
    diagnostics = call.TriggerMessage("DiagnosticsStatusNotification")
    assert central_system.call(diagnostics).status == "NotImplemented"


def test_charging_profiles_are_kept_and_reported(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    schedule = {
        "charging_rate_unit": "A",
        "duration": 900,
        "charging_schedule_period": [{"start_period": 0, "limit": 9.5}],
    }
    profile = {
        "charging_profile_id": 1,
        "stack_level": 1,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Absolute",
        "charging_schedule": schedule,
    }
    assert central_system.call(call.SetChargingProfile(1, profile)).status == "Accepted"
    present = central_system.call(call.GetCompositeSchedule(1, 1_800)).charging_schedule
    assert present["charging_schedule_period"] == [
        {"start_period": 0, "limit": 9.5},
        {"start_period": 900, "limit": 32.0},
    ]
    assert central_system.call(call.GetCompositeSchedule(2, 60)).status == "Rejected"
    of_a_transaction = profile | {"charging_profile_purpose": "TxProfile", "transaction_id": 1}
    rejected = central_system.call(call.SetChargingProfile(1, of_a_transaction))
    assert rejected.status == "Rejected"
    assert central_system.call(call.ClearChargingProfile(id=1)).status == "Accepted"
    assert central_system.call(call.ClearChargingProfile(id=1)).status == "Unknown"


def test_an_unknown_call_is_not_implemented(
    charger: ChargePoint, central_system: CentralSystem
) -> None:
    with pytest.raises(Exception, match="NotImplemented"):
        central_system.call(call.GetLocalListVersion())


def test_a_central_system_that_accepts_and_never_answers_does_not_hold_up_the_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        charger = ChargePoint("go-e", mute.getsockname()[1], now=Evening().now).start()
        with mute.accept()[0]:
            begun = time.monotonic()
            charger.stop()
            assert time.monotonic() - begun < 1
    assert not [t for t in threading.enumerate() if "charger" in t.name]
