"""A whole day of the field's own OCPP library (PyPI `ocpp`, schema validation on), to the Wh.

The library checks every request before it sends it and every answer it gets; afterwards every frame
the Central System has sent is read back from its database and checked against the same schemas.
"""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ocpp.messages import get_validator
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.datatypes import MeterValue, SampledValue
from ocpp.v16.enums import (
    Action,
    ChargePointErrorCode,
    ChargePointStatus,
    DiagnosticsStatus,
    FirmwareStatus,
    Location,
    Measurand,
    Phase,
    ReadingContext,
    Reason,
    RemoteStartStopStatus,
    UnitOfMeasure,
    UploadLogStatus,
)
from websockets import Subprotocol
from websockets.asyncio.client import connect

from tests.world.home import FRAMES, Home
from tests.world.machine import wait_for
from tests.world.placing import place_call
from tests.world.server import Server

SAMPLES = 12
STOPPED = datetime(2023, 9, 3, 7, 52, 10, tzinfo=UTC)
STARTED = STOPPED - timedelta(hours=3)


class Day(NamedTuple):
    """The day of one charger."""

    charge_point_id: str = "garage"
    id_tag: str = "3333"
    meter_start_wh: int = 9_042_000
    energy_wh: int = 33_000

    @property
    def meter_stop_wh(self) -> int:
        """The meter in the end."""
        return self.meter_start_wh + self.energy_wh


class RealCharger(ChargePoint):
    """The library's charge point; a CallError of the Central System is an exception here."""

    def __init__(self, day: Day, connection: Any) -> None:
        super().__init__(day.charge_point_id, connection, response_timeout=20)
        self.day = day
        self.asked_to_start: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def ask(self, request: Any) -> Any:
        """Send a request; its confirmation."""
        return await self.call(request, suppress=False)

    @on(Action.remote_start_transaction)
    def remote_start(self, **payload: Any) -> call_result.RemoteStartTransaction:
        """Start when asked to."""
        self.asked_to_start.put_nowait(payload)
        return call_result.RemoteStartTransaction(RemoteStartStopStatus.accepted)

    async def status(self, status: ChargePointStatus, connector_id: int = 1) -> None:
        """Tell how a connector is."""
        error = ChargePointErrorCode.no_error
        await self.ask(call.StatusNotification(connector_id, error, status, text(STARTED)))

    async def wake(self) -> None:
        """Say who it is."""
        booted = await self.ask(
            call.BootNotification("go-eCharger", "go-e", self.day.charge_point_id, None, "055.5")
        )
        assert (booted.status, booted.interval) == ("Accepted", 55)
        told = datetime.fromisoformat(booted.current_time)
        assert abs(datetime.now(UTC) - told) < timedelta(seconds=20)
        await self.status(ChargePointStatus.available, connector_id=0)
        await self.status(ChargePointStatus.suspended_evse)

    async def charge(self) -> int:
        """From the card to the unplugging; the transaction id."""
        day = self.day
        welcome = await self.ask(call.Authorize(day.id_tag))
        assert welcome.id_tag_info["status"] == "Accepted"
        started = await self.ask(
            call.StartTransaction(1, day.id_tag, day.meter_start_wh, text(STARTED))
        )
        assert started.id_tag_info["status"] == "Accepted"
        await self.status(ChargePointStatus.charging)
        for number in range(1, SAMPLES + 1):
            sampled = [meter_value(day, number, ReadingContext.sample_periodic)]
            await self.ask(call.MeterValues(1, sampled, started.transaction_id))
        await self.status(ChargePointStatus.available)
        data = [
            meter_value(day, 0, ReadingContext.transaction_begin),
            meter_value(day, SAMPLES, ReadingContext.transaction_end),
        ]
        stopped = await self.ask(
            call.StopTransaction(
                day.meter_stop_wh,
                text(STOPPED),
                started.transaction_id,
                Reason.ev_disconnected,
                day.id_tag,
                data,
            )
        )
        assert stopped.id_tag_info["status"] == "Accepted"
        return int(started.transaction_id)

    async def chat(self) -> None:
        """All that has nothing to do with energy."""
        await self.ask(call.Heartbeat())
        transferred = await self.ask(call.DataTransfer("de.example", "mood", "sunny"))
        assert transferred.status == "UnknownVendorId"
        await self.ask(call.FirmwareStatusNotification(FirmwareStatus.idle))
        await self.ask(call.DiagnosticsStatusNotification(DiagnosticsStatus.uploaded))
        await self.ask(call.SecurityEventNotification("StartupOfTheDevice", text(STARTED), None))
        await self.ask(call.LogStatusNotification(UploadLogStatus.uploaded, 7))
        await self.ask(call.SignedFirmwareStatusNotification(FirmwareStatus.downloaded, 8))
        signed = await self.ask(call.SignCertificate("-----BEGIN CERTIFICATE REQUEST-----"))
        assert signed.status in ("Accepted", "Rejected")


def text(moment: datetime) -> str:
    """A moment as OCPP writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def meter_value(day: Day, number: int, context: ReadingContext) -> MeterValue:
    """The sample `number` of SAMPLES: register, power, and every phase."""
    register_wh = day.meter_start_wh + day.energy_wh * number // SAMPLES
    energy, power = Measurand.energy_active_import_register, Measurand.power_active_import
    sampled = [
        SampledValue(str(register_wh), context, None, energy, None, Location.outlet, "Wh"),
        SampledValue(f"{register_wh / 1000:.3f}", context, None, energy, None, None, "kWh"),
        SampledValue("11.04", context, None, power, None, None, UnitOfMeasure.kw),
        SampledValue("61", context, None, Measurand.soc, None, Location.ev, "Percent"),
    ]
    for phase in (Phase.l1, Phase.l2, Phase.l3):
        current, voltage = Measurand.current_import, Measurand.voltage
        sampled += [
            SampledValue("16.0", context, None, current, phase, None, UnitOfMeasure.a),
            SampledValue("230.1", context, None, voltage, phase, None, UnitOfMeasure.v),
        ]
    return MeterValue(text(STARTED + (STOPPED - STARTED) * number / SAMPLES), sampled)


async def connected(
    server: Server, day: Day, act: Callable[[RealCharger], Coroutine[Any, Any, Any]]
) -> Any:
    """Connect a charger and let it act."""
    url = server.url(day.charge_point_id)
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")]) as connection:
        assert connection.subprotocol == "ocpp1.6"
        charger = RealCharger(day, connection)
        listening = asyncio.create_task(charger.start())
        try:
            return await act(charger)
        finally:
            listening.cancel()


async def whole_day(charger: RealCharger) -> int:
    """Everything a charger says in a day."""
    await charger.wake()
    transaction_id = await charger.charge()
    await charger.chat()
    return transaction_id


def assert_no_frame_breaks_a_schema(home: Home) -> set[str]:
    """Check all that went over the wires, in both directions; the actions seen."""
    frames = home.query(f"SELECT charge_point, direction, text FROM {FRAMES} ORDER BY id")
    actions, answered = {}, set()
    for charge_point, direction, frame_text in frames:
        kind, unique_id, *rest = json.loads(frame_text)
        if kind == 2:
            action, payload = rest
            actions[charge_point, direction, unique_id] = action
        else:
            assert kind == 3, frame_text
            asker = "out" if direction == "in" else "in"
            action, (payload,) = actions[charge_point, asker, unique_id], rest
            answered.add((charge_point, asker, unique_id))
        get_validator(kind, action, "1.6").validate(payload)
    assert answered == set(actions)
    return set(actions.values())


def test_a_whole_day_passes_without_a_validation_error_on_either_side(server: Server) -> None:
    transaction_id = asyncio.run(connected(server, Day(), whole_day))
    assert transaction_id == 20_009_042
    assert assert_no_frame_breaks_a_schema(server.home) == {
        *("Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification"),
        *("FirmwareStatusNotification", "Heartbeat", "LogStatusNotification", "MeterValues"),
        *("SecurityEventNotification", "SignCertificate", "SignedFirmwareStatusNotification"),
        *("StartTransaction", "StatusNotification", "StopTransaction"),
    }


async def stopped_by_the_second_card(charger: RealCharger) -> dict[str, str]:
    """Let the card 4444 stop what 3333 has started, if it has the same parent; the last answer."""
    day = charger.day
    await charger.wake()
    started = await charger.ask(
        call.StartTransaction(1, day.id_tag, day.meter_start_wh, text(STARTED))
    )
    second = (await charger.ask(call.Authorize("4444"))).id_tag_info
    # OCPP 1.6 §3.10: the library has keys in snake case.
    assert second["parent_id_tag"] == started.id_tag_info["parent_id_tag"] == "account-2"
    stop = call.StopTransaction(
        day.meter_stop_wh, text(STOPPED), started.transaction_id, Reason.local, "4444"
    )
    info: dict[str, str] = (await charger.ask(stop)).id_tag_info
    return info


def test_a_second_card_of_the_account_may_stop_a_transaction(server: Server) -> None:
    tags_file = server.home.tags_file
    accounts = json.loads(tags_file.read_text())
    tags_file.write_text(json.dumps([entry | {"parent": True} for entry in accounts]))
    info = asyncio.run(connected(server, Day(), stopped_by_the_second_card))
    assert info == {"parent_id_tag": "account-2", "status": "Accepted"}
    assert_no_frame_breaks_a_schema(server.home)
    columns = "SELECT account, id_tag, consumed_wh, review FROM accounting"
    assert server.home.query(columns) == [("family-y", "3333", 33_000, None)]


def test_view_file_and_summary_agree_on_the_energy(server: Server) -> None:
    asyncio.run(connected(server, Day(), whole_day))
    columns = "localtime, unixtime, account, begin_kwh, end_kwh, consumed_kwh"
    assert server.home.query(f"SELECT {columns} FROM accounting") == [
        ("2023-09-03 09:52:10", 1693727530, "family-y", 9042, 9075, 33)
    ]
    (record_file,) = wait_for(server.home.record_files)
    assert record_file.parent == server.home.folder / "accounting" / "2023" / "09"
    record = json.loads(record_file.read_text())
    assert {name: record[name] for name in columns.split(", ")} == {
        "localtime": "2023-09-03 09:52:10",
        "unixtime": "1693727530",
        "account": "family-y",
        "begin_kwh": "9042",
        "end_kwh": "9075",
        "consumed_kwh": "33",
    }
    printed = server.home.run("shocpp-summary", "2023", "09").stdout
    assert "Mandant: family-y                       33,000 kWh\n" in printed
    assert "Gesamt :                                33,000 kWh\n" in printed
    assert json.loads(printed[printed.index("[") :])[0]["end_kwh"] == "9075"


def test_every_sample_is_kept_with_its_measurand_phase_and_unit(server: Server) -> None:
    asyncio.run(connected(server, Day(), whole_day))
    (kept,) = server.home.query("SELECT count(*) FROM meter_values")
    assert kept == (10 * (SAMPLES + 2),)
    assert server.home.query(
        "SELECT DISTINCT measurand, phase, unit FROM meter_values ORDER BY 1, 2, 3"
    ) == [
        *(("Current.Import", phase, "A") for phase in ("L1", "L2", "L3")),
        ("Energy.Active.Import.Register", None, "Wh"),
        ("Energy.Active.Import.Register", None, "kWh"),
        ("Power.Active.Import", None, "kW"),
        ("SoC", None, "Percent"),
        *(("Voltage", phase, "V") for phase in ("L1", "L2", "L3")),
    ]


def test_a_call_from_the_queue_is_answered_by_the_librarys_own_handler(server: Server) -> None:
    async def wait_for_call(charger: RealCharger) -> tuple[Any, Any]:
        await charger.wake()
        payload = {"idTag": "3333", "connectorId": 1}
        outcome = await asyncio.to_thread(
            place_call, server.home.settings, "garage", "RemoteStartTransaction", payload
        )
        asked = await asyncio.wait_for(charger.asked_to_start.get(), 5)
        await charger.charge()
        return outcome, asked

    outcome, asked = asyncio.run(connected(server, Day(), wait_for_call))
    assert (outcome.state, json.loads(outcome.confirmation)) == ("answered", {"status": "Accepted"})
    assert asked == {"id_tag": "3333", "connector_id": 1}
    assert "RemoteStartTransaction" in assert_no_frame_breaks_a_schema(server.home)
    assert server.home.query("SELECT account, consumed_wh FROM accounting") == [
        ("family-y", 33_000)
    ]


def test_eight_chargers_at_once_are_each_billed_to_the_wh(
    home: Home, serve: Callable[..., Server]
) -> None:
    days = [Day(f"box-{n}", f"card{n}", 1_000_003 * n, 4_321 * n + n) for n in range(1, 9)]
    home.tags_file.write_text(
        json.dumps(
            [
                {"index": number, "account": f"family-{number}", "ids": [day.id_tag]}
                for number, day in enumerate(days, start=1)
            ]
        )
    )
    server = serve()

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(connected(server, day, whole_day) for day in days))

    transaction_ids = asyncio.run(all_at_once())
    assert len(set(transaction_ids)) == 8
    assert home.query(
        "SELECT charge_point_id, account, begin_wh, end_wh, consumed_wh, transaction_id, review"
        " FROM accounting ORDER BY charge_point_id"
    ) == [
        (
            day.charge_point_id,
            f"family-{number}",
            day.meter_start_wh,
            day.meter_stop_wh,
            day.energy_wh,
            transaction_id,
            None,
        )
        for number, (day, transaction_id) in enumerate(zip(days, transaction_ids, strict=True), 1)
    ]
    assert len(wait_for(lambda: len(home.record_files()) == 8 and home.record_files())) == 8
    printed = home.run("shocpp-summary", "2023", "09").stdout
    told = re.findall(
        r"^(?:Mandant: family-(\d)|Gesamt :) +(\d+),(\d{3}) kWh$", printed, re.MULTILINE
    )
    wh = [(account, int(whole) * 1000 + int(rest)) for account, whole, rest in told]
    energies = [(str(number), day.energy_wh) for number, day in enumerate(days, start=1)]
    assert wh == [*energies, ("", sum(day.energy_wh for day in days))]
    assert_no_frame_breaks_a_schema(home)
