"""The retained messages, on a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.configuration.mqtt import MqttConf
from shocpp.interfaces.mqtt.states.retained_messages import RetainedMessages
from shocpp.store.site import published
from tests.world.desk import Office

ENERGY = "shocpp/garage/1/energy"


class Line:
    """A connection that is cut after some messages."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Keep a message."""
        assert retain
        if len(self.sent) >= self.most:
            return False
        self.sent.append((topic, payload))
        return True


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office with a charger that has reported its register."""
    office = Office(tmp_path)
    boot = {"chargePointVendor": "go-e", "chargePointModel": "V3", "chargePointSerialNumber": "A1"}
    office.ask("BootNotification", boot)
    report(office, 1_500_000)
    yield office
    office.db.close()


def report(office: Office, register_wh: int) -> None:
    """Report a register of connector 1."""
    sample = {"measurand": "Energy.Active.Import.Register", "value": f"{register_wh}"}
    value = [{"timestamp": office.time(), "sampledValue": [sample]}]
    office.ask("MeterValues", {"connectorId": 1, "meterValue": value})


def publish(retained: RetainedMessages, office: Office, line: Line) -> dict[str, bytes]:
    """Read and publish once; return what was sent."""
    before = len(line.sent)
    retained.read(office.db, office.now_ms, None, has_new_books=False)
    retained.count(office.db, office.now_ms)
    retained.publish(office.db, line, {}, "", office.now_ms)
    return dict(line.sent[before:])


def test_a_second_publish_sends_only_what_has_changed(office: Office) -> None:
    retained, line = RetainedMessages(office.settings, MqttConf("x")), Line()
    first = publish(retained, office, line)
    assert first[ENERGY] == b"1500.000"
    assert publish(retained, office, line) == {}
    office.later(0.1)
    report(office, 1_500_250)
    assert publish(retained, office, line) == {ENERGY: b"1500.250"}
    retained.forget_sent()
    assert publish(retained, office, line).keys() == first.keys()


def test_a_connection_that_is_cut_gets_the_rest_later(office: Office) -> None:
    retained, line = RetainedMessages(office.settings, MqttConf("x")), Line(most=3)
    assert len(publish(retained, office, line)) == 3
    line.most = 1_000
    publish(retained, office, line)
    topics = [topic for topic, _ in line.sent]
    assert len({*topics}) == len(topics)
    assert {*topics} == published.topics(office.db)


def test_another_leader_removes_what_it_does_not_publish(office: Office) -> None:
    publish(RetainedMessages(office.settings, MqttConf("x", accounts=True)), office, Line())
    line = Line()
    sent = publish(RetainedMessages(office.settings, MqttConf("x", discovery=False)), office, line)
    removed = {topic for topic, payload in sent.items() if not payload}
    assert removed == {
        "shocpp/garage/1/account",
        "homeassistant/device/shocpp__site/config",
        "homeassistant/device/shocpp__charger__garage/config",
    }
    assert published.topics(office.db) == {topic for topic, payload in sent.items() if payload}


def test_a_database_that_cannot_be_written_does_not_freeze_the_states(office: Office) -> None:
    retained, line = RetainedMessages(office.settings, MqttConf("x")), Line()
    publish(retained, office, line)
    office.start(1_500_000)
    office.later(0.1)
    report(office, 1_500_250)
    office.db.execute("PRAGMA query_only = 1")
    sent = publish(retained, office, line)
    assert sent["shocpp/garage/1/charge"] == b"ON"
    # It could fall after a kill, if it were published before it is stored.
    assert ENERGY not in sent
    office.db.execute("PRAGMA query_only = 0")
    office.later(0.1)
    assert publish(retained, office, line)[ENERGY] == b"1500.250"


def test_an_energy_is_stored_before_another_leader_publishes_it(office: Office) -> None:
    publish(RetainedMessages(office.settings, MqttConf("x")), office, Line())
    office.later(1)
    report(office, 0)
    sent = publish(RetainedMessages(office.settings, MqttConf("x")), office, Line())
    assert sent[ENERGY] == b"1500.000"
