"""Reports of chargers that wake the leader of limits at once."""

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.site.leader import Leadership
from shocpp.store.doorbells import Doorbell
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import set_points
from tests.world.desk import Office
from tests.world.stored_limits import set_point


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office whose garage has a limit."""
    office = Office(tmp_path)
    report(office, "Available")
    with office.db.writing(keys=NO_KEYS):
        set_points.store(office.db, [set_point("garage", 1, None, "base")])
    office.restart()
    return office


@pytest.fixture
def doorbell(office: Office) -> Iterator[Doorbell]:
    """The doorbell of the leader."""
    leadership = Leadership(office.path)
    yield leadership.wait()
    leadership.release()


def report(office: Office, status: str, connector_id: int = 1) -> None:
    plain = {"connectorId": connector_id, "errorCode": "NoError", "status": status}
    office.ask("StatusNotification", {**plain, "timestamp": office.time()})


def is_rung(doorbell: Doorbell) -> bool:
    """Return True if somebody has rung since the last call."""
    is_rung = bool(select.select([doorbell], [], [], 0)[0])
    doorbell.clear()
    return is_rung


def test_starts_stops_and_new_states_wake_the_leader(office: Office, doorbell: Doorbell) -> None:
    assert not is_rung(doorbell)
    report(office, "Available")
    assert not is_rung(doorbell), "a repeat"
    report(office, "Preparing")
    assert is_rung(doorbell)
    sent = office.start(1_000)
    assert is_rung(doorbell)
    sample = {"timestamp": office.time(), "sampledValue": [{"value": "1100"}]}
    office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": [sample]})
    report(office, "Available", 0)
    assert not is_rung(doorbell)
    office.stop(sent, 2_000)
    assert is_rung(doorbell)


def test_without_limits_nobody_is_woken(tmp_path: Path) -> None:
    office = Office(tmp_path)
    leadership = Leadership(office.path)
    doorbell = leadership.wait()
    report(office, "Preparing")
    office.stop(office.start(1_000), 2_000)
    assert not is_rung(doorbell)
    leadership.release()
