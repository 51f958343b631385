"""The table of durability: which jobs are synced before their answers, and which are not."""

import json
from typing import Any

import pytest

from shocpp.bookkeeping.jobs import Disconnect, Receive, Send
from shocpp.bookkeeping.writing.durability import Batch, Durability, DurabilityRule
from shocpp.ocpp.connection import Connection

NOW_MS = 1_790_838_600_000
BILLING, ALL = DurabilityRule(syncs_all=False), DurabilityRule(syncs_all=True)


def received(action: str, payload: dict[str, Any]) -> Receive:
    """Return the job of a received Call."""
    text = json.dumps([2, "1", action, payload])
    return Receive("token", "garage", text, NOW_MS, Connection(55).receive(text, NOW_MS))


def meter_values(**sample: str) -> Receive:
    """Return the job of MeterValues with one sample."""
    entry = {"timestamp": "2026-10-01T05:00:00Z", "sampledValue": [{"value": "1", **sample}]}
    return received("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": [entry]})


START = received("StartTransaction", {"connectorId": 1, "idTag": "3333", "meterStart": 1})
STOP = received("StopTransaction", {"transactionId": 7, "meterStop": 2})
STATUS = received(
    "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
)
BOOT = received("BootNotification", {"chargePointVendor": "go-e", "chargePointModel": "V3"})
AUTHORIZE = received("Authorize", {"idTag": "3333"})
HEARTBEAT = received("Heartbeat", {})
GARBAGE = Receive("token", None, "x", NOW_MS, Connection(55).receive("x", NOW_MS))
CONFIRMATION = '[3,"ours",{}]'


def confirmed() -> Receive:
    """Return the job of the answer to a Call of ours."""
    connection = Connection(55)
    connection.place("ours", "Reset", "{}", NOW_MS)
    event = connection.receive(CONFIRMATION, NOW_MS)
    return Receive("token", "garage", CONFIRMATION, NOW_MS, event)


@pytest.mark.parametrize(
    "job",
    [
        START,
        STOP,
        meter_values(format="SignedData"),
        meter_values(context="Transaction.Begin"),
        meter_values(context=" transaction.end "),
    ],
)
def test_energy_that_settles_a_bill_is_synced_before_its_answer(job: Receive) -> None:
    assert BILLING.of(job) is ALL.of(job) is Durability.SYNCED


@pytest.mark.parametrize("context", ["Sample.Periodic", "Sample.Clock", "Trigger", "vendor's"])
def test_other_meter_values_are_synced_within_a_second_or_if_all_are(context: str) -> None:
    assert BILLING.of(meter_values(context=context)) is Durability.WRITTEN
    assert ALL.of(meter_values(context=context)) is Durability.SYNCED


@pytest.mark.parametrize("job", [STATUS, BOOT, AUTHORIZE, confirmed(), Disconnect("token")])
def test_what_has_an_answer_is_written_before_it(job: Receive) -> None:
    assert BILLING.of(job) is ALL.of(job) is Durability.WRITTEN


@pytest.mark.parametrize("job", [HEARTBEAT, GARBAGE, Send("garage", "Reset", "[2]", NOW_MS)])
def test_what_is_answered_already_waits_for_the_next_batch(job: Receive) -> None:
    assert BILLING.of(job) is ALL.of(job) is Durability.DELAYED


@pytest.mark.parametrize(
    ("jobs", "durability", "is_quick"),
    [
        ([HEARTBEAT], Durability.DELAYED, True),
        ([HEARTBEAT, meter_values()], Durability.WRITTEN, True),
        ([meter_values(), STATUS], Durability.WRITTEN, True),
        # Its card is in a file, which may be on a disk that hangs.
        ([meter_values(), AUTHORIZE], Durability.WRITTEN, False),
        ([meter_values(), BOOT], Durability.WRITTEN, False),
        ([STOP, HEARTBEAT], Durability.SYNCED, False),
        ([Disconnect("token"), HEARTBEAT], Durability.WRITTEN, False),
    ],
)
def test_a_batch_has_the_highest_durability_of_its_jobs(
    jobs: list[Receive], durability: Durability, is_quick: bool
) -> None:
    batch, both = Batch(), Batch()
    for job in jobs:
        batch.add(job, BILLING.of(job))
        single = Batch()
        single.add(job, BILLING.of(job))
        both.extend(single)
    assert batch == both == Batch(jobs, durability, is_quick)
