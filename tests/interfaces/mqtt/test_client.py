"""The connection to a real mosquitto: online and offline, TLS, passwords, messages."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shocpp.configuration.mqtt import MqttConf, Tls
from shocpp.interfaces.mqtt.client import MqttClient, Unusable, client_id_of
from shocpp.interfaces.mqtt.session import Session
from tests.world.broker import Broker, Household, Message
from tests.world.certificates import Authority
from tests.world.machine import ROOT, free_port, wait_for

STATUS = "shocpp/status"


class Ear:
    """A user of the connection that keeps what it gets."""

    def __init__(self, *filters: str) -> None:
        self.filters = list(filters)
        self.sessions: list[Session] = []
        self.messages: list[Message] = []

    def topics(self) -> list[str]:
        """Return its topics."""
        return self.filters

    def on_connect(self, session: Session) -> None:
        """Keep the session."""
        self.sessions.append(session)

    def on_message(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
        """Keep the message."""
        self.messages.append(Message(topic, payload, is_retained))


Connect = Callable[..., MqttClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Starts clients, which end with the test."""
    clients: list[MqttClient] = []

    def start(conf: MqttConf, *users: Ear, client_id: str = "shocpptest") -> MqttClient:
        client = MqttClient(conf, client_id, users)
        client.start()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.stop()


def conf_of(broker: Broker, **more: object) -> MqttConf:
    """Return the configuration of a broker of this machine."""
    return MqttConf("127.0.0.1", broker.port)._replace(**more)


# --- online and offline ---


def test_the_status_is_online_while_it_is_connected_and_offline_after_its_end(
    broker: Broker, household: Household, connect: Connect
) -> None:
    client = connect(conf_of(broker))
    wait_for(lambda: household.payloads(STATUS) == [b"online"])
    wait_for(lambda: client.trouble is None)
    client.stop()
    wait_for(lambda: household.payloads(STATUS) == [b"online", b"offline"])


def test_the_status_is_retained(broker: Broker, connect: Connect) -> None:
    client = connect(conf_of(broker, prefix="haus/laden"))
    wait_for(lambda: client.trouble is None)
    newcomer = Household(broker)
    try:
        wait_for(lambda: Message("haus/laden/status", b"online", True) in newcomer.messages)
    finally:
        newcomer.close()


KILLED = """
import sys, time
from shocpp.configuration.mqtt import MqttConf
from shocpp.interfaces.mqtt.client import MqttClient
MqttClient(MqttConf("127.0.0.1", int(sys.argv[1])), "shocpptest", ()).start()
time.sleep(60)
"""


@pytest.fixture
def former(broker: Broker, household: Household) -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the same installation that is connected."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(broker.port)], cwd=ROOT)
    wait_for(lambda: household.payloads(STATUS) == [b"online"])
    yield process
    process.kill()
    process.wait()


def test_a_killed_process_is_offline_by_its_will_and_the_next_one_online(
    broker: Broker, household: Household, former: subprocess.Popen[bytes], connect: Connect
) -> None:
    former.kill()
    connect(conf_of(broker))
    wait_for(lambda: household.payloads(STATUS) == [b"online", b"offline", b"online"])


def test_the_will_of_a_process_that_hangs_comes_before_the_next_one_is_online(
    broker: Broker, household: Household, former: subprocess.Popen[bytes], connect: Connect
) -> None:
    os.kill(former.pid, signal.SIGSTOP)
    connect(conf_of(broker))
    wait_for(lambda: household.payloads(STATUS) == [b"online", b"offline", b"online"])


@pytest.mark.parametrize("wrong", ["offline", "ONLINE", "", "\xff" * 1000])
def test_a_status_of_somebody_else_is_corrected(
    broker: Broker, household: Household, connect: Connect, wrong: str
) -> None:
    connect(conf_of(broker))
    wait_for(lambda: household.newest(STATUS) == b"online")
    household.publish(STATUS, wrong, retain=True)
    wait_for(lambda: household.payloads(STATUS) == [b"online", wrong.encode(), b"online"])


def test_it_connects_again_after_the_broker_was_gone(broker: Broker, connect: Connect) -> None:
    ear = Ear("a/b")
    client = connect(conf_of(broker), ear)
    wait_for(lambda: len(ear.sessions) == 1)
    broker.kill()
    wait_for(lambda: client.trouble is not None and "cannot be reached" in client.trouble)
    assert not ear.sessions[0].publish("a/x", b"lost", retain=True)
    broker.start()
    wait_for(lambda: len(ear.sessions) == 2)
    assert client.trouble is None
    household = Household(broker)
    wait_for(lambda: household.newest(STATUS) == b"online")
    household.publish("a/b", "again")
    wait_for(lambda: ear.messages == [Message("a/b", b"again", False)])
    assert household.payloads("a/x") == []
    household.close()


def test_a_client_that_was_stopped_while_it_could_not_connect_does_not_come_back(
    broker: Broker, connect: Connect
) -> None:
    broker.kill()
    stopped, other = connect(conf_of(broker)), connect(conf_of(broker), client_id="shocppother")
    wait_for(lambda: stopped.trouble and other.trouble)
    stopped.stop()
    broker.start()
    wait_for(lambda: other.trouble is None)
    # Longer than the pause between two tries.
    time.sleep(2.5)
    assert " as shocppother" in broker.log()
    assert " as shocpptest" not in broker.log()


def test_a_broker_that_hangs_does_not_hold_up_the_end(broker: Broker, connect: Connect) -> None:
    client = connect(conf_of(broker))
    wait_for(lambda: client.trouble is None)
    os.kill(broker.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        client.stop()
        assert time.monotonic() - begun < 0.8
    finally:
        os.kill(broker.process.pid, signal.SIGCONT)
    wait_for(lambda: "disconnected" in broker.log())


# --- messages ---


def test_users_get_the_messages_of_their_topics_and_those_that_were_retained(
    broker: Broker, household: Household, connect: Connect
) -> None:
    household.publish("house/meter", "17", retain=True)
    meter, commands = Ear("house/meter"), Ear("shocpp/+/+/set")
    connect(conf_of(broker), meter, commands)
    wait_for(lambda: meter.messages == [Message("house/meter", b"17", True)])
    household.publish("shocpp/garage/charge/set", "ON")
    household.publish("house/meter", "18", retain=True)
    wait_for(lambda: len(meter.messages) == 2)
    assert meter.messages[1] == Message("house/meter", b"18", False)
    assert commands.messages == [Message("shocpp/garage/charge/set", b"ON", False)]


def test_topics_that_a_user_has_later_are_followed_and_others_left(
    broker: Broker, household: Household, connect: Connect
) -> None:
    ear = Ear("old")
    client = connect(conf_of(broker), ear)
    wait_for(lambda: household.payloads(STATUS) == [b"online"])
    ear.filters = ["new"]
    client.follow()
    # The broker takes what a client sends in its order.
    client.publish("behind", b"", retain=False)
    wait_for(lambda: household.payloads("behind"))
    household.publish("old", "1")
    household.publish("new", "2")
    wait_for(lambda: ear.messages == [Message("new", b"2", False)])


def test_an_error_of_a_user_is_logged_and_does_not_end_the_connection(
    broker: Broker, household: Household, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Ear):
        def on_message(self, topic: str, payload: bytes, *, is_retained: bool) -> None:
            raise ValueError(payload)

    ear = Ear("b")
    connect(conf_of(broker), Broken("a"), ear)
    wait_for(lambda: household.payloads(STATUS) == [b"online"])
    household.publish("a", "1")
    household.publish("b", "2")
    wait_for(lambda: ear.messages)
    assert "Caught exception in on_message: b'1'" in caplog.text


# --- passwords and TLS ---


def test_a_wrong_password_is_refused_and_named_without_it(tmp_path: Path, connect: Connect) -> None:
    broker = Broker(tmp_path / "closed", {"shocpp": "correct horse"})
    try:
        client = connect(conf_of(broker, user="shocpp", password="wrong horse"))
        wait_for(lambda: client.trouble)
        assert client.trouble is not None
        assert "refuses the connection: Not authorized; see user and password" in client.trouble
        assert "horse" not in client.trouble
        right = connect(
            conf_of(broker, user="shocpp", password="correct horse"), client_id="shocppright"
        )
        wait_for(lambda: right.trouble is None)
    finally:
        broker.kill()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of certificates."""
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_certificate_of_the_authority_is_accepted(
    tmp_path: Path, authority: Authority, connect: Connect
) -> None:
    broker = Broker(tmp_path / "tls", certificates=authority.certificates("127.0.0.1"))
    try:
        client = connect(conf_of(broker, tls=Tls(authority.path)))
        wait_for(lambda: client.trouble is None)
    finally:
        broker.kill()


def trouble_with(broker: Broker, connect: Connect, tls: Tls) -> str:
    """Return the sentence about a connection with TLS that is not made."""
    try:
        client = connect(conf_of(broker, tls=tls))
        return str(wait_for(lambda: client.trouble))
    finally:
        broker.kill()


def test_an_expired_certificate_is_refused(
    tmp_path: Path, authority: Authority, connect: Connect
) -> None:
    broker = Broker(tmp_path / "tls", certificates=authority.certificates("127.0.0.1", days=-1))
    assert "its certificate is refused: certificate has expired" in trouble_with(
        broker, connect, Tls(authority.path)
    )


def test_a_certificate_of_an_expired_authority_is_refused(tmp_path: Path, connect: Connect) -> None:
    authority = Authority(tmp_path / "expired", days=-1)
    broker = Broker(tmp_path / "tls", certificates=authority.certificates("127.0.0.1"))
    assert "its certificate is refused: certificate has expired" in trouble_with(
        broker, connect, Tls(authority.path)
    )


def test_a_certificate_of_another_name_or_authority_is_refused(
    tmp_path: Path, authority: Authority, connect: Connect
) -> None:
    other = Broker(tmp_path / "name", certificates=authority.certificates("127.0.0.9"))
    assert "its certificate is refused: IP address mismatch" in trouble_with(
        other, connect, Tls(authority.path)
    )
    unknown = Broker(tmp_path / "unknown", certificates=authority.certificates("127.0.0.1"))
    assert "its certificate is refused: " in trouble_with(unknown, connect, Tls())


def test_a_broker_without_tls_gets_no_password_in_plain_text(
    tmp_path: Path, connect: Connect
) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        conf = MqttConf("127.0.0.1", listener.getsockname()[1], Tls(), "papa", "correct horse")
        client = connect(conf)
        peer, _ = listener.accept()
        with peer:
            hello = peer.recv(4096)
            peer.sendall(b"\x20\x02\x00\x00\x00\x00\x00\x00")
            trouble = wait_for(lambda: client.trouble)
            with suppress(ConnectionResetError):
                hello += peer.recv(4096)
    assert "no TLS" in trouble
    assert b"horse" not in hello


def test_a_file_without_a_certificate_is_unusable(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    for text, sentence in ((None, "cannot be read: No such file"), ("x", "has no certificate")):
        if text is not None:
            path.write_text(text)
        with pytest.raises(Unusable, match=sentence):
            MqttClient(MqttConf("127.0.0.1", tls=Tls(path)), "shocpptest", ())


def test_a_client_id_is_that_of_a_database_on_a_machine(tmp_path: Path) -> None:
    first, second = client_id_of(tmp_path / "a"), client_id_of(tmp_path / "b")
    assert first == client_id_of(tmp_path / "a") != second
    assert first.isalnum()
    assert len(first) == 23
